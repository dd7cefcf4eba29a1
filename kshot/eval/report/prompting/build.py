"""The report of a prompting run: which strategy, by how much, is it real, at what cost, and what was written.

Meets: a pure function of the run's records; unparsed and truncated answers are named unasked where they are many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from kshot.eval.report.model import Alternatives, Block, Figure, Report, Section, Table, Transcripts
from kshot.eval.report.prompting import comparisons as pairs
from kshot.eval.report.prompting import figures, sweeps
from kshot.eval.report.prompting.asked import asked_section, asked_sentence, pairs_of
from kshot.eval.report.prompting.calibrated import calibrated_section
from kshot.eval.report.prompting.comparisons import Comparison, against_baseline, baseline_of
from kshot.eval.report.prompting.confusion import confusion_figures
from kshot.eval.report.prompting.consistency import chains_figure, chains_table, curves_of
from kshot.eval.report.prompting.forms import variations
from kshot.eval.report.prompting.groups import averages, group_sentences, groups_of, groups_table, in_group
from kshot.eval.report.prompting.judged import judged_section
from kshot.eval.report.prompting.measures import Measure, measured, tasks_of
from kshot.eval.report.prompting.metrics import further_measures, metrics_table
from kshot.eval.report.prompting.over_forms import over_forms
from kshot.eval.report.prompting.ranking import Ranking, area_table, areas_of, rankings
from kshot.eval.report.prompting.repeats import repeat_table
from kshot.eval.report.prompting.results import cell_of, cells_of, comparison_of, group_of, results_of
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.scale import common
from kshot.eval.report.prompting.sensitivity import sensitivity_section, spread_sentence, spreads_of
from kshot.eval.report.prompting.short_names import abbreviated, resolve, short_names
from kshot.eval.report.prompting.tables import (
    accuracy_table,
    cost_table,
    difference_table,
    names_table,
    preparation_table,
    reused_sentence,
    settings_table,
)
from kshot.eval.report.prompting.templates import advice, baseline_sentence, choices_of, template_sections
from kshot.eval.report.prompting.transcripts import transcripts_of
from kshot.eval.report.prompting.trust import trust_blocks
from kshot.eval.report.prompting.words import cluster_note, finding, notes, task_sentence

PREPARATION = "Asked once a task, before its first question, however many samples follow:"

MOST_BASELINES = 12
"""Strategies up to which a reader may choose any as the baseline."""


def build(
    run: RunData,
    *,
    baseline: str | None = None,
    extra: Sequence[Section] = (),
    repeats: bool = True,
    asked_by: Mapping[str, str] = MappingProxyType({}),
) -> Report:
    """Everything a run shows, with `extra` before what it cost.

    Without `repeats` there is no section of them, where they stand for something else, such as a training's seed;
    `asked_by` names the strategy that has asked where one goes by another name.
    Raises UserError where the run has no records or the baseline never ran.
    """
    specified = run
    run, names = abbreviated(run)
    found = measured(run)
    family = against_baseline(found, run.samples, resolve(baseline, names))
    listed = list(found.values())
    against = next((c.baseline for c in family), "")
    against = against if all(c.baseline == against for c in family) else "each task's baseline"

    ranked = rankings(listed, run.samples)
    areas = areas_of(ranked)
    shares = [m for m in listed if m.scale.kind.plain]  # what is drawn from 0 to 100, and tested as such
    varied = variations(shares, run)
    spreads = spreads_of(varied, run, areas)
    choices = choices_of(shares, run)
    both_forms = pairs_of(found, run)

    accuracy: list[Block] = [
        figures.accuracy_figure(listed),
        accuracy_table(listed, areas),
        *pairs.all_at_once(found, run.samples),
    ]
    groups = groups_of(run.info)
    means = averages(found, family, groups)
    grouped = groups_table(means, against)
    sections = [Section("Groups", [grouped])] if grouped else []
    sections.append(Section(common(m.scale for m in listed).title, accuracy))
    also, also_family = further_measures(run, resolve(baseline, names))
    scored = metrics_table(also, also_family)
    if scored:
        sections.append(Section("Other metrics", [scored]))
    if family:
        chosen = (against, paired_blocks(family, against, 0))
        views = [chosen, *other_baselines(found, run, against)]
        sections.append(Section("Paired comparisons", [Alternatives("against", views), *cluster_note(run, found)]))
    sections += asked_section(both_forms, run)
    cost: list[Block] = [figures.cost_figure(listed), cost_table(listed)]
    cost += filter(None, [reused_sentence(run)])
    prepared = preparation_table(run)
    cost += [PREPARATION, prepared] if prepared else []
    specs = {short: spec for spec, short in names.items()}
    sections += [*sensitivity_section(spreads, list(advice(varied, choices, specs))), *template_sections(run, choices)]
    sections += [*over_forms(varied), *extra, *judged_section(run, names), Section("Cost", cost)]
    curves = curves_of(run)
    if curves:
        sections.append(Section("Self-consistency", [chains_figure(curves), chains_table(curves)]))
    sections += further(run, listed, shares, ranked, repeats)
    sections.append(Section("Transcripts", [Transcripts(transcripts_of(run))]))
    shortened = [names_table(names)] if any(short != given for given, short in names.items()) else []
    sections.append(Section("How it was run", [*shortened, settings_table([specified])], background=True))
    summary = [
        finding(found, family),
        *group_sentences(means, against),
        *(task_sentence(task, found, family) for task in tasks_of(found) if not in_group(task, groups, means)),
        *filter(None, (asked_sentence(both_forms), spread_sentence(spreads), baseline_sentence(choices))),
        *notes(listed, asked_by),
    ]
    summary = list(dict.fromkeys(summary))
    results = results_of(
        [specified],
        [*cells_of(run.name, found, specs, areas), *(cell_of(run.name, m, specs) for m in also)],
        [comparison_of(run.name, c, specs) for c in (*family, *also_family)],
        [group_of(run.name, one, specs) for one in means],
        summary,
    )
    return Report(f"kshot: {run.name}", summary, sections, results)


def further(
    run: RunData, listed: Sequence[Measure], shares: Sequence[Measure], ranked: Sequence[Ranking], repeats: bool
) -> list[Section]:
    """What only some runs have: sweeps, repeats, classes, probabilities."""
    sections = sweeps.sweep_sections(shares, run.params)
    repeated = repeat_table(shares, run.params) if repeats else None
    if repeated:
        sections.append(Section("Repeats", [repeated]))
    classes = confusion_figures(run, listed)
    if classes:
        sections.append(Section("Targets against answers", classes))
    trusted = [block for block in (*trust_blocks(listed), area_table(ranked)) if block]
    sections += calibrated_section(run, listed)
    return [*sections, Section("Probabilities", trusted)] if trusted else sections


def paired_blocks(family: Sequence[Comparison], against: str, view: int) -> list[str | Table | Figure]:
    """The picture and the table of one family of comparisons."""
    drawn = figures.forest_figure(family, against)
    return [replace(drawn, name=f"{drawn.name}-{view}") if view else drawn, difference_table(family)]


def other_baselines(
    found: Mapping[tuple[str, str], Measure], run: RunData, shown: str
) -> list[tuple[str, Sequence[str | Table | Figure]]]:
    """Everything against each other strategy, each a family of its own under Holm; none where there are very many."""
    names = [name for name in dict.fromkeys(strategy for _, strategy in found) if name != shown]
    if len(names) > MOST_BASELINES:
        return []
    views: list[tuple[str, Sequence[str | Table | Figure]]] = []
    for view, name in enumerate(names, 1):
        tasks = {task for task, strategy in found if strategy == name}
        here = {key: measure for key, measure in found.items() if key[0] in tasks}
        family = against_baseline(here, run.samples, name)
        if family:
            views.append((name, paired_blocks(family, name, view)))
    return views


def main_finding(run: RunData, baseline: str | None = None) -> str:
    """What the run showed, in one sentence."""
    run, names = abbreviated(run)
    found = measured(run)
    return finding(found, against_baseline(found, run.samples, resolve(baseline, names)))


def check_baseline(strategies: Sequence[str], wanted: str | None) -> None:
    """Raises UserError where the baseline wanted is none of the strategies, by whole or by short name."""
    names = short_names(strategies)
    baseline_of([("", name) for name in names.values()], resolve(wanted, names))
