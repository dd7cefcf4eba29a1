"""The tables of a search's report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

from kshot.eval.report.model import Cell, Column, Table, Tone, columns
from kshot.eval.report.numbers import number, percent, points, probability
from kshot.eval.report.searching.outcomes import FEW_SHOT, SearchOutcome, Spent
from kshot.eval.report.searching.tested import SearchMethod, Tested, mean_of
from kshot.eval.report.searching.verdicts import SearchVerdict

Row = list[str | Cell]


def span(values: Sequence[float]) -> str:
    """Numbers as one, or from the least to the most.

    >>> span([3, 3]), span([3, 12])
    ('3', '3–12')
    """
    low, high = min(values), max(values)
    return f"{low:,.0f}" if low == high else f"{low:,.0f}–{high:,.0f}"


def scores_table(tested: Tested) -> Table:
    """Validation, out-of-bag and test of what was chosen, with how many it was chosen among."""
    rows: list[Row] = []
    for task in tested.tasks:
        methods = [method for method in tested.methods if method.task == task]
        for method in sorted(methods, key=lambda one: -one.test):
            estimate = method.out_of_bag
            rows.append([
                task, method.name, str(len(method.outcomes)), span([len(one.tried) for one in method.outcomes]),
                percent(method.validation), percent(estimate), percent(method.test), spread(method),
                points(method.validation - method.test), "–" if estimate is None else points(estimate - method.test),
            ])  # fmt: skip
        if task in tested.baselines:
            _, scores = tested.baselines[task]
            rows.append([task, FEW_SHOT, "–", "–", "–", "–", percent(mean_of(scores)), "–", "–", "–"])
    heads = columns("task", "method", "seeds#", "N#", "validation#", "out-of-bag#", "test#")
    heads += [Column("test by seed", wide_only=True), *columns("optimism#", "of out-of-bag#")]
    caption = (
        "Means over seeds. N: distinct candidates that were tried, of which the best on validation was chosen: the "
        "more, the more luck is in its score. Out-of-bag: the validation samples drawn again 2,000 times, the best on "
        "a draw scored on what the draw left out. Optimism: validation less test, in points; a score that a search "
        "chose on is no result. Test samples were read once, after every search had ended."
    )
    return Table("Chosen, corrected, tested", heads, rows, caption)


def spread(method: SearchMethod) -> str:
    """The test scores of seeds."""
    return ", ".join(f"{100 * mean_of(scores):.1f}" for scores in method.tests)


TONES: dict[str, Tone] = {"better": "good", "worse": "bad"}


def verdict_table(verdicts: Sequence[SearchVerdict], against: str) -> Table:
    """All methods against one baseline."""
    rows: list[Row] = [
        [
            one.task, one.method, Cell(one.word, TONES.get(one.word, "quiet")), points(one.difference),
            f"{points(one.interval.low)} to {points(one.interval.high)}", ", ".join(map(points, one.per_seed)),
            probability(one.p), probability(one.adjusted), one.would_decide,
            f"{one.only_method} : {one.only_baseline}", probability(one.majority_p),
        ]
        for one in verdicts
    ]  # fmt: skip
    heads = columns("task", "method", "verdict", "difference#", "95% interval#")
    heads += [Column("by seed", numeric=True, wide_only=True), *columns("p#", "p (Holm)#")]
    heads += [Column(title, numeric=True, wide_only=True) for title in ("n to decide", "most seeds", "p of most")]
    tests = sorted({one.test for one in verdicts})
    sizes = ", ".join(f"{n} on {task}" for task, n in {one.task: one.n for one in verdicts}.items())
    caption = (
        f"Differences from {against} on the test in points, paired by sample ({sizes}); interval: bootstrap over "
        f"samples with all seeds of a sample together. p: {', '.join(tests)}; Holm over the {len(verdicts)} "
        "comparisons of this table. As good: within 5 points by two one-sided tests. n to decide: samples that show "
        "such a difference four times of five. Most seeds: samples that most seeds get right and most of the other's "
        "do not, and the other way round, with exact McNemar's p: that of a vote, which no single prompt is."
    )
    return Table(f"Against {against}", heads, rows, caption)


def cost_table(tested: Tested) -> Table:
    """What a search spent, beside what it gained."""
    rows: list[Row] = []
    for method in tested.methods:
        some = method.outcomes
        asked, scored = mean_spent(some, lambda one: one.proposing), mean_spent(some, lambda one: one.scoring)
        rows.append([
            method.task, method.name, percent(method.test), span([one.scorings for one in some]),
            f"{some[0].budget:,}", span([one.proposals for one in some]), span([one.unusable for one in some]),
            number(asked.tokens), number(scored.tokens), number(asked.seconds + scored.seconds),
        ])  # fmt: skip
    heads = columns("task", "method", "test#", "scorings#", "of budget#", "proposals#", "unusable#")
    heads += columns("tokens proposing#", "tokens scoring#", "seconds#")
    caption = (
        "Of one search, the mean over seeds. Scorings: (candidate, sample) pairs; the budget is the same for all, and "
        "what a method leaves of it is seen here. Unusable: proposals that were empty, said before, copied from a "
        "sample or over 40 words. Counted as if each search were alone; what several ask alike was asked once."
    )
    return Table("What it cost", heads, rows, caption)


def mean_spent(outcomes: Sequence[SearchOutcome], part: Callable[[SearchOutcome], Spent]) -> Spent:
    """The mean of a part of searches' costs."""
    parts = [part(one) for one in outcomes]
    return Spent(
        requests=round(fmean(one.requests for one in parts)),
        prompt_tokens=round(fmean(one.prompt_tokens for one in parts)),
        cached_tokens=round(fmean(one.cached_tokens for one in parts)),
        completion_tokens=round(fmean(one.completion_tokens for one in parts)),
        seconds=fmean(one.seconds for one in parts),
    )


