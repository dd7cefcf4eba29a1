"""The report of a prompting run: which strategy, by how much, is it real, at what cost, and what was written.

Meets: a pure function of the run's records; unparsed and truncated answers are named unasked where they are
many. Concedes: "best" is the highest accuracy seen; whether it is real is the paired test's matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kshot.eval.report.model import Alternatives, Block, Cell, Column, Figure, Report, Section, Table, Tone, Transcripts
from kshot.eval.report.numbers import number, percent, points, probability
from kshot.eval.report.prompting import comparisons as pairs
from kshot.eval.report.prompting import figures, sweeps
from kshot.eval.report.prompting.comparisons import Comparison, against_baseline, baseline_of, described
from kshot.eval.report.prompting.confusion import confusion_figures
from kshot.eval.report.prompting.consistency import curve_table, curves_of
from kshot.eval.report.prompting.measures import Measure, clusters_of, measure, outcome_of
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.short_names import abbreviated, resolve, short_names
from kshot.eval.report.prompting.transcripts import transcript, transcripts_of
from kshot.eval.report.prompting.trust import trust_section
from kshot.types import UserError

__all__ = ["build", "check_baseline", "compare", "main_finding", "outcome_of", "transcript"]

MOST_BASELINES = 12
"""Strategies up to which a reader may choose any as the baseline."""

MANY = 0.2
"""Above this share, unparsed or truncated answers are named in the summary."""


def build(run: RunData, *, baseline: str | None = None) -> Report:
    """Everything a run shows. Raises UserError where the run has no records or the baseline never ran."""
    specified = run
    run, names = abbreviated(run)
    found = measured(run)
    family = against_baseline(found, run.samples, resolve(baseline, names))
    listed = list(found.values())
    against = next((c.baseline for c in family), "")
    against = against if all(c.baseline == against for c in family) else "each task's baseline"

    accuracy: list[Block] = [
        figures.accuracy_figure(listed),
        accuracy_table(listed),
        *pairs.all_at_once(found, run.samples),
    ]
    sections = [Section("Accuracy", accuracy)]
    if family:
        chosen = (against, paired_blocks(family, against, 0))
        views = [chosen, *other_baselines(found, run, against)]
        sections.append(Section("Paired comparisons", [Alternatives("against", views), *cluster_note(run, found)]))
    sections.append(Section("Cost", [figures.cost_figure(listed), cost_table(listed)]))
    curves = curves_of(run)
    if curves:
        sections.append(Section("Self-consistency", [figures.curve_figure(curves), curve_table(curves)]))
    sections += further(run, listed, {names.get(name, name): given for name, given in run.params.items()})
    sections.append(Section("Transcripts", [Transcripts(transcripts_of(run))]))
    sections.append(Section("How it was run", [names_table(names), settings_table([specified])], background=True))
    summary = [
        finding(found, family),
        *(task_sentence(task, found, family) for task in tasks_of(found)),
        *notes(listed),
    ]
    return Report(f"kshot: {run.name}", list(dict.fromkeys(summary)), sections)


def further(run: RunData, listed: Sequence[Measure], params: sweeps.Params) -> list[Section]:
    """What only some runs have: sweeps, repeats, classes, probabilities."""
    sections = sweeps.sweep_sections(listed, params)
    repeats = sweeps.repeat_table(listed, params)
    if repeats:
        sections.append(Section("Repeats", [repeats]))
    classes = confusion_figures(run, listed)
    if classes:
        sections.append(Section("Targets against answers", classes))
    trusted = trust_section(listed)
    return [*sections, trusted] if trusted else sections


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
    if not family:
        raise UserError(
            f"runs {a.name} and {b.name} share no samples of a task and strategy: "
            f"{a.name} has {listing(first)}; {b.name} has {listing(second)}."
        )
    family = pairs.corrected(family)
    better, worse = (sum(c.word == word for c in family) for word in ("better", "worse"))
    summary = [
        f"{b.name} against {a.name}: {better} of {len(family)} comparisons better, {worse} worse, "
        f"{len(family) - better - worse} with no difference shown (exact McNemar, Holm over {len(family)})."
    ]
    summary += [
        f"{c.task}, {c.strategy}: {c.word}, {c.sentence}." for c in sorted(family, key=lambda c: c.adjusted)[:5]
    ]
    blocks: list[Block] = [figures.forest_figure(family, a.name), difference_table(family), *apart]
    costs = []
    for run, measures in ((a, first), (b, second)):
        listed = list(measures.values())
        costs.append(Section(f"Accuracy and cost of {run.name}", [accuracy_table(listed), cost_table(listed)]))
    return Report(f"kshot: {b.name} against {a.name}", summary, [
        Section("Paired comparisons", blocks), *costs, Section(
            "How they were run", [names_table(names), settings_table(specified)], background=True),
    ])  # fmt: skip


def measured(run: RunData) -> dict[tuple[str, str], Measure]:
    """The run's measures. Raises UserError where it has none."""
    found = measure(run)
    if not found:
        raise UserError(f"run {run.name} has no records yet; run the same kshot bench command again to fill it.")
    return found


