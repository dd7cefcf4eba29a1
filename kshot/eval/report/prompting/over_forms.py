"""How a score is distributed over many forms of a prompt, from the whole grid or a share of its cells.

Meets: a form that was asked two samples is not taken for one that has 0, 50 or 100%; what was not asked is filled in by
`kshot.eval.many_forms`, and quantiles say how sure they are. Concedes: of these samples alone; forms that were not run
are not known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from kshot.eval.many_forms import FEWEST, Distribution, distribution, one_hot
from kshot.eval.report.model import Cell, Section, Table, columns
from kshot.eval.report.numbers import percent, percent_range, unsigned
from kshot.eval.report.prompting.forms import Variation

TITLE = "Over many forms"


def over_forms(variations: Sequence[Variation]) -> list[Section]:
    """The section; [] where no form of a prompt was varied often enough."""
    many = [one for one in variations if len(one.points) >= FEWEST and of_forms(one)]
    if not many:
        return []
    found = [(one, distribution_of(one)) for one in many]
    rows: list[list[str | Cell]] = []
    for one, each in found:
        whole = each.share == 1
        quantiles = [percent(value) if whole else within(value, interval.low, interval.high)
                     for value, interval in each.quantiles.values()]  # fmt: skip
        mean = percent(each.mean) if whole else within(each.mean, each.mean_interval.low, each.mean_interval.high)
        rows.append([
            one.panel, one.line, one.over, str(each.forms), str(each.samples), percent(each.share), *quantiles, mean,
            unsigned(each.deviation),
        ])  # fmt: skip
    heads = columns(
        *("task", "strategy", "varied", "forms#", "samples#", "asked#", "5%#", "25%#", "median#", "75%#", "95%#"),
        *("mean#", "st. dev.#"),
    )
    return [Section(TITLE, [Table(TITLE, heads, rows, caption_of([each for _, each in found]))])]


def of_forms(one: Variation) -> bool:
    """Whether what was varied is a form, and all scores are shares of it."""
    return "seed" not in one.over.replace("format seed", "") and len({m.task for _, m in one.points}) == 1


def within(value: float, low: float, high: float) -> str:
    """A share and its interval."""
    return f"{percent(value)} ({percent_range(low, high)})"


def caption_of(found: Sequence[Distribution]) -> str:
    """What the columns are."""
    caption = (
        "The score that so many of the forms reach at most, on these samples: half of the forms score the median or "
        "less, one in twenty the 5% or less. Asked: the share of all forms on all samples."
    )
    if all(each.share == 1 for each in found):
        return caption
    return caption + (
        " Where it is not all, the rest is filled in by a Rasch model of forms and samples (after Polo et al. 2024, "
        "arXiv 2405.17202), with 95% intervals; a form's own score among so few answers says little."
    )


def distribution_of(one: Variation) -> Distribution:
    """The distribution over a variation's points, on all samples that any of them was asked."""
    asked = list(dict.fromkeys(key for _, measure in one.points for key in measure.scores))
    table = [[measure.scores.get(key, math.nan) for key in asked] for _, measure in one.points]
    return distribution(table, features_of([name for name, _ in one.points]))


def features_of(names: Sequence[str]) -> list[list[float]] | None:
    """What several forms have in common by their names: "template 0, format 12" shares its template with others."""
    parts = [dict(part.partition(" ")[::2] for part in name.split(", ")) for name in names]
    kinds = dict.fromkeys(kind for part in parts for kind in part)
    told = [kind for kind in kinds if 1 < len({part.get(kind, "") for part in parts}) <= len(names) / 2]
    return one_hot([[f"{kind} {part.get(kind, '')}" for kind in told] for part in parts]) if told else None
