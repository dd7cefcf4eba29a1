"""The report of a study: trained parameters beside prompts, on the same samples, with what each cost.

It is the prompting half's report, over the records of all of a study's runs, with what only training has added:
parameters, memory, time, training samples, curves. Seeds count as repeats of a sample.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from kshot.adapters.study.figures import curve_figure, samples_figure, scatter
from kshot.adapters.study.read import Results, TrainingOutcome, groups_of, method_of
from kshot.eval.report.model import Block, Column, Report, Section, Table
from kshot.eval.report.numbers import number, percent
from kshot.eval.report.prompting.build import build as build_comparison
from kshot.eval.report.prompting.comparisons import Comparison, against_baseline
from kshot.eval.report.prompting.measures import Measure, measure
from kshot.eval.report.prompting.short_names import abbreviated, resolve


def build(results: Results, *, baseline: str | None = None) -> Report:
    """Everything that a study shows. Raises UserError where the baseline is none of its strategies.

    A mixture is held against the base model with the same prompts, other studies as any run.
    """
    asked = str(results.info.get("strategy"))
    if baseline is None and results.info.get("mixture") and asked in results.run.strategies:
        baseline = asked
    run, names = abbreviated(results.run)
    outcomes = [replace(one, label=names.get(one.label, one.label)) for one in results.outcomes]
    if not outcomes:
        return build_comparison(results.run, baseline=baseline)
    found = measure(run)
    listed = list(found.values())
    single = len({m.task for m in listed}) == 1
    drawn = figures_of(outcomes, listed) if single else []
    extra = [Section("What was trained", [trained_table(outcomes, listed), *drawn])]
    if any(one.trained.history for one in outcomes):
        extra.append(Section("Learning curves", [curve_figure(outcomes)]))
    report = build_comparison(results.run, baseline=baseline, extra=extra, repeats=False)
    said = (
        in_words(outcomes, listed)
        if single
        else over_tasks(found, outcomes, against_baseline(found, run.samples, resolve(baseline, names)))
    )
    summary = [*report.summary[:1], said, *report.summary[1:]]
    return Report(f"kshot tune: {results.name}", summary, report.sections)


def figures_of(outcomes: Sequence[TrainingOutcome], listed: Sequence[Measure]) -> list[Block]:
    """Accuracy against parameters, training samples and seconds."""
    groups = groups_of(outcomes)
    blocks: list[Block] = [
        scatter("parameters", "trained parameters (log scale)", groups, listed, lambda one: float(one.trainable)),
        scatter("seconds", "seconds of training (log scale)", groups, listed, lambda one: one.trained.seconds),
    ]
    if len({one.trained_on for one in outcomes}) > 1:
        blocks += [samples_figure(outcomes), levels_table(outcomes, listed)]
    return blocks


def spread(values: Sequence[float]) -> str:
    """The standard deviation over seeds in points; a dash for one seed."""
    return f"{100 * statistics.stdev(values):.1f}" if len(values) > 1 else "–"


def trained_table(outcomes: Sequence[TrainingOutcome], listed: Sequence[Measure]) -> Table:
    """Accuracy beside parameters, memory and time; prompting in the same table."""
    found = by_strategy(listed)
    several = len({m.task for m in listed}) > 1
    groups = groups_of(outcomes)
    titles = ("trained on", "seeds", "parameters", "share", "accuracy", "95% interval", "st. dev. over seeds")
    columns = [Column("strategy or method"), *(Column(title, numeric=True) for title in titles)]
    columns += [Column(title, numeric=True) for title in ("seconds", "memory (MB)", "learning rate")]
    rows: list[list[str]] = []
    for name, measures in found.items():
        low, high = 100 * measures[0].interval.low, 100 * measures[0].interval.high
        interval = "–" if several else f"{low:.1f}–{high:.1f}"
        accuracy = percent(statistics.fmean(m.accuracy for m in measures))
        if name not in groups:
            rows.append([name, "0", "–", "0", "0%", accuracy, interval, *["–"] * 4])
            continue
        group = groups[name]
        one = group[0]
        over_seeds = spread([each.accuracy for each in group])
        seconds = number(statistics.median(each.trained.seconds for each in group))
        memory = f"{statistics.fmean(each.trained.peak_memory for each in group) / 1e6:,.0f}"
        row = [name, f"{one.trained_on:,}", str(len(group)), f"{one.trainable:,}", share(one), accuracy, interval]
        rows.append([*row, over_seeds, seconds, memory, f"{one.trained.lr:.2g}"])
    caption = (
        f"Accuracy is the mean over {'tasks and ' if several else ''}seeds with its 95% interval over samples. "
        "Parameters: those trained, and their share of the base model's. Seconds: of training alone, the median over "
        "seeds. Memory: the most that training held above the base."
    )
    return Table("Trained and prompted", columns, rows, caption)


def by_strategy(listed: Sequence[Measure]) -> dict[str, list[Measure]]:
    """Measures by strategy, a task each."""
    found: dict[str, list[Measure]] = {}
    for m in listed:
        found.setdefault(m.strategy, []).append(m)
    return found


def over_tasks(
    found: Mapping[tuple[str, str], Measure], outcomes: Sequence[TrainingOutcome], family: Sequence[Comparison]
) -> str:
    """Before and after on tasks that were not trained on."""
    best = max(groups_of(outcomes), key=lambda label: mean_of(found.values(), label))
    chosen = [c for c in family if c.strategy == best]
    before = chosen[0].baseline if chosen else ""
    words = [c.word for c in chosen]
    return (
        f"{best}, trained on {next(o.trained_on for o in outcomes if o.label == best):,} samples of other tasks: "
        f"{percent(mean_of(found.values(), best))} on average over {len({m.task for m in found.values()})} tasks, "
        f"{before} before {percent(mean_of(found.values(), before))}; better on {words.count('better')}, worse on "
        f"{words.count('worse')} (Holm over {len(family)})."
    )


def mean_of(measures: Iterable[Measure], strategy: str) -> float:
    """A strategy's accuracy, averaged over tasks."""
    return statistics.fmean(m.accuracy for m in measures if m.strategy == strategy)


