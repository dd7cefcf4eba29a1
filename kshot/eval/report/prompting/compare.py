"""The report of two runs, one against the other, on the samples that both have.

Meets: a sample counts as shared where its whole text is the same, not its id alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kshot.eval.report.model import CARE, Block, Report, Section
from kshot.eval.report.prompting import comparisons as pairs
from kshot.eval.report.prompting import figures
from kshot.eval.report.prompting.comparisons import Comparison
from kshot.eval.report.prompting.measures import Key, Measure, measured, tasks_of
from kshot.eval.report.prompting.ranking import areas_of, rankings
from kshot.eval.report.prompting.results import cells_of, comparison_of, results_of
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.scale import ACCURACY, SEVERAL, common
from kshot.eval.report.prompting.short_names import abbreviated
from kshot.eval.report.prompting.tables import accuracy_table, cost_table, difference_table, names_table, settings_table
from kshot.eval.report.prompting.words import notes
from kshot.types import UserError


def compare(a: RunData, b: RunData) -> Report:
    """Run b against run a, on the samples that both have. Raises UserError where nothing is shared."""
    among = [record.strategy for run in (a, b) for record in run.records]
    specified = [a, b]
    (a, names), (b, _) = abbreviated(a, among), abbreviated(b, among)
    first, second = measured(a), measured(b)
    family: list[Comparison] = []
    apart: list[str] = []
    for key_a, key_b in matched(first, second):
        task = key_a[0]
        same = [
            i
            for i in first[key_a].scores
            if i in second[key_b].scores and a.samples.get((task, i)) == b.samples.get((task, i))
        ]
        if not alike(first[key_a], second[key_b]):
            apart.append(
                f"{task}, {key_a[1]}: not compared, as it is scored by {second[key_b].scale.metric} in {b.name} and by "
                f"{first[key_a].scale.metric} in {a.name}."
            )
            continue
        differing = sum(i in second[key_b].scores for i in first[key_a].scores) - len(same)
        if differing:
            apart.append(
                f"{task}, {key_a[1]}: {differing} samples have the same id and another text, and are left out."
            )
        found = (
            pairs.pair(restricted(second[key_b], same), restricted(first[key_a], same), a.samples, a.name)
            if same
            else None
        )
        if found:
            family.append(found)
    if not family and apart:
        raise UserError(f"runs {a.name} and {b.name} have nothing to compare: {apart[0]}")
    if not family:
        raise UserError(
            f"runs {a.name} and {b.name} share no samples of a task and strategy: "
            f"{a.name} has {listing(first)}; {b.name} has {listing(second)}."
        )
    family = pairs.corrected(family)
    better, worse = (sum(c.word == word for c in family) for word in ("better", "worse"))
    summary = [
        f"{b.name} against {a.name}: {better} of {len(family)} comparisons better, {worse} worse, "
        f"{len(family) - better - worse} with no difference shown ({pairs.tests_of(family)}, Holm over {len(family)})."
    ]
    summary += [in_words(c) for c in sorted(family, key=lambda c: c.adjusted)[:5]]
    for run, measures in ((a, first), (b, second)):
        summary += [said.replace(CARE, f"{CARE}in {run.name}, ", 1) for said in notes(list(measures.values()))]
    blocks: list[Block] = [figures.forest_figure(family, a.name), difference_table(family), *apart]
    costs, cells = [], []
    specs = {short: spec for spec, short in names.items()}
    for run, measures in ((a, first), (b, second)):
        listed = list(measures.values())
        cells += cells_of(run.name, measures, specs, areas_of(rankings(listed, run.samples)))
        costs.append(
            Section(
                f"{common(m.scale for m in listed).title} and cost of {run.name}",
                [accuracy_table(listed, areas_of(rankings(listed, run.samples))), cost_table(listed)],
            )
        )
    ran = Section("How they were run", [names_table(names), settings_table(specified)], background=True)
    sections = [Section("Paired comparisons", blocks), *costs, ran]
    results = results_of(specified, cells, [comparison_of(b.name, c, specs) for c in family], [], summary)
    return Report(f"kshot: {b.name} against {a.name}", summary, sections, results)


def alike(first: Measure, second: Measure) -> bool:
    """Whether two measures are of one metric; accuracy with fractions goes by the name of score."""
    one, other = ({SEVERAL: ACCURACY}.get(each.scale.metric, each.scale.metric) for each in (first, second))
    return one == other and first.scale.kind == second.scale.kind


def in_words(c: Comparison) -> str:
    """A comparison in a sentence."""
    what = "" if c.scale.metric == ACCURACY else f", {c.scale.name}"
    if not c.result.only_a + c.result.only_b:
        return f"{c.task}, {c.strategy}{what}: the same score on each of {c.result.n:,} samples."
    return f"{c.task}, {c.strategy}{what}: {c.word}, {c.sentence}."


def matched(first: Mapping[Key, Measure], second: Mapping[Key, Measure]) -> list[tuple[Key, Key]]:
    """Shared (task, strategy) pairs; where a task has one strategy in each run, these two."""
    matches = [(key, key) for key in first if key in second]
    for task in tasks_of(first):
        here, there = [k for k in first if k[0] == task], [k for k in second if k[0] == task]
        if len(here) == len(there) == 1 and here != there:
            matches.append((here[0], there[0]))
    return matches


def restricted(measure_: Measure, sample_ids: Sequence[str]) -> Measure:
    """The measure with only these samples' scores."""
    return replace(measure_, scores={key: measure_.scores[key] for key in sample_ids})


def listing(found: Mapping[Key, Measure]) -> str:
    """What a run has, for an error."""
    return ", ".join(f"{strategy} on {task}" for task, strategy in found)
