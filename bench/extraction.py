"""How kshot reads published outputs, beside how their authors read them (issue: extraction on real outputs).

    python bench/extraction.py --data DIR     DIR holds published_outputs/SET.METHOD.jsonl

The outputs are text-davinci-002's for Kojima et al. 2022 (arXiv 2205.11916): `final` is what it wrote after the
answer trigger, `paper_answer` what the paper's code made of it. kshot reads the trigger and `final` together, as
its zero-shot-cot does. Whether the paper's rule is sound on a record is decided from `final` alone, by `unsound`
below, with patterns of its own: it looks at neither kshot's reading nor the target. Prints a table a set,
every disagreement where the rule is sound, and what came of the rest; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from kshot.eval.answers import LETTER, NUMBER, WORD, YES_NO, exact, numeric
from kshot.types import AnswerFormat, Sample

FORMATS: dict[str, AnswerFormat] = {
    **dict.fromkeys(("gsm8k", "svamp", "multiarith", "addsub", "singleeq"), NUMBER),
    **dict.fromkeys(("aqua", "commonsensqa", "date_understanding", "shuffled_objects"), LETTER),
    **dict.fromkeys(("coin_flip", "strategyqa"), YES_NO),
    "last_letters": WORD,
}
LETTERS = {
    "aqua": "A|B|C|D|E",
    "commonsensqa": "A|B|C|D|E",
    "date_understanding": "A|B|C|D|E|F",
    "shuffled_objects": "A|B|C",
}

WORDS = re.compile(
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Reading:
    """One record, read both ways."""

    set: str
    final: str
    paper: str | None
    ours: str | None
    rule: str
    same: bool
    reason: str | None  # why the paper's rule is unsound here
    paper_right: bool
    ours_right: bool
    whole_same: bool  # kshot reads the same answer from the whole completion


def paper_rule(name: str, final: str) -> str:
    """What the paper's code does (answer_cleansing, zero-shot): the first of all candidates."""
    format = FORMATS[name]
    if format is LETTER:
        found = re.findall(LETTERS[name], final)
    elif format is NUMBER:
        found = re.findall(r"-?\d+\.?\d*", final.replace(",", ""))
    elif format is YES_NO:
        found = [word for word in re.sub(r"[\"'\n.\s:,]", " ", final.lower()).split(" ") if word in ("yes", "no")]
    else:
        found = [re.sub(r"[\"'\n.\s]", "", final)]
    first = found[0] if found else ""
    return first[:-1] if first.endswith(".") else first


def unsound(name: str, final: str, choices: tuple[str, ...]) -> str | None:
    """Why taking the first candidate cannot be trusted to give what this text states; None where it can."""
    format = FORMATS[name]
    if format is NUMBER:
        return unsound_number(final)
    if format is LETTER:
        return unsound_letter(final, choices, LETTERS[name])
    if format is YES_NO:
        first = re.search(r"(?<![^\s\"'.:,])(?:yes|no)(?![^\s\"'.:,])", final, re.IGNORECASE)
        if first and first[0].lower() == "no" and re.match(r"\s+[a-z]", final[first.end() :]):
            return '"no" before a noun ("there is no record")'
        return None
    left = re.sub(r"[\"'\n.\s]", "", final)
    return None if left.isalpha() else "signs left between the letters"


def unsound_number(final: str) -> str | None:
    first = re.search(r"\d[\d,]*(?:\.\d+)?", final)
    if first is None:
        return "a number in words" if WORDS.search(final) else None
    begin = final.rfind("\n", 0, first.start()) + 1
    line = final[begin:].split("\n", 1)[0]
    before, after = line[: first.start() - begin], line[first.end() - begin :]
    number = first[0].rstrip(",")
    if re.match(r"\s?/\s?\d", after) or re.match(r"\s\d+/\d", after) or "\\frac" in before:
        return "a fraction, of which it takes the numerator" if "=" not in after else "an equation"
    if "=" in after or re.match(r"\s*[-+*/x×÷]\s*[$(]?\d", after):
        return "an equation or expression, of which it takes the first term"
    if before.endswith("."):
        return "a decimal that begins with its point"
    if re.search(r"[-\u2212]\s?\$\s?$", before):
        return "a sign before the currency"
    if "," in number and not re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", number):
        return "commas that group no thousands"
    if re.search(r"\banswer\b[^.\n]*\bis\b", final[first.end() :]):
        return "a second statement of the answer follows"
    others = {other.replace(",", "").rstrip(".") for other in re.findall(r"\d[\d,]*(?:\.\d+)?", line)}
    return "several numbers in the sentence" if len(others) > 1 else None


