"""Both forms of a task in a report: which samples are paired, what is tested, and what their mean is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import hypot

import numpy as np
import pytest
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests

from kshot.eval.report.model import Cell, Figure, Report, Table
from kshot.eval.report.prompting.asked import asked_task, means_of, pairs_of
from kshot.eval.report.prompting.build import build
from kshot.eval.report.prompting.measures import measure
from kshot.eval.report.prompting.run_data import RunData
from kshot.types import Generation, Prediction, Record, Request, Sample, Score

Scores = Mapping[tuple[str, str], Sequence[float]]


def run_of(found: Scores, clusters: int = 0) -> RunData:
    records, samples = [], {}
    for (task, strategy), values in found.items():
        for i, score in enumerate(values):
            cluster = str(i // clusters) if clusters else None
            samples[task, f"s{i}"] = Sample(f"s{i}", f"{task} {i}", "yes" if i % 2 else "no", cluster=cluster)
            records.append(
                Record(task, strategy, f"s{i}", 0, Prediction("x", "ok"), Score(score, True), ("c",), 1, 0, 1)
            )
    return RunData("r", {}, records, samples, lambda _: (Request("Q"), Generation("A", "stop", 1, 0, 1)))


def rows_of(report: Report) -> list[list[str]]:
    tables = [b for b in report.blocks() if isinstance(b, Table) and b.title == "Asked as a question"]
    return [[cell.text if isinstance(cell, Cell) else cell for cell in row] for table in tables for row in table.rows]


def right(count: int, n: int = 60, start: int = 0) -> list[float]:
    return [float(start <= i < start + count) for i in range(n)]


FOUND = {
    ("sst2", "zero-shot"): right(40),
    ("qa:task=sst2", "zero-shot"): right(20),
    ("bbh:name=snarks", "zero-shot"): right(30),
    ("qa:task=bbh(name=snarks)", "zero-shot"): right(30, start=4),
    ("sst2", "few-shot"): right(10),
    ("qa:task=sst2", "few-shot"): right(25),
    ("scan", "few-shot"): right(5),  # in its own form alone
    ("qa:task=rte", "few-shot"): right(5),  # as a question alone
}


@pytest.mark.parametrize(
    ("name", "inner"),
    [
        ("qa:task=sst2", ("sst2", "")),
        ("qa:task=bbh(name=snarks)", ("bbh:name=snarks", "")),
        (
            "qa:task=word-problems(steps=1,exemplar_steps=2),wording=1",
            ("word-problems:steps=1,exemplar_steps=2", "wording=1"),
        ),
        ("sst2", None),
        ("qa", None),
        ("qa:wording=1", None),
        ("qa:task=", ("", "")),
        ("own.py:qa", None),
        ("qa=((", None),
    ],
)
def test_which_task_is_within(name: str, inner: tuple[str, str] | None) -> None:
    assert asked_task(name) == inner


def test_the_figures_are_those_of_exact_mcnemar_and_holm() -> None:
    run = run_of(FOUND)
    listed = pairs_of(measure(run), run)
    assert sorted((one.strategy, one.task, one.scores) for one in listed) == [
        ("few-shot", "sst2", (10 / 60, 25 / 60)),
        ("zero-shot", "bbh:name=snarks", (0.5, 0.5)),
        ("zero-shot", "sst2", (40 / 60, 20 / 60)),
    ]
    by = {(one.strategy, one.task): one.comparison for one in listed}
    raw = {
        ("few-shot", "sst2"): binomtest(15, 15).pvalue,
        ("zero-shot", "sst2"): binomtest(0, 20).pvalue,
        ("zero-shot", "bbh:name=snarks"): binomtest(4, 8).pvalue,
    }
    adjusted = dict(zip(raw, multipletests(list(raw.values()), method="holm")[1], strict=True))
    for key, p in raw.items():
        assert by[key].result.p == pytest.approx(p) and by[key].adjusted == pytest.approx(adjusted[key])
    words = {key: found.word for key, found in by.items()}
    assert words == {
        ("few-shot", "sst2"): "better",
        ("zero-shot", "sst2"): "worse",
        ("zero-shot", "bbh:name=snarks"): "no difference shown",
    }


def test_the_mean_over_tasks_is_theirs_and_its_interval_is_put_together() -> None:
    run = run_of(FOUND)
    listed = pairs_of(measure(run), run)
    [mean] = means_of(listed)  # few-shot has one task in both forms
    those = [one.comparison.result for one in listed if one.strategy == "zero-shot"]
    assert (mean.strategy, mean.tasks) == ("zero-shot", 2)
    assert mean.scores == pytest.approx((7 / 12, 5 / 12))
    assert mean.difference == pytest.approx(np.mean([each.difference for each in those]))
    low = hypot(*(each.difference - each.interval.low for each in those)) / 2
    assert mean.interval.low == pytest.approx(mean.difference - low)
    assert mean.name == "kshot-deca: mean over 2 tasks"


def test_its_interval_covers_as_it_says() -> None:
    rng, covered = np.random.default_rng(1), 0
    for _ in range(200):
        found: dict[tuple[str, str], Sequence[float]] = {}
        for at, (own, asked) in enumerate(((0.5, 0.7), (0.9, 0.6), (0.1, 0.1))):
            for name, share in ((f"t{at}", own), (f"qa:task=t{at}", asked)):
                found[name, "zero-shot"] = [float(each) for each in rng.random(80) < share]
        run = run_of(found)
        [mean] = means_of(pairs_of(measure(run), run))
        covered += (0.2 - 0.3 + 0.0) / 3 in mean.interval
    assert 180 <= covered <= 199


def test_samples_of_the_same_id_alone_are_paired_and_only_with_the_same_target() -> None:
    run = run_of({("t", "z"): right(40), ("qa:task=t", "z"): right(20)})
    samples = dict(run.samples)
    for i in range(10):
        samples["qa:task=t", f"s{i}"] = replace(samples["qa:task=t", f"s{i}"], target="other")
    records = [r for r in run.records if not (r.task == "t" and r.sample_id in ("s58", "s59"))]
    run = replace(run, samples=samples, records=records)
    [one] = pairs_of(measure(run), run)
    assert one.comparison.result.n == 48
    assert one.scores == (30 / 48, 10 / 48)


def test_clusters_stay_whole() -> None:
    found = {("t", "z"): right(40), ("qa:task=t", "z"): right(20)}
    [alone], [whole] = (pairs_of(measure(run), run) for run in (run_of(found), run_of(found, clusters=4)))
    assert (alone.comparison.result.clusters, whole.comparison.result.clusters) == (None, 15)
    assert "sign flips" in whole.comparison.result.test
    assert whole.comparison.result.interval.half_width > 1.5 * alone.comparison.result.interval.half_width


def test_it_stands_in_every_report_that_has_both_and_in_no_other() -> None:
    report = build(run_of(FOUND))
    rows = rows_of(report)
    assert [row[:2] for row in rows if row[1].startswith("kshot-deca")] == [
        ["zero-shot", "kshot-deca: mean over 2 tasks"]
    ]
    own = next(row for row in rows if row[:2] == ["zero-shot", "sst2"])
    assert (
        own[3:6] == ["60", "66.7%", "33.3%"]
        and own[6:8] == ["0.0% : 0.0%", "−33.3"]
        and own[9:] == ["0 : 20", "< 0.001", "worse"]
    )
    [said] = [sentence for sentence in report.summary if sentence.startswith("Asked as a question")]
    assert "of 3 pairs of forms 1 is better as a question and 1 worse (exact McNemar, Holm over them)" in said
    assert "kshot-deca, the mean score: zero-shot 41.7% instead of 58.3% over 2 tasks (−16.7 points" in said
    assert any("It is no decaScore" in b.caption for b in report.blocks() if isinstance(b, Table))
    [figure] = [block for block in report.blocks() if isinstance(block, Figure) and block.name == "asked"]
    assert figure.draw() is not None
    for chat in (True, False):
        texts = [b for b in build(replace(run_of(FOUND), info={"chat": chat})).blocks() if isinstance(b, str)]
        assert any("part of a difference may be that" in text for text in texts) is chat
    other = build(run_of({key: values for key, values in FOUND.items() if not key[0].startswith("qa:task=sst2")
                          and "snarks" not in key[0]}))  # fmt: skip
    assert rows_of(other) == [] and not any("as a question" in sentence for sentence in other.summary)
