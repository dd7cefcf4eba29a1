"""What `gpu.py` asks of kshot's engine, what transformers says to it, and how the two are held against each other."""

from __future__ import annotations

import json
import random
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from card import CUDA, DEVICE, free, timed

from kshot.harness.engines.token_engine import TransformersEngine
from kshot.types import Generation, SamplingParams

TIE = {torch.float32: 1e-4, torch.bfloat16: 3e-2}  # of the largest logit: two tokens so close may change places
ROUNDING = {torch.float32: 1e-3, torch.bfloat16: 0.3}  # of a token's log-likelihood, over all of a large model's layers
GREEDY = SamplingParams()


@dataclass
class Bench:
    """What was measured so far, by stage, and what was not as it should be."""

    small: bool
    seconds: float  # nothing new begins after so many
    out: Path
    found: dict[str, Any] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)

    @property
    def dtype(self) -> torch.dtype:
        """Of the large shapes. The small form is exact, so that it can be held to that."""
        return torch.float32 if self.small else torch.bfloat16

    def spent(self) -> float:
        return time.perf_counter() - self.began

    def say(self, *words: Any) -> None:
        print(f"[{self.spent():5.0f} s]", *words, flush=True)

    def expect(self, what: str, value: float, most: float) -> None:
        """Notes a failure where the value is larger, or no number."""
        if not value <= most:
            self.fail(f"{what}: {value:.4g}, more than {most:.4g}")

    def fail(self, what: str) -> None:
        self.failures.append(what)
        self.say("FAILED", what)

    def part(self, name: str) -> dict[str, Any]:
        """A place in the JSON for what several pieces of work find."""
        place: dict[str, Any] = self.found.setdefault(name, {})
        return place

    def run(self, name: str, work: Callable[[], dict[str, Any] | None], into: dict[str, Any] | None = None) -> None:
        """A piece of work, and what it found, into the JSON. What it raises is a failure of this piece alone."""
        if self.spent() > self.seconds:
            self.say(name, "left out: no time")
            return
        try:
            if (found := work()) is not None:
                (self.found if into is None else into)[name] = found
                self.say(name, found)
        except Exception as error:
            self.fail(f"{name}: {type(error).__name__}: {str(error)[:200]}")
            traceback.print_exc(limit=-3)
        free()
        self.write()

    def write(self) -> None:
        self.out.write_text(json.dumps({**self.found, "failures": self.failures, "seconds": self.spent()}, indent=1))


# ---------------------------------------------------------------- kshot


@dataclass
class Asked:
    """A prompt as tokens, and what is wanted of it."""

    ids: list[int]
    params: SamplingParams = GREEDY
    seed: int = 0
    targets: list[int] = field(default_factory=list)


@dataclass
class Job:
    """Prompts of `shared` tokens in common and `own` of each, `new` tokens to be decoded."""

    asked: list[Asked]
    shared: int
    own: int
    new: int

    @property
    def prompts(self) -> list[list[int]]:
        return [one.ids for one in self.asked]


def drawn(generator: random.Random, count: int, vocabulary: int = 1000) -> list[int]:
    return [generator.randrange(3, vocabulary) for _ in range(count)]


def job(small: bool, count: int, *, new: int = 128, draws: int = 1, temperature: float = 0.0) -> Job:
    """Prompts behind the same exemplars, each decoded `draws` times."""
    shared, own = (100, 10) if small else (1000, 100)
    if small:
        count, new, draws = min(count, 8), min(new, 8), min(draws, 4)
    generator = random.Random(0)
    head = drawn(generator, shared)
    prompts = [head + drawn(generator, own) for _ in range(count)]
    params = SamplingParams(temperature=temperature, max_new_tokens=new)
    asked = [Asked(prompt, params, at * draws + draw) for at, prompt in enumerate(prompts) for draw in range(draws)]
    return Job(asked, shared, own, new)


