"""The report of a study: trained parameters beside prompts, on the same samples, with what each cost.

It is the prompting half's report, over the records of all of a study's runs, with what only training has added:
parameters, memory, time, training samples, curves. Seeds count as repeats of a sample.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kshot.adapters.study.run import SETTINGS
from kshot.adapters.training.recipe import Trained
from kshot.eval.report.model import Block, Column, Figure, Report, Section, Table
from kshot.eval.report.numbers import number, percent
from kshot.eval.report.prompting.build import build as build_comparison
from kshot.eval.report.prompting.comparisons import Comparison, against_baseline
from kshot.eval.report.prompting.measures import Measure, measure
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.short_names import abbreviated, resolve
from kshot.eval.report.style import COLOURS, GREY, MARKERS, short, small_multiples, styled
from kshot.harness.journal import Journal
from kshot.harness.runs.read import read_run
from kshot.spec import split_spec, write_spec
from kshot.types import Generation, Record, Request, Sample, UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing


@dataclass(frozen=True, slots=True)
class Outcome:
    """One training with its evaluation."""

    label: str
    method: str
    samples: int
    seed: int
    trained_on: int
    trainable: int
    total: int
    trained: Trained
    accuracy: float  # on the test samples


@dataclass(frozen=True)
class Results:
    """All that a study has so far."""

    name: str
    info: Mapping[str, Any]
    run: RunData
    outcomes: tuple[Outcome, ...]
    journals: tuple[Journal, ...]

    def close(self) -> None:
        """Closes the journals, which transcripts are read from."""
        for journal in self.journals:
            journal.close()


def read_study(folder: Path) -> Results:
    """A study's records and trainings. Raises UserError where the folder holds none."""
    if not (folder / SETTINGS).is_file():
        raise UserError(f"{folder} holds no study ({SETTINGS}); give a folder that `kshot tune` has written.")
    info = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    records: list[Record] = []
    samples: dict[tuple[str, str], Sample] = {}
    journals: list[Journal] = []
    home: dict[str, Journal] = {}
    order: list[str] = []
    outcomes: list[Outcome] = []
    params: dict[str, Mapping[str, object]] = {}

    def add(run: RunData, journal: Journal, label: str | None, seed: int) -> list[Record]:
        found = [replace(r, strategy=label or r.strategy, repeat=seed if label else r.repeat) for r in run.records]
        records.extend(found)
        samples.update(run.samples)
        journals.append(journal)
        home.update({key: journal for record in found for key in record.calls})
        return found

    if (folder / "prompting" / "journal.sqlite").is_file():
        run, journal = read_run(folder / "prompting")
        add(run, journal, None, 0)
        order.extend(run.strategies)
        params.update(run.params)
        info["packages"] = run.info.get("packages", {})
    for path in sorted(folder.glob("*/cell.json")):
        here = path.parent
        trained = Trained.read(here)
        if trained is None or not (here / "done").is_file():
            continue
        cell = json.loads(path.read_text(encoding="utf-8"))
        run, journal = read_run(here / "run")
        found = add(run, journal, cell["label"], cell["seed"])
        mean = sum(r.score.value for r in found) / len(found)
        outcomes.append(Outcome(trained=trained, accuracy=mean, **cell))
    if not records:
        raise UserError(f"the study in {folder} has no results yet; give the same kshot tune command again to go on.")
    outcomes.sort(key=lambda one: (one.trainable, one.samples, one.seed))
    labels = list(dict.fromkeys(one.label for one in outcomes))

    def call(key: str) -> tuple[Request, Generation]:
        return home[key].call(key)

    run = RunData(folder.name, info, records, samples, call, [*order, *labels], params)
    return Results(folder.name, info, run, tuple(outcomes), tuple(journals))


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
    trained = Section("What was trained", [trained_table(outcomes, listed), *drawn])
    curves = curve_section(outcomes)
    extra = [trained, *([curves] if curves else [])]
    report = build_comparison(results.run, baseline=baseline, extra=extra, repeats=False)
    said = (
        in_words(outcomes, listed)
        if single
        else over_tasks(found, outcomes, against_baseline(found, run.samples, resolve(baseline, names)))
    )
    summary = [*report.summary[:1], said, *report.summary[1:]]
    return Report(f"kshot tune: {results.name}", summary, report.sections)


