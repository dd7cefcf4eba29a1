"""What `hotflip` asks of a model's weights: which exchange of a token of a text would lower a loss the most.

It is a request like any other, so that the runner batches it beside the scorings and the journal has its answer: a
resume computes no gradient again, and a finished search is replayed without a model. Prompt and reply are JSON. Who
answers it is `kshot.adapters.discrete`; any other engine scores the word that is its continuation, which is no JSON and
is refused here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kshot.types import Generation, Message, Prompt, Request, UserError

HOLE = "\ue010"
"""Stands in a prompt where the text goes; a character that no text has."""
VERSION = 2  # of how they are answered: a journal's answers of another are asked anew
NEEDS_WEIGHTS = (
    "hotflip follows gradients, which only kshot's own engine has (--engine transformers): leave it out, or use the "
    "other methods."
)


@dataclass(frozen=True, slots=True)
class Flips(Request):
    """A request for exchanges of tokens. Its reply holds a `Gradient`."""


@dataclass(frozen=True, slots=True)
class Lossy:
    """A sample's prompt with a hole where the text goes, and what may stand behind it, of which one is right.

    Its loss is the negative log-probability of the right one: among them, or, of one alone, of each of its tokens.
    """

    prompt: Prompt
    continuations: tuple[str, ...]
    right: int = 0

    def filled(self, text: str) -> list[Request]:
        """The requests that score every continuation, with that text in the prompt."""
        prompt = self.prompt
        said: Prompt = (
            prompt.replace(HOLE, text)
            if isinstance(prompt, str)
            else tuple(replace(turn, content=turn.content.replace(HOLE, text)) for turn in prompt)
        )
        return [Request(said, continuation=each) for each in self.continuations]


@dataclass(frozen=True, slots=True)
class FlipsAsked:
    """What a `Flips` asks: of one token of this text in these prompts."""

    text: str
    rows: tuple[Lossy, ...]
    top: int  # so many exchanges
    turn: int = 0  # of which token: this one, counted round the text's tokens again and again
    without: tuple[str, ...] = ()  # words that no text may have
    language: str = "en"  # of the words around a question, for a model that takes no turns


@dataclass(frozen=True, slots=True)
class Gradient:
    """What the weights say of a token of a text: the texts that an exchange of it makes, best first.

    With each text stands the loss that it would have to first order about the mean of all embeddings: the loss with
    that mean at the token's place, and the new token's embedding less the mean times the gradient there.
    """

    loss: float  # with the mean of all embeddings at the place; mean over the rows, natural log
    places: int  # tokens of the text
    flips: tuple[tuple[str, float], ...]


def flips_of(asked: FlipsAsked) -> Flips:
    """The request for it."""
    rows = [[turns_of(row.prompt), list(row.continuations), row.right] for row in asked.rows]
    said = {"text": asked.text, "rows": rows, "top": asked.top, "without": list(asked.without)}
    said |= {"turn": asked.turn, "language": asked.language, "version": VERSION}
    return Flips(json.dumps(said, sort_keys=True), continuation="gradients")


def turns_of(prompt: Prompt) -> object:
    """A prompt as JSON has it."""
    return prompt if isinstance(prompt, str) else [[turn.role, turn.content] for turn in prompt]


def asked_in(request: Flips) -> FlipsAsked:
    """What a request asks, read again."""
    assert isinstance(request.prompt, str)
    said = json.loads(request.prompt)
    rows = tuple(
        Lossy(
            prompt if isinstance(prompt, str) else tuple(Message(*turn) for turn in prompt), tuple(continuations), right
        )
        for prompt, continuations, right in said["rows"]
    )
    return FlipsAsked(said["text"], rows, said["top"], said["turn"], tuple(said["without"]), said["language"])


def reply_of(gradient: Gradient) -> str:
    """A gradient as a reply's text."""
    flips = [[text, loss] for text, loss in gradient.flips]
    return json.dumps({"loss": gradient.loss, "places": gradient.places, "flips": flips})


def gradient_in(reply: Generation) -> Gradient:
    """What a reply says. Raises UserError for one of an engine that has no gradients."""
    try:
        said = json.loads(reply.text)
        flips = tuple((str(text), float(loss)) for text, loss in said["flips"])
        return Gradient(float(said["loss"]), int(said["places"]), flips)
    except (ValueError, KeyError, TypeError):
        raise UserError(NEEDS_WEIGHTS) from None


def losses(rows: Sequence[Lossy], logprobs: Sequence[float], tokens: Sequence[int]) -> list[float]:
    """Each row's loss, of its continuations' log-likelihoods and numbers of tokens, a row's one after another."""
    found, at = [], 0
    for row in rows:
        some = logprobs[at : at + len(row.continuations)]
        if len(some) == 1:
            found.append(-some[0] / max(tokens[at], 1))
        else:
            found.append(log_sum_exp(some) - some[row.right])
        at += len(some)
    return found


def log_sum_exp(values: Sequence[float]) -> float:
    """The logarithm of the sum of exponentials."""
    most = max(values)
    return most if math.isinf(most) else most + math.log(math.fsum(math.exp(value - most) for value in values))
