"""A run's exemplars stay what they were: others would change its prompts, and with them its records, without a word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import run_benchmark
from kshot.types import UserError


def rows(path: Path, *answers: str) -> None:
    path.write_text("".join(json.dumps({"question": f"{path.stem} {a}?", "answer": a}) + "\n" for a in answers))


def test_other_exemplars_are_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    file, train = tmp_path / "q.jsonl", tmp_path / "q.train.jsonl"
    rows(file, "one", "two")
    rows(train, "three", "four", "five")
    plan = Plan((str(file),), ("zero-shot", "few-shot:k=2"))
    run_benchmark(load_plan(plan), ScriptedEngine(lambda _: "one"), tmp_path / "r")
    with Journal.read(tmp_path / "r") as journal:
        before = list(journal.records())
    rows(train, "three", "six", "five")
    engine = ScriptedEngine(lambda _: "one")
    with pytest.raises(UserError, match=r"the exemplars of q are not what .* \(the train data has changed\)"):
        run_benchmark(load_plan(plan), engine, tmp_path / "r")
    assert engine.asked == []
    with Journal.read(tmp_path / "r") as journal:
        assert list(journal.records()) == before
    rows(train, "three", "four", "five")
    run_benchmark(load_plan(plan), engine, tmp_path / "r")
    assert engine.asked == []


def test_what_is_not_shown_may_change(tmp_path: Path) -> None:
    file, train = tmp_path / "q.jsonl", tmp_path / "q.train.jsonl"
    rows(file, "one", "two")
    rows(train, "three", "four", "five")
    plan = Plan((str(file),), ("zero-shot",))
    run_benchmark(load_plan(plan), ScriptedEngine(lambda _: "one"), tmp_path / "r")
    rows(train, "three", "six", "five")
    run_benchmark(load_plan(plan), ScriptedEngine(lambda _: "one"), tmp_path / "r")


def test_a_run_of_before_goes_on(tmp_path: Path) -> None:
    """It kept no hash."""
    plan = Plan(("coin-flip",), ("few-shot:k=2",), limit=2)
    run_benchmark(load_plan(plan), ScriptedEngine(lambda _: "yes"), tmp_path / "r")
    with Journal.open(tmp_path / "r", plan.settings("scripted", True)) as journal:
        journal.note("pools", "damaged {")
    run_benchmark(load_plan(plan), ScriptedEngine(lambda _: "yes"), tmp_path / "r")
