"""What a judge said of pairs of answers: who wins, whether it prefers a place, and whether it finds the right one.

A win counts where the same answer wins in both orders, else the pair is a tie (Zheng et al. 2023, arXiv 2306.05685,
section 3.4). That an order alone can turn a ranking round is shown by Wang et al. 2023 (arXiv 2305.17926).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from kshot.eval import statistics
from kshot.eval.agreement import place_bias
from kshot.eval.report.model import Block, Cell, Table, columns
from kshot.eval.report.numbers import as_relation, percent, percent_range, points, probability
from kshot.eval.report.prompting.judgings import Attempt, Judging, Verdict
from kshot.eval.report.prompting.measures import LEVEL, outcome_of
from kshot.eval.report.prompting.run_data import RunData
from kshot.types import Record

ASIDE = "the same answer"


def pair_blocks(judging: Judging, records: Mapping[Attempt, Record], run: RunData) -> list[Block]:
    """Wins, bias for a place, and the pairs of which the rules call one right."""
    tasks = {
        task: [one for one in judging.verdicts if one.attempt[0] == task]
        for task in dict.fromkeys(one.attempt[0] for one in judging.verdicts)
    }
    asked = {task: [one for one in verdicts if one.counts and len(one.places) > 1] for task, verdicts in tasks.items()}
    blocks: list[Block] = [wins_table(judging, tasks)]
    told = [bias_told(task, verdicts) for task, verdicts in asked.items() if verdicts]
    if told:
        blocks += [" ".join(told), bias_table(judging, asked)]
    ruled = ruled_table(judging, tasks, records, run)
    return [*blocks, *([ruled] if ruled else [])]


def samples_of(verdicts: Sequence[Verdict]) -> list[Hashable] | None:
    """Each pair's sample, where a sample has several; else None."""
    found: list[Hashable] = [one.attempt[2] for one in verdicts]
    return found if len(set(found)) < len(found) else None


def wins_table(judging: Judging, tasks: Mapping[str, Sequence[Verdict]]) -> Table:
    """How often either wins, and whether the difference is real."""
    assert judging.pair is not None
    rows: list[list[str | Cell]] = []
    for task, verdicts in tasks.items():
        counted = [one for one in verdicts if one.counts]
        said = [one.said for one in counted]
        same = sum(one.rule == ASIDE for one in counted)
        sides = [per_sample(counted, side) for side in "ab"]
        cells = ["–", "–", "–"]
        if counted:
            found = statistics.paired(*sides)
            span = found.interval
            cells = [points(found.difference), f"{points(span.low)} to {points(span.high)}", probability(found.p)]
        rows.append(
            [
                *(task, *judging.pair, f"{len(counted):,}", f"{said.count('a'):,}", f"{said.count('b'):,}"),
                *(f"{said.count('tie') - same:,}", f"{same:,}", f"{sum(one.said is None for one in verdicts):,}"),
                *cells,
            ]
        )
    heads = columns(
        *("task", "A", "B", "pairs#", "A wins#", "B wins#", "orders disagree#", "same answer#", "unread#"),
        *("A over B#", "95% interval#", "p#"),
    )
    caption = (
        f"{judging.metric}, a model's opinion. A win counts where the same answer wins in both orders. Pairs of the "
        "same answer are ties, and were not asked about; pairs with an unread verdict count as nothing. A over B: "
        "wins of A less wins of B, in points of all pairs, paired by sample."
    )
    return Table(f"Pairs of {judging.metric}", heads, rows, caption)


def per_sample(verdicts: Sequence[Verdict], side: str) -> list[float]:
    """Each sample's share of wins for a side."""
    wins: dict[str, list[float]] = {}
    for one in verdicts:
        wins.setdefault(one.attempt[2], []).append(float(one.said == side))
    return [sum(values) / len(values) for values in wins.values()]


def chosen(verdicts: Sequence[Verdict]) -> list[tuple[str, str]]:
    """The places that won, in one order and in the other."""
    return [(str(one.places[0]), str(one.places[1])) for one in verdicts]


def bias_told(task: str, verdicts: Sequence[Verdict]) -> str:
    """Whether a place was preferred, in a sentence."""
    found = place_bias(chosen(verdicts), clusters=samples_of(verdicts))
    span = percent_range(found.interval.low, found.interval.high)
    place = "first" if found.first >= 0.5 else "second"
    shown = f"prefers what stands {place}" if found.p < LEVEL else "is not shown to prefer a place"
    return (
        f"On {task} the judge {shown}: the first place won {percent(found.first)} of the verdicts (95% {span}, exact "
        f"p {as_relation(found.p)}), and {percent(found.consistent)} of {found.pairs:,} pairs had one winner in both "
        "orders."
    )


def bias_table(judging: Judging, asked: Mapping[str, Sequence[Verdict]]) -> Table:
    """The share of verdicts for the first place, and consistency."""
    rows: list[list[str | Cell]] = []
    for task, verdicts in asked.items():
        if verdicts:
            found = place_bias(chosen(verdicts), clusters=samples_of(verdicts))
            rows.append(
                [
                    *(task, f"{found.pairs:,}", percent(found.first)),
                    *(percent_range(found.interval.low, found.interval.high), probability(found.p)),
                    *(percent(found.consistent), f"{found.both_first:,}", f"{found.both_second:,}"),
                ]
            )
    heads = columns(
        *("task", "pairs asked#", "first place#", "95% interval#", "p (exact)#", "same winner in both#"),
        *("first won both#", "second won both#"),
    )
    caption = (
        "First place: its share of all verdicts, two a pair; one half without bias, whatever the answers are. p: exact "
        "binomial test of the pairs in which one place won both times; the verdicts of a pair are not two independent "
        "ones. A judge that always takes the first place has 100%, and no win counts. A preference for the letter A is "
        "one for the first place here."
    )
    return Table(f"Bias for a place of {judging.metric}", heads, rows, caption)


def ruled_table(
    judging: Judging, tasks: Mapping[str, Sequence[Verdict]], records: Mapping[Attempt, Record], run: RunData
) -> Table | None:
    """Of the pairs of which the rules call exactly one right: which one the judge took."""
    assert judging.pair is not None
    rows: list[list[str | Cell]] = []
    for task, verdicts in tasks.items():
        taken: list[str] = []
        held: list[Verdict] = []
        for one in verdicts:
            attempts = [(task, name, *one.attempt[2:]) for name in judging.pair]
            outcomes = [outcome_of(records[key], run.kinds) if key in records else None for key in attempts]
            if one.counts and outcomes.count("right") == 1 and "scored" not in outcomes:
                right = "ab"[outcomes.index("right")]
                held.append(one)
                taken.append("tie" if one.said == "tie" else "right" if one.said == right else "wrong")
        if taken:
            found = [float(each == "right") for each in taken]
            span = statistics.mean_interval(found, clusters=samples_of(held))
            rows.append(
                [
                    *(task, f"{len(taken):,}", f"{taken.count('right'):,}", f"{taken.count('wrong'):,}"),
                    *(f"{taken.count('tie'):,}", percent(taken.count("right") / len(taken))),
                    percent_range(span.low, span.high),
                ]
            )
    if not rows:
        return None
    heads = columns(
        *("task", "one of two is right#", "judge took it#", "took the other#", "tie#", "found#", "95% interval#")
    )
    return Table(
        f"Pairs of {judging.metric} against the rules",
        heads,
        rows,
        "Pairs of which the task's own score is full for exactly one answer. Found: the share in which that one won "
        "in both orders.",
    )
