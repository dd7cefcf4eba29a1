"""Tasks to search, whose candidates are scored by the programs of their strategies, and what answers these."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from kshot.eval.answers import exact, labels
from kshot.program import drive, gather
from kshot.prompts.search import Found, Proposal, Search, Searchable, Trial, Trials
from kshot.prompts.search.flips import Flips, FlipsAsked, Gradient, asked_in, reply_of
from kshot.prompts.strategies import get_strategy
from kshot.prompts.templates import plain
from kshot.spec import write_spec
from kshot.types import Generation, Program, Question, Request, Sample

LABELS = {"en": ("negative", "positive"), "zh": ("差", "好")}
WORDINGS = {
    "en": ("Say, briefly, whether the review is negative or positive.", "Is it negative or positive?"),
    "zh": ("请判断这条评论是好还是差，只回答一个字。", "这条评论是好还是差？"),
}
TEXTS = {"en": "the film number {at} was quite a film", "zh": "第{at}部电影看完以后让人说不出话来"}


def task_of(
    language: str = "en", *, train: int = 12, validation: int = 10, objective: str = "likelihood"
) -> Searchable:
    """A classification of reviews whose candidates are choice-logprob's."""
    names = LABELS[language]
    pool = tuple(
        Sample(f"{language}{at}", TEXTS[language].format(at=at), names[at * 7 // 3 % 2])
        for at in range(train + validation)
    )
    question = Question(
        *("", labels(names, language=language)),
        labels=names,
        exemplars=pool[:train],
        instructions=WORDINGS[language],
        language=language,
    )

    def worded(text: str) -> str:
        return write_spec("choice-logprob", {"text": text})

    def showing(places: Sequence[int], text: str) -> str:
        said = {"text": text} if text else {}
        return write_spec("choice-logprob", {**said, "picks": tuple(map(str, places))})

    def trial(sample: Sample, spec: str) -> Program[Trial]:
        prediction = yield from get_strategy(spec)(replace(question, text=sample.question))
        right = exact(prediction.answer, sample).value
        value = right if objective == "accuracy" else math.log(max(prediction.probabilities[sample.target], 1e-9))
        return Trial(value, right, prediction.probabilities)

    def score(spec: str, samples: Sequence[Sample]) -> Program[list[Trial]]:
        return gather(trial(sample, spec) for sample in samples)

    return Searchable(
        *("reviews", question, pool[:train], pool[train:], objective, worded, showing),
        humans=("choice-logprob", *(f"choice-logprob:wording={at}" for at in range(2))),
        score=score,
    )


@dataclass
class Model:
    """Answers requests as a model would: by functions of what is asked. Keeps what it was asked."""

    writes: Callable[[str, int], str] = lambda prompt, seed: ""
    likes: Callable[[str, str], float] = lambda prompt, label: -drawn(f"{prompt}|{label}") % 997 / 400
    proposals: list[str] = field(default_factory=list)
    scored: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Generation:
        if isinstance(request, Flips):
            return self.flipped(asked_in(request))
        text = plain(request).prompt
        assert isinstance(text, str)
        if request.continuation is None:
            assert isinstance(request, Proposal)
            self.proposals.append(text)
            return Generation(self.writes(text, request.seed), "stop")
        self.scored.append(text)
        logprob = self.likes(text, request.continuation.strip())
        return Generation(request.continuation, "scored", completion_tokens=1, logprob=logprob)

    def flipped(self, asked: FlipsAsked) -> Generation:
        """A gradient, drawn: a word's exchanges are other words, worth what hangs on the text."""
        for row in asked.rows:
            self.scored += [str(plain(one, asked.language).prompt) for one in row.filled(asked.text)]
        words = asked.text.split()
        at = asked.turn % len(words)
        texts = [" ".join([*words[:at], FLIPPED[one % 6] + str(one), *words[at + 1 :]]) for one in range(asked.top)]
        flips = tuple((text, drawn(text) / 2**32 - 0.5) for text in texts)
        return Generation(reply_of(Gradient(1.0, len(words), flips)), "scored", logprob=-1.0)


FLIPPED = ("Say", "what", "this", "film", "is", "now")


def drawn(text: str) -> int:
    """A number that hangs on the text alone."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")


def searched(
    search: Search, task: Searchable, model: Model, *, budget: int = 320, proposals: int = 24, **params: object
) -> Found:
    """What a search finds with a model."""
    return drive(search(task, Trials(task, budget, proposals), **params), model)
