"""What judges said of a run, and how far that can be trusted: a section of its own, out of which nothing is scored.

Meets: a verdict that was not read, or is of an answer that has since been read otherwise, counts as nothing and is
counted apart; agreement is by task, since answers of an easy and a hard task together agree by their difference alone;
several verdicts on a sample hang together, and intervals are over samples.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace

from kshot.eval import statistics
from kshot.eval.agreement import Agreement, agreement
from kshot.eval.metrics.registry import kind_of
from kshot.eval.report.model import Block, Cell, Section, Table, columns
from kshot.eval.report.numbers import as_relation, percent, percent_range, points
from kshot.eval.report.prompting.judged_pairs import pair_blocks
from kshot.eval.report.prompting.judgings import Attempt, Judging, Verdict
from kshot.eval.report.prompting.measures import outcome_of
from kshot.eval.report.prompting.run_data import RunData
from kshot.types import Record

TITLE = "Judged by a model"
OPINION = (
    "What follows is a model's opinion. It is no score of a task and enters no other table of this report; it is worth "
    "what its agreement with the rules, and with people, says."
)
YES_NO = ("yes", "no")
RATINGS = ("1", "2", "3", "4", "5")
GOOD = ("yes", "4", "5")  # verdicts that are held against a yes
BY = {
    "likelihood": "the likeliest of its words (nothing is generated)",
    "text": "what kshot's answer formats read in its reply",
}
By = Mapping[Attempt, Record]


def judged_section(run: RunData, names: Mapping[str, str]) -> list[Section]:
    """The section, where a judge was asked; `names` are the strategies' short ones, which the run has."""
    blocks: list[Block] = []
    records = {(r.task, r.strategy, r.sample_id, r.repeat): r for r in run.records}
    for one in run.judgings:
        if one.trouble:
            blocks.append(f"judge/{one.name} cannot be read: {one.trouble}")
            continue
        short = shortened(one, names)
        blocks.append(described(short))
        blocks += pair_blocks(short, records, run) if short.pair else single_blocks(short, records, run)
    return [Section(TITLE, [OPINION, *blocks])] if blocks else []


def shortened(judging: Judging, names: Mapping[str, str]) -> Judging:
    """A judging with strategies under their short names."""

    def short(attempt: Attempt) -> Attempt:
        return attempt[0], names.get(attempt[1], attempt[1]), *attempt[2:]

    pair = judging.pair
    return replace(
        judging,
        pair=None if pair is None else (names.get(pair[0], pair[0]), names.get(pair[1], pair[1])),
        verdicts=[replace(one, attempt=short(one.attempt)) for one in judging.verdicts],
        labels={short(attempt): label for attempt, label in judging.labels.items()},
    )


def described(judging: Judging) -> str:
    """Who judged, by what, and what came of it."""
    scale = "which of two answers is better" if judging.pair else f"the scale {judging.scale}"
    shown = ("the whole reply" if judging.of == "reply" else "the answer that was read") + (
        ", beside the target" if judging.reference else ", without the target"
    )
    count, stale = len(judging.verdicts), sum(not one.current for one in judging.verdicts)
    unread = sum(one.said is None for one in judging.verdicts)
    more = [f"{unread:,} of {count:,} verdicts could not be read, and count as nothing"]
    if not unread:
        more = [f"each of its {count:,} verdicts was read"]
    if stale:
        more.append(f"{stale:,} are of answers that have since been read otherwise, and count as nothing: judge again")
    if count < judging.total:
        more.append(f"{count:,} of {judging.total:,} are there: the same `kshot judge` command goes on")
    return (
        f"{judging.metric}: {judging.model or 'a model'} (engine {judging.engine}) by the rubric {judging.rubric} "
        f"(SHA-256 {judging.sha256[:12]}), {scale}, read as {BY.get(judging.by, judging.by)}; it saw {shown}. "
        f"{sentence('; '.join(more))}."
    )


def sentence(words: str) -> str:
    """Words as a sentence begins."""
    return words[:1].upper() + words[1:]


def single_blocks(judging: Judging, records: By, run: RunData) -> list[Block]:
    """Verdicts on single answers, and how far they agree with the rules and with people."""
    blocks: list[Block] = [verdicts_table(judging, records, run)]
    rows, sentences = agreements(judging, records, run)
    blocks += [sentences, agreement_table(judging, rows)] if rows else []
    own = own_model(judging, records, run)
    blocks += [own] if own else []
    return [*blocks, *rating_tables(judging)]


# ---------------------------------------------------------------- verdicts


