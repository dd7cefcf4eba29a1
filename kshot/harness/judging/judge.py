"""Who judges what, how a verdict is read, and the program that asks for it.

A verdict is the likeliest of the scale's words after the rubric (`likelihood`: nothing is generated, so nothing can be
unread), or what kshot's own answer formats read in a reply (`text`). Decoding is greedy in either case.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kshot.eval.answers import LETTER, YES_NO, labels
from kshot.eval.metrics import Kind
from kshot.harness.judging.rubrics import Rubric
from kshot.prompts.calibration import softmax
from kshot.types import (
    REPLY_TOKENS,
    AnswerFormat,
    EngineError,
    Generation,
    Message,
    Prediction,
    Program,
    Request,
    SamplingParams,
)

YES_OR_NO, RATING, PAIR = "yes-no", "1-5", "pair"
SCALES = (YES_OR_NO, RATING)  # that can be asked for; a pair has its own
LIKELIHOOD, TEXT = "likelihood", "text"
BY = (LIKELIHOOD, TEXT)
ANSWER, REPLY = "answer", "reply"
OF = (ANSWER, REPLY)
AGAINST = "a-against-b"
"""What the records of a pair have for a strategy."""


@dataclass(frozen=True, slots=True)
class VerdictScale:
    """The verdicts that exist."""

    format: AnswerFormat  # how a verdict is asked for, and read in a text
    words: Mapping[str, str]  # what is scored for each verdict
    values: Mapping[str, float]  # what each is worth
    kind: Kind  # of these values


RATINGS = ("1", "2", "3", "4", "5")
LETTERS = {"A": "first", "B": "second"}  # the place that each names
SCALE: Mapping[str, VerdictScale] = {
    YES_OR_NO: VerdictScale(YES_NO, {"yes": "Yes", "no": "No"}, {"yes": 1.0, "no": 0.0}, Kind(right=None)),
    RATING: VerdictScale(
        labels(RATINGS),
        {each: each for each in RATINGS},
        {each: float(each) for each in RATINGS},
        Kind("of 5", low=1.0, high=5.0, right=None),
    ),
    PAIR: VerdictScale(
        replace(LETTER, instruction="Answer with the letter of the better answer, A or B."),
        {"A": "A", "B": "B"},
        {"a": 1.0, "tie": 0.5, "b": 0.0},
        Kind(right=None),
    ),
}
"""By name. A pair's value is 1 where the first strategy wins, one half for a tie. No verdict is right or wrong."""
CHOICES = ("answer A", "answer B")


@dataclass(frozen=True, slots=True)
class Judge:
    """All that decides what a judge is asked, beside its engine."""

    name: str  # of its folder
    rubric: Rubric
    scale: str = YES_OR_NO
    by: str = LIKELIHOOD
    of: str = ANSWER
    reference: bool = True
    pair: tuple[str, str] | None = None  # two strategies, by their whole specification
    max_new_tokens: int = REPLY_TOKENS  # of a text

    def settings(self, engine: str, chat: bool) -> dict[str, Any]:
        """What a resume must agree with."""
        return {
            "judge": self.name,
            "engine": engine,
            "chat": chat,
            "rubric": self.rubric.name,
            "rubric_sha256": self.rubric.sha256,
            "scale": self.scale,
            "by": self.by,
            "of": self.of,
            "reference": self.reference,
            "pair": None if self.pair is None else list(self.pair),
            "max_new_tokens": self.max_new_tokens if self.by == TEXT else None,
        }

    @property
    def metric(self) -> str:
        """What its verdicts are called, so that nobody takes them for a task's own score."""
        return f"judge:{self.name}"

    def worded(self, rubric: str) -> tuple[Message, ...]:
        """A rendered rubric with how the verdict is to be given."""
        return (Message("user", f"{rubric}\n\n{SCALE[self.scale].format.instruction}"),)

    def program(self, rubrics: Sequence[str], seen: Sequence[str]) -> Program[Prediction]:
        """Asks about one attempt (one rubric, rendered), or about a pair in both orders (two, or none).

        A pair of the same answers is a tie, and not asked about. `seen` is what is judged, kept with the verdict.
        """
        said = yield from self.asked(rubrics) if rubrics else nothing()
        detail: dict[str, Any] = {"judged": list(seen)}
        if self.pair is None:
            return replace(said[0], detail={**said[0].detail, **detail})
        if not said:
            return Prediction("tie", "ok", "the same answer", detail=detail)
        places = [None if one.answer is None else LETTERS[one.answer] for one in said]
        detail |= {"places": places, "probabilities": [dict(one.probabilities) for one in said]}
        unread = next((one for one in said if one.answer is None), None)
        if unread is not None:
            return replace(unread, span=None, rejected=None, probabilities={}, detail=detail)
        winners = {places[0] == "first", places[1] == "second"}  # whether a won, in either order
        answer = "tie" if len(winners) > 1 else "a" if True in winners else "b"
        return Prediction(answer, "ok", "both orders", detail=detail)

    def asked(self, rubrics: Sequence[str]) -> Program[list[Prediction]]:
        """A verdict for each rubric."""
        scale = SCALE[self.scale]
        prompts = [self.worded(rubric) for rubric in rubrics]
        if self.by == TEXT:
            params = SamplingParams(max_new_tokens=self.max_new_tokens)
            replies = yield [Request(prompt, params) for prompt in prompts]
            choices = CHOICES if self.pair else ()
            return [scale.format.read(reply, choices) for reply in replies]
        words = list(scale.words.values())
        replies = yield [Request(prompt, continuation=word) for prompt in prompts for word in words]
        rows = [replies[at : at + len(words)] for at in range(0, len(replies), len(words))]
        return [likeliest(list(scale.words), row) for row in rows]


def nothing() -> Program[list[Prediction]]:
    """Asks nothing."""
    return []
    yield []


def likeliest(names: Sequence[str], replies: Sequence[Generation]) -> Prediction:
    """The verdict whose word is likeliest; of equals none, since the order of the scale is no ground.

    Raises EngineError for a log-likelihood that is no finite number.
    """
    logprobs = [reply.logprob for reply in replies]
    if not all(map(math.isfinite, logprobs)):
        raise EngineError(f"the engine gave a verdict a log-likelihood that is no finite number: {logprobs}")
    found = dict(zip(names, softmax(logprobs), strict=True))
    best = max(logprobs)
    if logprobs.count(best) > 1:
        return Prediction(None, "unparsed", "equally likely", probabilities=found)
    return Prediction(names[logprobs.index(best)], "ok", "highest log-likelihood", probabilities=found)
