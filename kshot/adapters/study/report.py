"""The report of a study: trained parameters beside prompts, on the same samples, with what each cost.

It is the prompting half's report, over the records of all of a study's runs, with what only training has added:
parameters, memory, time, training samples, curves. Seeds count as repeats of a sample.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from kshot.adapters.study.figures import curve_figure, samples_figure, scatter
from kshot.adapters.study.read import Results, TrainingOutcome, groups_of, method_of
from kshot.eval.report.model import Block, Cell, Column, Report, Section, Table
from kshot.eval.report.numbers import number, percent
from kshot.eval.report.prompting.build import build as build_comparison
from kshot.eval.report.prompting.comparisons import Comparison, against_baseline
from kshot.eval.report.prompting.constant import quoted
from kshot.eval.report.prompting.measures import Measure, measure
from kshot.eval.report.prompting.scale import ACCURACY, common
from kshot.eval.report.prompting.short_names import abbreviated, resolve
from kshot.eval.report.prompting.tables import best_of, variety
from kshot.eval.report.prompting.words import TIE, enumerated, nothing


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
    shares = all(m.scale.kind.plain for m in listed)  # others have no levels, and no mean over unlike tasks
    drawn = figures_of(outcomes, listed) if single and shares else []
    extra = [Section("What was trained", [trained_table(outcomes, listed), *drawn])]
    if shares and any(one.trained.history for one in outcomes):
        extra.append(Section("Learning curves", [curve_figure(outcomes, common(m.scale for m in listed))]))
    asked_by = {one.label: asked for one in outcomes} if results.info.get("strategy") else {}
    report = build_comparison(results.run, baseline=baseline, extra=extra, repeats=False, asked_by=asked_by)
    said = []
    if single:
        said = [in_words(outcomes, listed)]
    elif shares:
        said = [over_tasks(found, outcomes, against_baseline(found, run.samples, resolve(baseline, names)))]
    summary = [*report.summary[:1], *said, *report.summary[1:]]
    return replace(
        report,
        title=f"kshot tune: {results.name}",
        summary=summary,
        results={**(report.results or {}), "summary": summary},
    )


def figures_of(outcomes: Sequence[TrainingOutcome], listed: Sequence[Measure]) -> list[Block]:
    """The score against parameters, training samples and seconds."""
    groups = groups_of(outcomes)
    blocks: list[Block] = [
        scatter("parameters", "trained parameters (log scale)", groups, listed, lambda one: float(one.trainable)),
        scatter("seconds", "seconds of training (log scale)", groups, listed, lambda one: one.trained.seconds),
    ]
    if len({one.trained_on for one in outcomes}) > 1:
        blocks.append(samples_figure(outcomes, common(m.scale for m in listed)))
        if any(m.value > 0 for m in listed):  # there is no level to reach where nothing is right
            blocks.append(levels_table(outcomes, listed))
    return blocks


def spread(values: Sequence[float]) -> str:
    """The standard deviation over seeds in points; a dash for one seed."""
    return f"{100 * statistics.stdev(values):.1f}" if len(values) > 1 else "–"


def trained_table(outcomes: Sequence[TrainingOutcome], listed: Sequence[Measure]) -> Table:
    """The score beside the best constant answer, parameters, memory and time; prompting in the same table."""
    found = by_strategy(listed)
    several = len({m.task for m in listed}) > 1
    groups = groups_of(outcomes)
    scale = common(m.scale for m in listed)
    titles = ["trained on", "seeds", "parameters", "share", scale.metric, "95% interval", "best constant"]
    titles += ["distinct answers", "st. dev. over seeds"]
    columns = [Column("strategy or method"), *(Column(title, numeric=True) for title in titles)]
    columns += [Column(title, numeric=True) for title in ("seconds", "memory (MB)", "learning rate")]
    rows: list[list[str | Cell]] = []
    for name, measures in found.items():
        ends = measures[0].interval
        interval = "–" if several else measures[0].scale.kind.range(ends.low, ends.high)
        accuracy = mean_in_words(measures, [m.value for m in measures])
        held = over_constants(measures) if several else (best_of(measures[0]), variety(measures[0]))
        if name not in groups:
            rows.append([name, "0", "–", "0", "0%", accuracy, interval, *held, *["–"] * 4])
            continue
        group = groups[name]
        one = group[0]
        shares = all(m.scale.kind.plain for m in measures)
        over_seeds = spread([each.accuracy for each in group]) if shares else "–"
        seconds = number(statistics.median(each.trained.seconds for each in group))
        memory = f"{statistics.fmean(each.trained.peak_memory for each in group) / 1e6:,.0f}"
        row = [name, f"{one.trained_on:,}", str(len(group)), f"{one.trainable:,}", share(one), accuracy, interval]
        rows.append([*row, *held, over_seeds, seconds, memory, f"{one.trained.lr:.2g}"])
    every = " (over tasks the mean, and on how many the strategy is not shown to be above it)" if several else ""
    caption = (
        f"{scale.title} is the mean over {'tasks and ' if several else ''}seeds with its 95% interval over samples. "
        f"Best constant: what the same answer to every sample would score{every}; ! where no better is shown, or one "
        "answer was given to everything. Parameters: those trained, and their share of the base model's. Seconds: of "
        "training alone, the median over seeds. Memory: the most that training held above the base."
    )
    return Table("Trained and prompted", columns, rows, caption)


def over_constants(measures: Sequence[Measure]) -> tuple[str | Cell, str | Cell]:
    """The mean of the tasks' best constant answers, and on how many tasks a strategy gave one answer alone."""
    known = [m for m in measures if m.constant is not None]
    level, same = sum(m.no_better for m in known), sum(m.answers.constant for m in measures)
    mean = mean_in_words(known, [m.constant.value for m in known if m.constant])
    fewest = f"{min(m.answers.distinct for m in measures):,} or more"
    return (
        Cell(f"{mean}, {level} of {len(known)} no better !", "bad") if level else mean,
        Cell(f"1 on {same} of {len(measures)} !", "bad") if same else fewest,
    )