def verdicts_table(judging: Judging, records: By, run: RunData) -> Table:
    """What the judge said of each strategy on each task, beside what the rules say of the same attempts."""
    groups: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in judging.verdicts:
        groups.setdefault(verdict.attempt[:2], []).append(verdict)
    rated = judging.scale == "1-5"
    rows = []
    for (task, strategy), verdicts in groups.items():
        counted = [one for one in verdicts if one.counts]
        ruled = [rule for one in counted if (rule := ruled_of(records.get(one.attempt), run)) is not None]
        lacking = sum(key[:2] == (task, strategy) for key in records) - len(verdicts)
        rows.append(
            [
                *(task, strategy, f"{len(counted):,}", *said_in_all(counted, rated=rated)),
                *(f"{sum(one.said is None for one in verdicts):,}", f"{lacking:,}"),
                percent(ruled.count("yes") / len(ruled)) if ruled else "–",
            ]
        )
    heads = columns(
        *("task", "strategy", "judged#", "mean verdict#" if rated else "judged yes#", "95% interval#", "unread#"),
        *("not judged#", "right by the rules#"),
    )
    caption = (
        f"{judging.metric}, a model's opinion. Unread verdicts and attempts that were not judged, most for want of an "
        "answer, are in no share. Right by the rules: the task's own score, of the attempts that were judged."
    )
    return Table(f"Verdicts of {judging.metric}", heads, rows, caption)


def said_in_all(verdicts: Sequence[Verdict], *, rated: bool) -> tuple[str, str]:
    """The share of yes, or the mean rating, and its interval."""
    if not verdicts:
        return "–", "–"
    shares = [(one.value - 1) / 4 if rated else one.value for one in verdicts]
    interval = statistics.mean_interval(shares, clusters=clusters_of(one.attempt for one in verdicts))
    mean = sum(shares) / len(shares)
    if rated:
        return f"{1 + 4 * mean:.2f}", f"{1 + 4 * interval.low:.2f}–{1 + 4 * interval.high:.2f}"
    return percent(mean), percent_range(interval.low, interval.high)


def clusters_of(attempts: Iterable[Attempt]) -> list[Hashable] | None:
    """Each attempt's sample, where a sample has several; else None."""
    found: list[Hashable] = [(task, sample) for task, _, sample, _ in attempts]
    return found if len(set(found)) < len(found) else None


def ruled_of(record: Record | None, run: RunData) -> str | None:
    """What the task's own score says of an attempt: yes where it is right; None where no value of it is right."""
    if record is None or kind_of(record.score.metric, run.kinds).right is None:
        return None
    return "yes" if outcome_of(record, run.kinds) == "right" else "no"


def good(said: str | None) -> str:
    """A verdict or a label as a yes or a no."""
    return "yes" if said in GOOD else "no"


# ---------------------------------------------------------------- agreement


def agreements(judging: Judging, records: By, run: RunData) -> tuple[list[tuple[str, str, Agreement]], str]:
    """(task, who against whom, agreement) of all that can be held against each other; and what it comes to."""
    rows: list[tuple[str, str, Agreement]] = []
    for task in dict.fromkeys(one.attempt[0] for one in judging.verdicts):
        counted = [one for one in judging.verdicts if one.counts and one.attempt[0] == task]
        rules = {one.attempt: ruled_of(records.get(one.attempt), run) for one in counted}
        said = {one.attempt: good(one.said) for one in counted}
        labels = {attempt: good(judging.labels[attempt]) for attempt in said if attempt in judging.labels}
        for who, first, second in (
            ("judge and rules", said, rules),
            ("judge and people", said, labels),
            ("people and rules", labels, rules),
        ):
            both = [key for key in first if second.get(key) is not None]
            if both:
                pairs = [(first[key], str(second[key])) for key in both]
                rows.append((task, who, agreement(pairs, YES_NO, clusters=clusters_of(both))))
    told = [told_of(task, found) for task, who, found in rows if who == "judge and rules"]
    return rows, " ".join(told)


def told_of(task: str, found: Agreement) -> str:
    """How far a judge agrees with the rules, in a sentence."""
    if found.kappa_interval is None:
        constant = {who: words for who, words in sides_of(found).items() if len(words) == 1}
        said = " and ".join(f"the {who} say{'s' * (who == 'judge')} {min(words)}" for who, words in constant.items())
        return f"On {task} {said} of all {found.n:,}: what agreement there is, chance alone would bring."
    low, high = found.kappa_interval.low, found.kappa_interval.high
    shown = "agrees" if low > 0 else "is not shown to agree"
    return (
        f"On {task} the judge {shown} with the rules better than chance would: kappa {signed(found.kappa)} (95% "
        f"{signed(low)} to {signed(high)}), {percent(found.share)} of {found.n:,}."
    )


