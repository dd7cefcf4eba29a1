"""Cases of bad input, drawn: command lines in a folder, the exit codes allowed, and what may not be lost."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bad_bytes import NAMES, TABLES, damage, hostile_file, place_badly
from bad_words import ADDRESSED, ASKED, CODE, ESCAPES, IN_ROWS, NUMBERS, PAGES, TEXTS, TUNE_MISTAKES, VALUES
from good_things import BENCH, STUDY, TINY, TUNE, lost, rows_of

MISTAKE, FINE, EITHER = (2,), (0,), (0, 2)
ASK = (
    *("bench", "--task", "coin-flip", "--strategy", "zero-shot:max_new_tokens=2", "--limit", "1"),
    *("--runs", ".", "--run", "r"),
)
SCRIPT = ("--engine", "scripted", "--limit", "2", "--runs", ".", "--run", "r")


@dataclass(frozen=True)
class Step:
    """A command line and the exit codes that it may have."""

    args: tuple[str, ...]
    exits: tuple[int, ...]
    after: int | None = None  # only where the step before ended so
    corrected: bool = False  # the command that a mistake is mended with: where it fails, something is lost
    plain_user: bool = False
    work: Callable[[], int] | None = None  # instead of a command


@dataclass(frozen=True)
class Case:
    """What is tried, and what it may not have taken away: `held` says what is gone."""

    kind: str
    steps: Sequence[Step]
    held: Callable[[], list[str]] = list


@dataclass(frozen=True)
class Place:
    """Where a case happens, and what it draws from."""

    folder: Path
    base: Path
    draw: random.Random

    def take(self, *names: str) -> Path:
        """Copies of good things, as far as they were made; the path of the last."""
        path = self.folder
        for name in filter(self.has, names):
            path = self.folder / name
            if (self.base / name).is_dir():
                shutil.copytree(self.base / name, path)
            else:
                shutil.copy(self.base / name, path)
        return path

    def has(self, name: str) -> bool:
        """Whether a good thing was made."""
        return (self.base / name).exists()

    def one(self, options: Sequence[Any]) -> Any:
        return self.draw.choice(options)


WITH_A_MODEL = {"tune-mistakes", "damaged-models", "damaged-adapters", "damaged-studies"}
KINDS: dict[str, tuple[int, Callable[[Place], Sequence[Step] | Case]]] = {}


def kind(weight: int) -> Callable[[Callable[[Place], Any]], Callable[[Place], Any]]:
    """Decorator: a kind of cases, and how often it is drawn."""

    def add(make: Callable[[Place], Any]) -> Callable[[Place], Any]:
        KINDS[make.__name__.replace("_", "-")] = weight, make
        return make

    return add


def draw_case(number: int, seed: int, name: str | None, folder: Path, base: Path) -> Case:
    """The case of a number."""
    draw = random.Random(f"{seed} {number}")
    names = [each for each in KINDS if (base / "study").exists() or each not in WITH_A_MODEL]
    chosen = draw.choices(names, [KINDS[each][0] for each in names])[0]
    chosen = name or chosen
    made = KINDS[chosen][1](Place(folder, base, draw))
    return made if isinstance(made, Case) else Case(chosen, made)


# ---------------------------------------------------------------- command lines


def commands() -> dict[tuple[str, ...], Any]:
    """All commands by their words."""
    from kshot.cli import main

    found: dict[tuple[str, ...], Any] = {}
    for name, command in main.commands.items():
        if hasattr(command, "commands"):
            found.update({(name, inner): each for inner, each in command.commands.items()})
        else:
            found[(name,)] = command
    return found


GOOD: dict[tuple[str, ...], tuple[str, ...]] = {
    ("bench",): ("--task", "rows.jsonl", "--strategy", "zero-shot", *SCRIPT),
    ("tune",): TUNE[1:],
    ("search",): ("--task", "rows.jsonl", "--method", "edits", *SCRIPT),
    ("show",): ("run",),
    ("report",): ("run", "--out", "out"),
    ("rescore",): ("run",),
    ("export",): ("run",),
    ("compare",): ("run", "run"),
    ("view",): ("nothing-here", "--no-open"),
    ("demo",): ("--limit", "0"),
    ("judge",): ("run",),
    ("list",): ("tasks",),
    ("reproduce", "list"): (),
    ("reproduce", "run"): ("nosuch",),
    ("reproduce", "report"): ("run",),
    ("classic", "list"): (),
    ("classic", "run"): ("nosuch",),
    ("classic", "diagnose"): ("nothing-here.csv",),
}


@kind(14)
def command_line(place: Place) -> Sequence[Step]:
    """A command's own grammar, broken: every one of these is a mistake."""
    place.take("run", "rows.jsonl", "model")
    words, command = place.one(sorted(commands().items()))
    options = [each for each in command.params if each.param_type_name == "option"]
    once = [each for each in options if not each.multiple and not each.is_flag]
    good = GOOD[words]
    how = place.draw.randrange(6)
    if how == 0:
        flag = f"--{place.one(['nosuch', 'x=1', 'limitt', '[/red]', ESCAPES, 'ü', ''])}nope"
        return [Step((*words, *good, flag), MISTAKE)]
    if how == 1 and once:
        return [Step((*words, *good, max(place.one(once).opts, key=len)), MISTAKE)]
    if how == 2 and once:
        option = place.one(once)
        values = [place.one(("1", "a", "run")) for _ in range(2)]
        flags = [part for value in values for part in (place.one(option.opts), value)]
        return [Step((*words, *good, *flags), MISTAKE)]
    numeric = [each for each in once if each.type.name in ("integer", "float", "integer range", "auto|ROWS", "choice")]
    if how == 3 and numeric:
        option = place.one(numeric)
        flag = max(option.opts, key=len)
        bad = place.one(("", "x", "1e309x", "[/red]", ESCAPES, "９9x", "--", "1,5", "0x1g", "1_", "一"))
        return [Step((*words, *without(good, option.opts), flag, bad), MISTAKE)]
    if how == 4:
        return [Step((*words[:-1], place.one([f"{words[-1]}x", words[-1].upper(), "", *TEXTS[:40]]) + "q"), MISTAKE)]
    if words == ("classic", "list"):
        return [Step((*words, "surplus"), MISTAKE)]
    if words in {("view",), ("classic", "run")}:
        return [Step((*words, *(place.one(TEXTS).replace("\0", "") + "nosuch" for _ in range(3))), MISTAKE)]
    return [Step((*words, *good, *[place.one(TEXTS[12:]).strip("-~") + "x"] * 3), MISTAKE)]