def groups_of(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """Trainings that differ in the seed alone, by label."""
    groups: dict[str, list[Outcome]] = {}
    for one in outcomes:
        groups.setdefault(one.label, []).append(one)
    return groups


def spread(values: Sequence[float]) -> str:
    """The standard deviation over seeds in points; a dash for one seed."""
    return f"{100 * statistics.stdev(values):.1f}" if len(values) > 1 else "–"


def trained_table(outcomes: Sequence[Outcome], listed: Sequence[Measure]) -> Table:
    """Accuracy beside parameters, memory and time; prompting in the same table."""
    found = by_strategy(listed)
    several = len({m.task for m in listed}) > 1
    groups = groups_of(outcomes)
    columns = [Column("strategy or method"), *(Column(title, numeric=True) for title in (
        "trained on", "seeds", "parameters", "share", "accuracy", "95% interval", "st. dev. over seeds", "seconds",
        "memory (MB)", "learning rate"))]  # fmt: skip
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
        rows.append([
            name, f"{one.trained_on:,}", str(len(group)), f"{one.trainable:,}", share(one), accuracy,
            interval, spread([each.accuracy for each in group]),
            number(statistics.median(each.trained.seconds for each in group)),
            f"{statistics.fmean(each.trained.peak_memory for each in group) / 1e6:,.0f}",
            f"{one.trained.lr:.2g}",
        ])  # fmt: skip
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
    found: Mapping[tuple[str, str], Measure], outcomes: Sequence[Outcome], family: Sequence[Comparison]
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


def share(one: Outcome) -> str:
    """Trained parameters as a share of the base's."""
    value = 100 * one.trainable / one.total
    return f"{value:.0f}%" if value >= 10 else f"{value:.2g}%"


def in_words(outcomes: Sequence[Outcome], listed: Sequence[Measure]) -> str:
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


def figures_of(outcomes: Sequence[Outcome], listed: Sequence[Measure]) -> list[Block]:
    """Accuracy against parameters, training samples and seconds."""
    groups = groups_of(outcomes)
    blocks: list[Block] = [
        scatter("parameters", "trained parameters (log scale)", groups, listed, lambda one: float(one.trainable)),
        scatter("seconds", "seconds of training (log scale)", groups, listed, lambda one: one.trained.seconds),
    ]
    if len({one.trained_on for one in outcomes}) > 1:
        blocks += [samples_figure(outcomes), levels_table(outcomes, listed)]
    return blocks


def scatter(name: str, axis: str, groups: Mapping[str, list[Outcome]], listed: Sequence[Measure], x: Any) -> Figure:
    """Every training size's methods against a cost; prompting as lines across. A panel a training size."""
    sizes = sorted({group[0].trained_on for group in groups.values()})
    found = {m.strategy: m for m in listed}
    methods = list(dict.fromkeys(method_of(label) for label in groups))
    costs = [statistics.median(x(one) for one in group) for group in groups.values()]
    ends = 0.6 * min(costs), 1.6 * max(costs)  # the same in every panel

    def draw() -> Drawing:
        from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

        with styled():
            drawing, panels = small_multiples(len(sizes), height=4.0, columns=3, width=8.4 if len(sizes) > 1 else 6.6)
            handles: dict[str, Any] = {}
            for size, axes in zip(sizes, panels, strict=True):
                for label, group in groups.items():
                    if group[0].trained_on != size:
                        continue
                    at = methods.index(method_of(label))
                    m = found[label]
                    where = statistics.median(x(one) for one in group)
                    low, high = 100 * m.interval.low, 100 * m.interval.high
                    axes.plot([where, where], [low, high], color=COLOURS[at % len(COLOURS)], linewidth=1, zorder=2)
                    handles[methods[at]] = axes.plot(
                        where, 100 * m.accuracy, MARKERS[at % len(MARKERS)], color=COLOURS[at % len(COLOURS)],
                        markersize=6, linestyle="none", zorder=3, clip_on=False,
                        markerfacecolor="none" if at >= len(COLOURS) else None,
                    )[0]  # fmt: skip
                lines = [m for m in listed if m.strategy not in groups]
                for place, m in enumerate(lines):
                    style = ("--", ":", "-.", (0, (1, 4)))[place % 4]
                    handles[m.strategy] = axes.axhline(100 * m.accuracy, color=GREY, linewidth=1.1, linestyle=style)
                axes.set(xscale="log", ylim=(0, 100), title=f"{size:,} training samples")
                axes.set_xlim(*ends)
                if ends[1] < 100 * ends[0]:  # less than two decades have too few powers of ten to label
                    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axes.xaxis.set_major_formatter(EngFormatter(sep=""))  # 10k, 1M
                axes.xaxis.set_minor_formatter(NullFormatter())
                axes.grid(True, axis="y")
                axes.label_outer()
                axes.tick_params(labelbottom=True)
            drawing.supylabel("accuracy (%), 95% interval", fontsize=9)
            drawing.supxlabel(axis, fontsize=9)
            told = sorted(handles, key=lambda key: methods.index(key) if key in methods else len(methods))
            drawing.legend(
                [handles[key] for key in told], [short(key, 30) for key in told],
                loc="outside upper center", ncols=4, fontsize=8,
            )  # fmt: skip
            return drawing

    what = name if name == "seconds" else f"trained {name}"
    caption = f"Accuracy against {what}; points are means over seeds, lines prompting without training."
    return Figure(f"tuned-{name}", f"Accuracy against {what}", caption, draw)


def method_of(label: str) -> str:
    """A label without its training size."""
    name, given = split_spec(label)
    rest = {key: value for key, value in given.items() if key != "samples"}
    return write_spec(name, dict(rest))


def samples_figure(outcomes: Sequence[Outcome]) -> Figure:
    """Accuracy against training samples, a line a method, a dot a seed."""
    methods = list(dict.fromkeys(method_of(one.label) for one in outcomes))
    several = [name for name in methods if len({o.trained_on for o in outcomes if method_of(o.label) == name}) > 1]

    def draw() -> Drawing:
        with styled():
            drawing, (axes,) = small_multiples(1, width=6.6, height=3.8)
            for name in several:
                at = several.index(name)
                colour, marker = COLOURS[at % len(COLOURS)], MARKERS[at % len(MARKERS)]
                sizes = sorted({one.trained_on for one in outcomes if method_of(one.label) == name})
                means = []
                for size in sizes:
                    values = [100 * o.accuracy for o in outcomes if method_of(o.label) == name and o.trained_on == size]
                    means.append(statistics.fmean(values))
                    axes.plot([size] * len(values), values, marker, color=colour, markersize=3.5, alpha=0.5)
                axes.plot(sizes, means, color=colour, marker=marker, markersize=6, label=name)
            ticks = sorted({one.trained_on for one in outcomes})
            axes.set(xscale="log", ylim=(0, 100), xlabel="training samples (log scale)", ylabel="accuracy (%)")
            axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
            axes.minorticks_off()
            axes.grid(True, axis="y")
            axes.legend(loc="best", fontsize=8)
            return drawing

    caption = "Accuracy against training samples: lines are means over seeds, small marks single seeds."
    return Figure("tuned-samples", "Accuracy against training samples", caption, draw)


def levels_table(outcomes: Sequence[Outcome], listed: Sequence[Measure]) -> Table:
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


def curve_section(outcomes: Sequence[Outcome]) -> Section | None:
    """Learning curves: loss, and what was measured on the validation set. None where nothing was logged."""
    shown = [group[0] for group in groups_of(outcomes).values()]
    if not any(one.trained.history for one in shown):
        return None
    measured = [key for key, there in (("validation_loss", 1), ("accuracy", 100)) if any(
        key in line for one in shown for line in one.trained.history) and there]  # fmt: skip
    panels_of = ["loss", *measured]
    titles = {"loss": "training loss", "validation_loss": "validation loss", "accuracy": "validation accuracy (%)"}

    def draw() -> Drawing:
        with styled():
            drawing, panels = small_multiples(len(shown), height=1.9, columns=4)
            handles: dict[str, Any] = {}
            for one, axes in zip(shown, panels, strict=True):
                for at, key in enumerate(panels_of):
                    points = [(line["step"], line[key]) for line in one.trained.history if key in line]
                    if not points:
                        continue
                    side = axes if key != "accuracy" else axes.twinx()
                    scale = 100 if key == "accuracy" else 1
                    handles[titles[key]] = side.plot(
                        [p[0] for p in points], [scale * p[1] for p in points], color=COLOURS[at],
                        linewidth=1.1, marker=None if key == "loss" else MARKERS[at], markersize=3,
                    )[0]  # fmt: skip
                    if key == "accuracy":
                        side.set(ylim=(0, 105))
                        side.spines["top"].set_visible(False)
                        side.tick_params(labelsize=7)
                axes.set_title(short(one.label, 22), fontsize=8)
                axes.set_ylim(bottom=0)
                axes.tick_params(labelsize=7, labelbottom=True)
            drawing.supxlabel("step", fontsize=9)
            drawing.supylabel("loss", fontsize=9)
            drawing.legend(list(handles.values()), list(handles), loc="outside upper center", ncols=3)
            return drawing

    caption = "The first seed of every method and training size: loss a token (left), validation accuracy (right)."
    return Section("Learning curves", [Figure("tuned-curves", "Learning curves", caption, draw)])