def mean_in_words(measures: Sequence[Measure], values: Sequence[float]) -> str:
    """The mean over tasks as their metric writes it; a dash where their metrics have none in common."""
    kinds = {m.scale.kind for m in measures}
    return kinds.pop().value(statistics.fmean(values)) if len(kinds) == 1 else "–"


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
    measures = list(found.values())
    labels = list(groups_of(outcomes))
    best = highest(labels, lambda label: mean_of(measures, label))
    name = best[0]
    chosen = [c for c in family if c.strategy == name]
    before = f", {chosen[0].baseline} before {percent(mean_of(measures, chosen[0].baseline))}" if chosen else ""
    words = [c.word for c in chosen]
    mean, over = percent(mean_of(measures, name)), f"on average over {len({m.task for m in measures})} tasks"
    mine = [m for m in measures if m.strategy == name and m.constant is not None]
    constant = percent(statistics.fmean(m.constant.value for m in mine if m.constant)) if mine else ""
    said = f"; the best constant answers would have {constant}" if mine else ""
    none = f"None of {len(labels)} trained scores" if len(labels) > 1 else f"{name} does not score"
    if mean_of(measures, name) == 0:
        return f"{none} anything over {len({m.task for m in measures})} tasks{before}."
    shared = f"{enumerated(best)} share the highest score of {len(labels)} trained: {name}" if len(best) > 1 else name
    return (
        f"{shared}, trained on {next(o.trained_on for o in outcomes if o.label == name):,} samples of other tasks: "
        f"{mean} {over}{before}{said}; better on {words.count('better')}, worse on {words.count('worse')} "
        f"(Holm over {len(family)})."
    )


def highest(names: Sequence[str], score: Callable[[str], float]) -> list[str]:
    """The names that share the highest score, in order."""
    top = max(map(score, names))
    return [name for name in names if score(name) >= top - TIE]


def mean_of(measures: Iterable[Measure], strategy: str) -> float:
    """A strategy's accuracy, averaged over tasks."""
    return statistics.fmean(m.value for m in measures if m.strategy == strategy)


def share(one: TrainingOutcome) -> str:
    """Trained parameters as a share of the base's."""
    value = 100 * one.trainable / one.total
    return f"{value:.0f}%" if value >= 10 else f"{value:.2g}%"


def levels_table(outcomes: Sequence[TrainingOutcome], listed: Sequence[Measure]) -> Table:
    """The fewest training samples with which each method reaches a level, of the sizes that were tried."""
    best = max(one.accuracy for one in outcomes)
    prompts = [m for m in listed if m.strategy not in groups_of(outcomes)]
    levels = {"90% of the best trained": 0.9 * best} if best > 0 else {}
    if prompts and max(m.value for m in prompts) > 0:
        top = max(prompts, key=lambda m: m.value)
        levels[f"as good as {top.strategy}"] = top.value
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
    """What training brought against the best prompt and the best constant answer, and what it took."""
    groups = groups_of(outcomes)
    tuned = {m.strategy: m for m in listed if m.strategy in groups}
    prompts = {m.strategy: m for m in listed if m.strategy not in groups}
    said = best_in_words(tuned, outcomes)
    if prompts:
        names = highest(list(prompts), lambda name: prompts[name].scale.better(prompts[name].value))
        top, count = prompts[names[0]], len(prompts)
        value = top.scale.kind.value
        if nothing(top) and all(nothing(m) for m in tuned.values()):
            said += f"; nor does {f'the prompt {names[0]}' if count == 1 else f'any of {count} prompts'}"
        elif nothing(top):
            said += f"; {f'the prompt {names[0]} scores' if count == 1 else f'{count} prompts score'} nothing"
        elif count == 1:
            said += f"; the prompt {names[0]} has {value(top.value)}"
        elif len(names) > 1:
            said += f"; of {count} prompts {enumerated(names)} are the best with {value(top.value)} each"
        else:
            said += f"; the best of {count} prompts, {names[0]}, has {value(top.value)}"
    for m in [m for m in tuned.values() if m.constant is not None][:1]:
        assert m.constant is not None
        said += f"; always answering {quoted(m.constant.answer)} would have {m.scale.kind.value(m.constant.value)}"
    return f"{said}."


def best_in_words(tuned: Mapping[str, Measure], outcomes: Sequence[TrainingOutcome]) -> str:
    """The best of what was trained, or that there is none; of equals the one with the fewest parameters is told."""
    groups, count = groups_of(outcomes), len(tuned)
    names = highest(list(tuned), lambda name: tuned[name].scale.better(tuned[name].value))
    name = min(names, key=lambda label: groups[label][0].trainable)
    m, one = tuned[name], groups[name][0]
    took = f"{one.trainable:,} parameters ({share(one)}) and {one.trained_on:,} training samples"
    what = "" if m.scale.metric == ACCURACY else f"{m.scale.name} "
    value, most = m.scale.kind.value(m.value), "highest" if m.scale.kind.sign > 0 else "lowest"
    if nothing(m):
        return f"{name} does not score anything" if count == 1 else f"None of {count} trained scores anything"
    if count == 1:
        return f"{name}, trained: {what}{value} with {took}"
    if len(names) == 1:
        return f"{name} is the best of {count} trained: {what}{value} with {took}"
    return (
        f"{enumerated(names)} share the {most} score of {count} trained: {what}{value}, {name} with "
        f"the fewest parameters ({one.trainable:,}, {share(one)}) and {one.trained_on:,} training samples"
    )
