"""Gradients by the tokens of a prompt's own text: what `hotflip` asks of an engine that has the weights.

`with_gradients` puts it around an engine of kshot's own; the weights are the engine's, none is loaded a second time and
none changes. Everything else that is asked goes to the engine as before. What a token would make of the loss at a
place is said to first order, as HotFlip does (Ebrahimi et al. 2018, arXiv 1712.06751; Shin et al. 2020, AutoPrompt,
arXiv 2010.15980; Zou et al. 2023, GCG, arXiv 2307.15043), but about another point: the mean of all embeddings, put in
the place of the token that stands there. From one token to another is too far for a gradient at the first: it tells
nothing (bench/hotflip.py); the mean is nearer to all of them.

Concedes: no soft prompt stands before the text, no model of several processes; quantized layers that have no
derivative are refused.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kshot.adapters.spelled import Spelled, best_flips, spell
from kshot.harness.decoding.own_attention import attend_with, own_attention
from kshot.harness.engines.deferred import DeferredEngine
from kshot.prompts.search.flips import NEEDS_WEIGHTS, Flips, FlipsAsked, Gradient, Lossy, asked_in, reply_of
from kshot.types import Engine, EngineError, Generation, Request, UserError

if TYPE_CHECKING:
    import torch

AT_ONCE = 512  # tokens of a pass forward and back; activations of all layers are kept for it
PART = 8192  # embeddings that are looked at together


class GradientEngine:
    """An engine that answers `Flips` with its model's gradients, and all else as it did."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.id, self.chat, self.capacity = engine.id, engine.chat, engine.capacity
        self.waiting: list[tuple[int, Flips]] = []
        self.checked = False

    def weights(self) -> Any:
        """The engine that has the weights, made where it is not there yet. Raises UserError where none has."""
        engine = self.engine.made() if isinstance(self.engine, DeferredEngine) else self.engine
        if not self.checked:
            check_differentiable(engine)
            self.checked = True
        return engine

    def submit(self, ticket: int, request: Request) -> None:
        """Queues a request. Raises UserError for one that can never be answered."""
        if isinstance(request, Flips):
            self.weights()
            self.waiting.append((ticket, request))
        else:
            self.engine.submit(ticket, request)

    def collect(self) -> list[tuple[int, Generation]]:
        """A gradient that waits, else what the engine has answered."""
        if not self.waiting:
            answered = self.engine.collect()
            self.capacity = self.engine.capacity  # which is less once memory has run out
            return answered
        ticket, request = self.waiting.pop(0)
        try:
            return [(ticket, flipped(self.weights(), asked_in(request)))]
        except (UserError, EngineError) as error:
            error.ticket = ticket
            raise

    def close(self) -> None:
        """Frees the engine."""
        self.engine.close()


def with_gradients(engine: Engine) -> Engine:
    """The engine, able to answer what `hotflip` asks. Raises UserError for one that cannot: it has no weights here, or
    no derivative. One that is not made yet is checked when gradients are asked for first."""
    able = GradientEngine(engine)
    if not isinstance(engine, DeferredEngine):
        able.weights()
    return able


def check_differentiable(engine: Any) -> None:
    """Raises UserError for an engine that has no weights, or whose layers have no derivative."""
    import torch

    model, tokenizer = getattr(engine, "model", None), getattr(engine, "tokenizer", None)
    if not hasattr(model, "get_input_embeddings") or tokenizer is None:
        raise UserError(NEEDS_WEIGHTS)
    if getattr(engine, "head", ()):
        raise UserError("hotflip searches a text and this adapter is a soft prompt before it: search on the base.")
    if not tokenizer.is_fast:
        raise UserError(
            f"hotflip has to know where each token stands, which {type(tokenizer).__name__} does not tell: use a model "
            "with a tokenizer.json, or the other methods."
        )
    probe = [Spelled(0, [1, 2, 3], [1], range(1, 2))]
    try:
        gradient_of(model, probe, [Lossy("", ("",))])
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, NotImplementedError) as error:
        raise UserError(
            f"hotflip follows gradients, and this model's layers give none ({first_words(error)}): leave --quantize "
            "out, or use the other methods."
        ) from error


