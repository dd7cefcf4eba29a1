"""A comparison in words: the main finding, a sentence a task, and what nobody asked and everybody should know.

Concedes: "best" is the highest score seen; whether it is real is the paired test's matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from kshot.eval.report.model import CARE, Block
from kshot.eval.report.numbers import as_relation, number, percent
from kshot.eval.report.prompting.comparisons import Comparison, described
from kshot.eval.report.prompting.constant import may_be_more, quoted
from kshot.eval.report.prompting.measures import MANY, Key, Measure, clusters_of, tasks_of
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.scale import ACCURACY

TIE = 1e-12  # scores that differ by less are the same
MOST = 12  # strategies, or tasks, that a sentence names


def finding(found: Mapping[Key, Measure], family: Sequence[Comparison]) -> str:
    """The main finding: the largest difference that is real, or that there is none."""
    if not family:
        listed = list(found.values())
        said = "; ".join(f"{m.strategy} on {m.task}: {outcome(m)}" for m in listed[:3])
        more = f"; and {len(listed) - 3} more" if len(listed) > 3 else ""
        return f"{said}{more}; nothing to compare {'it' if len(listed) == 1 else 'them'} with."
    real = [c for c in family if c.real]
    tested = f"{len(family)} comparison{'s' if len(family) > 1 else ''}"
    if not real:
        return f"No difference is shown in {tested}; {largest(found, family)}."
    top = max(real, key=lambda c: (c.lead > 0, c.scale.kind.share, abs(c.lead)))
    a, b = found[top.task, top.strategy], found[top.task, top.baseline]
    what = "" if a.scale.metric == ACCURACY else f"{a.scale.name} "
    beside = f"; it is not shown to be above {always(a)}" if top.lead > 0 and a.no_better else ""
    return (
        f"{top.strategy} is {top.word} than {top.baseline} on {top.task}: {what}"
        f"{a.scale.kind.value(top.values[0])} against {b.scale.kind.value(top.values[1])} "
        f"of {top.result.n} samples, {top.sentence}{beside}; "
        f"{len(real)} of {tested} show{'s' * (len(real) == 1)} a difference."
    )


def largest(found: Mapping[Key, Measure], family: Sequence[Comparison]) -> str:
    """The largest lead of a family in which nothing is shown, or that there is none.

    Of metrics in several units only shares are ranked, where there are any.
    """
    family = [c for c in family if c.scale.kind.share] or family
    top, last = (pick(family, key=lambda c: c.lead) for pick in (max, min))
    if all(nothing(m) for m in found.values()):
        return "no strategy scores anything on any task"
    if top.lead <= TIE <= -last.lead:
        lead, top = f"no strategy leads its baseline, and the farthest behind is {last.strategy}", last
        lead += f" against {top.baseline}"
    elif top.lead <= TIE:
        return "every strategy has the very score of its baseline"
    else:
        lead = f"the largest lead is {top.strategy} over {top.baseline}"
    what = "" if top.scale.metric == ACCURACY else f" in {top.scale.name}"
    return f"{lead} on {top.task}, {top.sentence}{what}, where {top.would_show}"


def nothing(m: Measure) -> bool:
    """Whether a strategy has the least score that there is."""
    return m.value == m.scale.kind.worst


def outcome(m: Measure) -> str:
    """A mean score over its samples: "45.0% (29.3–61.5%) of 40 samples right"."""
    if not m.scale.binary:
        return f"{m.scale.name} {described(m)} over {m.n:,} samples"
    by = "" if m.scale.metric == ACCURACY else f" by {m.scale.metric}"
    return f"{described(m)} of {m.n:,} samples right{by}"


def beside(m: Measure) -> str:
    """A score with what it has to be held against: the best constant answer, and how many answers were given."""
    found = m.answers
    known = "" if m.constant is None else f"; {always(m)} would be the best constant answer"
    answers = f"{found.distinct:,} distinct answer{'' if found.distinct == 1 else 's'} in {found.attempts:,} attempts"
    return f"{m.strategy} on {m.task}: {outcome(m)}{known}; {answers}."


def always(m: Measure) -> str:
    """The best constant answer on a measure's samples, in words."""
    assert m.constant is not None
    least = "at least " if may_be_more(m.scale) else ""
    return f"always answering {quoted(m.constant.answer)} ({least}{m.scale.kind.value(m.constant.value)})"


def enumerated(names: Sequence[str]) -> str:
    """Names in a sentence: "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def task_sentence(task: str, found: Mapping[Key, Measure], family: Sequence[Comparison]) -> str:
    """A task's best strategy, by how much, whether that is real, and what it cost; of equals that they are."""
    here = [m for (name, _), m in found.items() if name == task]
    if len(here) == 1:
        return f"{task}: {here[0].strategy} alone was run; {outcome(here[0])}."
    top = max(m.scale.better(m.value) for m in here)
    if all(nothing(m) for m in here):
        return f"{task}: none of {len(here)} strategies scores anything."
    best = [m for m in here if m.scale.better(m.value) >= top - TIE]
    cheapest = min(best, key=lambda m: m.mean("completion_tokens"))
    over = f"{described(cheapest)} of {cheapest.n:,} samples"
    subject = "It is not" if len(best) == 1 else "None of them is"
    beside = f" {subject} shown to be above {always(cheapest)}." if cheapest.no_better else ""
    if len(best) == len(here):
        count = "both" if len(here) == 2 else f"all {len(here)}"
        return f"{task}: {count} strategies have the same {cheapest.scale.name}, {over}.{beside}"
    names = enumerated([m.strategy for m in best])
    most = "highest" if cheapest.scale.kind.sign > 0 else "lowest"
    has = f"has the {most}" if len(best) == 1 else f"share the {most}"
    text = f"{task}: {names} {has} {cheapest.scale.name}, {over}"
    return f"{text}{against_others(task, cheapest, len(best) > 1, found, family)}.{beside}"


