"""A small search on the real model: the same by another batch, and what is found scores the same in an ordinary run."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kshot.harness.engines.transformers import load_engine
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import run_benchmark
from kshot.harness.runs.search.found import outcome_of
from kshot.harness.runs.search.plan import SearchPlan, load_searches
from kshot.harness.runs.search.run import run_searches

PLAN = SearchPlan(("coin-flip",), ("edits",), seeds=1, budget=24, proposals=0, validation=8, train=8)


def test_a_search_on_the_bundled_model(bundled_model: Any, tmp_path: Path) -> None:
    loaded = load_searches(PLAN)
    engine = load_engine("smollm2-135m", rows=32, template="plain")
    try:
        found = [outcome_of(loaded, one) for one in run_searches(loaded, engine, tmp_path / "s")]
        best = next(one for one in found if one.method == "edits")
        assert best.scorings <= 24 and best.winner.samples == 8 and best.scoring.prompt_tokens > 0
        plan = load_plan(Plan(("coin-flip",), (best.spec,)))
        subject = loaded.subjects["coin-flip"]
        records: list[Any] = []
        again = replace(plan, samples={"coin-flip": list(subject.validation)})
        run_benchmark(again, engine, tmp_path / "r", on_record=records.append)
    finally:
        engine.close()
    assert sum(record.score.value for record in records) / 8 == pytest.approx(best.winner.score)
    likely = [record.prediction.probabilities[sample.target] for record in records for sample in subject.validation
              if sample.id == record.sample_id]  # fmt: skip
    assert sum(map(math.log, likely)) / 8 == pytest.approx(best.winner.value, abs=1e-3)
