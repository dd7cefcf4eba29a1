"""The report of searches, on scores whose verdicts are known."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from scipy import stats

from kshot.eval.report import html, markdown
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.searching.build import build
from kshot.eval.report.searching.outcomes import SearchOutcome, Spent, Tried
from kshot.eval.report.searching.tested import gathered
from kshot.eval.report.searching.verdicts import verdicts_of
from kshot.types import Prediction, Record, Sample, Score

N = 200
GIBBERISH = "<script>alert(1)</script> \x1b[31m| `a` *b* \u202e ]("


def outcome(method: str, seed: int, spec: str, text: str = "Say it.") -> SearchOutcome:
    tried = (
        Tried("bad", "bad", "x", None, 0, 16, -2.0, 0.4),
        Tried(spec, text, "swap", 0, 16, 64, -0.5, 0.9),
        Tried("last", "last", "swap", 1, 80, 64, None, 0.5),
    )
    return SearchOutcome(
        "t", method, seed, "likelihood", 128, 64, 2048, 144, 5, 2, 1, tried, 0.8, 0.7, 0.9, 48, (spec,),
        Spent(5, 100, 0, 50, 1.0), Spent(144, 3000, 10, 144, 9.0),
    )  # fmt: skip


def run_of(accuracies: dict[str, float]) -> RunData:
    """Right on so many of the samples, drawn for each strategy."""
    records = []
    for spec, share in accuracies.items():
        draw = random.Random(spec)
        right = set(draw.sample(range(N), int(share * N)))
        for at in range(N):
            score = Score(float(at in right), answered=True)
            records.append(Record("t", spec, f"s{at}", 0, Prediction("a", "ok"), score, ()))
    samples = {("t", f"s{at}"): Sample(f"s{at}", f"question {at}", "a") for at in range(N)}

    def call(key: str) -> None:
        raise AssertionError("no call was made")

    return RunData("r", {"model": "m"}, records, samples, call)  # type: ignore[arg-type]


OUTCOMES = [
    outcome("best-human", 0, "human"),
    *(outcome("random", seed, f"random{seed}") for seed in range(3)),
    *(outcome("good", seed, f"good{seed}", GIBBERISH) for seed in range(3)),
    *(outcome("same", seed, "human") for seed in range(3)),
]
SHARES = {
    "human": 0.6, "shots": 0.7, **{f"random{s}": 0.55 + 0.02 * s for s in range(3)},
    **{f"good{s}": 0.9 + 0.01 * s for s in range(3)}, "human-calibrated": 0.65,
}  # fmt: skip


def test_verdicts_are_of_the_mean_over_seeds_and_holms() -> None:
    run = run_of(SHARES)
    found = {(one.method, one.against): one for one in verdicts_of(gathered(run, OUTCOMES, {"t": "shots"}, {}))}
    assert set(found) == {
        ("random", "best-human"), ("good", "best-human"), ("same", "best-human"),
        ("best-human", "few-shot"), ("random", "few-shot"), ("good", "few-shot"), ("same", "few-shot"),
        ("good", "random"), ("same", "random"),
    }  # fmt: skip
    good = found["good", "best-human"]
    scores: dict[str, list[float]] = {}
    for record in run.records:
        scores.setdefault(record.strategy, []).append(record.score.value)
    most = [sum(scores[f"good{seed}"][at] for seed in range(3)) >= 2 for at in range(N)]
    up = sum(a and not b for a, b in zip(most, scores["human"], strict=True))
    down = sum(bool(b) and not a for a, b in zip(most, scores["human"], strict=True))
    assert (good.only_method, good.only_baseline) == (up, down)
    assert good.majority_p == pytest.approx(stats.binomtest(up, up + down, 0.5).pvalue)
    assert good.difference == pytest.approx(0.91 - 0.6, abs=1e-9) and good.difference in good.interval
    assert good.per_seed == pytest.approx((0.30, 0.31, 0.32))
    assert good.test == "sign flips" and good.word == "better"
    family = sorted(one.p for (_, against), one in found.items() if against == "best-human")
    assert good.p == family[0] and good.adjusted == pytest.approx(3 * family[0])
    random_one = found["random", "best-human"]
    mean = [sum(scores[f"random{seed}"][at] for seed in range(3)) / 3 - scores["human"][at] for at in range(N)]
    t = stats.ttest_1samp(mean, 0.0)  # which sign flips come close to on so many samples
    assert random_one.p == pytest.approx(t.pvalue, abs=0.05)
    same = found["same", "best-human"]
    assert same.p == 1 and same.word == "as good (within 5 points)"
    one = found["best-human", "few-shot"]
    both = [(scores["human"][at], scores["shots"][at]) for at in range(N)]
    more, less = sum(a > b for a, b in both), sum(a < b for a, b in both)
    assert one.test == "exact McNemar" and one.p == pytest.approx(stats.binomtest(more, more + less, 0.5).pvalue)


def test_prompts_that_vote_well_together_and_are_no_better_alone_are_not_called_better() -> None:
    """Three that are each right on two thirds, together always: the vote is right everywhere, each is what the baseline
    is."""
    samples = [f"s{at}" for at in range(198)]
    seeds = [{s: float(at % 3 != seed) for at, s in enumerate(samples)} for seed in range(3)]
    human = {s: float(at % 3 != 0) for at, s in enumerate(samples)}
    outcomes = [outcome("best-human", 0, "human"), *(outcome("votes", seed, f"v{seed}") for seed in range(3))]
    run = run_of({})
    records = [
        Record("t", spec, s, 0, Prediction("a", "ok"), Score(value, answered=True), ())
        for spec, scores in (("human", human), *((f"v{seed}", each) for seed, each in enumerate(seeds)))
        for s, value in scores.items()
    ]
    [one] = verdicts_of(gathered(replace(run, records=records), outcomes, {}, {}))
    assert one.difference == pytest.approx(0) and not one.decided
    assert one.only_method == 66 and one.only_baseline == 0 and one.majority_p < 1e-9


def test_what_was_found_is_printed_as_it_is_and_does_nothing(tmp_path: object) -> None:
    report = build(run_of(SHARES), OUTCOMES, {"t": "shots"}, {"human": "human-calibrated"})
    from pathlib import Path

    place = Path(str(tmp_path))
    markdown.write(report, place)
    page = html.write(report, place).read_text()
    text = (place / "report.md").read_text()
    for said in (page, text):
        assert "<script>alert(1)" not in said and "\x1b" not in said and "\u202e" not in said
        assert "alert(1)" in said and "U+202E" in said
    tables = {block.title: block for block in report.blocks() if hasattr(block, "rows")}
    row = next(row for row in tables["Chosen, corrected, tested"].rows if row[1] == "good")  # type: ignore[union-attr]
    assert row == ["t", "good", "3", "3", "90.0%", "80.0%", "91.0%", "90.0, 91.0, 92.0", "−1.0", "−11.0"]
    calibrated = [row for row in tables["After calibration"].rows]  # type: ignore[union-attr]
    assert [row[1] for row in calibrated] == ["best-human", "same"]
    drawn = [block for block in report.blocks() if hasattr(block, "draw")]
    assert {figure.name for figure in drawn} == {"best-so-far", "validation-test", "over-best-human"}  # type: ignore[union-attr]


def test_the_path_to_the_best_goes_up_and_ends_where_the_search_did() -> None:
    one = outcome("good", 0, "good0")
    assert one.trajectory == [(80, 0.9), (144, 0.9)]
    assert replace(one, best=2).winner.text == "last"


def test_a_test_that_was_stopped_or_had_other_limits_is_told() -> None:
    run = run_of(SHARES)
    records = [r for r in run.records if r.strategy != "good1" and not (r.strategy == "random0" and r.sample_id > "s5")]
    said = build(replace(run, records=records), OUTCOMES, {"t": "shots"}, {}).summary
    assert any("has 53 to 200 test samples" in line or "to 200 test samples" in line for line in said)
    assert any("good on t 1 searches have no test" in line for line in said)
    whole = build(run, OUTCOMES, {"t": "shots"}, {}).summary
    assert not any("test samples, so that" in line or "no test" in line for line in whole)