def first_words(error: BaseException) -> str:
    """The beginning of what an error says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:100]


# ---------------------------------------------------------------- an answer


def flipped(engine: Any, asked: FlipsAsked) -> Generation:
    """The best exchanges of a text's token that are texts. Raises UserError where the text has no place of its own in
    the prompts."""
    from kshot.harness.engines.token_engine import out_of_memory

    began = time.perf_counter()
    spelled = spell(engine, asked)
    try:
        place = asked.turn % len(spelled[0].span)
        loss, told = told_of(engine.model, spelled, asked.rows, place)
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        raise EngineError("out of memory for a gradient; use a smaller model. All answers so far are kept.") from error
    found = Gradient(loss, len(spelled[0].span), best_flips(engine, asked, spelled, place, told))
    return Generation(
        reply_of(found),
        "scored",
        prompt_tokens=sum(len(one.ids) for one in spelled),
        completion_tokens=sum(len(one.targets) for one in spelled),
        logprob=-loss,
        seconds=time.perf_counter() - began,
    )


# ---------------------------------------------------------------- the gradient


@contextmanager
def differentiable(model: Any) -> Iterator[None]:
    """Within it the model has its own attention and no parameter of it collects a gradient; afterwards as before."""
    before = model.config._attn_implementation
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    try:
        attend_with(model, own_attention(model))
        for parameter in trained:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)
        attend_with(model, before)


def gradient_of(
    model: Any, spelled: Sequence[Spelled], rows: Sequence[Lossy], instead: tuple[int, torch.Tensor] | None = None
) -> tuple[float, torch.Tensor]:
    """The rows' mean loss, and its gradient by the embeddings of the text's tokens: (tokens, width), float32 or wider.

    Each row has the text in it once a continuation; these add up. `instead` is an embedding that stands at one of the
    text's places, counted from 0, in every row: (place, (width,)).
    """
    import torch

    total, loss = torch.zeros(()), 0.0
    with differentiable(model), torch.enable_grad():
        for some in portions(spelled):
            worth, inputs = loss_of(model, some, rows, instead)
            [grads] = torch.autograd.grad(worth, inputs)
            places = torch.stack([grads[at, one.span.start : one.span.stop] for at, one in enumerate(unique(some))])
            total = total + wide(places).sum(0).cpu()
            loss += float(worth.detach())
    return loss / len(rows), total / len(rows)


def portions(spelled: Sequence[Spelled]) -> Iterator[list[Spelled]]:
    """Rows, each whole, as many as go through the model at once."""
    some: list[Spelled] = []
    for row in dict.fromkeys(one.row for one in spelled):
        more = [one for one in spelled if one.row == row]
        if some and sum(len(one.seen) for one in unique([*some, *more])) > AT_ONCE:
            yield some
            some = []
        some += more
    yield some


def unique(some: Sequence[Spelled]) -> list[Spelled]:
    """Those whose tokens the model has to see: continuations of one token each need their prompt alone, once."""
    seen: dict[tuple[int, ...], Spelled] = {}
    for one in some:
        seen.setdefault(one.seen, one)
    return list(seen.values())


def loss_of(
    model: Any, some: Sequence[Spelled], rows: Sequence[Lossy], instead: tuple[int, torch.Tensor] | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The summed loss of some rows, and the embeddings that it hangs on: (sequences, longest, width)."""
    import torch
    from torch.nn import functional

    seen = unique(some)
    whole = [list(one.seen) for one in seen]
    places = {tuple(row): at for at, row in enumerate(whole)}
    width, device = max(map(len, whole)), model.get_input_embeddings().weight.device
    ids = torch.tensor([[*row, *[row[-1]] * (width - len(row))] for row in whole], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in whole], device=device)
    with torch.no_grad():
        inputs = model.get_input_embeddings()(ids)
        if instead is not None:
            for row, one in enumerate(seen):
                inputs[row, one.span[instead[0]]] = instead[1].to(inputs)
    inputs = inputs.detach().requires_grad_()
    at = [places[one.seen] for one in some for _ in one.targets]
    steps = [len(one.ids) - 1 + step for one in some for step in range(len(one.targets))]
    logits = logits_at(model, inputs, mask, at, steps)
    targets = torch.tensor([target for one in some for target in one.targets], device=logits.device)
    chosen = -functional.cross_entropy(wide(logits), targets, reduction="none")
    scores = torch.stack([part.sum() for part in torch.split(chosen, [len(one.targets) for one in some])])
    total, start = scores.new_zeros(()), 0
    for row in dict.fromkeys(one.row for one in some):
        count = len(rows[row].continuations)
        own = scores[start : start + count]
        if count == 1:
            total = total - own[0] / len(some[start].targets)
        else:
            total = total + own.logsumexp(0) - own[rows[row].right]
        start += count
    return total, inputs


def wide(values: torch.Tensor) -> torch.Tensor:
    """Values in float32 at least: sums in fewer bits lose what they are of."""
    return values if values.element_size() >= 4 else values.float()


def logits_at(model: Any, inputs: torch.Tensor, mask: torch.Tensor, at: list[int], steps: list[int]) -> torch.Tensor:
    """The logits of some sequences at some steps, the only ones that the output layer computes: (steps, vocabulary)."""
    import torch

    rows, columns = torch.tensor(at, device=inputs.device), torch.tensor(steps, device=inputs.device)

    def only(module: Any, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        hidden = given[0]
        return (hidden[rows.to(hidden.device), columns.to(hidden.device)].unsqueeze(0), *given[1:])

    hook = model.get_output_embeddings().register_forward_pre_hook(only)
    try:
        logits: torch.Tensor = model(inputs_embeds=inputs, attention_mask=mask, use_cache=False).logits
    finally:
        hook.remove()
    return logits[0]


def embeddings(model: Any) -> Iterator[torch.Tensor]:
    """The embedding of each token as the layer gives it, some thousand at a time: (tokens, width), float32 or wider.

    A large model's whole table in float32 would be as much again as a layer or ten.
    """
    import torch

    layer = model.get_input_embeddings()
    with torch.no_grad():
        for ids in torch.split(torch.arange(layer.weight.shape[0], device=layer.weight.device), PART):
            yield wide(layer(ids))


def mean_embedding(model: Any) -> torch.Tensor:
    """The mean of all embeddings: (width,), float32 or wider."""
    count = model.get_input_embeddings().weight.shape[0]
    total: Any = sum(part.sum(0) for part in embeddings(model))
    found: torch.Tensor = total / count
    return found


def told_of(model: Any, spelled: Sequence[Spelled], rows: Sequence[Lossy], place: int) -> tuple[float, torch.Tensor]:
    """The rows' mean loss with the mean of all embeddings at a place of the text, and what it would be to first order
    about there with each token: (vocabulary,), on the CPU."""
    import torch

    mean = mean_embedding(model)
    loss, gradient = gradient_of(model, spelled, rows, (place, mean))
    slope = gradient[place].to(mean)
    return loss, loss + torch.cat([(part - mean) @ slope for part in embeddings(model)]).cpu()
