"""The four verdicts on data whose truth is known, and the estimates that they stand on."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from kshot.eval.spread import exchanged
from kshot.eval.statistics import Interval, holm, paired
from kshot.lab.claims import effects
from kshot.lab.claims.effects import (
    AreaOverHalf,
    ArmSpread,
    Leaning,
    ScoreGain,
    SeedSpread,
    Slope,
    arms_exchanged,
    seeds_exchanged,
)
from kshot.lab.claims.estimate import Estimate, Replies, estimated, two_sided
from kshot.lab.claims.verdict import verdict

GAIN = ScoreGain("a", "b")


@pytest.fixture(autouse=True)
def fewer_exchanges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effects, "EXCHANGES", 1_000)


def answers(scores: np.ndarray) -> Replies:
    none = np.full(len(scores), -1)
    return Replies(np.asarray(scores, float), none, none, None)


def drawn(rng: np.random.Generator, n: int, up: float, down: float) -> dict[str, list[list[Replies]]]:
    """Two arms that differ on shares `up` and `down` of n samples."""
    kind = rng.choice(3, size=n, p=[up, down, 1 - up - down])
    same = rng.random(n) < 0.5
    a = np.where(kind == 0, 1, np.where(kind == 1, 0, same))
    b = np.where(kind == 0, 0, np.where(kind == 1, 1, same))
    return {"task": [[answers(a)], [answers(b)]]}


def rates(up: float, down: float, direction: str, margin: float, n: int = 200, times: int = 150) -> dict[str, float]:
    rng = np.random.default_rng(7)
    found = [verdict(estimated(drawn(rng, n, up, down), GAIN, draws=300), direction, margin) for _ in range(times)]
    return {name: found.count(name) / times for name in set(found)}


def test_an_effect_that_is_there_is_reproduced_and_hardly_ever_opposite() -> None:
    found = rates(0.25, 0.10, "above", 3)
    assert found["reproduced"] > 0.9 and found.get("opposite", 0) == 0
    other = rates(0.10, 0.25, "above", 3)
    assert other["opposite"] > 0.9 and other.get("reproduced", 0) == 0


def test_without_an_effect_either_side_is_claimed_in_one_of_twenty() -> None:
    found = rates(0.15, 0.15, "above", 3, times=400)
    wrong = found.get("reproduced", 0) + found.get("opposite", 0)
    assert stats.binomtest(round(wrong * 400), 400, 0.05).pvalue > 0.001  # the level holds
    assert found["undecided"] > 0.8  # 200 samples do not show absence within 3 points


def test_absence_is_shown_where_there_are_samples_enough_and_not_beyond_its_level() -> None:
    assert rates(0.05, 0.05, "above", 10)["absent"] > 0.85
    at_margin = rates(0.20, 0.10, "near", 10, times=400)  # the truth lies on the margin
    assert at_margin.get("reproduced", 0) < 0.09  # 5% and three standard errors of 400 draws
    assert rates(0.05, 0.05, "near", 10)["reproduced"] > 0.85
    assert rates(0.45, 0.10, "near", 10)["opposite"] > 0.85


@pytest.mark.parametrize(
    ("value", "half", "p", "direction", "said"),
    [
        (5, 3, 0.001, "above", "reproduced"),
        (5, 3, 0.001, "below", "opposite"),
        (-5, 3, 0.001, "below", "reproduced"),
        (1, 2, 0.3, "above", "absent"),
        (1, 6, 0.7, "above", "undecided"),
        (1, 0.5, 0.001, "above", "reproduced"),  # small, and there
        (1, 2, 0.3, "near", "reproduced"),
        (9, 2, 0.001, "near", "opposite"),
        (4, 2, 0.001, "near", "undecided"),  # an effect, and not one beyond the margin
    ],
)
def test_verdicts_by_hand(value: float, half: float, p: float, direction: str, said: str) -> None:
    narrow = Interval(value - 0.84 * half, value + 0.84 * half)
    one = Estimate(value, Interval(value - half, value + half), narrow, p, 100)
    assert verdict(one, direction, 5) == said


def test_holm_takes_a_verdict_back() -> None:
    one = Estimate(5, Interval(0.2, 9.8), Interval(1, 9), 0.04, 100)
    assert verdict(one, "above", 3) == "reproduced"
    assert verdict(one, "above", 3, holm([0.04, 0.5])[0]) == "undecided"


def test_a_gain_of_one_seed_is_the_paired_bootstrap() -> None:
    rng = np.random.default_rng(1)
    tables = drawn(rng, 300, 0.2, 0.1)
    a, b = (arm[0].scores for arm in tables["task"])
    found, known = estimated(tables, GAIN, draws=6_000), paired(a.tolist(), b.tolist())
    assert found.value == pytest.approx(100 * known.difference)
    assert found.interval.low == pytest.approx(100 * known.interval.low, abs=0.7)
    assert found.interval.high == pytest.approx(100 * known.interval.high, abs=0.7)


def test_seeds_widen_the_interval_where_they_differ() -> None:
    rng = np.random.default_rng(2)
    alike = [answers(rng.random(200) < 0.5) for _ in range(5)]
    apart = [answers(rng.random(200) < p) for p in (0.1, 0.3, 0.5, 0.7, 0.9)]
    base = [answers(np.zeros(200))]
    narrow, wide = (estimated({"t": [arm, base]}, GAIN, draws=500).interval.half_width for arm in (alike, apart))
    assert wide > 3 * narrow


def test_alike_answers_leave_possible_what_so_many_samples_could_not_show() -> None:
    same = [answers(np.zeros(100))]
    found = estimated({"t": [same, same]}, GAIN, draws=50)
    assert found.p == 1 and found.interval.high == pytest.approx(100 * stats.beta.ppf(0.975, 1, 100))
    assert found.samples_needed is None


def test_p_is_the_share_of_draws_beyond_zero_and_goes_on_where_there_are_none() -> None:
    rng = np.random.default_rng(6)
    assert two_sided(rng.normal(2, 1, 4_000)) == pytest.approx(2 * stats.norm.sf(2), rel=0.3)
    assert two_sided(rng.normal(6, 1, 4_000)) == pytest.approx(2 * stats.norm.sf(6), rel=0.9)
    assert two_sided(np.full(1999, 3.0)) == pytest.approx(2 / 2000)  # alike draws say no more


def test_statistics_against_numpy() -> None:
    rng = np.random.default_rng(3)
    arms = [[answers(rng.random(50) < p) for _ in range(4)] for p in (0.2, 0.4, 0.5)]
    means = np.array([[each.scores.mean() for each in arm] for arm in arms])
    assert GAIN(arms) == pytest.approx(means[0].mean() - means[1].mean())
    assert SeedSpread("a", "b")(arms[:2]) == pytest.approx(means[0].std(ddof=1) - means[1].std(ddof=1))
    slope = stats.linregress(np.log2([1, 3, 9]), means.mean(axis=1)).slope
    assert Slope("few-shot:k={k}", (0, 2, 8))(arms) == pytest.approx(slope)


def test_arms_apart_by_chance_alone_are_around_zero_and_others_are_not() -> None:
    rng = np.random.default_rng(4)
    effect = ArmSpread(("a", "b", "c", "d"))
    none = [effect([[answers(rng.random(100) < 0.5)] for _ in range(4)]) for _ in range(200)]
    assert abs(np.mean(np.sign(none) * np.square(none))) < 0.0005  # a variance without bias
    some = [effect([[answers(rng.random(100) < p)] for p in (0.2, 0.4, 0.6, 0.8)]) for _ in range(50)]
    assert np.mean(some) == pytest.approx(np.std([0.2, 0.4, 0.6, 0.8], ddof=1), abs=0.02)


def test_an_area_is_scikit_learns_and_leaning_is_a_share() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(5)
    probabilities = rng.dirichlet(np.ones(3), size=80)
    targets = rng.integers(3, size=80)
    each = Replies(np.zeros(80), targets, probabilities.argmax(1), probabilities)
    known = roc_auc_score(targets, probabilities, multi_class="ovr", average="macro")
    assert AreaOverHalf("a")([[each]]) == pytest.approx(known - 0.5)
    never = Replies(np.zeros(80), targets, np.full(80, 2), probabilities)
    share = float((each.said == 1).mean())
    assert Leaning("a", "b", 1)([[each], [never]]) == pytest.approx(share)


def test_seeds_are_exchanged_as_enumeration_has_it() -> None:
    rng = np.random.default_rng(8)
    arms = [[answers(rng.random(40) < p) for p in row] for row in ((0.3, 0.7, 0.5, 0.9), (0.4, 0.5, 0.6, 0.5))]
    effect = SeedSpread("a", "b")
    seen = abs(effect(arms))
    exact = []
    for flips in itertools.product([False, True], repeat=4):
        pairs = [(b, a) if flip else (a, b) for a, b, flip in zip(*arms, flips, strict=True)]
        exact.append(abs(effect(list(zip(*pairs, strict=True)))) >= seen - 1e-12)
    assert seeds_exchanged(effect, {"t": arms}) == pytest.approx(np.mean(exact), abs=0.05)


def test_arms_are_exchanged_as_the_spread_of_forms_is() -> None:
    rng = np.random.default_rng(9)
    table = rng.random((80, 4)) < [0.4, 0.5, 0.5, 0.6]
    known = exchanged(table.astype(float).tolist(), clusters=list(range(80)))
    assert arms_exchanged({"t": [[answers(column)] for column in table.T]}) == pytest.approx(known.p, abs=0.03)


def test_alike_arms_are_called_apart_in_one_of_twenty() -> None:
    rng = np.random.default_rng(10)
    found = []
    for _ in range(60):
        easy = rng.beta(2, 2, size=60)
        arms = [[answers(rng.random(60) < easy) for _ in range(2)] for _ in range(6)]
        found.append(arms_exchanged({"t": arms}) < 0.05)
    assert stats.binomtest(sum(found), 60, 0.05).pvalue > 0.001
