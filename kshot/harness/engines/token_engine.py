"""Requests to tokens, tokens to texts, around a decoder; and the transformers engine, which shares prefixes.

TransformersEngine runs any causal language model that transformers loads, on CPU or CUDA. Greedy output equals
`model.generate` token for token in float32, but for ties within rounding. Parameters, stop strings and seeds are a
request's own; a finished row is replaced at once. Concedes: a generation config's repetition penalty and
its like are not applied; a model whose attention cannot be shared runs a row at a time, and says so.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from kshot.harness.decoding.by_length import DecoderByLength
from kshot.harness.decoding.decoder import Decoder, StepDecoder
from kshot.harness.decoding.finite import NotFiniteError
from kshot.harness.decoding.plain import PlainDecoder
from kshot.harness.decoding.rope import steady_length
from kshot.harness.decoding.sequence import TokenSequence
from kshot.harness.decoding.virtual import Virtual
from kshot.harness.models.devices import free_memory
from kshot.harness.models.reasoning import marks_left_out
from kshot.harness.models.render import Renderer
from kshot.harness.prefix.decoder import PrefixDecoder
from kshot.harness.prefix.switch import switch_to_shared_attention
from kshot.types import EngineError, Generation, Request, SamplingParams, UserError

DECODING = 2  # part of the engine's id: raise it when a change of the decoder changes what it writes
MOST = 2 << 30  # bytes for keys and values on a CPU, where nothing else is asked for: a laptop has other things to hold


class TokenEngine:
    """Answers requests with a decoder of tokens, which whoever makes one puts in as `decoder`.

    `capacity` is the rows that keep the decoder busy; `end_ids` are the tokens that end a completion; `head` stands
    before every prompt, and no count of tokens includes it; `chat_options` is what the chat template is told beside
    the messages. Without a tokenizer it takes and tells tokens alone (`submit_tokens`). Raises UserError for a prompt
    that does not fit the context, `context_length` in tokens.
    """

    decoder: StepDecoder

    def __init__(
        self,
        tokenizer: Any,
        *,
        id: str,
        chat: bool,
        context_length: int,
        capacity: int,
        end_ids: frozenset[int],
        head: Sequence[int] = (),
        chat_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.renderer = Renderer(tokenizer, chat, chat_options)
        if said := self.renderer.date_written():
            warnings.warn(said, stacklevel=3)
        self.marks, self.dropped = marks_left_out(tokenizer)
        self.id = id + ("-thinking" if self.marks or self.renderer.opening else "")
        self.chat = chat
        self.context_length = context_length
        self.capacity = capacity
        self.end_ids = end_ids
        self.head = list(head)
        self.given: dict[int, str] = {}  # by ticket, the continuations to be scored
        self.opened: set[int] = set()  # tickets of replies that begin within what is thought

    # ------------------------------------------------------------ requests to tokens

    def submit(self, ticket: int, request: Request) -> None:
        """Queues a request. Raises UserError where its prompt is longer than the model's context."""
        if self.tokenizer is None:
            raise UserError("this engine has no tokenizer: give it tokens (submit_tokens), or make it with one.")
        targets: list[int] = []
        if request.continuation is None:
            ids = self.renderer.encode(request.prompt)
        else:
            ids, targets = self.renderer.continued(request.prompt, request.continuation)
        self.submit_tokens(ticket, ids, request.params, request.seed, targets=targets, logprobs=request.logprobs)
        if request.continuation is not None:
            self.given[ticket] = request.continuation
        elif self.renderer.opening and isinstance(request.prompt, tuple) and request.prompt[-1].role != "assistant":
            self.opened.add(ticket)

    def submit_tokens(
        self,
        ticket: int,
        ids: Sequence[int],
        params: SamplingParams,
        seed: int = 0,
        *,
        targets: Sequence[int] = (),
        logprobs: bool = False,
    ) -> None:
        """Queues a prompt that is tokens already; `targets`, where given, are scored after it and nothing is drawn."""
        if not ids:
            raise UserError("the prompt is empty and this model has no beginning-of-sequence token; give it some text.")
        if params.stop and self.tokenizer is None:
            raise UserError("stop strings are found in text, and this engine has no tokenizer; make it with one.")
        whole = [*self.head, *ids, *targets]
        if targets:
            self.check_length(len(whole))
            asked = TokenSequence(ticket, whole[:-1], params, seed, targets=list(targets))
        else:
            self.check_length(len(whole) + 1)
            room = min(params.max_new_tokens, self.context_length - len(whole))
            asked = TokenSequence(ticket, whole, params, seed, max_new=room)
        asked.logprobs = logprobs or self.tokenizer is None
        self.decoder.add(asked)

    def check_length(self, tokens: int) -> None:
        if tokens > self.context_length:
            raise UserError(
                f"the prompt needs {tokens} tokens and the model's context holds {self.context_length}; "
                "use fewer or shorter exemplars, or a model with a longer context."
            )

    # ------------------------------------------------------------ tokens to texts

    def collect(self) -> list[tuple[int, Generation]]:
        """Lets the decoder work until at least one request is answered; [] when none waits."""
        while self.decoder:
            if finished := self.step():
                return [(sequence.ticket, self.generation(sequence)) for sequence in finished]
        return []

    def step(self) -> list[TokenSequence]:
        """What the decoder has finished after some work."""
        return self.decoder.step()

    def generation(self, sequence: TokenSequence) -> Generation:
        assert sequence.finish is not None
        return Generation(
            text=self.text(sequence),
            finish_reason=sequence.finish,
            prompt_tokens=sequence.prompt_tokens - len(self.head),
            cached_tokens=max(sequence.cached - len(self.head), 0),
            completion_tokens=len(sequence.completion),
            logprob=sequence.logprob,
            seconds=sequence.seconds,
            tokens=tuple(sequence.completion) if sequence.logprobs else (),
            token_logprobs=tuple(sequence.token_logprobs) if sequence.logprobs else (),
        )

    def text(self, sequence: TokenSequence) -> str:
        """The continuation as it was given, or the completion up to its first stop string, without the end token."""
        if self.tokenizer is None:
            return ""
        if sequence.targets is not None:
            return self.given.pop(sequence.ticket, None) or str(self.tokenizer.decode(sequence.targets))
        text = self.decoded(sequence.out)
        ends = [at for stop in sequence.params.stop if (at := text.find(stop)) >= 0]
        text = text[: min(ends)] if ends else text
        if sequence.ticket in self.opened:
            self.opened.discard(sequence.ticket)
            return f"{self.renderer.opening}\n{text}"
        return text

    def decoded(self, ids: list[int]) -> str:
        """Tokens as text, without special ones but for marks of what is thought."""
        if self.marks.isdisjoint(ids):
            return str(self.tokenizer.decode(ids, skip_special_tokens=True))
        return str(self.tokenizer.decode([id for id in ids if id not in self.dropped], skip_special_tokens=False))

    def stopped(self, sequence: TokenSequence) -> bool:
        """Whether the last token completed a stop string. A token is at least a byte, so a short tail tells."""
        if not sequence.params.stop:
            return False
        reach = max(len(stop.encode()) for stop in sequence.params.stop) + 4
        tail = self.decoded(sequence.out[-reach:])
        if not any(stop in tail for stop in sequence.params.stop):
            return False
        text = self.decoded(sequence.out)
        return any(stop in text for stop in sequence.params.stop)

    def close(self) -> None:
        """Frees the decoder and all that was kept for it."""
        self.decoder.close()


