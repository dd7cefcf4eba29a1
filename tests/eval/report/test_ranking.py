"""The area under the ROC curve in a report: where it stands, what is missing, and where there is none to be had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from kshot.eval.report.model import Table
from kshot.eval.report.prompting.build import build
from kshot.eval.report.prompting.measures import measure
from kshot.eval.report.prompting.ranking import area_table, rankings
from kshot.eval.report.prompting.run_data import RunData
from kshot.types import Generation, Prediction, Record, Request, Sample, Score


def run_of(targets: Sequence[str], given: Sequence[Mapping[str, float]], choices: tuple[str, ...] = ()) -> RunData:
    samples, records = {}, []
    for i, (target, said) in enumerate(zip(targets, given, strict=True)):
        samples["t", str(i)] = Sample(str(i), f"q{i}", target, choices=choices)
        best = max(said, key=lambda name: said[name]) if said else "?"
        prediction = Prediction(best, "ok", probabilities=said)
        records.append(Record("t", "choice-logprob", str(i), 0, prediction, Score(best == target, True), ("c",)))
    return RunData("r", {}, records, samples, lambda _: (Request("Q"), Generation("A", "stop")))


def rows_of(run: RunData) -> list[list[str]]:
    table = area_table(rankings(list(measure(run).values()), run.samples))
    return [] if table is None else [list(map(str, row)) for row in table.rows]


TARGETS = ["no", "yes"] * 20
RNG = np.random.default_rng(0)
SAID = [{"yes": float(p), "no": 1 - float(p)} for p in np.round(RNG.random(40) * 0.6 + 0.4 * (np.arange(40) % 2), 1)]


def test_it_is_scikit_learns_and_stands_in_the_report() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    run = run_of(TARGETS, SAID)
    expected = metrics.roc_auc_score(TARGETS, [said["yes"] for said in SAID])
    [row] = rows_of(run)
    assert row[:5] == ["t", "choice-logprob", 'of "yes"', "40", f"{expected:.3f}"]
    assert 0 < float(row[6].rstrip("%")) < 100  # ties are told
    titles = [block.title for block in build(run).blocks() if isinstance(block, Table)]
    assert "Area under the ROC curve" in titles


def test_a_constant_answer_is_chance_whatever_its_accuracy() -> None:
    [row] = rows_of(run_of(TARGETS[:10] * 2, [{"yes": 0.2, "no": 0.8}] * 20))
    assert (row[4], row[6]) == ("0.500", "100.0%")


def test_more_labels_say_how_they_are_taken_together() -> None:
    [row] = rows_of(run_of(["a", "b", "c"] * 8, [{"a": 0.5, "b": 0.3, "c": 0.2}] * 24))
    assert row[2] == "mean of 3 labels, each against the rest"


def test_missing_probabilities_are_told_and_nothing_is_computed() -> None:
    [row] = rows_of(run_of(TARGETS, [*SAID[:37], {}, {"yes": 0.3}, {}]))
    assert row[4:] == ["–", "missing in 3 of 40 attempts", "–"]


def test_where_there_are_no_labels_there_is_no_area() -> None:
    assert rows_of(run_of(TARGETS, [{}] * 40)) == []  # no probabilities
    assert rows_of(run_of(["no"] * 40, SAID)) == []  # one label alone
    assert rows_of(run_of(TARGETS, SAID, choices=("no", "yes"))) == []  # a sample's own choices
    assert rows_of(run_of([str(i) for i in range(40)], SAID)) == []  # every target another
    lost = run_of(TARGETS, SAID)
    assert rows_of(replace(lost, samples={})) == []