def share(one: TrainingOutcome) -> str:
    """Trained parameters as a share of the base's."""
    value = 100 * one.trainable / one.total
    return f"{value:.0f}%" if value >= 10 else f"{value:.2g}%"


def levels_table(outcomes: Sequence[TrainingOutcome], listed: Sequence[Measure]) -> Table:
    """The fewest training samples with which each method reaches a level, of the sizes that were tried."""
    best = max(one.accuracy for one in outcomes)
    prompts = [m for m in listed if m.strategy not in groups_of(outcomes)]
    levels = {"90% of the best trained": 0.9 * best}
    if prompts:
        top = max(prompts, key=lambda m: m.accuracy)
        levels[f"as good as {top.strategy}"] = top.accuracy
    rows = []
    for method in dict.fromkeys(method_of(one.label) for one in outcomes):
        sizes: dict[int, list[float]] = {}
        for one in outcomes:
            if method_of(one.label) == method:
                sizes.setdefault(one.trained_on, []).append(one.accuracy)
        row = [method, ", ".join(f"{size:,}" for size in sorted(sizes))]
        for level in levels.values():
            enough = [size for size, found in sizes.items() if statistics.fmean(found) >= level - 1e-12]
            row.append(f"{min(enough):,}" if enough else f"more than {max(sizes):,}")
        rows.append(row)
    columns = [Column("method"), Column("tried", numeric=True)]
    columns += [Column(f"{name} ({percent(level)})", numeric=True) for name, level in levels.items()]
    caption = "Training samples, by the mean over seeds; a size that was not tried may do as well."
    return Table("Samples to reach a level", columns, rows, caption)


def in_words(outcomes: Sequence[TrainingOutcome], listed: Sequence[Measure]) -> str:
    """What training brought against the best prompt, and what it took."""
    groups = groups_of(outcomes)
    tuned = [m for m in listed if m.strategy in groups]
    prompts = [m for m in listed if m.strategy not in groups]
    best = max(tuned, key=lambda m: m.accuracy)
    one = groups[best.strategy][0]
    said = (
        f"{best.strategy} is the best of {len(tuned)} trained: {percent(best.accuracy)} with {one.trainable:,} "
        f"parameters ({share(one)}) and {one.trained_on:,} training samples"
    )
    if prompts:
        top = max(prompts, key=lambda m: m.accuracy)
        said += f"; the best of {len(prompts)} prompts, {top.strategy}, has {percent(top.accuracy)}"
    return f"{said}."