def calibration_table(tested: Tested) -> Table | None:
    """Test scores before and after calibration: a prompt that only shifts labels gains nothing after it."""
    rows: list[Row] = []
    for task in tested.tasks:
        named = [
            (one.name, [each.spec for each in one.outcomes], one.test) for one in tested.methods if one.task == task
        ]
        if task in tested.baselines:
            spec, scores = tested.baselines[task]
            named.append((FEW_SHOT, [spec], mean_of(scores)))
        found = {name: (test, tested.after_calibration(task, specs)) for name, specs, test in named}
        human = found.get("best-human", (None, None))
        for name, (before, after) in found.items():
            if after is None:
                continue
            gains = [
                "–" if base is None or value is None or name == "best-human" else points(value - base)
                for value, base in zip((before, after), human, strict=True)
            ]
            rows.append([task, name, percent(before), percent(after), *gains])
    heads = columns("task", "method", "test#", "calibrated#", "gain over best-human#", "the same, both calibrated#")
    caption = (
        "Calibrated: what the model says of the labels behind inputs of random words is taken off (calibrate=domain, "
        "Fei et al. 2023). A prompt that only shifts the labels' prior gains in the first and not in the last."
    )
    return Table("After calibration", heads, rows, caption) if rows else None


def prompts_table(tested: Tested) -> Table:
    """Every prompt that was found, gibberish included."""
    rows: list[Row] = [
        [
            method.task, method.name, str(one.seed), one.winner.text.strip() or "–", one.winner.how,
            percent(one.winner.score), percent(one.out_of_bag), percent(mean_of(scores)), one.spec,
        ]
        for method in tested.methods
        for one, scores in zip(method.outcomes, method.tests, strict=True)
    ]  # fmt: skip
    heads = [*columns("task", "method", "seed#", "what was found"), Column("how", wide_only=True)]
    heads += [*columns("validation#", "out-of-bag#", "test#"), Column("specification", wide_only=True)]
    return Table(
        "Every prompt found", heads, rows,
        "As they were found, gibberish included. The specification makes each again: kshot bench --strategy '...'.",
    )  # fmt: skip


def transfer_table(here: Tested, there: Tested, model: str) -> Table:
    """What was found on one model, asked of another."""
    rows: list[Row] = []
    for method in here.methods:
        other = there.method(method.task, method.name)
        human = there.method(method.task, "best-human")
        if other is None:
            continue
        gain = "–" if human is None or human is other else points(other.test - human.test)
        rows.append([method.task, method.name, percent(method.test), percent(other.test), gain])
    heads = columns("task", "method", "test here#", f"on {model}#", "there over best-human#")
    caption = f"The same prompts, found here and asked of {model}; best-human is the one chosen here. Means over seeds."
    return Table("Transfer", heads, rows, caption)
