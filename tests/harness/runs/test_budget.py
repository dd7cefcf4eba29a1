"""A run of a share of all strategies on all samples: what is asked, kept, gone on with and reported."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kshot.eval.report.prompting.build import build
from kshot.eval.report.prompting.over_forms import TITLE
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.runs.growth import joined
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.read import read_run
from kshot.harness.runs.run import rescore, run_benchmark
from kshot.types import UserError
from tests.eval.report.test_sensitivity import rows

STRATEGIES = tuple(f"zero-shot:template={at}.jinja" for at in range(10))
TASKS = ("coin-flip", "word-pairs")


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(tmp_path)
    for at in range(10):
        Path(f"{at}.jinja").write_text(f"Form {at}: {{{{ question }}}}\nSay: {{{{ answer }}}}")
    return Plan(TASKS, STRATEGIES, limit=12, budget_share=0.25)


def engine() -> ScriptedEngine:
    return ScriptedEngine(lambda request: "yes" if len(str(request.prompt)) % 2 else "no", chat=True)


def test_each_strategy_and_each_sample_is_asked_its_part(plan: Plan) -> None:
    asks = engine()
    loaded = load_plan(plan)
    assert loaded.total == 60
    run_benchmark(loaded, asks, Path("r"))
    assert len(asks.asked) == 60
    run, journal = read_run(Path("r"))
    with journal:
        for task in TASKS:
            records = [record for record in run.records if record.task == task]
            assert len(records) == 30
            assert set(Counter(record.strategy for record in records).values()) == {3}
            assert set(Counter(record.sample_id for record in records).values()) <= {2, 3}
        report = build(run)
    found = rows(report, TITLE)
    assert [row[0] for row in found] == list(TASKS) and {row[5] for row in found} == {"25.0%"}


def test_it_goes_on_with_what_it_asked_and_is_read_again(plan: Plan) -> None:
    run_benchmark(load_plan(plan), engine(), Path("r"))
    again = engine()
    run_benchmark(load_plan(plan), again, Path("r"))
    assert again.asked == []
    assert rescore(Path("r")) == (60, 0)
    with pytest.raises(UserError, match="budget_share"):
        run_benchmark(load_plan(Plan(TASKS, STRATEGIES, limit=12, budget_share=0.5)), engine(), Path("r"))


@pytest.mark.parametrize("change", [{"strategies": STRATEGIES[:9]}, {"limit": 20}, {"tasks": TASKS[:1]}])
def test_others_are_not_added_to_it(plan: Plan, change: dict[str, Any]) -> None:
    run_benchmark(load_plan(plan), engine(), Path("r"))
    with pytest.raises(UserError, match="cannot be added to; give the same tasks, strategies and --limit"):
        joined(load_plan(replace(plan, **change)), Path("r"))
    assert joined(load_plan(plan), Path("r")).total == 60


def test_without_a_share_nothing_is_as_it_was_not(plan: Plan) -> None:
    whole = Plan(plan.tasks, plan.strategies, limit=12)
    assert "budget_share" not in whole.settings("e") and load_plan(whole).total == 240
    assert Plan.of(plan.settings("e")) == Plan(TASKS, STRATEGIES, limit=12, budget_share=0.25, forms={}, set_aside=True)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(UserError, match=f"--budget-share is {share}; it must be above 0 and at most 1"):
        Plan(TASKS, STRATEGIES, budget_share=share)


def test_a_small_share_still_asks_each_strategy(plan: Plan) -> None:
    assert load_plan(Plan(TASKS, STRATEGIES, limit=12, budget_share=0.001)).total == 20