def unsound_letter(final: str, choices: tuple[str, ...], letters: str) -> str | None:
    picked = re.search(letters, final)
    alone = rf"(?<![\w'])(?:{letters})(?![\w'])"
    if (picked and not re.match(alone, final[picked.start() :])) or (
        picked and re.search(r"\w$", final[: picked.start()])
    ):
        return "a capital inside a word"
    if picked is None:
        by_text = [c for c in choices if c and re.search(rf"\b{re.escape(c)}\b", final, re.IGNORECASE)]
        return "the choice is given by its text" if by_text else None
    sentence = re.split(r"\.\s|\n", final[picked.start() :], maxsplit=1)[0]
    return "several choices" if len(set(re.findall(alone, sentence))) > 1 else None


def choices_of(question: str) -> tuple[str, ...]:
    """The lettered choices at a question's end."""
    listed = re.search(r"Answer Choices: (.*)$", question, re.DOTALL)
    return tuple(part.strip().rstrip(".") for part in re.split(r"\s*\([A-Z]\)\s*", listed[1])[1:]) if listed else ()


def readings(path: Path) -> list[Reading]:
    """Every record of a file, read both ways. Raises ValueError where the paper's rule does not give its own answer."""
    name = path.name.split(".")[0]
    format = FORMATS[name]
    score = numeric if format is NUMBER else exact
    result = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        final, paper = row["final"], row["paper_answer"] or None
        if (paper_rule(name, final) or None) != paper:
            raise ValueError(f"{path.name}: the paper's rule as written here gives another answer for {final[:60]!r}")
        choices = choices_of(row["question"]) if format is LETTER else ()
        found = format.extract(f"{format.trigger} {final}", choices)
        whole = format.extract(row["completion"], choices)
        target = Sample("", "", row["target"])
        same = found.answer == paper
        if found.answer is not None and paper is not None:
            same = score(found.answer, Sample("", "", paper)).value == 1
        result.append(
            Reading(
                name,
                final,
                paper,
                found.answer,
                found.rule,
                same,
                unsound(name, final, choices),
                score(paper, target).value == 1,
                score(found.answer, target).value == 1,
                whole.answer == found.answer,
            )
        )
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds published_outputs")
    parser.add_argument("--show", action="store_true", help="print the differing records of unsound kinds as well")
    options = parser.parse_args()
    paths = sorted((options.data / "published_outputs").glob("*.jsonl"))
    if not paths:
        sys.exit(f"{options.data / 'published_outputs'} holds no .jsonl; give --data the folder above it.")
    every: list[Reading] = []
    print("| set | records | same | sound | same where sound | unparsed, kshot | unparsed, paper | whole completion |")
    print("|---|---|---|---|---|---|---|---|")
    for path in paths:
        rows = readings(path)
        every += rows
        print(f"| {path.stem} | {line_of(rows)} |")
    print(f"| all | {line_of(every)} |")
    sound = [row for row in every if row.reason is None]
    for row in sound:
        if not row.same:
            print(
                f"\nSOUND, DIFFERS  {row.set}: {row.final!r}\n  paper {row.paper!r}, kshot {row.ours!r} by {row.rule}"
            )
    print("\n| why the paper's rule is unsound | records | differ | of these right: paper | kshot | kshot reads none |")
    print("|---|---|---|---|---|---|")
    for reason, count in Counter(row.reason for row in every if row.reason).most_common():
        differ = [row for row in every if row.reason == reason and not row.same]
        right = sum(row.paper_right for row in differ), sum(row.ours_right for row in differ)
        print(
            f"| {reason} | {count} | {len(differ)} | {right[0]} | {right[1]} | {sum(r.ours is None for r in differ)} |"
        )
        for row in differ if options.show else []:
            print(f"    {row.set}: {row.final!r} paper {row.paper!r}, kshot {row.ours!r} by {row.rule}")
    differ = [row for row in every if not row.same]
    print(
        json.dumps(
            {
                "records": len(every),
                "same": sum(row.same for row in every),
                "sound": len(sound),
                "same_where_sound": sum(row.same for row in sound),
                "unparsed_kshot": sum(row.ours is None for row in every),
                "unparsed_paper": sum(row.paper is None for row in every),
                "differ": len(differ),
                "differ_paper_right": sum(row.paper_right for row in differ),
                "differ_kshot_right": sum(row.ours_right for row in differ),
                "same_from_whole_completion": sum(row.whole_same for row in every),
            }
        )
    )


def line_of(rows: list[Reading]) -> str:
    """A table's cells for some records."""
    sound = [row for row in rows if row.reason is None]
    same = sum(row.same for row in sound)
    share = f"{same} ({same / len(sound):.1%})"
    unparsed = f"{sum(row.ours is None for row in rows)} | {sum(row.paper is None for row in rows)}"
    whole = sum(row.whole_same for row in rows)
    return f"{len(rows)} | {sum(row.same for row in rows)} | {len(sound)} | {share} | {unparsed} | {whole}"


if __name__ == "__main__":
    main()