Key = tuple[str, str]


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
    scores = {key: measure_.scores[key] for key in sample_ids}
    return Measure(measure_.task, measure_.strategy, measure_.records, scores, measure_.interval)


def listing(found: Mapping[Key, Measure]) -> str:
    """What a run has, for an error."""
    return ", ".join(f"{strategy} on {task}" for task, strategy in found)


def tasks_of(found: Mapping[Key, Measure]) -> list[str]:
    """Tasks in order of appearance."""
    return list(dict.fromkeys(task for task, _ in found))


# ---------------------------------------------------------------- in words


def finding(found: Mapping[Key, Measure], family: Sequence[Comparison]) -> str:
    """The main finding: the largest difference that is real, or that there is none."""
    if not family:
        best = max(found.values(), key=lambda m: m.accuracy)
        return (
            f"{best.strategy} on {best.task}: {described(best)} of {best.n} samples right; nothing to compare it with."
        )
    real = [c for c in family if c.real]
    tested = f"{len(family)} comparison{'s' if len(family) > 1 else ''}"
    if not real:
        top = max(family, key=lambda c: c.result.difference)
        return (
            f"No difference is shown in {tested}; the largest lead is {top.strategy} over {top.baseline} "
            f"on {top.task}, "
            f"{top.sentence}, where {top.result.n} samples would show {100 * top.detectable:.0f} points or more."
        )
    top = max(real, key=lambda c: (c.result.difference > 0, abs(c.result.difference)))
    a, b = found[top.task, top.strategy], found[top.task, top.baseline]
    return (
        f"{top.strategy} is {top.word} than {top.baseline} on {top.task}: "
        f"{percent(a.accuracy)} against {percent(b.accuracy)} "
        f"of {top.result.n} samples, {top.sentence}; {len(real)} of {tested} show a difference."
    )


def task_sentence(task: str, found: Mapping[Key, Measure], family: Sequence[Comparison]) -> str:
    """A task's best strategy, by how much, whether that is real, and what it cost."""
    here = [m for (name, _), m in found.items() if name == task]
    best = max(here, key=lambda m: (m.accuracy, -m.mean("completion_tokens")))
    text = f"{task}: {best.strategy} has the highest accuracy, {described(best)} of {best.n} samples"
    against = [c for c in family if c.task == task]
    if not against:
        return text + "."
    base = found[task, against[0].baseline]
    mine = next((c for c in against if c.strategy == best.strategy), None)
    if mine is None:
        worse = sum(c.word == "worse" for c in against)
        return f"{text}; it is the baseline, and {worse} of {len(against)} others are shown to be worse."
    spent, least = best.mean("completion_tokens"), base.mean("completion_tokens")
    cost = f"{number(spent)} generated tokens a sample against {number(least)}"
    seen = "the difference is real" if mine.real else mine.verdict
    lead = f"{points(mine.result.difference)} points on {base.strategy} (p {pairs.as_relation(mine.adjusted)})"
    return f"{text}; {lead}: {seen}. It took {cost}."


def notes(listed: Sequence[Measure]) -> list[str]:
    """What nobody asked and everybody should know: answers that could not be read, or were cut off."""
    said = []
    for what, share, remedy in (
        ("no answer could be read in", "unparsed", "read some of them before trusting the accuracy"),
        ("the text was cut off before an answer in", "truncated", "allow more with max_new_tokens"),
    ):
        many = sorted((m for m in listed if m.share(share) > MANY), key=lambda m: -m.share(share))
        if many:
            shown = ", ".join(f"{percent(m.share(share))} of {m.strategy} on {m.task}" for m in many[:4])
            more = f" and {len(many) - 4} more" if len(many) > 4 else ""
            said.append(f"Take care: {what} {shown}{more}; {remedy}.")
    return said


def cluster_note(run: RunData, found: Mapping[Key, Measure]) -> list[Block]:
    """Whether samples that stand or fall together were treated so."""
    used, few = [], []
    for task in tasks_of(found):
        ids = list(dict.fromkeys(key for (name, _), m in found.items() if name == task for key in m.scores))
        named = {s.cluster for key in ids if (s := run.samples.get((task, key))) and s.cluster is not None}
        if clusters_of(run.samples, task, ids):
            used.append(task)
        elif 1 < len(named) < len(ids):
            few.append(f"{task} ({len(named)})")
    said: list[Block] = []
    if used:
        said.append(
            f"Whole clusters were resampled on {', '.join(used)}, and p is by flipping the sign of whole clusters."
        )
    if few:
        said.append(f"Too few clusters to resample, so samples were taken as independent: {', '.join(few)}.")
    return said


# ---------------------------------------------------------------- in tables