def engine_of(model: Any, rows: int, memory_share: float = 0.85, share: bool = True) -> TransformersEngine:
    """An engine that takes and tells tokens."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it runs on the plain path stands in the results
        return TransformersEngine(
            model,
            None,
            id="random",
            chat=False,
            context_length=model.config.max_position_embeddings,
            rows=rows,
            memory_share=memory_share if CUDA else 0.1,
            share=share,
        )


def answers(engine: TransformersEngine, asked: Sequence[Asked]) -> list[Generation]:
    """All of them, in the order in which they were asked."""
    for ticket, one in enumerate(asked):
        engine.submit_tokens(ticket, one.ids, one.params, one.seed, targets=one.targets)
    found: dict[int, Generation] = {}
    while done := engine.collect():
        found.update(done)
    return [found[ticket] for ticket in range(len(asked))]


# ---------------------------------------------------------------- transformers


def generate(model: Any, prompts: list[list[int]], new: int, **options: Any) -> list[list[int]]:
    """transformers' own completions of prompts of one length."""
    ids = torch.tensor(prompts, device=DEVICE)
    options = {"do_sample": False, "pad_token_id": 0, "use_cache": True, "max_new_tokens": new, **options}
    out = model.generate(ids, attention_mask=torch.ones_like(ids), **options)
    return list(out[:, ids.shape[1] :].tolist())


def best_of(model: Any, prompts: list[list[int]], new: int, batches: Sequence[int], **options: Any) -> dict[int, float]:
    """Seconds a completion of transformers' own `generate`, by batch; a batch that does not fit is left out."""
    model.set_attn_implementation("sdpa")
    found = {}
    for batch in batches:
        some = prompts[:batch]
        try:
            generate(model, some, 2, **options)
            seconds, _ = timed(lambda some=some: generate(model, some, new, min_new_tokens=new, **options))
            found[batch] = seconds / len(some)
        except torch.OutOfMemoryError:
            pass
        free()
    return found


@torch.inference_mode()
def plain_logits(model: Any, ids: Sequence[int], first: int) -> torch.Tensor:
    """(tokens, vocabulary): a plain forward pass's logits for the tokens from `first` on."""
    logits: torch.Tensor = model(torch.tensor([list(ids)], device=DEVICE), use_cache=False).logits
    return logits[0, first - 1 : -1].float()


def plain_logprobs(model: Any, prompt: Sequence[int], tokens: Sequence[int]) -> list[float]:
    """The log-likelihood of each token after a prompt, by a plain forward pass."""
    logprobs = plain_logits(model, [*prompt, *tokens], len(prompt)).log_softmax(-1)
    return list(logprobs.gather(-1, torch.tensor(tokens, device=DEVICE)[:, None]).squeeze(-1).tolist())


@torch.inference_mode()
def scored(model: Any, pairs: Sequence[tuple[list[int], list[int]]], batch: int = 32) -> list[list[float]]:
    """Log-likelihoods of continuations, a right-padded batch of plain forward passes at a time."""
    found = []
    for at in range(0, len(pairs), batch):
        part = [question + choice for question, choice in pairs[at : at + batch]]
        longest = max(map(len, part))
        ids = torch.tensor([ids + [0] * (longest - len(ids)) for ids in part], device=DEVICE)
        hidden = model.model(ids, use_cache=False).last_hidden_state
        for row, (question, choice) in enumerate(pairs[at : at + batch]):
            kept = hidden[row, len(question) - 1 : len(question) + len(choice) - 1]
            logprobs = model.lm_head(kept).float().log_softmax(-1)
            found.append(logprobs.gather(-1, torch.tensor(choice, device=DEVICE)[:, None]).squeeze(-1).tolist())
    return found


# ---------------------------------------------------------------- one against the other


def parting(model: Any, prompt: Sequence[int], ours: Sequence[int], theirs: Sequence[int]) -> float:
    """Where two texts part, how far apart the two tokens' logits are, in parts of the largest. 0: they are equal."""
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), None)
    if at is None:
        return 0.0 if len(ours) == len(theirs) else float("inf")
    logits = plain_logits(model, [*prompt, *theirs[: at + 1]], len(prompt) + at)[-1]
    return float((logits[theirs[at]] - logits[ours[at]]).abs() / logits.abs().max().clamp(min=1.0))


def gap(some: Sequence[Sequence[float]], others: Sequence[Sequence[float]]) -> float:
    """The largest difference between two lists of lists; infinite where one has no number."""
    pairs = [(a, b) for one, other in zip(some, others, strict=True) for a, b in zip(one, other, strict=True)]
    return max(abs(a - b) if a == a and b == b else float("inf") for a, b in pairs)
