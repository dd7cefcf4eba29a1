"""The score of the best of many, corrected for its having been chosen: held to simulations where the truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kshot.eval.selection_bias import SelectionBias, selection_bias
from kshot.types import UserError

DRAWS = 200  # resamples: the mean over repetitions is the same with 2,000
Rows = list[list[float]]


def scored(rng: np.random.Generator, truths: np.ndarray, samples: int) -> np.ndarray:
    """Scores of 0 or 1, (candidates, samples), of candidates with these true accuracies."""
    return (rng.random((len(truths), samples)) < truths[:, None]).astype(float)


def halved(scores: np.ndarray, rungs: tuple[int, ...] = (16, 32, 64)) -> Rows:
    """What successive halving has seen of them: a row a candidate, each up to where it was given up."""
    field, seen = list(range(len(scores))), [0] * len(scores)
    for upto in rungs:
        for one in field:
            seen[one] = upto
        if upto != rungs[-1]:
            field = sorted(field, key=lambda one: -scores[one, :upto].mean())[: math.ceil(len(field) / 2)]
    return [row[:count].tolist() for row, count in zip(scores, seen, strict=True)]


def points_off(
    repetitions: int, candidates: int, samples: int, *, spread: float = 0.0, halving: bool = False, seed: int = 0
) -> tuple[float, float, float]:
    """Mean points by which naive and out-of-bag are above the chosen one's true accuracy; the intervals' coverage."""
    rng = np.random.default_rng(seed)
    off, covered = [], 0
    for _ in range(repetitions):
        truths = np.clip(0.7 + spread * rng.standard_normal(candidates), 0, 1)
        scores = scored(rng, truths, samples)
        found = selection_bias(halved(scores) if halving else scores.tolist(), resamples=DRAWS)
        truth = truths[found.best]
        off.append((100 * (found.naive - truth), 100 * (found.out_of_bag - truth)))
        covered += truth in found.interval
    naive, corrected = np.mean(off, axis=0)
    return float(naive), float(corrected), covered / repetitions


def test_equal_candidates_look_better_than_they_are_and_the_estimate_knows_it() -> None:
    naive, corrected, covered = points_off(500, 30, 32)
    assert abs(naive - 15.6) < 1  # the simulation of the specification
    assert abs(corrected) < 1
    assert covered > 0.92


def test_so_it_does_of_candidates_that_halving_gave_up() -> None:
    naive, corrected, covered = points_off(500, 64, 64, halving=True)
    assert naive > 11
    assert abs(corrected) < 1
    assert covered > 0.92


@pytest.mark.parametrize("halving", [False, True])
def test_where_candidates_differ_it_is_near_the_chosen_ones_truth_and_never_above(halving: bool) -> None:
    naive, corrected, covered = points_off(300, 40, 64, spread=0.06, halving=halving, seed=1)
    assert naive > 5
    assert -2.5 < corrected < 0.5  # a choice on a draw sees fewer samples, and so chooses a little worse
    assert covered > 0.88


def test_of_one_candidate_nothing_is_corrected() -> None:
    found = selection_bias([[1.0, 0.0, 1.0, 1.0] * 4])
    assert (found.naive, found.out_of_bag, found.optimism) == (0.75, 0.75, 0.0)
    assert (found.candidates, found.finalists, found.samples, found.judging) == (1, 1, 16, 16)


def test_it_is_chosen_by_values_and_judged_by_scores() -> None:
    values = [[-0.1] * 8, [-0.2] * 8]
    found = selection_bias(values, [[0.0] * 8, [1.0] * 8])
    assert (found.best, found.naive, found.out_of_bag) == (0, 0.0, 0.0)
    assert 0.2 < found.interval.high < 0.5  # Wilson's: no spread is no certainty
    assert selection_bias(values, best=1).best == 1


def test_samples_on_which_others_were_given_up_judge_nothing() -> None:
    rows = [[1.0] * 4 + [0.0] * 4, [1.0] * 4 + [0.0] * 4, [0.0] * 4, []]
    found = selection_bias(rows)
    assert (found.naive, found.out_of_bag) == (0.5, 0.0)
    assert (found.candidates, found.finalists, found.samples, found.judging) == (3, 2, 8, 4)


def test_what_is_infinitely_bad_is_never_chosen_where_it_counts() -> None:
    found = selection_bias([[-math.inf, 0.0, 0.0, 0.0] * 2, [-1.0] * 8], [[1.0] * 8, [0.0] * 8])
    assert found.best == 1
    assert 0 < found.out_of_bag < 0.2  # chosen on the draws that have not seen its bad samples


def test_it_is_the_same_for_a_seed_and_by_hand_for_two_candidates() -> None:
    rng = np.random.default_rng(5)
    rows = scored(rng, np.array([0.6, 0.7, 0.5]), 24).tolist()
    assert selection_bias(rows, seed=3) == selection_bias(rows, seed=3)
    assert selection_bias(rows, seed=3).out_of_bag != selection_bias(rows, seed=4).out_of_bag
    assert selection_bias(rows).out_of_bag == pytest.approx(by_hand(rows), abs=0.02)


def by_hand(rows: Rows) -> float:
    """The same, one draw after another with Python's own lists."""
    rng = np.random.default_rng(99)
    n = len(rows[0])
    seen: list[list[float]] = [[] for _ in range(n)]
    for _ in range(4000):
        bag = rng.integers(n, size=n).tolist()
        best = max(range(len(rows)), key=lambda one: sum(rows[one][at] for at in bag))
        for at in set(range(n)) - set(bag):
            seen[at].append(rows[best][at])
    return float(np.mean([np.mean(each) for each in seen]))


def test_samples_of_a_cluster_are_drawn_together() -> None:
    rng = np.random.default_rng(2)
    rows = np.repeat(scored(rng, np.full(20, 0.7), 12), 4, axis=1).tolist()  # 12 passages of 4 equal samples
    clusters = [at // 4 for at in range(48)]
    alone, together = selection_bias(rows), selection_bias(rows, clusters=clusters)
    assert together.out_of_bag < alone.out_of_bag  # else its copies are in the bag
    assert together.interval.half_width > alone.interval.half_width


def test_too_few_samples_say_so_by_nan_and_the_widest_interval() -> None:
    found = selection_bias([[1.0, 1.0, 0.0], [1.0, 0.0]])
    assert found.judging == 1 and math.isnan(found.out_of_bag)
    assert (found.interval.low, found.interval.high) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("values", "scores"), [([], None), ([[]], None), ([[1.0]], [[1.0, 0.0]]), ([[math.nan, 1.0]], [[1.0, 1.0]])]
)
def test_what_cannot_be_chosen_from_is_refused(values: Rows, scores: Rows | None) -> None:
    with pytest.raises(UserError):
        selection_bias(values, scores)


def test_two_thousand_draws_are_the_default_and_all_fields_are_numbers() -> None:
    found = selection_bias(scored(np.random.default_rng(0), np.full(30, 0.7), 64).tolist())
    assert isinstance(found, SelectionBias)
    assert found.naive > found.out_of_bag > 0.5 and found.interval.low < found.out_of_bag < found.interval.high