def against_others(
    task: str, best: Measure, shared: bool, found: Mapping[Key, Measure], family: Sequence[Comparison]
) -> str:
    """How a task's best stands against its baseline, and what it cost; of several best, the one that wrote least."""
    against = [c for c in family if c.task == task]
    if not against:
        return ""
    base = found[task, against[0].baseline]
    if base.scale.better(base.value) >= best.scale.better(best.value) - TIE:
        worse = sum(c.word == "worse" for c in against)
        is_ = "one of them is" if shared else "it is"
        return f"; {is_} the baseline, and {worse} of {len(against)} others are shown to be worse"
    mine = next((c for c in against if c.strategy == best.strategy), None)
    if mine is None:  # they have no samples in common
        return ""
    spent, least = best.mean("completion_tokens"), base.mean("completion_tokens")
    seen = "the difference is real" if mine.real else mine.verdict
    ahead = f"{mine.scale.kind.difference(mine.result.difference)}{mine.scale.of_points}"
    lead = f"{ahead} on {base.strategy} (p {as_relation(mine.adjusted)})"
    took = f"{best.strategy}, which wrote least of them, took" if shared else "It took"
    return f"; {lead}: {seen}. {took} {number(spent)} generated tokens a sample against {number(least)}"


def notes(listed: Sequence[Measure], asked_by: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """What nobody asked and everybody should know: answers that show no skill, could not be read, or were cut off.

    `asked_by` names the strategy that has asked, where a measure goes by another name, as that of a training does.
    """
    said = [line for line in (uneven(listed), one_answer(listed), no_better(listed)) if line]
    for what, share, remedy in (
        ("no answer could be read in", "unparsed", "read some of them before trusting the {name}"),
        ("the text was cut off before an answer in", "truncated", "allow more, as in {strategy}:max_new_tokens=256"),
    ):
        many = sorted((m for m in listed if m.share(share) > MANY), key=lambda m: -m.share(share))
        if many:
            shown = ", ".join(f"{percent(m.share(share))} of {m.strategy} on {m.task}" for m in many[:4])
            more = f" and {len(many) - 4} more" if len(many) > 4 else ""
            strategy = asked_by.get(many[0].strategy, many[0].strategy).partition(":")[0]
            advice = remedy.format(name=many[0].scale.name, strategy=strategy)
            said.append(f"{CARE}{what} {shown}{more}; {advice}.")
    return said


def uneven(listed: Sequence[Measure]) -> str:
    """On which tasks some strategies were asked more samples than others; "" where none was."""
    shown = []
    for task in dict.fromkeys(m.task for m in listed):
        sizes: dict[str, list[str]] = {}
        for m in listed:
            if m.task == task:
                sizes.setdefault(f"{m.n:,}", []).append(m.strategy)
        if len(sizes) > 1:
            shown.append(f"on {task} {'; '.join(f'{listing(names)} {size}' for size, names in sizes.items())}")
    if not shown:
        return ""
    return (
        f"{CARE}not all were asked the same samples: {listing(shown, '; ')}. Scores are of each one's own samples; "
        "differences are of those that both have."
    )


def one_answer(listed: Sequence[Measure]) -> str:
    """Which strategies gave one and the same answer to everything; "" where none did."""
    alike: dict[tuple[str, str], list[str]] = {}  # (task, what is told) -> strategies
    for m in listed:
        found, constant = m.answers, m.constant
        if not found.constant:
            continue
        value = m.scale.kind.value
        told = f"{quoted(found.commonest)} in {found.of_commonest:,} of {found.attempts:,}, {value(m.value)}"
        if constant is not None:
            same = constant.answer == found.commonest
            other = constant.second if same else (constant.answer, constant.value)
            told += f"; always {quoted(other[0])} would have {value(other[1])}" if other else ""
        alike.setdefault((m.task, told), []).append(m.strategy)
    if not alike:
        return ""
    shown = []
    for (task, told), names in alike.items():
        more = [f"{len(names) - MOST} more"] if len(names) > MOST else []
        shown.append(f"{enumerated([*names[:MOST], *more])} on {task} ({told})")
    return f"{CARE}the same answer to everything, which shows no skill: {listing(shown)}."


def no_better(listed: Sequence[Measure]) -> str:
    """Which strategies are not shown to be above the best constant answer; "" where all are."""
    shown = []
    for task in dict.fromkeys(m.task for m in listed):
        here = [m for m in listed if m.task == task and m.no_better]
        for constant in dict.fromkeys(always(m) for m in here):
            names = [f"{m.strategy} {m.scale.kind.value(m.value)}" for m in here if always(m) == constant]
            shown.append(f"on {task} than {constant}: {', '.join(names)}")
    if not shown:
        return ""
    return f"{CARE}not shown to be better {listing(shown, '; ')}."


def listing(shown: Sequence[str], between: str = ", ") -> str:
    """The first of many, and how many more the table marks."""
    more = f"{between}and {len(shown) - MOST} more, marked in the table" if len(shown) > MOST else ""
    return f"{between.join(shown[:MOST])}{more}"


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