def sides_of(found: Agreement) -> dict[str, set[str]]:
    """The words that the judge used, and the rules."""
    return {"judge": {a for a, _ in found.cells}, "rules": {b for _, b in found.cells}}


def signed(value: float) -> str:
    """A kappa."""
    return f"{value:.2f}".replace("-", "−")


def agreement_table(judging: Judging, rows: Sequence[tuple[str, str, Agreement]]) -> Table:
    """Agreement with its interval, kappa with its own, and the four counts that they are made of."""
    heads = columns(
        *("task", "who", "attempts#", "both yes#", "only first yes#", "only second yes#", "both no#"),
        *("agree#", "95% interval#", "kappa#", "95% interval#"),
    )
    cells: list[list[str | Cell]] = []
    for task, who, found in rows:
        counts = [found.cells.get(pair, 0.0) for pair in (("yes", "yes"), ("yes", "no"), ("no", "yes"), ("no", "no"))]
        span = found.kappa_interval
        cells.append(
            [
                *(task, who, f"{found.n:,}", *(f"{count:,.0f}" for count in counts), percent(found.share)),
                percent_range(found.share_interval.low, found.share_interval.high),
                "–" if math.isnan(found.kappa) else signed(found.kappa),
                "–" if span is None else f"{signed(span.low)} to {signed(span.high)}",
            ]
        )
    rated = " A verdict or label of 4 or 5 is taken for a yes." if judging.scale == "1-5" else ""
    caption = (
        "First and second as `who` has them. The rules say yes where the task's own score is full. Kappa: agreement "
        "over what chance would bring (Cohen 1960), 0 for chance and 1 for all; – where one of them says the same of "
        f"everything and so does the other. Its interval is a bootstrap over samples: none where one says the same of "
        f"everything, and without width where nothing disagrees.{rated}"
    )
    return Table(f"Agreement of {judging.metric}", heads, cells, caption)


def own_model(judging: Judging, records: By, run: RunData) -> str:
    """Whether a judge of its own answers says yes more often than the rules do; "" where it judges another's."""
    if not judging.engine or judging.engine != run.info.get("engine"):
        return ""
    mine: dict[tuple[str, str], list[float]] = {}
    theirs: dict[tuple[str, str], list[float]] = {}
    for one in judging.verdicts:
        rule = ruled_of(records.get(one.attempt), run)
        if one.counts and rule is not None:
            sample = (one.attempt[0], one.attempt[2])
            mine.setdefault(sample, []).append(float(good(one.said) == "yes"))
            theirs.setdefault(sample, []).append(float(rule == "yes"))
    if not mine:
        return "The judge is the model that answered."
    means = [[sum(values) / len(values) for values in side.values()] for side in (mine, theirs)]
    found = statistics.paired(*means)
    judged, ruled = (sum(side) / len(side) for side in means)
    return (
        f"The judge is the model that answered. It says yes to {percent(judged)} of these answers, of which the rules "
        f"call {percent(ruled)} right: {points(found.difference)} points (p {as_relation(found.p)}, {found.test}). "
        "Whether it is kinder to its own answers than to another model's is not measured: that takes another model's "
        "run, judged by it too."
    )


def rating_tables(judging: Judging) -> list[Block]:
    """Ratings against people's, cell by cell, with kappa by squared distance."""
    pairs = [
        (one.attempt, (str(one.said), judging.labels[one.attempt]))
        for one in judging.verdicts
        if judging.scale == "1-5" and one.counts and one.attempt in judging.labels
    ]
    if not pairs:
        return []
    said = [pair for _, pair in pairs]
    found = agreement(said, RATINGS, clusters=clusters_of(key for key, _ in pairs), quadratic=True)
    rows = [[f"judge {a}", *(f"{found.cells.get((a, b), 0):,.0f}" for b in RATINGS)] for a in RATINGS]
    span = found.kappa_interval
    weighted = "–" if span is None else f"{signed(found.kappa)} (95% {signed(span.low)} to {signed(span.high)})"
    caption = (
        f"Of {found.n:,} attempts {percent(found.share)} have the same rating; kappa weighted by squared distance "
        f"(Cohen 1968): {weighted}."
    )
    return [
        Table(
            f"Ratings of {judging.metric} against people's",
            columns("", *(f"people {b}#" for b in RATINGS)),
            rows,
            caption,
        )
    ]
