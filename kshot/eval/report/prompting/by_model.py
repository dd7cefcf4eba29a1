"""The report of several models on the same samples: which strategy gains with which, and how that goes with size.

Meets: one report whoever ran the models, `kshot bench` with several or `kshot compare` of runs; every figure says what
it cannot show. Concedes: a model of unknown size, such as one behind a server, stands in the tables alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from kshot.eval.report.model import CARE, Block, Cell, Column, Report, Section, Table, Tone, Transcripts, columns
from kshot.eval.report.numbers import points, probability
from kshot.eval.report.prompting.comparisons import Comparison
from kshot.eval.report.prompting.contrasts import (
    Contrast,
    Gain,
    OverTasks,
    baselines,
    contrasts_of,
    gains_of,
    over_tasks,
    versus,
)
from kshot.eval.report.prompting.figures import accuracy_figure
from kshot.eval.report.prompting.model_figures import gain_figure, score_figure
from kshot.eval.report.prompting.model_words import HONEST, finding_of_models, sentences
from kshot.eval.report.prompting.results import cells_of, comparison_of, results_of
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.scale import common
from kshot.eval.report.prompting.short_names import resolve
from kshot.eval.report.prompting.subjects import BETWEEN, Joined, Subject, joined
from kshot.eval.report.prompting.tables import accuracy_table, cost_table, difference_table, names_table, settings_table
from kshot.eval.report.prompting.transcripts import transcripts_of
from kshot.eval.report.prompting.words import notes

MOST_ROWS = 40  # of a figure without sizes
NOTHING: Mapping[str, str] = MappingProxyType({})


def build_by_model(
    subjects: Sequence[Subject], name: str, *, baseline: str | None = None, failed: Mapping[str, str] = NOTHING
) -> Report:
    """Everything that several models show, on the samples that they share.

    `failed` are those that brought nothing, and why. Raises UserError where nothing is shared, and where the baseline
    is none of the strategies.
    """
    whole = joined(subjects, name)
    base = baselines(whole, resolve(baseline, dict(whole.names)))
    gains, contrasts, between = gains_of(whole, base), contrasts_of(whole, base), versus(whole)
    listed = [(label, m) for (label, _, _), m in whole.found.items()]
    scale = common(m.scale for _, m in listed)
    full = [replace(m, strategy=f"{label}{BETWEEN}{m.strategy}") for label, m in listed]
    drawn = score_figure(whole) or (accuracy_figure(full) if len(full) <= MOST_ROWS else None)
    sections = [Section(scale.title, [*([drawn] if drawn else []), ranked_table(whole)])]
    if gains:
        against = " or ".join(dict.fromkeys(base.values()))
        picture = gain_figure(whole, gains)
        sections.append(Section(f"Gains over {against}", [*([picture] if picture else []), gains_table(gains)]))
    if contrasts:
        sections.append(Section("Differences between gains", contrast_blocks(contrasts)))
    if between:
        sections.append(Section("Models against each other", [versus_table(between)]))
    sections.append(Section("Cost", [with_models(cost_table([m for _, m in listed]), [label for label, _ in listed])]))
    sections.append(Section("Models", [models_table(whole)]))
    sections.append(Section("Transcripts", [Transcripts(transcripts_of(whole.whole))]))
    shortened = [names_table(whole.names)] if any(a != b for a, b in whole.names.items()) else []
    runs = [replace(whole.runs[label], name=label) for label in whole.labels]
    sections.append(Section("How they were run", [*shortened, settings_table(runs)], background=True))
    asked_by = {m.strategy: own.strategy for m, (_, own) in zip(full, listed, strict=True)}
    summary = [
        finding_of_models(whole, gains, between),
        *sentences(whole, gains, contrasts),
        HONEST,
        *(f"{CARE}{model} failed and is not in this report: {why}" for model, why in failed.items()),
        *whole.said,
        *notes(full, asked_by),
    ]
    summary = list(dict.fromkeys(summary))
    return Report(f"kshot: {name}", summary, sections, results_by_model(whole, runs, gains, contrasts, summary))


def results_by_model(
    whole: Joined, runs: Sequence[RunData], gains: Sequence[Gain], contrasts: Sequence[Contrast], summary: Sequence[str]
) -> dict[str, Any]:
    """The same as values that JSON has: a cell has its model as its run; beside them sizes and contrasts."""
    specs = {short: spec for spec, short in whole.names.items()}
    cells = [cell for label in whole.labels for cell in cells_of(label, whole.of(label), specs, {})]
    compared = [comparison_of(gain.label, gain.comparison, specs) for gain in gains]
    sizes = {label: size for label in whole.labels if (size := whole.sizes[label]) is not None}
    return {
        **results_of(runs, cells, compared, [], summary),
        "sizes": {label: {"parameters": s.parameters, "outside_embeddings": s.outside} for label, s in sizes.items()},
        "contrasts": [{
            "task": one.task, "strategy": specs.get(one.strategy, one.strategy),
            "baseline": specs.get(one.baseline, one.baseline), "run": one.label, "against": one.other,
            "samples": one.result.n, "difference": one.result.difference, "low": one.result.interval.low,
            "high": one.result.interval.high, "p": one.result.p, "p_holm": one.adjusted,
        } for one in contrasts],
    }  # fmt: skip


def with_models(table: Table, labels: Sequence[str], at: int = 1) -> Table:
    """A table with a column for the model of each row."""
    heads = list(table.columns)
    heads.insert(at, Column("model"))
    rows = [[*row[:at], label, *row[at:]] for row, label in zip(table.rows, labels, strict=True)]
    return replace(table, columns=heads, rows=rows)


def ranked_table(whole: Joined) -> Table:
    """Every model with every strategy, task by task, the best first."""
    tasks = whole.tasks()
    listed = sorted(
        ((label, m) for (label, _, _), m in whole.found.items()),
        key=lambda each: (tasks.index(each[1].task), -each[1].scale.better(each[1].value)),
    )
    table = accuracy_table([m for _, m in listed])
    caption = f"The best first, on the samples that all models share. {table.caption}"
    return replace(with_models(table, [label for label, _ in listed]), caption=caption)


def gains_table(gains: Sequence[Gain]) -> Table:
    """Every strategy against the baseline, model by model."""
    table = difference_table([gain.comparison for gain in gains])
    return replace(with_models(table, [gain.label for gain in gains]), title="Gains")


def versus_table(between: Sequence[Comparison]) -> Table:
    """The same strategy with two models."""
    table = difference_table(between)
    titles = {"task": "task, strategy", "strategy": "model", "against": "against"}
    heads = [replace(head, title=titles.get(head.title, head.title)) for head in table.columns]
    return replace(table, title="Models against each other", columns=heads)


def contrast_blocks(contrasts: Sequence[Contrast]) -> list[Block]:
    """Differences of differences, task by task and over tasks."""
    averaged = over_tasks(contrasts)
    return [contrast_table(contrasts), *([over_tasks_table(averaged)] if averaged else [])]


def contrast_table(contrasts: Sequence[Contrast]) -> Table:
    """How much more a strategy gains with one model than with another."""
    heads = columns(
        *("task", "strategy", "over", "with", "against", "samples#", "difference#", "95% interval#", "p#", "p (Holm)#"),
        *("verdict", "would show#"),
    )
    heads = [replace(head, wide_only=head.title in ("over", "samples", "p", "would show")) for head in heads]
    tones: dict[str, Tone] = {"gains more": "good", "gains less": "bad"}
    rows: list[list[str | Cell]] = []
    for one in contrasts:
        write = one.scale.kind.difference
        rows.append([
            one.task, one.strategy, one.baseline, one.label, one.other, f"{one.result.n:,}",
            write(one.result.difference), f"{write(one.result.interval.low)} to {write(one.result.interval.high)}",
            probability(one.result.p), probability(one.adjusted),
            Cell(one.word if one.real else "not shown", tones.get(one.word, "quiet")), one.smallest,
        ])  # fmt: skip
    caption = (
        "The gain over the baseline with the one model less the gain with the other, on the same samples: a paired "
        "bootstrap over samples, in which a sample's four scores stay together; p by sign flips, Holm over all "
        f"{len(contrasts)}. Would show: the smallest difference that one uncorrected test on so many samples finds "
        "with 80% probability."
    )
    return Table("Differences of differences", heads, rows, caption)


def over_tasks_table(averaged: Sequence[OverTasks]) -> Table:
    """The same over all tasks."""
    clustered = any(one.clustered for one in averaged)
    heads = columns(
        *("strategy", "with", "against", "tasks#", "mean difference#", "95% interval#"),
        *(["95% interval over tasks#"] if clustered else []),
    )
    rows = []
    for one in averaged:
        row = [one.strategy, one.label, one.other, f"{one.tasks}", points(one.difference)]
        row.append(f"{points(one.interval.low)} to {points(one.interval.high)}")
        wide = one.clustered
        row += [f"{points(wide.low)} to {points(wide.high)}" if wide else "–"] if clustered else []
        rows.append(row)
    caption = "Over tasks, each counting alike: for these very tasks, by their intervals as independent errors. "
    caption += (
        "Over tasks: for tasks like these, which are then what was sampled (Student's t)."
        if clustered
        else "These tasks are too few to say anything of others."
    )
    return Table("Over all tasks", heads, rows, caption)


def models_table(whole: Joined) -> Table:
    """What the models are, the smallest first."""
    heads = columns(*("model", "parameters#", "outside embeddings#", "in files (MB)#", "stored as", "as given"))
    rows = []
    for label in whole.labels:
        size = whole.sizes[label]
        given = str(whole.runs[label].info.get("model", ""))
        known = [f"{size.parameters:,}", f"{size.outside:,}", f"{size.bytes / 1e6:,.0f}", size.dtype] if size else []
        rows.append([label, *(known or ["–"] * 4), given])
    caption = (
        f"{HONEST} Parameters are counted from the files' headers, tied embeddings once. A dash: not told, as of a "
        "model behind a server, or of one whose weights are packed."
    )
    return Table("Models", heads, rows, caption)
