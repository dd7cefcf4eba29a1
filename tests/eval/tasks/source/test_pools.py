"""Which rows of a user's data are exemplars, and that none are where no strategy shows any."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import rescore, run_benchmark
from kshot.types import UserError

STRATEGIES = """
from kshot.prompts.strategies.registry import ask
from kshot.prompts.templates import conversation
from kshot.types import Prediction, Program, Question


def polite(question: Question, *, temperature: float = 0.0):
    reply = yield from ask(conversation(question, instruction="Please."), temperature=temperature, max_new_tokens=8)
    return question.format.read(reply, question.choices)


def crowded(question: Question, *, temperature: float = 0.0):
    prompt = conversation(question, question.exemplars[:2])
    reply = yield from ask(prompt, temperature=temperature, max_new_tokens=8)
    return question.format.read(reply, question.choices)
"""


def table(path: Path, count: int = 20, first: int = 0) -> str:
    rows = [f"{n} + 1?,{n + 1}\n" for n in range(first, first + count)]
    path.write_text("question,answer\n" + "".join(rows))
    return str(path)


def counts(spec: str, *strategies: str) -> tuple[int, int]:
    """Rows asked, and exemplars."""
    loaded = load_plan(Plan((spec,), strategies))
    [task] = loaded.tasks
    return len(loaded.samples[task.name]), len(loaded.pools[task.name])


@pytest.mark.parametrize(
    ("said", "strategies", "wanted"),
    [
        ("", ["zero-shot"], (20, 0)),
        ("", ["zero-shot", "zero-shot-cot", "instruction"], (20, 0)),
        ("", ["few-shot:k=2"], (12, 8)),
        ("", ["zero-shot", "few-shot:k=2"], (12, 8)),
        ("", ["few-shot:k=0"], (20, 0)),
        ("", ["self-consistency:base=zero-shot-cot,n=2"], (20, 0)),
        ("", ["self-consistency:base=few-shot(k=2),n=2"], (12, 8)),
        (":exemplars=3", ["few-shot:k=2"], (17, 3)),
        (":exemplars=3", ["zero-shot"], (17, 3)),  # said is said: runs of other strategies ask the same
        (":exemplars=0", ["zero-shot"], (20, 0)),
    ],
)
def test_rows_are_exemplars_where_a_strategy_shows_any(
    tmp_path: Path, said: str, strategies: list[str], wanted: tuple[int, int]
) -> None:
    assert counts(table(tmp_path / "sums.csv") + said, *strategies) == wanted


def test_a_strategy_of_ones_own_is_seen_to_show_exemplars(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(STRATEGIES)
    spec = table(tmp_path / "sums.csv")
    assert counts(spec, f"{tmp_path / 'mine.py'}:polite") == (20, 0)
    assert counts(spec, f"{tmp_path / 'mine.py'}:crowded") == (12, 8)


def test_the_note_says_what_is_so(tmp_path: Path) -> None:
    spec = table(tmp_path / "sums.csv")
    [asked] = load_plan(Plan((spec,), ("zero-shot",))).tasks
    [split] = load_plan(Plan((spec,), ("few-shot:k=2",))).tasks
    assert asked.note == ""
    assert "its first 8 rows are the exemplars, and the other 12 are asked" in split.note
    assert "Put exemplars into sums.train.csv to ask all." in split.note


@pytest.mark.parametrize("beside", ["train.csv", "sums.train.csv"])
def test_a_train_file_beside_is_the_pool_whatever_is_run(tmp_path: Path, beside: str) -> None:
    table(tmp_path / beside, 5, first=100)
    spec = table(tmp_path / "sums.csv")
    assert counts(spec, "zero-shot") == counts(spec, "few-shot:k=2") == (20, 5)
    assert counts(spec + ":exemplars=2", "few-shot:k=2") == (20, 2)
    assert counts(spec + ":exemplars=0", "zero-shot") == (20, 0)


def test_a_folder_of_splits_has_its_pool_in_train(tmp_path: Path) -> None:
    table(tmp_path / "train.csv", 5, first=100)
    table(tmp_path / "test.csv")
    assert counts(str(tmp_path), "zero-shot") == counts(str(tmp_path), "few-shot:k=2") == (20, 5)
    assert counts(f"{tmp_path}:split=train", "zero-shot") == (5, 0)


def test_runs_that_ask_other_rows_do_not_mix(tmp_path: Path) -> None:
    spec = table(tmp_path / "sums.csv")
    run = tmp_path / "run"

    def benchmark(*strategies: str) -> None:
        run_benchmark(load_plan(Plan((spec,), strategies)), ScriptedEngine(lambda _: "1"), run)

    benchmark("zero-shot")
    benchmark("zero-shot")
    assert rescore(run) == (20, 0)
    with pytest.raises(UserError, match=r"asks all rows of its data.*another --run name"):
        benchmark("zero-shot", "few-shot:k=2")
    with Journal.read(run) as journal:
        assert len(list(journal.records())) == 20


def test_a_run_of_before_is_read_again_with_its_rows_set_aside(tmp_path: Path) -> None:
    spec = table(tmp_path / "sums.csv")
    plan = Plan((spec,), ("zero-shot",), set_aside=True)  # what every run did
    run_benchmark(load_plan(plan), ScriptedEngine(lambda _: "1"), tmp_path / "run")
    with Journal.read(tmp_path / "run") as journal:
        assert "set_aside" not in journal.settings()
    assert rescore(tmp_path / "run") == (12, 0)


def test_exemplars_read_their_answers_as_the_file_does(tmp_path: Path) -> None:
    """Counted alone, the train file's 1 and 2 would be indices from 0."""
    rows = [{"question": f"q{n}", "choices": ["a", "b", "c"], "answer": n % 3 + 1} for n in range(9)]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "train.jsonl").write_text(
        "".join(json.dumps({**row, "question": f"t{n}"}) + "\n" for n, row in enumerate(rows[:2]))
    )
    loaded = load_plan(Plan((str(tmp_path / "own.jsonl"),), ("few-shot:k=2",)))
    assert [sample.target for sample in loaded.pools["own"]] == ["A", "B"]
    assert [sample.target for sample in loaded.samples["own"]][:3] == ["A", "B", "C"]
