"""The tables of a comparison: accuracy, cost, paired differences, and how it was run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from kshot.eval.report.model import Cell, Column, Table, Tone, columns
from kshot.eval.report.numbers import number, percent, probability
from kshot.eval.report.prompting.comparisons import Comparison, tests_of
from kshot.eval.report.prompting.constant import may_be_more, quoted
from kshot.eval.report.prompting.measures import CLUSTER_BOOTSTRAP, MANY, SAMPLE_BOOTSTRAP, Key, Measure
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.scale import common
from kshot.eval.roc import Area
from kshot.eval.statistics import CLUSTERED, STUDENT, WILSON

BOOTSTRAPS = (SAMPLE_BOOTSTRAP, CLUSTER_BOOTSTRAP)
WIDE_ONLY = ("metric", "samples", "of answered", "p", "would show", "would take")
"""Columns that a narrow terminal leaves out."""


def accuracy_table(listed: Sequence[Measure], areas: Mapping[Key, Area] = MappingProxyType({})) -> Table:
    """The mean score with its interval beside the best constant answer, over answered, and what has no answer.

    With `areas` the area under the ROC curve stands beside it, which a bias to one label does not enter.
    """
    scale = common(m.scale for m in listed)
    named = len({m.scale.metric for m in listed}) > 1
    heads = columns(
        *("task", "strategy", *(["metric"] if named else []), "samples#", f"{scale.metric}#", "95% interval#"),
        *(["AUC#"] if areas else []),
        *("best constant", "distinct answers#", "of answered#", "unparsed#", "truncated#"),
    )
    heads = [replace(head, wide_only=head.title in WIDE_ONLY) for head in heads]
    rows: list[list[str | Cell]] = []
    for m in listed:
        area = areas.get((m.task, m.strategy))
        ranked = ([f"{area.value:.3f}"] if area else ["–"]) if areas else []
        rows.append([
            m.task, m.strategy, *([m.scale.metric] if named else []), f"{m.n:,}", m.scale.kind.value(m.value),
            m.scale.kind.range(m.interval.low, m.interval.high), *ranked,
            best_of(m), variety(m), m.scale.kind.value(m.value_answered), warned(m.unparsed), warned(m.truncated),
        ])  # fmt: skip
    scored = "" if scale.binary or named else f"Scores are {scale.unit}. "
    if named:
        of_tasks = {m.task: m.scale for m in listed}.items()
        scored += f"Scored by {'; '.join(f'{task}: {one.name}, {one.unit}' for task, one in of_tasks)}. "
    least = ", at least" if any(may_be_more(m.scale) for m in listed) else ""
    caption = (
        f"{scored}{intervals_of(listed)}. Best constant: what the best of the targets would score as the answer to all"
        f"{least}; ! where the strategy is not shown to be above it (paired, Holm over "
        "all strategies), or always gives the same answer. 'Of answered' leaves out what has no answer. Unparsed: no "
        "answer could be read. Truncated: cut off before one."
    )
    if areas:
        caption += (
            " AUC: how well the labels' probabilities tell them apart, whatever label is leaned to; 0.5 is chance."
        )
    return Table(scale.title, heads, rows, caption)


def intervals_of(listed: Sequence[Measure]) -> str:
    """How the intervals were come by, in words.

    Of few samples without spread the interval is Wilson's also where the others are not.
    """
    methods = [method for method in (WILSON, STUDENT, CLUSTERED, *BOOTSTRAPS) if method in {m.method for m in listed}]
    return f"Intervals by {' or '.join('Wilson' if name == WILSON else name for name in methods)}"


def best_of(m: Measure) -> str | Cell:
    """The best constant answer with its share, marked where the strategy is not shown to be above it."""
    if m.constant is None:
        return "–"
    text = f"{m.scale.kind.value(m.constant.value)} {quoted(m.constant.answer)}"
    return Cell(f"{text} !", "bad") if m.no_better else text


def variety(m: Measure) -> str | Cell:
    """How many distinct answers there are, marked where there is one alone."""
    found = m.answers
    return Cell(f"1: {quoted(found.commonest)} !", "bad") if found.constant else f"{found.distinct:,}"


def warned(share: float) -> str | Cell:
    """A rate, marked where it is high."""
    return Cell(f"{percent(share)} !", "bad") if share > MANY else percent(share)


def cost_table(listed: Sequence[Measure]) -> Table:
    """Tokens and seconds a sample."""
    heads = columns(
        *("task", "strategy", f"{common(m.scale for m in listed).metric}#", "prompt tokens#", "of which cached#"),
        *("generated#", "seconds#", "calls#"),
    )
    rows = [[
        m.task, m.strategy, m.scale.kind.value(m.value),
        number(m.mean("prompt_tokens")), number(m.mean("cached_tokens")),
        number(m.mean("completion_tokens")), number(m.mean("seconds")),
        number(sum(len(record.calls) for record in m.records) / len(m.records)),
    ] for m in listed]  # fmt: skip
    caption = "Means a sample; seconds are each request's share of the engine's time."
    return Table("Cost a sample", heads, rows, caption)


def reused_sentence(run: RunData) -> str:
    """How many answers were taken from which other runs; "" where none was."""
    found = run.info.get("reused")
    taken = found.get("from") if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping) or not isinstance(taken, Mapping) or not taken:
        return ""
    said = ", ".join(f"{count:,} from {name}" for name, count in taken.items())
    return (
        f"{sum(taken.values()):,} of {found.get('answers', 0):,} answers were taken from other runs ({said}): their "
        "tokens and seconds are what they cost there, and nothing was spent on them again."
    )


def preparation_table(run: RunData) -> Table | None:
    """What strategies asked once, before the first question of a task; None where none did."""
    rows = []
    for (task, strategy), found in run.prepared.items():
        spent = [found.get(name) for name in ("calls", "prompt_tokens", "completion_tokens", "seconds")]
        if not any(isinstance(value, int | float) for value in spent) or found.get("calls") == 0:
            continue
        counted = [number(value) if isinstance(value, int | float) else "–" for value in spent]
        rows.append([task, strategy, prepared_for(found), *counted])
    if not rows:
        return None
    heads = columns("task", "strategy", "for", "requests#", "prompt tokens#", "generated#", "seconds#")
    return Table("Preparation", heads, rows, "None of it is in the costs of a sample.")


def prepared_for(found: Mapping[str, Any]) -> str:
    """What a preparation found out, in words."""
    inputs, candidates = found.get("inputs"), found.get("validation")
    said = []
    if isinstance(candidates, Mapping):
        held = {each.get("n") for each in candidates.values() if isinstance(each, Mapping)}
        by = f" by {' or '.join(map(str, held))} samples" if held else ""
        said.append(f"the best of {len(candidates)} templates{by}")
    if "permutation" in found:
        tried, by = found.get("orders", "some"), found.get("probes", "some")
        said.append(f"the order of the highest entropy of {tried}, by {by} probing samples")
    if "prior" in found:
        said.append("the labels' prior" + (f" by {inputs:,} inputs" if isinstance(inputs, int) else ""))
    if isinstance(demos := found.get("demonstrations"), list):
        said.append(f"{len(demos)} exemplars with chains of its own, {found.get('tried')} tried")
    return ", ".join(said) or "–"


def difference_table(family: Sequence[Comparison]) -> Table:
    """Every comparison with its test and its verdict."""
    baselines = list(dict.fromkeys(c.baseline for c in family))
    several = len(baselines) > 1
    scale = common(c.scale for c in family)
    heads = columns(
        *("task", "strategy", *(["against"] if several else []), "samples#", "difference#", "95% interval#"),
        *(f"{scale.versus}#", "p#", "p (Holm)#", "verdict", "would show#", "would take#"),
    )
    heads = [replace(head, wide_only=head.title in WIDE_ONLY) for head in heads]
    tones: dict[str, Tone] = {"better": "good", "worse": "bad"}
    rows: list[list[str | Cell]] = [[
        c.task, c.strategy, *([c.baseline] if several else []), f"{c.result.n:,}",
        c.scale.kind.difference(c.result.difference),
        f"{c.scale.kind.difference(c.result.interval.low)} to {c.scale.kind.difference(c.result.interval.high)}",
        f"{c.result.only_a} : {c.result.only_b}", probability(c.result.p), probability(c.adjusted),
        Cell(c.word if c.real else "not shown", tones.get(c.word, "quiet")),
        c.smallest, "–" if c.needed is None else f"{c.needed:,}",
    ] for c in family]  # fmt: skip
    units = dict.fromkeys(c.scale.points for c in family)
    unit = "; ".join(units) if len(units) < 2 else "each in its metric's unit"
    unit = f"{unit[:1].upper()}{unit[1:]}{'' if scale.binary else ','}"
    caption = (
        f"{'' if several else f'Against {baselines[0]}. '}{unit} on the same samples; paired bootstrap intervals, "
        f"{tests_of(family)}, Holm over all {len(family)}. {scale.versus.capitalize()}: samples that only the one, or "
        f"only the other, {'has right' if scale.binary else 'scores better on'}. Would show: the smallest difference, "
        "that one uncorrected test on so many samples finds with 80% probability. Would take: the samples "
        "on which such a test finds the difference seen."
    )
    return Table("Differences", heads, rows, caption)


def names_table(names: Mapping[str, str]) -> Table:
    """What each strategy's short name stands for."""
    return Table("Strategies", columns("strategy", "as it was given"), [[b, a] for a, b in names.items()])


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
    """A nested mapping as dotted keys and text; a command as a shell takes it."""
    if isinstance(value, Mapping):
        return [
            pair for name, inner in value.items() for pair in flattened(inner, f"{key}.{name}" if key else str(name))
        ]
    if isinstance(value, list | tuple) and not any(isinstance(item, Mapping | list | tuple) for item in value):
        words = [str(item) for item in value]
        return [(key, shlex.join(words) if key == "command" else ", ".join(words))]
    if key == "memory" and isinstance(value, int):
        return [(key, f"{value:,} bytes")]
    return [(key, str(value))]
