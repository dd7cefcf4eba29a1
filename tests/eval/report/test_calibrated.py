"""Raw and calibrated side by side, out of what a calibrated strategy's records keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from kshot.eval.report.model import Table
from kshot.eval.report.prompting.build import build
from kshot.eval.report.prompting.calibrated import calibrated_section
from kshot.eval.report.prompting.measures import measure
from kshot.eval.report.prompting.run_data import RunData
from kshot.types import Generation, Prediction, Record, Request, Sample, Score

NAMES = ("bad", "fair", "good")
RNG = np.random.default_rng(1)
TARGETS = [NAMES[at % 3] for at in range(60)]
RAW = RNG.normal(size=(60, 3)) + np.array([[2.5 * (name == target) for name in NAMES] for target in TARGETS])
RAW[:, 2] += 4  # it leans to "good"
PRIORS = {"domain": np.array([-3.0, -3.2, 0.9]), "contextual": np.array([-1.0, -1.0, -1.0])}


def run_of(*kinds: str, choices: tuple[str, ...] = (), detail: Mapping[str, Any] | None = None) -> RunData:
    samples, records, params = {}, [], {}
    for kind in kinds:
        name = "choice-logprob:k=4" + ("" if kind == "none" else f",calibrate={kind}")
        params[name] = {"k": 4, "calibrate": kind}
        for at, (target, raw) in enumerate(zip(TARGETS, RAW, strict=True)):
            samples["t", str(at)] = Sample(str(at), f"q{at}", target, choices=choices)
            scores = raw - PRIORS.get(kind, np.zeros(3))
            said: dict[str, Any] = {"logprobs": dict(zip(NAMES, raw.tolist(), strict=True))}
            if kind in PRIORS:
                said["prior"] = dict(zip(NAMES, PRIORS[kind].tolist(), strict=True))
            shares = np.exp(scores) / np.exp(scores).sum()
            best = NAMES[int(scores.argmax())]
            prediction = Prediction(
                best, "ok", probabilities=dict(zip(NAMES, shares.tolist(), strict=True)), detail=detail or said
            )
            records.append(Record("t", name, str(at), 0, prediction, Score(best == target, True), ("c",)))
    return RunData("r", {}, records, samples, lambda _: (Request("Q"), Generation("A", "stop")), list(params), params)


def rows_of(run: RunData) -> list[list[str]]:
    return [
        list(map(str, row))
        for section in calibrated_section(run, list(measure(run).values()))
        for block in section.blocks
        if isinstance(block, Table)
        for row in block.rows
    ]


def accuracy(scores: np.ndarray) -> float:
    return float(np.mean([NAMES[int(row.argmax())] == target for row, target in zip(scores, TARGETS, strict=True)]))


@pytest.mark.parametrize("kinds", [("domain", "contextual"), ("none", "domain", "contextual")])
def test_all_stand_side_by_side_and_raw_where_it_did_not_run(kinds: Sequence[str]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rows = rows_of(run_of(*kinds))
    assert [row[:4] for row in rows] == [
        ["t", "choice-logprob:k=4", kind, "60"] for kind in ("raw", "domain", "contextual")
    ]
    hits = np.array(TARGETS)[:, None] == np.array(NAMES)
    for row, prior in zip(rows, (0, PRIORS["domain"], PRIORS["contextual"]), strict=True):
        scores = RAW - prior
        assert row[4] == f"{100 * accuracy(scores):.1f}%"
        odds = np.log(np.exp(scores) / (np.exp(scores).sum(1, keepdims=True) - np.exp(scores)))
        expected = np.mean([metrics.roc_auc_score(hits[:, at], odds[:, at]) for at in range(3)])
        assert row[7] == f"{expected:.3f}"
        shares = [np.mean(scores.argmax(1) == at) for at in range(3)]
        assert row[8] == ", ".join(f"{name} {share:.0%} (33%)" for name, share in zip(NAMES, shares, strict=True))
    gain = 100 * (accuracy(RAW - PRIORS["domain"]) - accuracy(RAW))
    assert gain > 20 and rows[1][6].startswith(f"+{gain:.1f} (") and rows[0][6] == "–"
    assert rows[2][4] == rows[0][4] and rows[2][6].startswith("±0.0 (")  # a prior that is the same for all


def test_it_stands_in_the_report_where_a_prior_was_taken_off_and_only_there() -> None:
    titles = {section.title for section in build(run_of("none", "domain")).sections}
    assert "Calibration" in titles
    assert "Calibration" not in {section.title for section in build(run_of("none")).sections}


@pytest.mark.parametrize(
    "detail",
    [
        {"logprobs": "damaged", "prior": {}},
        {"logprobs": {"bad": float("nan")}, "prior": {"bad": 0.0}},
        {"logprobs": {"bad": 1.0, "good": 2.0}, "prior": {"bad": 0.0}},
        {"other": 1},
    ],
)
def test_what_a_record_does_not_say_gives_no_row(detail: Mapping[str, Any]) -> None:
    assert rows_of(run_of("domain", detail=detail)) == []


def test_a_samples_own_choices_have_no_area() -> None:
    assert {row[7] for row in rows_of(run_of("domain", choices=("x", "y", "z")))} == {"–"}