def without(args: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Arguments without an option and its value."""
    kept, skip = [], False
    for arg in args:
        if skip or arg in names:
            skip = not skip
            continue
        kept.append(arg)
    return tuple(kept)


@kind(5)
def tune_mistakes(place: Place) -> Sequence[Step]:
    """A mistake in what to train, told before anything is."""
    place.take("run", "rows.jsonl", "table.csv", "model")
    option = place.one(sorted(TUNE_MISTAKES))
    value = place.one(TUNE_MISTAKES[option])
    kept = without(TUNE, (option,)) if option not in ("--baseline", "--patience") else TUNE
    return [Step((*kept, option, value, "--runs", ".", "--run", "s"), MISTAKE)]


def specs_of(registry: Any, draw: random.Random) -> str:
    """A known name with a hyperparameter that is bad, or grammar that is."""
    from kshot.registry import hyperparameters

    name = draw.choice(sorted(registry.entries))
    params = sorted(hyperparameters(registry.entries[name])) or ["nosuch"]
    key, value = draw.choice([*params, "nosuch"]), draw.choice(VALUES)
    # fmt: off
    forms = (
        *(f"{name}:{key}={value}",) * 6,
        f"{name}({key}={value})", f"{name}:{key}", f"{name}:{key}=", f"{name}:={value}", f"{name}:{key}=1,{key}=1",
        f"{name}:{key}=(", f"{name}:a:b:c", f"{name}x", name[:-1], f"{name}:{key}=a(b(c)", f'{name}:{key}="{value}',
        f"{name}:{key}=zero-shot(k=2)", f"{name}:base={name}", f" {name} ", f"{name}:,,,", name.upper(), f"{name}()",
        "(" * 3000, f"{name}:{key}=" + "x(" * 2000 + ")" * 2000, f"{name}:{key}={draw.choice(TEXTS)}",
    )
    # fmt: on
    return draw.choice(forms)


@kind(12)
def specifications(place: Place) -> Sequence[Step]:
    """Names with hyperparameters: strategies, tasks, metrics, engines; and the corrected command afterwards."""
    from kshot.eval.metrics import METRICS
    from kshot.eval.tasks import TASKS
    from kshot.harness.engines import ENGINES
    from kshot.prompts.strategies import STRATEGIES

    place.take("rows.jsonl", "model", "sets")
    registries = {"--strategy": STRATEGIES, "--task": TASKS, "--metric": METRICS, "--engine": ENGINES}
    option = place.one(["--strategy"] * 3 + list(registries))
    spec = specs_of(registries[option], place.draw).replace("\0", "")
    if option == "--engine":  # another would fetch its model
        spec = f"scripted{spec[min(at for at in (spec.find(':'), spec.find('('), len(spec)) if at >= 0) :]}"
    good = ("bench", "--task", "rows.jsonl", "--strategy", "zero-shot", "--data", "sets", *SCRIPT)
    bad = (*(good if option == "--metric" else without(good, (option,))), option, spec)
    return [Step(bad, EITHER), Step(good, FINE, after=2, corrected=True)]


@kind(10)
def option_values(place: Place) -> Sequence[Step]:
    """`bench` on a run that is there, with one mistaken value; the corrected command goes on with all that was kept."""
    place.take("rows.jsonl", "sets", "model")
    run = place.take("run")
    before = rows_of(run)
    words = ("--baseline", "--answer", "--metric", "--strategy", "--task", "--data", "--engine")
    values = {"--limit": NUMBERS, "--repeats": NUMBERS, **dict.fromkeys(words, TEXTS)}
    option = place.one(sorted(values))
    value = place.one(values[option]).replace("\0", "")
    args = (*without(BENCH, (option,) if option == "--limit" else ()), option, value)
    steps = [Step(args, EITHER), Step(BENCH, FINE, after=2, corrected=True)]
    return Case("option-values", steps, lambda: lost(before, rows_of(run), damaged=False))


@kind(8)
def paths(place: Place) -> Sequence[Step]:
    """A path that is none, where a command takes one."""
    run = place.take("rows.jsonl", "table.csv", "run")
    before = rows_of(run)
    bad = place_badly(place.folder, place.draw)
    base = ("bench", "--task", "rows.jsonl", "--strategy", "zero-shot")
    lines = (
        ("show", bad), ("report", bad), ("rescore", bad), ("export", bad),
        ("compare", "run", bad), ("compare", bad, "run"),
        ("view", bad, "--no-open", "--port", "1"), ("report", "run", "--out", bad), ("export", "run", "--out", bad),
        ("export", "run", "--format", "csv", "--out", bad), ("classic", "diagnose", bad),
        (*base, "--engine", "scripted", "--limit", "2", "--runs", bad, "--run", "r"),
        (*base, "--engine", "scripted", "--limit", "2", "--runs", ".", "--run", bad),
        (*base, "--data", bad, *SCRIPT), (*base, "--adapter", bad, *TINY, "--limit", "1"),
        ("bench", "--task", "gsm8k", "--strategy", "zero-shot", "--data", bad, *SCRIPT),
        ("bench", "--task", f"{bad}.jsonl", "--strategy", "zero-shot", *SCRIPT),
        ("bench", "--task", f"{bad}/x.py:t", "--strategy", "zero-shot", *SCRIPT),
        ("bench", "--task", "rows.jsonl", "--strategy", f"{bad}.py:x", *SCRIPT),
        ("bench", "--task", "rows.jsonl", "--strategy", "zero-shot", "--model", bad, "--limit", "1"),
        ("bench", "--task", "rows.jsonl", "--strategy", "zero-shot", "--model", f"{bad}.gguf", "--limit", "1"),
        ("classic", "run", "cp-regression", "--out", f"{bad}/x"), (*TUNE, "--runs", bad, "--data", bad),
    )  # fmt: skip
    args = place.one(lines)
    step = Step(args, EITHER, plain_user="locked" in bad)
    return Case("paths", [step], lambda: lost(before, rows_of(run), damaged=False))


# ---------------------------------------------------------------- tables and code


@kind(14)
def tables(place: Place) -> Sequence[Step]:
    """A table of questions that is not quite one."""
    _, make, exits = place.one(TABLES)
    name = place.one(NAMES) if place.draw.random() < 0.3 else "x.jsonl"
    surely = hostile_file(place.folder / name, make(place.draw), place.draw) and name == "x.jsonl"
    if place.draw.random() < 0.15:
        (place.folder / "train.jsonl").write_bytes(place.one(TABLES)[1](place.draw))
        surely = False
    more: tuple[str, ...] = ()
    if place.draw.random() < 0.2:
        more, surely = ("--answer", place.one(("number", "text", "letter", "label", "yes-no"))), False
    strategy = place.one(("zero-shot", "zero-shot", "few-shot:k=1", "choice-logprob", "instruction"))
    exits = exits if surely and strategy == "zero-shot" else tuple({*exits, 2})
    first = Step(("bench", "--task", name, "--strategy", strategy, *more, *SCRIPT), exits)
    return [first, *read_again("r", after=0)]


def read_again(run: str, after: int | None = None) -> list[Step]:
    """Commands that read a run which was just written."""
    return [Step(("show", run, "-n", "3"), FINE, after=after), Step(("report", run), FINE, after=after)]


@kind(6)
def sets(place: Place) -> Sequence[Step]:
    """A folder of public sets with a damaged file in it."""
    place.take("sets")
    name = place.one(("gsm8k", "sst2", "aqua", "strategyqa"))
    path = place.folder / "sets" / name / place.one(("train.jsonl", "test.jsonl"))
    if place.draw.random() < 0.5:
        hostile_file(path, place.one(TABLES)[1](place.draw), place.draw)
    else:
        damage(path, place.draw)
    return [Step(("bench", "--task", name, "--data", "sets", "--strategy", "zero-shot", *SCRIPT), EITHER)]


@kind(5)
def other_tables(place: Place) -> Sequence[Step]:
    """Tables of other kinds where JSONL is read, and for `classic diagnose`."""
    ending = place.one(("csv", "tsv", "json", "yaml", "parquet", "txt", "xlsx", "jsonl.gz", ""))
    path = place.folder / (f"data.{ending}" if ending else "data")
    texts = ("question,answer\nHow many?,1\n", "question\tanswer\nx\t1\n", '[{"question": "x"}]', "- q: 1\n", "")
    text = place.one(texts)
    hostile_file(path, text.encode(place.one(("utf-8", "utf-16", "utf-8-sig"))), place.draw)
    return [Step(("bench", "--task", path.name, "--strategy", "zero-shot", *SCRIPT), MISTAKE)]


@kind(3)
def diagnosed(place: Place) -> Sequence[Step]:
    """A table for `classic diagnose` that holds no numbers, too few, or other things."""
    path = place.take("table.csv")
    text = path.read_text()
    texts = (
        "", "\n\n", "a,b,c\n", "a,b\n1,2\n", "a,b\n1,x\n2,y\n3,z\n", "a,a,a\n1,2,3\n" * 9, text.replace("1", "nan"),
        "\ufeff" + text, text.replace(",", ";"), text[:200], text.replace("2", "9" * 400), text.replace("5", "1e308"),
        text.replace("3", '"'),
        "a,b,c\n" + "1,1,1\n" * 30, text.replace("\n", "\r"), text.replace("4", "\0"), text.replace("6", ESCAPES),
    )  # fmt: skip
    data = place.one(texts).encode(place.one(("utf-8", "utf-8", "utf-16")))
    hostile_file(path, data, place.draw)
    more = ("--target", place.one(TEXTS).replace("\0", "")) if place.draw.random() < 0.2 else ()
    return [Step(("classic", "diagnose", "table.csv", *more), EITHER)]


@kind(9)
def code(place: Place) -> Sequence[Step]:
    """A user's own file that fails, as a strategy, task, metric, engine or method."""
    name = place.one(sorted(CODE))
    data = CODE[name].encode("latin-1")
    if place.draw.random() < 0.1:
        data = damage_bytes(data, place.draw)
    place.take("rows.jsonl", "model")
    (place.folder / "mine.py").write_bytes(data)
    options = ("--strategy", "--task", "--task", "--metric", "--engine", "--method")
    option = place.one(options if place.has("model") else options[:-1])
    spec = place.one(
        ("mine.py:x",) * 6
        + ("mine.py:x:k=1", "mine.py:nosuch", "mine.py:", "mine.py", "./mine.py:x", "mine.py:x:k=", "mine.py:__name__")
    )
    if option == "--method":
        return [Step((*without(TUNE, ("--method",)), "--method", spec, "--runs", "."), MISTAKE)]
    good = ("bench", "--task", "rows.jsonl", "--strategy", "zero-shot", *SCRIPT)
    args = (*(good if option == "--metric" else without(good, (option,))), option, spec)
    exits = EITHER if data != CODE[name].encode("latin-1") else MISTAKE
    return [Step(args, exits), Step(good, FINE, after=2, corrected=True)]


def damage_bytes(data: bytes, draw: random.Random) -> bytes:
    """Some bytes of it replaced."""
    changed = bytearray(data or b"x")
    for _ in range(draw.randint(1, 4)):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


# ---------------------------------------------------------------- damaged folders


def reading(run: str, draw: random.Random) -> tuple[str, ...]:
    """A command that reads a run."""
    return draw.choice([
        ("show", run), ("show", run, "--outcome", "wrong", "-n", "2"), ("report", run), ("report", run, "--out", "out"),
        ("compare", run, run), ("export", run), ("export", run, "-f", "csv"), ("rescore", run),
        ("rescore", run, "--metric", "nosuch"),
        ("view", run, "--no-open", "--port", "x"), ("report", run, "--baseline", "nosuch"),
    ])  # fmt: skip


@kind(14)
def damaged_runs(place: Place) -> Case:
    """A run one of whose files is damaged: read, gone on with, read again."""
    run = place.take("rows.jsonl", "run")
    if place.draw.random() < 0.3:
        leave_log(run)
    files = sorted(path for path in run.rglob("*") if path.is_file() or path.is_dir())
    path = place.one(sorted(run.glob("journal.sqlite*")) if place.draw.random() < 0.45 else files)
    how = damage(path, place.draw)
    before = rows_of(run)
    hit = path.name.startswith("journal.sqlite")
    first, plain = reading("run", place.draw), "read-only" in how
    steps = [Step(first, EITHER, plain_user=plain), Step(BENCH, EITHER, plain_user=plain)]
    if not plain and how in ("cut", "flipped", "emptied", "deleted", "rubbish"):
        steps.append(Step(("show", "run"), FINE, after=0))
    return Case("damaged-runs", steps, lambda: lost(before, rows_of(run), damaged=hit))


def leave_log(run: Path) -> None:
    """Leaves a journal with an unfinished log, as a run that was killed does."""
    with closing(sqlite3.connect(run / "journal.sqlite")) as connection:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("UPDATE records SET seconds = seconds + 1")
        connection.commit()
        kept = {path: path.read_bytes() for path in run.glob("journal.sqlite*")}
    for path, data in kept.items():
        path.write_bytes(data)


@kind(4)
def damaged_rows(place: Place) -> Case:
    """A run whose journal is whole for SQLite and holds rows that are none."""
    run = place.take("rows.jsonl", "run")
    with closing(sqlite3.connect(run / "journal.sqlite")) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for _ in range(place.draw.randint(1, 3)):
            table = place.one(tables)
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            deed = place.draw.random()
            try:
                if not columns:  # dropped before
                    continue
                if deed < 0.15:
                    connection.execute(f"DELETE FROM {table}")
                elif deed < 0.22:
                    connection.execute(f"DROP TABLE {table}")
                elif deed < 0.27:
                    connection.execute(f"PRAGMA user_version = {place.draw.choice([0, 1, 2, 99])}")
                else:
                    where = "" if deed < 0.4 else f"WHERE {columns[0]} IN (SELECT {columns[0]} FROM {table} LIMIT 1)"
                    connection.execute(
                        f"UPDATE OR IGNORE {table} SET {place.one(columns)} = ? {where}", (place.one(IN_ROWS),)
                    )
            except sqlite3.Error:
                continue
        connection.commit()
    before = {**rows_of(run), "generations": {}}  # one that is none is asked again
    steps = [Step(reading("run", place.draw), EITHER), Step(BENCH, EITHER), Step(("show", "run"), FINE, after=0)]
    return Case("damaged-rows", steps, lambda: lost(before, rows_of(run), damaged=True))


@kind(7)
def damaged_models(place: Place) -> Sequence[Step]:
    """A model one of whose files is damaged, or a GGUF file."""
    if place.draw.random() < 0.35:
        damage(place.take("tiny.gguf"), place.draw)
        return [Step((*ASK, "--model", "tiny.gguf"), (0, 1, 2))]
    model = place.take("model")
    path = place.one(sorted(path for path in model.iterdir() if path.is_file()))
    if path.suffix == ".json" and place.draw.random() < 0.6:
        change_json(path, place.draw)
    else:
        damage(path, place.draw)
    return [Step((*ASK, *TINY), (0, 1, 2))]


def change_json(path: Path, draw: random.Random) -> None:
    """Another value for one of an object's keys."""
    said = json.loads(path.read_text())
    inner = said
    while True:
        key = draw.choice(sorted(inner)) if isinstance(inner, dict) and inner else None
        if key is None:
            return
        if isinstance(inner[key], dict) and inner[key] and draw.random() < 0.7:
            inner = inner[key]
            continue
        break
    if draw.random() < 0.25:
        del inner[key]
    else:
        inner[key] = draw.choice(
            [None, -1, 0, 1, 7, 2**40, 1.5, "", "x", "../../x", [], [1], {}, {"a": 1}, True, "llama", ESCAPES, "9" * 50]
        )
    path.write_text(json.dumps(said))


def adapter_in(study: Path) -> Path:
    """The folder of a study's one training."""
    return next(path.parent for path in study.glob("*/cell.json"))


@kind(6)
def damaged_adapters(place: Place) -> Sequence[Step]:
    """An adapter one of whose files is damaged, or says otherwise."""
    place.take("model")
    adapter = adapter_in(place.take("study"))
    path = place.one(sorted(path for path in adapter.iterdir() if path.is_file() and "adapter" in path.name))
    if path.suffix == ".json" and place.draw.random() < 0.7:
        change_json(path, place.draw)
    else:
        damage(path, place.draw)
    return [Step((*ASK, *TINY, "--adapter", str(adapter.relative_to(place.folder))), (0, 1, 2))]


@kind(5)
def damaged_studies(place: Place) -> Case:
    """A study one of whose files is damaged: reported, and sometimes gone on with."""
    place.take("model")
    study = place.take("study")
    run = adapter_in(study) / "run"
    path = place.one(sorted(path for path in study.rglob("*") if path.is_file()))
    if path.suffix == ".json" and place.draw.random() < 0.5:
        change_json(path, place.draw)
    else:
        damage(path, place.draw)
    before = rows_of(run)
    steps = [Step(("report", "study"), EITHER)]
    if place.draw.random() < 0.35:
        steps.append(Step(STUDY, (0, 1, 2)))
    hit = path.name.startswith("journal")
    return Case("damaged-studies", steps, lambda: lost(before, rows_of(run), damaged=hit))


# ---------------------------------------------------------------- strangers


EVIL = (
    "open({marker!r}, 'w').write('ran')\ndef x(question, *, k: int = 1):\n    yield []\ndef t(): pass\nclass E: pass\n"
)


@kind(6)
def strangers(place: Place) -> Case:
    """A folder that names code, or whose links lead elsewhere: reading it runs and changes nothing."""
    marker = place.folder / "RAN"
    evil = place.folder / "evil.py"
    evil.write_text(EVIL.format(marker=str(marker)))
    victim = place.folder / "victim"
    victim.write_text("mine")
    kinds = (strange_run, strange_run, strange_run, strange_model, strange_adapter)
    steps = place.one(kinds if place.has("study") else kinds[:3])(place, evil, victim)

    def held() -> list[str]:
        written = [path.name for kind in ("records.*", "calls.*", "report.*") for path in place.folder.glob(kind)]
        return [f"{name} was written outside" for name in written + ["victim"] * (victim.read_text() != "mine")]

    return Case("strangers", steps, held)


def strange_run(place: Place, evil: Path, victim: Path) -> list[Step]:
    """A run whose journal names code, with links that lead out of its folder."""
    run = place.take("rows.jsonl", "run")
    spec = place.one(
        (f"{evil}:x", "evil.py:x", "run/evil.py:x", f"self-consistency:base={evil}:x", f"few-shot:k={evil}:x")
    )
    shutil.copy(evil, run)
    notes = {"strategies": [spec], "params": {spec: {"k": spec}}}
    updates = (
        ("setting strategies", json.dumps([spec])), ("setting tasks", json.dumps([spec.replace(":x", ":t")])),
        ("setting engine", json.dumps(spec)), ("note names", json.dumps(notes)),
        ("setting data", json.dumps(str(evil.parent))),
        ("note sources", json.dumps({str(evil): "0" * 64, "../../x.py": "1"})),
        ("setting only", json.dumps({spec: [spec]})), ("note total", "9" * 5000), ("note writer", ESCAPES),
    )  # fmt: skip
    with closing(sqlite3.connect(run / "journal.sqlite")) as connection:
        for name, value in place.draw.sample(updates, place.draw.randint(1, 4)):
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
        connection.commit()
    for name in place.draw.sample(["report.html", "report.md", "figures", "export", "run.json", "sources", "lock"], 2):
        gone = run / name
        if gone.is_dir() and not gone.is_symlink():
            shutil.rmtree(gone)
        gone.unlink(missing_ok=True)
        if name == "export" and place.draw.random() < 0.5:
            gone.mkdir()
            for table in ("records.parquet", "records.csv", "calls.parquet", "calls.csv"):
                (gone / table).symlink_to(victim)
            continue
        gone.symlink_to(victim if "." in name or name == "lock" else victim.parent)
    args = reading("run", place.draw)
    return [
        Step(args, EITHER),
        Step(("report", "run"), EITHER),
        Step(("pages of", "run"), FINE, work=lambda: pages(run, place.draw)),
    ]


def strange_model(place: Place, evil: Path, victim: Path) -> list[Step]:
    """A model that brings code, a pickle, or a template that acts."""
    model = place.take("model")
    shutil.copy(evil, model / "evil.py")
    said = json.loads((model / "config.json").read_text())
    how = place.draw.randrange(4)
    if how == 0:
        said |= {"auto_map": {"AutoConfig": "evil.E", "AutoModelForCausalLM": "evil.E"}, "model_type": "evil"}
    elif how == 1:
        said |= {"auto_map": {"AutoModelForCausalLM": "evil.E"}}
    elif how == 2:
        import pickle

        weights = {"a": Opened(str(place.folder / "RAN"))}
        (model / "pytorch_model.bin").write_bytes(pickle.dumps(weights))
        (model / "model.safetensors").unlink()
    else:
        text = "{{ cycler.__init__.__globals__.os.system('touch RAN') }}{{ messages[0]['content'] }}"
        told = json.loads((model / "tokenizer_config.json").read_text())
        (model / "tokenizer_config.json").write_text(json.dumps({**told, "chat_template": text}))
    (model / "config.json").write_text(json.dumps(said))
    return [Step((*ASK, "--model", "model"), EITHER)]


class Opened:
    """What opens a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return open, (self.path, "w")


def strange_adapter(place: Place, evil: Path, victim: Path) -> list[Step]:
    """An adapter that brings code, a pickle, or a pattern that hangs."""
    place.take("model")
    adapter = adapter_in(place.take("study"))
    shutil.copy(evil, adapter)
    said = json.loads((adapter / "kshot_adapter.json").read_text())
    peft = json.loads((adapter / "adapter_config.json").read_text())
    how = place.draw.randrange(4)
    if how == 0:
        said["spec"] = place.one((f"{evil}:x", "evil.py:x", f"peft:name={evil}:x"))
        (adapter / "adapter_config.json").unlink()
    elif how == 1:
        peft["auto_mapping"] = {"base_model_class": "E", "parent_library": "evil"}
        peft["task_type"] = None
    elif how == 2:
        import pickle

        (adapter / "adapter_model.bin").write_bytes(pickle.dumps({"a": Opened(str(place.folder / "RAN"))}))
        (adapter / "adapter_model.safetensors").unlink()
    else:
        peft["target_modules"] = "(" + "a?" * 30 + "a" * 30 + ")*$"
    (adapter / "kshot_adapter.json").write_text(json.dumps(said))
    if (adapter / "adapter_config.json").exists():
        (adapter / "adapter_config.json").write_text(json.dumps(peft))
    return [
        Step((*ASK, *TINY, "--adapter", str(adapter.relative_to(place.folder))), EITHER),
        Step(("report", "study"), EITHER),
    ]


@kind(3)
def viewed(place: Place) -> Case:
    """Pages of `kshot view` asked with addresses that are none, of a run that may be damaged."""
    run = place.take("rows.jsonl", "run")
    if place.draw.random() < 0.5:
        damage(place.one(sorted(path for path in run.iterdir() if path.is_file())), place.draw)
    return Case("viewed", [Step(("pages of", "run"), FINE, work=lambda: pages(run, place.draw))])


def pages(run: Path, draw: random.Random) -> int:
    """Asks for pages, and says which of them fail, act or lack their headers."""
    from starlette.testclient import TestClient

    from kshot.harness.runs.view.server import make_app
    from kshot.types import UserError

    try:
        client = TestClient(make_app([run], "t"), base_url="http://127.0.0.1", raise_server_exceptions=True)
    except UserError as error:
        print(f"kshot: {error}")
        return 0
    for _ in range(8):
        asked = "&".join(f"{draw.choice(ASKED)}={draw.choice(ADDRESSED)}" for _ in range(draw.randint(0, 3)))
        path = f"/{draw.choice('tttttx')}/{draw.choice(PAGES)}?{asked}"
        answer = client.get(path)
        if answer.status_code >= 500 or answer.headers.get("X-Content-Type-Options") != "nosniff":
            print(f"kshot: {path}: {answer.status_code} {dict(answer.headers)}")
            return 1
    return 0
