"""A target is what a perfect reply reads as: held for every sample of every task, before a model is asked.

A perfect reply is the target alone, or the sentence in which an exemplar states it, after its rationale where that
might get in the way; each alternative of "a|b" is one. What it is read as must score 1, and none of it may go
unread: where only the first of two sentences counts, a reply that is right in the first would be right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from kshot.eval.answers import ACTIONS, LETTER, NUMBER, TEXT, exact, numeric, read_target
from kshot.eval.tasks.source.told import number_of
from kshot.registry import words_of
from kshot.types import AnswerFormat, Extraction, Extractor, Sample, Score, Source, Split, Task, UserError

Scoring = Callable[[str | None, Sample], Score]

WORDED = ("text", "line", "word")  # formats that reduce what they read, so that a target has to be read as well
# targets that nothing can be read into: each is itself in every reply, which a test holds
PLAIN: dict[Extractor, re.Pattern[str]] = {
    NUMBER.extract: re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{0,8}[1-9])?"),
    ACTIONS.extract: re.compile(
        r"I_(?:WALK|LOOK|RUN|JUMP|TURN_LEFT|TURN_RIGHT)(?: I_(?:WALK|LOOK|RUN|JUMP|TURN_LEFT|TURN_RIGHT))*"
    ),
}
# words and digits without any sign, which a sentence about them leaves as they are where they are read as themselves
# alone; which digits they are, but for zeros, is of no account to that
WORDS = re.compile(r"(?!(?i:.*assistantfinal))[A-Za-z0-9]+(?: [A-Za-z0-9]+)*")
DIGIT = re.compile(r"[1-9]")
MARKED = re.compile(r"[<\[\u25c1\n\\#]|analysis|assistantfinal|hinking")  # a rationale that may be read otherwise
SHOWN = 60  # characters of a target in an error


@lru_cache(maxsize=4096)
def read_as(form: AnswerFormat, target: str, choices: tuple[str, ...]) -> tuple[str, ...]:
    """What a target, or each of its alternatives, is read as; nothing where replies of it are read as several."""
    read = read_target(form, target, choices)
    return () if read is None else tuple(read.split("|"))


@dataclass(frozen=True)
class AsRead:
    """A score: 1 where the answer is the target, or is what a reply of the target is read as."""

    form: AnswerFormat

    def __call__(self, answer: str | None, sample: Sample) -> Score:
        score = exact(answer, sample)
        if answer is None or score.value == 1:
            return score
        return Score(float(answer in read_as(self.form, sample.target, sample.choices)), True)


def scoring(form: AnswerFormat, score: Scoring) -> Scoring:
    """A task's score, which for words takes what their target is read as."""
    return AsRead(form) if score is exact and form.name in WORDED else score


def replies_to(part: str, form: AnswerFormat) -> tuple[str, str]:
    """The perfect replies to a target or one of its alternatives: alone, and stated."""
    try:
        return part, form.statement.format(answer=part)
    except (LookupError, ValueError) as error:
        raise UserError(f"the statement {form.statement!r} of a format takes {{answer}} and nothing else.") from error


def is_plain(sample: Sample, form: AnswerFormat, score: Scoring) -> bool:
    """Whether a sample's target is one that need not be read."""
    target = sample.target
    if form.extract is LETTER.extract and score is exact:
        there = len(target) == 1 and "A" <= target < chr(65 + min(len(sample.choices) or 26, 26))
        return there and not any("(" in choice for choice in sample.choices)
    plain = PLAIN.get(form.extract)
    return plain is not None and score in (exact, numeric) and plain.fullmatch(target) is not None


def gets_in_the_way(sample: Sample) -> bool:
    """Whether a sample's rationale might be read instead of the answer behind it."""
    rationale = sample.rationale.strip()
    signs = rationale and not any(character.isalnum() for character in sample.target)
    return bool(signs) or MARKED.search(rationale) is not None


