"""Preparations in a run: asked once, kept, resumed, and told apart from what a sample costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.prepare import prepared_of
from kshot.harness.runs.read import read_run
from kshot.harness.runs.run import rescore, run_benchmark
from kshot.types import Request, UserError

BEST = "choice-logprob:template=best"
PLAN = Plan(("coin-flip",), ("choice-logprob:template=2", "choice-logprob:calibrate=batch", BEST), limit=20)
HELD = 16  # of the pool's 32


def reply(request: Request) -> str:
    """Right where it is asked as Input and Output, otherwise always yes."""
    text = request.prompt if isinstance(request.prompt, str) else request.prompt[-1].content
    told = text.startswith("Input:")
    even = text.rpartition("up. ")[2].count("flips") % 2 == 0
    says = "yes" if even or not told else "no"
    return "-1" if str(request.continuation).strip() == says else "-2"


def test_it_is_asked_once_for_all_samples(tmp_path: Path) -> None:
    engine = ScriptedEngine(reply)
    run_benchmark(load_plan(PLAN), engine, tmp_path / "r")
    run, journal = read_run(tmp_path / "r")
    with journal:
        found = run.prepared["coin-flip", BEST]
        assert found["best"] == "2" and found["validation"]["2"] == {"right": 16.0, "n": HELD}
        assert found["calls"] == 5 * HELD * 2 and set(found["validation"]) == {"own", "0", "1", "2", "3"}
        assert run.prepared["coin-flip", "choice-logprob:calibrate=batch"]["inputs"] == 32
        assert run.templates["coin-flip"]["2"].text == "Input: {{ question }}\nOutput: {{ answer }}"
        chosen = {r.sample_id: r for r in run.records if r.strategy == BEST}
        named = {r.sample_id: r for r in run.records if r.strategy == "choice-logprob:template=2"}
        assert {i: r.calls for i, r in chosen.items()} == {i: r.calls for i, r in named.items()}
        assert all(len(record.calls) == 2 and record.score.value == 1 for record in chosen.values())
    test = 20 * 2 * 2  # in template 2 and in kshot's own form
    held = (5 * HELD + 32 - HELD) * 2  # of the 32 inputs of the prior, 16 were asked in kshot's own form already
    assert len(engine.asked) == test + held


def test_it_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    """Each time after a few answers, in another order: what was answered is not asked again."""

    class Stopped(Exception):
        pass

    whole = ScriptedEngine(reply)
    run_benchmark(load_plan(PLAN), whole, tmp_path / "whole")
    asked = []
    for order in ("fifo", "lifo", "random") * 20:
        left = 40

        def some(request: Request) -> str:
            nonlocal left
            left -= 1
            if left < 0:
                raise Stopped
            return reply(request)

        engine = ScriptedEngine(some, order=order, capacity=4)
        try:
            run_benchmark(load_plan(PLAN), engine, tmp_path / "r")
        except Stopped:
            asked.append(40)
            continue
        break
    assert 2 < len(asked) < 59
    with Journal.read(tmp_path / "r") as journal, Journal.read(tmp_path / "whole") as other:
        found = [
            {key: {n: v for n, v in each.items() if n != "seconds"} for key, each in prepared_of(kept).items()}
            for kept in (journal, other)
        ]
        assert found[0] == found[1] and len(found[0]) == 2
        answers = [
            [(r.strategy, r.sample_id, r.prediction.answer) for r in each.records()] for each in (journal, other)
        ]
    assert answers[0] == answers[1]


def test_scoring_again_keeps_what_was_found(tmp_path: Path) -> None:
    run_benchmark(load_plan(PLAN), ScriptedEngine(reply), tmp_path / "r")
    assert rescore(tmp_path / "r") == (60, 0)
    with Journal.open(tmp_path / "r", PLAN.settings("scripted", True)) as journal:
        journal.note("prepared", "damaged {")
    engine = ScriptedEngine(reply)
    run_benchmark(load_plan(PLAN), engine, tmp_path / "r")
    assert engine.asked == []  # found again from what was answered
    assert rescore(tmp_path / "r") == (60, 0)


def test_what_cannot_be_prepared_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    engine = ScriptedEngine(reply)
    with pytest.raises(
        UserError, match=r"coin-flip, choice-logprob:k=31,calibrate=batch, test-0-0: .*has 1 beside those"
    ):
        loaded = load_plan(Plan(("coin-flip",), ("choice-logprob:calibrate=batch,k=31",), limit=4))
        run_benchmark(loaded, engine, tmp_path / "r")
    assert engine.asked == [] and not (tmp_path / "r").exists()
