"""What an estimate says of a claim: one of four verdicts, by a pure function.

    reproduced   the effect goes the claimed way, beyond 0 (of a claim of no effect: it lies within the margin)
    opposite     it goes the other way, beyond 0 (of a claim of no effect: beyond the margin)
    absent       whichever way it goes, all of its 90% interval lies within the margin: as good as no effect here
    undecided    none of these: more samples would tell

The first that holds is given: an effect beyond 0 the claimed way is reproduced in shape, however small. Beyond 0 means
by its p, corrected for the family of claims (Holm 1979); within the margin is two one-sided tests at 5% (Schuirmann
1987).
"""

from __future__ import annotations

from typing import Literal

from kshot.lab.claims.estimate import Estimate

Direction = Literal["above", "below", "near"]
Verdict = Literal["reproduced", "opposite", "absent", "undecided"]
VERDICTS: dict[Verdict, str] = {
    "reproduced": "reproduced in shape",
    "opposite": "opposite",
    "absent": "absent here",
    "undecided": "not decided",
}
LEVEL = 0.05


def verdict(estimate: Estimate, direction: Direction, margin: float, p: float | None = None) -> Verdict:
    """The verdict on a claim that an effect is above 0, below 0, or within `margin` points of 0.

    `p` is the estimate's, corrected for the other claims of the family; its own where none is given.
    """
    beyond = (estimate.p if p is None else p) < LEVEL
    within = -margin < estimate.narrow.low and estimate.narrow.high < margin
    if direction == "near":
        if within:
            return "reproduced"
        out = estimate.interval.low > margin or estimate.interval.high < -margin
        return "opposite" if out and beyond else "undecided"
    if beyond:
        claimed = estimate.value > 0 if direction == "above" else estimate.value < 0
        return "reproduced" if claimed else "opposite"
    return "absent" if within else "undecided"