def fault(sample: Sample, form: AnswerFormat, score: Scoring, *, shown: bool) -> str | None:
    """Why a perfect reply to a sample does not score 1; None where it does. `shown`: also after its rationale."""
    if not isinstance(sample.target, str):
        return f"the target {sample.target!r} is no text"
    shown = shown and gets_in_the_way(sample)
    if not shown and is_plain(sample, form, score):
        return None
    for part in sample.target.split("|"):
        reason = fault_of_part(part, sample, form, score)
        if reason:
            return reason
    if shown:
        stated = replies_to(sample.target.split("|")[0], form)[1]
        found = form.extract(f"{sample.rationale.strip()} {stated}", sample.choices)
        if not score(found.answer, sample).right:
            return f"its rationale with the answer behind it {said(found)}"
    return None


@lru_cache(maxsize=4096)
def is_itself(words: str) -> bool:
    """Whether words are read as themselves."""
    return TEXT.extract(words, ()).answer == words.lower()


def fault_of_part(part: str, sample: Sample, form: AnswerFormat, score: Scoring) -> str | None:
    """Why a reply that is a target, or one of its alternatives, does not score 1, alone and stated."""
    quoted = repr(part if len(part) <= SHOWN else f"{part[:SHOWN]}...")
    if not part.strip():
        return f'the target {sample.target!r} has an alternative that is empty ("|" stands between alternatives)'
    if score is numeric and number_of(part) is None:
        return f"the target {quoted} is more than a number or none"
    words = form.extract is TEXT.extract and isinstance(score, AsRead) and not sample.choices and WORDS.fullmatch(part)
    if words and is_itself(DIGIT.sub("1", part)):
        return None
    for reply in replies_to(part, form):
        found = form.extract(reply, sample.choices)
        if found.answer is None or not score(found.answer, sample).right:
            return f"a reply of the target {quoted} {said(found)}"
        rest = part[found.span[1] :] if reply is part and found.span and form.name in WORDED else ""
        if re.search(r"[^\W_]", rest) and exact(found.answer, sample).value != 1:
            return f"of the target {quoted} only {found.answer!r} is read"
    return None


def said(found: Extraction) -> str:
    """What a reply is read as, in an error."""
    if found.answer is None:
        return f"is read as no answer{'' if found.rule == 'none' else f' ({found.rule})'}"
    return f"is read as {found.answer[:SHOWN]!r}, which does not score 1"


def hold(
    samples: Iterable[Sample],
    form: AnswerFormat,
    score: Scoring,
    place: Callable[[Sample], str],
    remedy: str,
    *,
    shown: bool = False,
) -> None:
    """Raises UserError, with the place and a remedy, for a sample to which a perfect reply does not score 1."""
    score = scoring(form, score)
    own = not (score in (exact, numeric) or isinstance(score, AsRead))  # a score that may look at all of a sample
    right: set[tuple[str, tuple[str, ...]]] = set()
    wrong: list[str] = []
    for sample in samples:
        known = (sample.target, sample.choices)
        if known in right and not own and not (shown and gets_in_the_way(sample)):
            continue
        if own and not sample.target:
            continue  # it judges without a target, so that no reply is known to be perfect
        reason = reason_against(sample, form, score, own=own, shown=shown)
        if reason is None:
            right.add(known)
        else:
            wrong.append(f"{place(sample)}: {reason}")
    if wrong:
        others = f", and so it is with {len(wrong) - 1:,} more" if len(wrong) > 1 else ""
        raise UserError(f"{wrong[0]}{others}; {remedy}")


def reason_against(sample: Sample, form: AnswerFormat, score: Scoring, *, own: bool, shown: bool) -> str | None:
    """Why a perfect reply does not score 1, what a user's `own` score raises among it; None where it does."""
    try:
        return fault(sample, form, score, shown=shown)
    except UserError:
        raise
    except Exception as error:  # a user's own code may raise anything, and the sentence must name it
        if not own:
            raise
        return f"its score failed ({type(error).__name__}: {words_of(error)})"


def held(task: Task) -> Task:
    """The task with its samples held, whenever they are loaded, to score 1 for a perfect reply."""

    def load(split: Split, source: Source) -> Sequence[Sample]:
        samples = task.load(split, source)
        shown = split == "train"
        hold(
            [*(task.exemplars if shown else ()), *samples],
            task.format,
            task.score,
            lambda sample: f"the task {task.name}, sample {sample.id!r}",
            "mend the target, or the task's format or score.",
            shown=shown,
        )
        return samples

    return replace(task, load=load, score=scoring(task.format, task.score))
