"""What of a run is judged, worded: each attempt, or two strategies' attempts at the same sample in both orders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kshot.eval.report.prompting.run_data import RunData
from kshot.harness.judging.judge import AGAINST, REPLY, Judge
from kshot.prompts.templates import letters, listed_choices
from kshot.types import Record, Sample, UserError

Key = tuple[str, str, str, int]
"""(task, strategy, sample id, repeat)"""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to be judged."""

    key: Key  # of a pair, AGAINST stands for the strategy
    rubrics: tuple[str, ...]  # rendered: one, a pair's in both orders, or none where the pair's answers are the same
    seen: tuple[str, ...]  # what is judged, as `seen_of` has it: by it a verdict on what has since changed is known


def key_of(record: Record) -> Key:
    """Which attempt a record is of."""
    return record.task, record.strategy, record.sample_id, record.repeat


def seen_of(record: Record, of: str) -> str:
    """What is judged of an attempt, as it is compared: its answer, or the key of the call whose reply it is."""
    return record.calls[-1] if of == REPLY and record.calls else record.prediction.answer or ""


def has_answer(record: Record, of: str) -> bool:
    """Whether there is anything to judge: a reply that was read counts, and one that was not too where replies are."""
    return record.prediction.answer is not None or (of == REPLY and bool(record.calls))


def pairs_of(records: Sequence[Record], pair: tuple[str, str]) -> Iterator[tuple[Record, Record]]:
    """The attempts of two strategies at the same samples, in the first one's order."""
    others = {(r.task, r.sample_id, r.repeat): r for r in records if r.strategy == pair[1]}
    for record in records:
        other = others.get((record.task, record.sample_id, record.repeat))
        if record.strategy == pair[0] and other is not None:
            yield record, other


def items_of(run: RunData, judge: Judge) -> list[Item]:
    """All that a judge has to judge; what has no answer is left out. Raises UserError where there is nothing."""
    if judge.pair is not None:
        return compared(run, judge, judge.pair)
    found = []
    for record in run.records:
        if has_answer(record, judge.of):
            values = fields_of(run, record, judge)
            rubric = judge.rubric.render({**values, "answer": text_of(run, record, judge.of)})
            found.append(Item(key_of(record), (rubric,), (seen_of(record, judge.of),)))
    if not found:
        raise UserError(f"the run {run.name} has no attempt with an answer to judge: see `kshot show` for its replies.")
    return found


def compared(run: RunData, judge: Judge, pair: tuple[str, str]) -> list[Item]:
    """A pair for each sample that both strategies answered."""
    found = []
    for a, b in pairs_of(run.records, pair):
        if not (has_answer(a, judge.of) and has_answer(b, judge.of)):
            continue
        seen = (seen_of(a, judge.of), seen_of(b, judge.of))
        texts = [text_of(run, one, judge.of) for one in (a, b)]
        values = fields_of(run, a, judge)
        orders = [] if texts[0] == texts[1] else [texts, texts[::-1]]
        rubrics = [judge.rubric.render({**values, "first": one, "second": other}) for one, other in orders]
        found.append(Item((a.task, AGAINST, a.sample_id, a.repeat), tuple(rubrics), seen))
    if not found:
        raise UserError(f"{pair[0]} and {pair[1]} have no sample that both answered; choose two others.")
    return found


def fields_of(run: RunData, record: Record, judge: Judge) -> Mapping[str, Any]:
    """What a rubric may use beside the answer."""
    sample = run.samples[record.task, record.sample_id]
    return {
        "question": sample.question,
        "choices": list(sample.choices),
        "options": listed_choices(sample.choices) if sample.choices else "",
        "target": " or ".join(named(one, sample) for one in sample.target.split("|")) if judge.reference else "",
        "scale": judge.scale,
    }


def text_of(run: RunData, record: Record, of: str) -> str:
    """An attempt's answer, a choice's letter with its words; or the whole reply. Raises UserError where none is one."""
    if of != REPLY:
        return named(record.prediction.answer or "", run.samples[record.task, record.sample_id])
    request, generation = run.call(record.calls[-1]) if record.calls else (None, None)
    chains = len(record.prediction.answers) > 1
    if request is None or generation is None or request.continuation is not None or chains:
        what = "votes over several replies" if chains else "writes no reply"
        raise UserError(f"{record.strategy} {what}, so that there is none to judge: leave --of reply out.")
    return generation.text


def named(answer: str, sample: Sample) -> str:
    """An answer as a judge reads it: "(B) the second choice" for a letter.

    >>> named("B", Sample("1", "Which swims?", "B", choices=("cat", "cod")))
    '(B) cod'
    """
    known = letters(sample.choices)
    return f"({answer}) {sample.choices[known.index(answer)]}" if answer in known else answer
