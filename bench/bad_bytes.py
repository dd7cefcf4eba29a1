"""Bytes that are not quite a table, names that are odd, and ways in which a file can be damaged."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from good_things import choices, good_rows, labels, numbers, truths

FINE, MISTAKE, EITHER = (0,), (2,), (0, 2)
# fmt: off
ODD = (
    None, True, -1, 0, 1.5, 1e308, float("nan"), float("inf"), "", " ", "x", [], {}, ["a"], {"a": 1}, 10**400, "\0",
    "\x1b[2J", "A", "a|b", "|", "####", "[/red]", "1,5", "½", "١", "\u202e", "true",
)
NAMES = (
    "[/red]x.jsonl", "a b.jsonl", "ü数.jsonl", "x:y.jsonl", "-x.jsonl", "x.JSONL", "x=1.jsonl", "x,y.jsonl",
    "(x).jsonl",
    ".jsonl", "\x1b[2Jx.jsonl", "x.jsonl.jsonl", "x" * 200 + ".jsonl", "a'b\".jsonl", "x.py:y.jsonl", "x\n.jsonl",
    "x.train.jsonl",
)
PATHS = (
    "nosuch", "a-file", "a-file/below", "~", "~/nosuch", "~nosuchuser/x", "", "/dev/null", "/dev/null/x", "x" * 300,
    "/proc/self/mem", "a/" * 3000, "[/red]", "\x1b[2J", "-", "--", ".", "..", "rows.jsonl", "run/journal.sqlite",
    "a\nb", "ü", "\udcff", "a:b", "run/",
)
# fmt: on


def lines(rows: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def one_odd(draw: random.Random) -> bytes:
    """A good table with one value that is odd."""
    rows = draw.choice((good_rows, numbers, labels, choices, truths))(6)
    row = draw.choice(rows)
    row[draw.choice([*row, "choices", "rationale", "cluster", "id", "label", "line", "path", "text"])] = draw.choice(
        ODD
    )
    return lines(rows)


def flipped(draw: random.Random) -> bytes:
    """A good table with some bytes that are other ones."""
    data = bytearray(lines(draw.choice((good_rows, labels, choices))(6)))
    for _ in range(draw.randint(1, 5)):
        data[draw.randrange(len(data))] = draw.randrange(256)
    return bytes(data)


def without_a_column(draw: random.Random) -> bytes:
    rows = good_rows(6)
    name = draw.choice(("question", "answer"))
    for row in rows if draw.random() < 0.5 else rows[3:4]:
        del row[name]
    return lines(rows)


def in_all(value: object, name: str = "answer") -> Callable[[random.Random], bytes]:
    """A table with one value in all rows, made when it is drawn."""
    return lambda draw: lines([{**row, name: value} for row in good_rows(6)])


def raw(text: str | bytes) -> Callable[[random.Random], bytes]:
    """A good table with a line that is given; of the questions that are asked, not of the exemplars."""
    line = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return lambda draw: lines(good_rows(6)) + line + b"\n"


TABLES: tuple[tuple[str, Callable[[random.Random], bytes], tuple[int, ...]], ...] = (
    ("good", lambda draw: lines(good_rows(6)), FINE),
    ("a mark of its bytes' order", lambda draw: b"\xef\xbb\xbf" + lines(good_rows(6)), FINE),
    ("Windows' ends of lines", lambda draw: lines(good_rows(6)).replace(b"\n", b"\r\n"), FINE),
    ("blank lines", lambda draw: b"\n\n" + lines(good_rows(6)).replace(b"\n", b"\n \n"), FINE),
    ("empty", lambda draw: b"", MISTAKE),
    ("a blank line alone", lambda draw: b" \n", MISTAKE),
    ("only a mark", lambda draw: b"\xef\xbb\xbf", MISTAKE),
    ("UTF-16", lambda draw: lines(good_rows(6)).decode().encode("utf-16"), MISTAKE),
    ("UTF-16 without a mark", lambda draw: lines(good_rows(6)).decode().encode("utf-16-le"), MISTAKE),
    ("UTF-32", lambda draw: lines(good_rows(6)).decode().encode("utf-32"), MISTAKE),
    ("cut", lambda draw: lines(good_rows(6))[: -draw.randint(2, 60)], EITHER),
    ("flipped", flipped, EITHER),
    ("flipped", flipped, EITHER),
    ("one odd value", one_odd, EITHER),
    ("one odd value", one_odd, EITHER),
    ("one odd value", one_odd, EITHER),
    ("one odd value", one_odd, EITHER),
    ("without a column", without_a_column, MISTAKE),
    ("a line that is invalid UTF-8", raw(b'{"question": "\xff\xfe", "answer": "1"}'), MISTAKE),
    ("a line of 5,000 digits", raw('{"question": "x", "answer": ' + "9" * 5000 + "}"), MISTAKE),
    ("a question of digits", raw('{"question": "' + "9" * 5000 + '", "answer": "1"}'), EITHER),
    ("half a character", raw('{"question": "\\ud800 x", "answer": "1"}'), MISTAKE),
    ("half a character in bytes", raw('{"question": "\ud800", "answer": "1"}'), MISTAKE),
    ("half in a key", raw('{"question": "x", "answer": "1", "\\udfff": 1}'), MISTAKE),
    ("deep", raw('{"question": ' + "[" * 5000 + "]" * 5000 + ', "answer": "1"}'), MISTAKE),
    ("deep, unended", raw("[" * 200_000), MISTAKE),
    ("deep, not used", raw('{"question": "x", "answer": "1", "z": ' + '{"a":' * 900 + "1" + "}" * 901), EITHER),
    ("NaN", raw('{"question": "x", "answer": NaN}'), MISTAKE),
    ("Infinity", raw('{"question": "x", "answer": -Infinity}'), MISTAKE),
    ("a large exponent", raw('{"question": "x", "answer": 1e999}'), MISTAKE),
    ("a number of many places", raw('{"question": "x", "answer": 1e300}'), EITHER),
    ("a list", raw('["question", "answer"]'), MISTAKE),
    ("a text", raw('"question"'), MISTAKE),
    ("a null", raw("null"), MISTAKE),
    ("a null byte", raw('{"question": "\0", "answer": "1"}'), MISTAKE),
    ("an escaped null byte", raw('{"question": "a\\u0000b", "answer": "1", "id": "\\u0000"}'), EITHER),
    ("an id that stands twice", raw('{"id": "q1", "question": "x", "answer": "1"}'), MISTAKE),
    ("keys that stand twice", raw('{"question": "x", "question": "y", "answer": "1", "answer": "2"}'), EITHER),
    ("a choice", raw('{"question": "x", "answer": "A", "choices": ["a", "b"]}'), MISTAKE),
    ("a huge line", raw(json.dumps({"question": "word " * 400_000, "answer": "1"})), EITHER),
    ("a huge answer", raw(json.dumps({"question": "x", "answer": "word " * 50_000})), EITHER),
    ("hidden labels", in_all(-1, "label"), EITHER),
    ("hidden answers", in_all(-1), EITHER),
    ("no answer at all", in_all(None), MISTAKE),
    ("lists for answers", in_all(["1"]), MISTAKE),
    ("empty questions", in_all("", "question"), MISTAKE),
    ("empty choices", in_all([], "choices"), EITHER),
    ("one choice", in_all(["1"], "choices"), EITHER),
    ("too many choices", in_all([str(i) for i in range(40)], "choices"), EITHER),
    ("choices of text", in_all("ab", "choices"), MISTAKE),
    ("choices that are alike", in_all(["a", "a", "a"], "choices"), MISTAKE),
    ("choices of rubbish", in_all([None, {}, 1], "choices"), MISTAKE),
    ("text that steers", in_all("\x1b[2J\x9b\u202e?", "question"), FINE),
    ("ids that steer", raw(json.dumps({"id": "\x1b]0;x\x07[/red]", "question": "x", "answer": "7"})), FINE),
    ("markup", in_all("[/red] [bold] <b> {{ x }} {% raw %}", "question"), FINE),
    ("one JSON list", lambda draw: json.dumps(good_rows(6)).encode(), MISTAKE),
    ("JSON over lines", lambda draw: json.dumps(good_rows(6), indent=1).encode(), MISTAKE),
    ("CSV", lambda draw: b"question,answer\nx,1\n", MISTAKE),
    ("YAML", lambda draw: b"- question: x\n  answer: 1\n", MISTAKE),
    ("zeros", lambda draw: bytes(4000), MISTAKE),
    ("noise", lambda draw: draw.randbytes(4000), MISTAKE),
)  # fmt: skip


def hostile_file(path: Path, data: bytes, draw: random.Random) -> bool:
    """Writes a file, or now and then what is none in its place; whether it is a file."""
    path.parent.mkdir(exist_ok=True)  # a name may have a folder in it
    if draw.random() < 0.06:
        instead(path, draw)
        return False
    path.write_bytes(data)
    return True


def instead(path: Path, draw: random.Random) -> str:
    """Something else in the place of a file: a folder, links that lead nowhere, in a ring or elsewhere, a pipe."""
    how = draw.choice(("folder", "dangling link", "looping link", "pipe", "link elsewhere"))
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if how == "folder":
        path.mkdir()
    elif how == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"dangling link": "nowhere", "looping link": path.name, "link elsewhere": "/dev/null"}[how])
    return how


def damage(path: Path, draw: random.Random) -> str:
    """Damages a file or folder; gives how."""
    how = draw.choice(
        ("cut", "cut", "flipped", "flipped", "flipped", "emptied", "deleted", "rubbish", "read-only", "replaced")
    )
    if path.is_dir() and how not in ("deleted", "read-only"):
        how = "replaced"
    if how == "replaced":
        return instead(path, draw)
    if how == "deleted":
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        return how
    if how == "read-only":
        path.chmod(draw.choice((0o000, 0o400, 0o500)))
        if draw.random() < 0.5:
            path.parent.chmod(0o500)
        return how
    data = bytearray(path.read_bytes())
    if how == "cut":
        data = data[: draw.randrange(len(data) + 1)]
    elif how == "emptied":
        data = bytearray()
    elif how == "rubbish":
        data = bytearray(draw.randbytes(draw.choice((3, 100, 5000))))
    elif data:
        near = draw.random() < 0.3  # heads and headers lie at the beginning
        for _ in range(draw.choice((1, 3, 30))):
            data[draw.randrange(min(len(data), 120) if near else len(data))] = draw.randrange(256)
    path.write_bytes(data)
    return how


def place_badly(folder: Path, draw: random.Random) -> str:
    """A path that does not do for most things."""
    how = draw.randrange(16)
    (folder / "a-file").write_text("in the way")
    if how < 5:
        path = folder / "odd"
        instead(path, draw)
        return draw.choice((str(path), "odd", "odd/below"))
    if how == 5:
        (folder / "locked").mkdir(mode=0o000)
        return draw.choice(("locked", "locked/below"))
    if how == 6:
        (folder / "locked.jsonl").write_text("{}")
        (folder / "locked.jsonl").chmod(0o000)
        return draw.choice(("locked.jsonl", "locked"))
    return draw.choice(PATHS)
