"""How far two judges of the same things agree, and whether one of them prefers a place over what stands in it.

Meets: kappa is checked against scikit-learn; intervals are over samples (or whole clusters), since several verdicts on
one sample are no independent ones; the two verdicts on a pair, one an order, are never tested as if they were.
Concedes: kappa's interval is a percentile bootstrap, which has no width where nothing disagrees.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from kshot.eval.corpus import added, corpus_interval, value_of
from kshot.eval.statistics import Interval, mcnemar_exact, named_interval

Cells = Mapping[tuple[str, str], float]
"""How often the first judge said one thing and the second another, by both."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two judges on the same things."""

    n: int  # things that both judged
    share: float  # of them, those on which they agree
    share_interval: Interval
    kappa: float  # nan where chance alone would make them agree on everything
    kappa_interval: Interval | None  # None where kappa is none, or either judge says the same of everything
    cells: Cells


@dataclass(frozen=True, slots=True)
class PlaceBias:
    """Verdicts on pairs of answers, each pair in both orders."""

    pairs: int  # of which both orders have a verdict
    first: float  # share of all these verdicts that chose what stood first; without bias one half
    interval: Interval  # of that share, over pairs
    p: float  # exact, two-sided: of the pairs that chose a place, is either place chosen more often?
    both_first: int  # pairs in which the first place won in both orders
    both_second: int

    @property
    def consistent(self) -> float:
        """Share of the pairs in which the same answer won in both orders."""
        return 1 - (self.both_first + self.both_second) / self.pairs


def cohen_kappa(cells: Cells, scale: Sequence[str], *, quadratic: bool = False) -> float:
    """Cohen's kappa: agreement over what chance would bring (Cohen 1960, Educ. Psychol. Meas. 20:37).

    `quadratic` weighs a disagreement by the squared distance on the scale (Cohen 1968, Psychol. Bull. 70:213). nan
    where chance brings full agreement, as where both say the same of everything.

    >>> cohen_kappa({("yes", "yes"): 20, ("yes", "no"): 5, ("no", "yes"): 10, ("no", "no"): 15}, ("yes", "no"))
    0.4
    """
    total = sum(cells.values())
    if not total:
        return math.nan
    rows = {a: sum(cells.get((a, b), 0.0) for b in scale) for a in scale}
    sums = {b: sum(cells.get((a, b), 0.0) for a in scale) for b in scale}
    seen = chance = 0.0
    for i, a in enumerate(scale):
        for j, b in enumerate(scale):
            weight = float((i - j) ** 2) if quadratic else float(i != j)
            seen += weight * cells.get((a, b), 0.0)
            chance += weight * rows[a] * sums[b] / total
    return math.nan if chance < 1e-12 else round(1 - seen / chance, 12)


def agreement(
    said: Sequence[tuple[str, str]],
    scale: Sequence[str],
    *,
    clusters: Sequence[Hashable] | None = None,
    quadratic: bool = False,
) -> Agreement:
    """What two judges said of the same things, each out of a scale. Raises ValueError where nothing was said.

    >>> found = agreement([("yes", "yes"), ("no", "no"), ("yes", "no"), ("no", "no")], ("yes", "no"))
    >>> found.share, found.kappa
    (0.75, 0.5)
    """
    if not said or not {word for pair in said for word in pair} <= set(scale):
        raise ValueError(f"{len(said)} pairs of verdicts on the scale {', '.join(scale)}")
    counts = [{pair: 1.0} for pair in said]
    total = partial(cohen_kappa, scale=scale, quadratic=quadratic)
    kappa = value_of(counts, total)
    same = [float(a == b) for a, b in said]
    varied = all(len(set(side)) > 1 for side in zip(*said, strict=True))  # else kappa is 0 of every resample too
    return Agreement(
        n=len(said),
        share=sum(same) / len(same),
        share_interval=named_interval(same, clusters=clusters)[0],
        kappa=kappa,
        kappa_interval=corpus_interval(counts, total, clusters=clusters) if varied else None,
        cells=added(counts),
    )


def place_bias(chosen: Sequence[tuple[str, str]], *, clusters: Sequence[Hashable] | None = None) -> PlaceBias:
    """The places ("first" or "second") that a judge chose of each pair, in one order and in the other.

    A pair whose places differ has one winner, and says nothing of bias: its verdicts are one for each place. So only
    pairs that chose the same place twice are tested, by the exact binomial (McNemar's) test; a test over all verdicts
    would take two that hang together for independent. Raises ValueError where there is no pair.

    >>> found = place_bias([("first", "first")] * 6 + [("first", "second")] * 2)
    >>> found.first, found.p, found.consistent
    (0.875, 0.03125, 0.25)
    """
    if not chosen:
        raise ValueError("no pair has a verdict in both orders")
    shares = [sum(place == "first" for place in pair) / 2 for pair in chosen]
    firsts, seconds = shares.count(1.0), shares.count(0.0)
    return PlaceBias(
        pairs=len(chosen),
        first=sum(shares) / len(shares),
        interval=named_interval(shares, clusters=clusters)[0],
        p=mcnemar_exact(firsts, seconds),
        both_first=firsts,
        both_second=seconds,
    )
