"""What a report shows as numbers for a machine: results.json, whose fields docs/results.md has.

Meets: the very values that the tables are made of, unrounded, shares as such (0.45, no 45.0%); what is not there, or no
number, is null. `VERSION` goes up when a field changes its meaning or goes; fields may come without.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from kshot.eval.report.prompting.comparisons import Comparison
from kshot.eval.report.prompting.groups import Average
from kshot.eval.report.prompting.measures import Key, Measure
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.roc import Area
from kshot.eval.statistics import Interval

SCHEMA, VERSION = "kshot-results", 1
INFO = ("model", "adapter", "engine", "chat", "data", "seed", "limit", "repeats", "score_by", "started", "reused")
VERSIONS = ("kshot", "commit", "python", "packages")
COSTS = ("prompt_tokens", "cached_tokens", "completion_tokens", "seconds")

Names = Mapping[str, str]
"""Short name -> specification."""


def results_of(
    runs: Sequence[RunData],
    cells: Sequence[dict[str, Any]],
    comparisons: Sequence[dict[str, Any]],
    groups: Sequence[dict[str, Any]],
    summary: Sequence[str],
) -> dict[str, Any]:
    """The results of a report on runs."""
    found: dict[str, Any] = plain(
        {
            "schema": SCHEMA,
            "version": VERSION,
            "runs": [run_of(run) for run in runs],
            "summary": list(summary),
            "cells": list(cells),
            "comparisons": list(comparisons),
            "groups": list(groups),
        }
    )
    return found


def run_of(run: RunData) -> dict[str, Any]:
    """What was run, and on what."""
    return {
        "name": run.name,
        **{key: run.info.get(key) for key in INFO},
        "versions": {key: run.info.get(key) for key in VERSIONS},
    }


def cell_of(run: str, m: Measure, names: Names, area: Area | None = None) -> dict[str, Any]:
    """One strategy on one task by one metric."""
    return {
        "run": run,
        "task": m.task,
        "strategy": names.get(m.strategy, m.strategy),
        "short": m.strategy,
        **metric_of(m),
        "value": m.value,
        **ends(m.interval),
        "interval": m.method,
        "samples": m.n,
        "attempts": len(m.records),
        "of_answered": m.value_answered,
        "unparsed": m.unparsed,
        "truncated": m.truncated,
        "distinct_answers": m.answers.distinct,
        "constant": constant_of(m),
        "auc": {"value": area.value, **ends(area.interval)} if area else None,
        "cost": {
            **{name: m.mean(name) for name in COSTS},
            "calls": sum(len(record.calls) for record in m.records) / len(m.records),
        },
    }


def metric_of(m: Measure) -> dict[str, Any]:
    """What the value is."""
    return {
        "metric": m.scale.metric,
        "better": m.scale.kind.better,
        "unit": "share" if m.scale.kind.share else m.scale.kind.unit,
    }


def constant_of(m: Measure) -> dict[str, Any] | None:
    """The best constant answer, and whether the strategy is shown to be above it."""
    if m.constant is None:
        return None
    return {
        "answer": m.constant.answer,
        "value": m.constant.value,
        "p_holm": m.above_constant,
        "shown_above": not m.no_better,
    }


def comparison_of(run: str, c: Comparison, names: Names) -> dict[str, Any]:
    """One strategy against another on the samples that both have."""
    return {
        "run": run,
        "task": c.task,
        "strategy": names.get(c.strategy, c.strategy),
        "baseline": names.get(c.baseline, c.baseline),
        "metric": c.scale.metric,
        "samples": c.result.n,
        "value": c.values[0],
        "baseline_value": c.values[1],
        "difference": c.result.difference,
        **ends(c.result.interval),
        "p": c.result.p,
        "p_holm": c.adjusted,
        "test": c.result.test,
        "higher": c.result.only_a,
        "lower": c.result.only_b,
        "verdict": c.word,
        "detectable": c.detectable,
    }


def group_of(run: str, one: Average, names: Names) -> dict[str, Any]:
    """A strategy's means over a group of tasks."""
    paired = one.paired > 0
    return {
        "run": run,
        "group": one.group,
        "strategy": names.get(one.strategy, one.strategy),
        "tasks": one.tasks,
        "of_tasks": one.of,
        "samples": one.samples,
        "macro_mean": one.mean,
        **ends(one.interval),
        "micro_mean": one.micro,
        "paired_tasks": one.paired,
        "difference": one.difference if paired else None,
        "difference_low": one.span.low if paired else None,
        "difference_high": one.span.high if paired else None,
    }


def cells_of(run: str, found: Mapping[Key, Measure], names: Names, areas: Mapping[Key, Area]) -> list[dict[str, Any]]:
    """Every strategy on every task."""
    return [cell_of(run, m, names, areas.get(key)) for key, m in found.items()]


def ends(interval: Interval) -> dict[str, float]:
    """The ends of a 95% interval."""
    return {"low": interval.low, "high": interval.high}


def plain(value: Any) -> Any:
    """A value as JSON has it: a number that is none is null, and what JSON has not is text."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)