class TransformersEngine(TokenEngine):
    """Answers requests with a loaded model.

    `rows` is the largest batch; `memory` the bytes that keys and values may take, half of it for running rows and half
    for prefixes (where it is not given, `memory_share` of what is free on the model's device; where neither is, a
    quarter, and at most 2 GiB on a CPU); `virtual` the trained tokens before every prompt, which no count of tokens
    includes; `name` what its errors call the model; `chat_options` what its chat template is told beside the messages.
    Without a tokenizer it takes and tells tokens alone (`submit_tokens`). Raises UserError for a prompt that does not
    fit the model's context, EngineError where the model's logits are no numbers.
    """

    decoder: Decoder

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        id: str,
        chat: bool,
        context_length: int,
        rows: int = 128,
        memory: int | None = None,
        memory_share: float | None = None,
        share: bool = True,
        virtual: Virtual | None = None,
        name: str = "",
        chat_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model.eval()
        self.name = name or type(model).__name__
        super().__init__(
            tokenizer,
            id=f"{id}/decoding-{DECODING}" + ("" if steady_length(model) is None else "-by-length"),
            chat=chat,
            context_length=context_length,
            capacity=rows,
            end_ids=end_tokens(model, tokenizer),
            head=virtual.ids if virtual else (),
            chat_options=chat_options,
        )
        if rows < 1:
            raise UserError(f"--batch is {rows}; it must be at least 1.")
        if memory is None:
            memory = key_memory(str(model.device), memory_share)
        options: dict[str, Any] = {"end_ids": self.end_ids, "stopped": self.stopped, "virtual": virtual}
        try:
            self.shares = share and switch_to_shared_attention(model)
        except NotFiniteError as error:
            raise self.not_finite() from error
        self.decoder = PlainDecoder(model, **options)
        if self.shares:
            shared, steady = PrefixDecoder(model, rows=rows, memory=memory, **options), steady_length(model)
            self.decoder = shared if steady is None else DecoderByLength(shared, self.decoder, steady)
        if share and not self.shares:
            warnings.warn(
                f"{type(model).__name__} does not take kshot's shared-prefix attention; "
                "it runs on the plain path, a row at a time.",
                stacklevel=2,
            )

    def step(self) -> list[TokenSequence]:
        """Runs a pass. Raises EngineError where a row alone is too much, or the logits are no numbers."""
        try:
            return super().step()
        except RuntimeError as error:  # torch.OutOfMemoryError is one
            if not out_of_memory(error):
                raise
            self.halve(error)
            return []
        except NotFiniteError as error:
            raise self.not_finite() from error

    def halve(self, error: RuntimeError) -> None:
        """Goes on with half the rows. Raises EngineError where there is nothing to halve."""
        if self.decoder.rows == 1:
            raise EngineError(
                "out of memory with one row; use a smaller model or shorter prompts. All answers so far are kept."
            ) from error
        self.capacity = self.decoder.rows // 2
        warnings.warn(f"out of memory; going on with --batch {self.capacity}.", stacklevel=4)
        self.decoder.restart(self.capacity)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def not_finite(self) -> EngineError:
        """What is said where the model's logits are no numbers: nothing that is drawn from them is an answer."""
        dtype = str(self.model.dtype).removeprefix("torch.")
        if dtype == "float16":
            why = "float16 overflows above 65,504, or its weights are not finite; give --dtype float32."
        else:
            why = "its weights are not finite, or overflow; fetch its files again, or train with a smaller rate."
        return EngineError(f"the logits of {self.name} in {dtype} are not finite: {why}")

    def close(self) -> None:
        """Frees the model and all that was kept for it."""
        super().close()
        self.model = None


def key_memory(device: str, share: float | None = None) -> int:
    """Bytes for keys and values: that share of what is free; where none is asked for a quarter, within bounds.

    Raises UserError for no share.
    """
    if share is not None and not 0 < share <= 1:
        raise UserError(f"memory_share is {share}; it must be above 0 and at most 1.")
    free = free_memory(device)
    if share is not None:
        return int(free * share)
    return min(free // 4, MOST) if device == "cpu" else free // 4


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end a completion: the generation config's, or the model's, and the tokenizer's."""
    found: set[int] = set()
    for owner in (getattr(model, "generation_config", None), model.config, tokenizer):
        value = getattr(owner, "eos_token_id", None)
        found.update(value if isinstance(value, (list, tuple)) else [] if value is None else [value])
    return frozenset(found)


def out_of_memory(error: RuntimeError) -> bool:
    """Whether torch could not get memory, on a GPU or on the CPU."""
    said = str(error)
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in said or "not enough memory" in said
