"""The words follow the metric: what is no accuracy is not called one, nor tested and drawn as if it were."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from kshot.eval.report import html, markdown, terminal
from kshot.eval.report.model import Figure, Report, Transcripts
from kshot.eval.report.prompting.build import build
from kshot.eval.report.prompting.compare import compare
from kshot.eval.report.prompting.comparisons import against_baseline
from kshot.eval.report.prompting.measures import measure, outcome_of
from kshot.eval.report.prompting.repeats import repeat_table
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.scale import Scale, Tally, scale_of
from kshot.eval.report.prompting.transcripts import transcript
from kshot.eval.report.prompting.trust import stated_by
from kshot.types import Generation, Prediction, Record, Request, Sample, Score

WORDS = ("ccuracy", "McNemar", "won : lost", "% right", "samples right")
CALL = (Request("Q"), Generation("A", "stop", 1, 0, 1))


def run_of(
    metric: str, values: dict[str, Sequence[float]], *, task: str = "qa", answers: tuple[str, ...] = ()
) -> RunData:
    """A run from each strategy's scores by a metric, self-consistency's chains and a sweep of k among them."""
    samples = {(task, str(i)): Sample(str(i), f"question {i}", f"t{i % 3}") for i in range(40)}
    records = []
    for strategy, given in values.items():
        for i, value in enumerate(given):
            prediction, score = Prediction(f"a{i}", "ok", answers=answers), Score({metric: value}, True)
            records.append(Record(task, strategy, str(i), 0, prediction, score, ("c",), 1, 0, 1))
    return RunData("made", {}, records, samples, lambda _: CALL)


def fractions(shift: float, seed: int = 0) -> list[float]:
    rng = np.random.default_rng(seed)
    return [float(x) for x in np.clip(np.round(rng.random(40) * 0.5 + shift, 2), 0, 1)]


def all_words(report: Report) -> str:
    """All that the renderers show, the words in the figures too."""
    from matplotlib.text import Text

    console = Console(file=io.StringIO(), width=200)
    terminal.render(report, console)
    drawn = [block.draw() for block in report.blocks() if isinstance(block, Figure)]
    inside = [text.get_text() for drawing in drawn for text in drawing.findobj(Text)]
    items = [item for block in report.blocks() if isinstance(block, Transcripts) for item in block.items]
    page = html.render(
        report, *html.embedded(items, 20, 10**6), 20, html.kinds_of(items), draw=lambda figure: figure.name
    )
    shown = [page, markdown.text(report).replace("\\", ""), console.file.getvalue()]  # type: ignore[attr-defined]
    return "\n".join([*shown, *inside])


FRACTIONAL = {
    "zero-shot": fractions(0.1), "few-shot:k=2": fractions(0.4, 1), "few-shot:k=4": fractions(0.5, 2),
    "few-shot:k=4,order=reversed": fractions(0.5, 3),
}  # fmt: skip


def test_fractional_scores_are_no_accuracy_anywhere() -> None:
    run = run_of("token-f1", FRACTIONAL, answers=("x", "y"))
    said = all_words(build(run)) + all_words(compare(run, replace(run, name="again")))
    for word in (*WORDS, "Wilson"):
        assert word not in said, word
    for word in (
        "mean token-f1",
        "Student's t",
        "higher : lower",
        "sign flips",
        "% of the full score, higher is better",
    ):
        assert word in said, word
    # a task that gives fractions without naming a metric
    unnamed = all_words(build(run_of("accuracy", FRACTIONAL)))
    assert not [word for word in WORDS if word in unnamed]
    assert "mean score" in unnamed


def test_scores_of_0_and_1_keep_their_tests_under_their_metrics_name() -> None:
    run = run_of("exact-match", {"zero-shot": [0.0, 1.0] * 20, "few-shot": [0.0, 1.0, 1.0, 1.0] * 10})
    said = all_words(build(run))
    assert "ccuracy" not in said
    for word in ("exact-match (%)", "Wilson", "exact McNemar", "won : lost", "has the highest exact-match"):
        assert word in said, word
    assert "sign flips" not in said


def test_accuracy_is_still_accuracy() -> None:
    said = all_words(build(run_of("accuracy", {"zero-shot": [0.0, 1.0] * 20, "few-shot": [1.0] * 40})))
    for word in ("accuracy (%), 95% interval", "Wilson", "exact McNemar", "won : lost"):
        assert word in said, word
    assert "full score" not in said


def test_several_metrics_in_one_run_are_told_apart() -> None:
    a, b = (
        run_of("accuracy", {"zero-shot": [0.0, 1.0] * 20}),
        run_of("token-f1", {"zero-shot": fractions(0.3)}, task="b"),
    )
    both = replace(a, records=[*a.records, *b.records], samples={**a.samples, **b.samples})
    report = build(both)
    assert report.sections[0].title == "Scores"
    said = all_words(report)
    assert (
        "Scored by qa: accuracy, %; b: mean token-f1, % of the full score, higher is better." in said
    )  # where a terminal has no room for the column too
    assert [scale.metric for scale in (m.scale for m in measure(both).values())] == ["accuracy", "token-f1"]
    assert "token-f1" in said
    assert "Wilson or Student's t" in said


def test_the_interval_and_the_test_of_fractions_are_scipys() -> None:
    run = run_of("token-f1", {"zero-shot": fractions(0.1), "few-shot": fractions(0.3, 1)})
    found = measure(run)["qa", "few-shot"]
    values = np.array(fractions(0.3, 1))
    low, high = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    assert (found.interval.low, found.interval.high) == (pytest.approx(low), pytest.approx(high))
    [comparison] = against_baseline(measure(run), run.samples)
    theirs = stats.permutation_test(
        (values - np.array(fractions(0.1)),), np.mean, permutation_type="samples", n_resamples=9_999, rng=0
    )
    assert comparison.result.p == pytest.approx(theirs.pvalue, abs=0.01)
    assert comparison.result.test == "sign flips"


def test_repeats_say_how_their_intervals_are_made() -> None:
    run = run_of("accuracy", {"zero-shot": [0.0, 1.0] * 20, "few-shot": [1.0, 1.0, 0.0, 1.0] * 10})
    again = [replace(r, repeat=1, score=Score(float(i % 3 == 0), True)) for i, r in enumerate(run.records)]
    said = all_words(build(replace(run, records=[*run.records, *again])))
    assert "Intervals by Student's t" in said
    assert "a permutation test by sign flips" in said
    assert "McNemar" not in said


@pytest.mark.parametrize(
    ("value", "outcome"), [(0.0, "wrong"), (0.3, "partial"), (0.6, "partial"), (0.999, "partial"), (1.0, "right")]
)
def test_one_place_says_when_a_sample_is_right(value: float, outcome: str) -> None:
    [record] = run_of("token-f1", {"s": [value]}).records
    assert outcome_of(record) == outcome
    shown = transcript(run_of("token-f1", {"s": [value]}), record)
    assert shown.outcome == outcome
    assert shown.score == ("" if value in (0, 1) else f"token-f1 {value:.3g}")


def test_the_progress_line_has_the_metrics_name() -> None:
    tally = Tally()
    assert str(tally) == ""
    tally.add(Score({"token-f1": 1.0}, True))
    assert str(tally) == "token-f1 100.0%"
    tally.add(Score({"token-f1": 0.25}, True))
    assert str(tally) == "mean token-f1 62.5%"
    tally.add(Score(1.0, True))
    assert str(tally) == "mean score 75.0%"
    unnamed = Tally()
    for value in (1.0, 0.5):
        unnamed.add(Score(value, True))
    assert str(unnamed) == "mean score 75.0%"


def test_scales_join() -> None:
    assert scale_of([Score(1, True), Score(0, True)]) == Scale()
    assert scale_of([Score({"f": 0.5}, True), Score({"f": 1.0}, True)]) == Scale("f", False)
    assert scale_of([]) == Scale()


def test_parts_of_a_score_are_no_passes_and_not_calibrated() -> None:
    run = run_of("token-f1", {"s": [0.6] * 39 + [1.0]}, answers=("x", "y"))
    twice = replace(run, records=[*run.records, *(replace(r, repeat=1) for r in run.records)])
    table = repeat_table(list(measure(twice).values()), {})
    assert table is not None
    assert table.rows[0][5] == "2.5%"  # pass@1: one of forty, and not the thirty-nine that are better than half
    assert stated_by(list(measure(twice).values())) == []
