"""What repeats of a sample tell: pass@k, and how much of a score's variance is of samples, of seeds and of draws.

Strategies that differ in `exemplar_seed` alone count as seeds of one strategy.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from kshot.eval.repeats import pass_at_k, variance_parts
from kshot.eval.report.model import Table, columns
from kshot.eval.report.numbers import percent, unsigned
from kshot.eval.report.prompting.measures import Measure
from kshot.eval.report.prompting.sweeps import Params, parsed
from kshot.spec import write_spec
from kshot.types import RIGHT


def repeat_table(listed: Sequence[Measure], params: Params) -> Table | None:
    """What repeats tell: pass@k, and where the variance of a score comes from. None where nothing was repeated."""
    families: dict[tuple[str, str], dict[str, Measure]] = {}
    for measure in listed:
        head, found = parsed(measure.strategy, params)
        rest = {key: value for key, value in found.items() if key != "exemplar_seed"}
        seed = str(found.get("exemplar_seed", ""))
        families.setdefault((measure.task, write_spec(head, rest)), {})[seed] = measure
    rows = []
    for (task, _), members in families.items():
        tables = [scores_of(measure) for measure in members.values()]
        shared = sorted(set.intersection(*(set(table) for table in tables)))
        draws = min(len(table[sample]) for table in tables for sample in shared) if shared else 0
        if draws < 2 or len(shared) < 2:
            continue
        parts = variance_parts([[table[sample][:draws] for table in tables] for sample in shared])
        first = next(iter(members.values()))
        passed = [
            statistics.fmean(
                pass_at_k(draws, sum(s >= RIGHT for s in tables[0][sample][:draws]), k) for sample in shared
            )
            for k in (1, draws)
        ]
        rows.append([
            task, first.strategy, f"{len(shared):,}", str(len(members)), str(draws), percent(passed[0]),
            f"{percent(passed[1])} (k = {draws})", f"{parts.samples:.3f}", f"{parts.seeds + parts.interaction:.3f}",
            f"{parts.draws:.3f}", unsigned(parts.standard_error),
        ])  # fmt: skip
    if not rows:
        return None
    heads = columns(
        *("task", "strategy", "samples#", "exemplar seeds#", "repeats#", "pass@1#", "pass@k#"),
        *("variance of samples#", "of seeds#", "of draws#", "standard error (points)#"),
    )
    caption = (
        "pass@k without bias, of draws with the full score (Chen et al. 2021). The variance of one score in its parts; "
        "the standard error is of the mean over all, for new samples, seeds and draws."
    )
    return Table("Repeats", heads, rows, caption)


def scores_of(measure: Measure) -> dict[str, list[float]]:
    """Scores by sample, in the order of repeats."""
    found: dict[str, list[float]] = {}
    for record in sorted(measure.records, key=lambda record: record.repeat):
        found.setdefault(record.sample_id, []).append(record.score.value)
    return found
