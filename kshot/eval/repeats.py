"""What repeated runs tell: pass@k and majority@k without bias, and how much of the spread each source brings.

Meets: pure functions of score tables.

Concedes: variance parts need a full table (every sample under every seed and draw), and come from the
method of moments, so that a part may be estimated below zero; it is then given as zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def pass_at_k(n: int, right: int, k: int) -> float:
    """The probability that at least one of k of the n draws is right: 1 - C(n - c, k) / C(n, k).

    Chen et al. 2021, arXiv 2107.03374, equation 1; unbiased, where 1 - (1 - c/n)^k is not. Raises ValueError.

    >>> pass_at_k(5, 2, 1), pass_at_k(5, 2, 4)
    (0.4, 1.0)
    """
    if not 0 <= right <= n or not 1 <= k <= n:
        raise ValueError(f"pass@{k} of {n} draws with {right} right")
    missed = 1.0
    for at in range(k):
        missed *= max(n - right - at, 0) / (n - at)
    return 1.0 - missed


def majority_expectations(
    answers: Sequence[Sequence[str | None]],
    targets: Sequence[str],
    ns: Sequence[int],
    *,
    seed: int = 0,
    draws: int = 2_000,
) -> NDArray[np.float64]:
    """For each sample and each n: the expected score of the majority of n of its answers. (samples, ns)

    Their mean over the samples is the accuracy of self-consistency against n, all from one set of draws (Wang et al.
    2022, figure 2). Subsets are drawn without replacement, as hypergeometric counts over the distinct answers. Ties
    are split evenly. None never votes, so a subset of nothing else is wrong. Raises ValueError where n exceeds the
    draws.

    >>> majority_expectations([["8", "8", None, "9"]], ["8"], [1, 4]).tolist()
    [[0.5, 1.0]]
    """
    import numpy as np

    if len(answers) != len(targets):
        raise ValueError(f"{len(answers)} samples and {len(targets)} targets")
    rng = np.random.default_rng(seed)
    table = np.zeros((len(answers), len(ns)))
    for row, (given, target) in enumerate(zip(answers, targets, strict=True)):
        votes: dict[Any, int] = Counter(given)
        silent = votes.pop(None, 0)
        mine = list(votes).index(target) if target in votes else None
        counts = [*votes.values(), silent]
        for column, n in enumerate(ns):
            if not 1 <= n <= len(given):
                raise ValueError(f"the majority of {n} cannot be had from {len(given)} answers")
            if mine is None:
                continue
            size = 1 if n == len(given) else draws
            drawn = rng.multivariate_hypergeometric(counts, n, size=size)[:, :-1]  # (draws, answers)
            top = drawn.max(axis=1, keepdims=True)
            tied = (drawn == top) & (top > 0)
            table[row, column] = (
                counts[mine] / len(given) if n == 1 else float((tied[:, mine] / np.maximum(tied.sum(axis=1), 1)).mean())
            )
    return table


@dataclass(frozen=True, slots=True)
class Parts:
    """Variance components of a single score, and the standard error of the mean that they give."""

    samples: float  # between samples: some are harder
    seeds: float  # between exemplar seeds, over all samples alike
    interaction: float  # a seed's exemplars suit some samples and not others
    draws: float  # between draws of one prompt
    standard_error: float  # of the grand mean, for new samples, seeds and draws


def variance_parts(scores: Sequence[Sequence[Sequence[float]]]) -> Parts:
    """Parts of the variance of `scores`, (samples, seeds, draws), two or more samples.

    Random effects, samples crossed with seeds, draws nested (Searle, Casella and McCulloch 1992, section 4.3;
    Miller 2024, arXiv 2411.00640, section 3, for samples and draws alone). A dimension of one brings no part of its
    own, which then hides in the next. Raises ValueError for a table that is not full.
    """
    import numpy as np

    try:
        table = np.asarray(scores, dtype=float)
    except ValueError as error:
        raise ValueError("every sample needs as many seeds and draws as the others") from error
    if table.ndim != 3 or table.shape[0] < 2 or 0 in table.shape:
        raise ValueError(f"the table is {table.shape}; it must be (samples, seeds, draws), of two samples or more")
    samples, seeds, draws = table.shape
    grand, cell = table.mean(), table.mean(axis=2)
    of_sample, of_seed = table.mean(axis=(1, 2)), table.mean(axis=(0, 2))
    within = float(((table - cell[..., None]) ** 2).sum() / (samples * seeds * (draws - 1))) if draws > 1 else 0.0
    crossed = cell - of_sample[:, None] - of_seed[None] + grand
    square_crossed = float(draws * (crossed**2).sum() / ((samples - 1) * (seeds - 1))) if seeds > 1 else within
    square_sample = float(seeds * draws * ((of_sample - grand) ** 2).sum() / (samples - 1))
    square_seed = float(samples * draws * ((of_seed - grand) ** 2).sum() / (seeds - 1)) if seeds > 1 else square_crossed
    part_crossed = max(0.0, (square_crossed - within) / draws) if seeds > 1 else 0.0
    part_sample = max(0.0, (square_sample - square_crossed) / (seeds * draws))
    part_seed = max(0.0, (square_seed - square_crossed) / (samples * draws)) if seeds > 1 else 0.0
    variance = part_sample / samples + part_seed / seeds + part_crossed / (samples * seeds)
    variance += within / (samples * seeds * draws)
    return Parts(part_sample, part_seed, part_crossed, within, float(np.sqrt(variance)))
