"""What an earlier kshot (commit 5977a95) has written is read, resumed and reported with the same numbers.

`before/keys.json` has a hash of the journal keys that each strategy asked for on each generated task; `before/run` is
a run folder, and `before/numbers.json` what its report said. `python -m tests.test_before FOLDER` writes all three.
`CHANGED` has the defaults that are other ones since.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from kshot.eval.report.model import Table
from kshot.eval.report.prompting.build import build
from kshot.eval.tasks import TASKS as TASKS_KNOWN
from kshot.eval.tasks import get_task
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal
from kshot.harness.runner import run_jobs
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.read import read_run
from kshot.harness.runs.run import run_benchmark
from kshot.program import advance
from kshot.prompts.strategies import get_strategy
from kshot.types import Request, Sample, UserError

BEFORE = Path(__file__).parent / "before"
TASKS = ("word-pairs", "coin-flip", "last-letters", "last-letters:words=4", "scan", "word-problems")
CLASSES = ("coin-flip",)  # with labels, so that choice-logprob can be asked
STRATEGIES = (
    *("zero-shot", "instruction", "instruction:wording=1", "few-shot", "few-shot:k=2,order=reversed", "zero-shot-cot"),
    *("few-shot:k=3,select=bm25", "chain-of-thought", "chain-of-thought:k=2,order=shuffled", "least-to-most"),
    *("self-consistency:n=3", "self-consistency:base=zero-shot-cot,n=2,temperature=1.0", "choice-logprob:k=2"),
)
CHANGED = {  # (strategy, task): the tokens of a reply, before and since
    # chat models work a story out although they are asked for the number alone: 32 cut off three replies in four
    (strategy, task): (32, 256)
    for strategy in ("zero-shot", "instruction", "few-shot")
    for task in ("gsm8k", "svamp", "multiarith", "addsub", "singleeq")
}
CHOSEN = Plan(
    ("word-problems", "coin-flip"),
    ("zero-shot", "few-shot:k=4", "chain-of-thought", "self-consistency:n=4", "least-to-most"),
    limit=8,
)


def reply(request: Request) -> str:
    """Something to go on with: an answer in words, drawn from what is asked."""
    if request.continuation is not None:
        return str(-1 - drawn(repr((request.prompt, request.continuation))) % 7)
    number = drawn(repr((request.prompt, request.seed)))
    if number % 9 == 0:
        return "I would rather not say."
    return ("Yes. " if number % 2 else "No. ") + f"There are {number % 5} of them. The answer is {number % 5}."


def drawn(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")


def keys_of(task: str, strategy: str, chat: bool, folder: Path) -> str:
    """A hash of all that a strategy asks on a task's first samples; why, where it cannot be asked."""
    engine = ScriptedEngine(reply, chat=chat)
    loaded = load_plan(Plan((task,), (strategy,), limit=3, repeats=2))
    asked: list[str] = []
    with Journal.open(folder, {}) as journal:
        try:
            run_jobs(engine, loaded.jobs(chat=chat), journal, done=lambda *_: None, on_ask=asked.append)
        except UserError:
            return "refused"
    return hashlib.blake2b(" ".join(sorted(asked)).encode(), digest_size=12).hexdigest()


def pairs() -> list[tuple[str, str]]:
    return [(t, s) for t in TASKS for s in STRATEGIES if t in CLASSES or not s.startswith("choice-logprob")]


def numbers(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The cells of a run's tables of accuracy, differences and cost, by column; times left out."""
    run, journal = read_run(folder)
    with journal:
        report = build(run, baseline="zero-shot")
        found: dict[str, list[dict[str, Any]]] = {}
        for block in report.blocks():
            if isinstance(block, Table) and block.title in ("Accuracy", "Differences", "Cost a sample"):
                names = [column.title for column in block.columns]
                rows = [dict(zip(names, map(shown, row), strict=True)) for row in block.rows]
                found.setdefault(block.title, []).extend(
                    {name: text for name, text in row.items() if "second" not in name} for row in rows
                )
        return found


def shown(cell: Any) -> str:
    return str(getattr(cell, "text", cell))


def main(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    found = {
        f"{task} {strategy} {'chat' if chat else 'plain'}": keys_of(task, strategy, chat, folder / "scratch" / str(at))
        for at, (task, strategy, chat) in enumerate((t, s, c) for t, s in pairs() for c in (True, False))
    }
    shutil.rmtree(folder / "scratch")
    (folder / "keys.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    run_benchmark(load_plan(CHOSEN), ScriptedEngine(reply), folder / "run", info={"model": "scripted"})
    (folder / "run" / "lock").unlink(missing_ok=True)
    (folder / "numbers.json").write_text(json.dumps(numbers(folder / "run"), indent=1, ensure_ascii=False) + "\n")
    for derived in ("report.md", "report.html"):
        (folder / "run" / derived).unlink(missing_ok=True)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    shutil.copytree(BEFORE / "run", tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize("task", TASKS)
def test_the_keys_of_all_requests_are_what_they_were(task: str, tmp_path: Path) -> None:
    before = json.loads((BEFORE / "keys.json").read_text())
    for at, (name, strategy) in enumerate(pairs()):
        for chat in (True, False):
            if name == task:
                now = keys_of(task, strategy, chat, tmp_path / f"{at}{chat}")
                assert now == before[f"{task} {strategy} {'chat' if chat else 'plain'}"], strategy


def test_only_the_defaults_that_are_listed_are_other_ones() -> None:
    older = [name for name, made in TASKS_KNOWN.entries.items() if ".tasks.library." not in made.__module__]
    older.remove("woz")  # which came later, too
    assert {name for name in older if get_task(spec_of(name)).reply_tokens != 32} == {t for _, t in CHANGED}
    for (strategy, task), (before, since) in CHANGED.items():
        question = get_task(task).question(Sample("s", "How many?", "3"), get_task(task).exemplars)
        for given, tokens in (("", since), (f":max_new_tokens={before}", before)):
            [request] = advance(get_strategy(strategy + given)(question))
            assert request.params.max_new_tokens == tokens


def spec_of(task: str) -> str:
    """A task's name with what it cannot do without."""
    needs = {"bbh": "bbh:name=word_sorting", "induction": "induction:name=sum", "qa": "qa:task=coin-flip"}
    return needs.get(task, task)


def test_an_old_run_says_the_same_numbers(old: Path) -> None:
    before, now = json.loads((BEFORE / "numbers.json").read_text()), numbers(old)
    assert set(before) == {"Accuracy", "Differences", "Cost a sample"}
    for title, rows in before.items():
        for row, new in zip(rows, now[title], strict=True):
            assert {key: new.get(key) for key in row} == row


def test_an_old_run_that_is_whole_asks_nothing(old: Path) -> None:
    engine = ScriptedEngine(reply)
    run_benchmark(load_plan(CHOSEN), engine, old)
    assert engine.asked == []
    test_an_old_run_says_the_same_numbers(old)


def test_an_old_run_that_was_stopped_goes_on(old: Path) -> None:
    with Journal.open(old, CHOSEN.settings("scripted")) as journal:
        journal.connection.execute("DELETE FROM records WHERE sample_id IN (SELECT id FROM samples WHERE place > 3)")
        journal.connection.execute("DELETE FROM generations WHERE substr(key, 1, 1) IN ('0', '1', '2', '3')")
    engine = ScriptedEngine(reply)
    run_benchmark(load_plan(CHOSEN), engine, old)
    assert engine.asked
    test_an_old_run_says_the_same_numbers(old)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