def accuracy_table(listed: Sequence[Measure]) -> Table:
    """Accuracy with its interval, over all and over answered, and what has no answer."""
    columns = [Column("task"), Column("strategy"), *(Column(title, numeric=True) for title in (
        "samples", "accuracy", "95% interval", "of answered", "unparsed", "truncated"))]  # fmt: skip
    rows = []
    for m in listed:
        low, high = 100 * m.interval.low, 100 * m.interval.high
        rows.append([
            m.task, m.strategy, f"{m.n:,}", percent(m.accuracy), f"{low:.1f}–{high:.1f}",
            percent(m.accuracy_answered), warned(m.unparsed), warned(m.truncated),
        ])  # fmt: skip
    caption = (
        "Wilson intervals; 'of answered' leaves out what has no answer. Unparsed: no answer could be read. "
        "Truncated: cut off before one."
    )
    return Table("Accuracy", columns, rows, caption)


def warned(share: float) -> str | Cell:
    """A rate, marked where it is high."""
    return Cell(f"{percent(share)} !", "bad") if share > MANY else percent(share)


def cost_table(listed: Sequence[Measure]) -> Table:
    """Tokens and seconds a sample."""
    columns = [Column("task"), Column("strategy"), *(Column(title, numeric=True) for title in (
        "accuracy", "prompt tokens", "of which cached", "generated", "seconds", "calls"))]  # fmt: skip
    rows = [[
        m.task, m.strategy, percent(m.accuracy), number(m.mean("prompt_tokens")), number(m.mean("cached_tokens")),
        number(m.mean("completion_tokens")), number(m.mean("seconds")),
        number(sum(len(record.calls) for record in m.records) / len(m.records)),
    ] for m in listed]  # fmt: skip
    return Table(
        "Cost a sample", columns, rows, "Means a sample; seconds are each request's share of the engine's time."
    )


def difference_table(family: Sequence[Comparison]) -> Table:
    """Every comparison with its test and its verdict."""
    baselines = list(dict.fromkeys(c.baseline for c in family))
    several = len(baselines) > 1
    against = [Column("against")] if several else []
    columns = [Column("task"), Column("strategy"), *against, *(
        Column(title, numeric=True, wide_only=title in ("samples", "p")) for title in (
        "samples", "difference", "95% interval", "won : lost", "p", "p (Holm)")), Column("verdict"),
        *(Column(title, numeric=True, wide_only=True) for title in ("would show", "would take"))]  # fmt: skip
    tones: dict[str, Tone] = {"better": "good", "worse": "bad"}
    rows: list[list[str | Cell]] = [[
        c.task, c.strategy, *([c.baseline] if several else []), f"{c.result.n:,}", points(c.result.difference),
        f"{points(c.result.interval.low)} to {points(c.result.interval.high)}",
        f"{c.result.only_a} : {c.result.only_b}", probability(c.result.p), probability(c.adjusted),
        Cell(c.word if c.real else "not shown", tones.get(c.word, "quiet")),
        f"{100 * c.detectable:.0f}" if c.detectable < 1 else "none", "–" if c.needed is None else f"{c.needed:,}",
    ] for c in family]  # fmt: skip
    caption = (
        f"{'' if several else f'Against {baselines[0]}. '}Percentage points on the same samples; paired bootstrap "
        f"intervals, exact McNemar (sign flips for repeats and clusters), Holm over all {len(family)}. Won : lost: "
        "samples that only the one, or only the other, has right. Would show: the smallest difference, in points, "
        "that one uncorrected test on so many samples finds with 80% probability. Would take: the samples on which "
        "such a test finds the difference seen."
    )
    return Table("Differences", columns, rows, caption)


def names_table(names: Mapping[str, str]) -> Table:
    """What each strategy's short name stands for."""
    return Table("Strategies", [Column("strategy"), Column("as it was given")], [[b, a] for a, b in names.items()])


def settings_table(runs: Sequence[RunData]) -> Table:
    """What run.json holds, a line a setting; of several runs only what differs."""
    flat = [dict(flattened(run.info)) for run in runs]
    keys = list(dict.fromkeys(key for info in flat for key in info))
    if len(runs) > 1:
        keys = [key for key in keys if len({info.get(key) for info in flat}) > 1]
    rows = [[key, *(info.get(key, "–") for info in flat)] for key in keys]
    caption = "Only what differs." if len(runs) > 1 else ""
    return Table("Settings", [Column("setting"), *(Column(run.name) for run in runs)], rows, caption)


def flattened(value: object, key: str = "") -> list[tuple[str, str]]:
    """A nested mapping as dotted keys and text."""
    if isinstance(value, Mapping):
        return [
            pair for name, inner in value.items() for pair in flattened(inner, f"{key}.{name}" if key else str(name))
        ]
    if isinstance(value, list | tuple) and not any(isinstance(item, Mapping | list | tuple) for item in value):
        return [(key, ", ".join(map(str, value)))]
    return [(key, str(value))]
