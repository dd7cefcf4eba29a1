"""A comparison in words: the main finding, a sentence a task, and what nobody asked and everybody should know.

Concedes: "best" is the highest accuracy seen; whether it is real is the paired test's matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kshot.eval.report.model import Block
from kshot.eval.report.numbers import as_relation, number, percent, points, unsigned
from kshot.eval.report.prompting.comparisons import Comparison, described
from kshot.eval.report.prompting.measures import MANY, Key, Measure, clusters_of, tasks_of
from kshot.eval.report.prompting.run_data import RunData


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
            f"{top.sentence}, where {top.result.n} samples would show {unsigned(top.detectable, 0)} points or more."
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
    lead = f"{points(mine.result.difference)} points on {base.strategy} (p {as_relation(mine.adjusted)})"
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
