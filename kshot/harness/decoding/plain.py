"""The plain path, for models whose attention cannot be shared: each row with transformers' own cache.

Same interface and same results as the prefix decoder. Whatever state a model carries (keys, a recurrent state, both)
goes on from token to token; one that gives none back reads the whole text again for every token. Concedes speed: rows
are not batched, because models that land here (recurrent ones, unusual caches) do not all accept padded batches.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import torch

from kshot.harness.decoding.own_attention import attend_with, own_attention
from kshot.harness.decoding.rope import forget_longest, steady_length, switches_at
from kshot.harness.decoding.sampler import likelihoods_of, sample
from kshot.harness.decoding.sequence import TokenSequence, conclude
from kshot.harness.decoding.virtual import Virtual, first_pass

STATES = ("past_key_values", "cache_params", "state")  # what transformers' models call what they carry on


class PlainDecoder:
    """Decodes sequences one at a time. `stopped` and `virtual` as the prefix decoder takes them."""

    rows = 1

    def __init__(
        self,
        model: Any,
        *,
        end_ids: frozenset[int],
        stopped: Callable[[TokenSequence], bool],
        virtual: Virtual | None = None,
    ) -> None:
        self.model = model
        self.attention = own_attention(model)
        self.steady = steady_length(model) is None  # whatever a row's length
        self.switches_at = switches_at(model)
        self.end_ids = end_ids
        self.stopped = stopped
        self.virtual = virtual
        self.waiting: deque[TokenSequence] = deque()
        self.passes = 0
        self.decoding_passes = 0
        self.row_passes = 0

    def add(self, sequence: TokenSequence) -> None:
        """Puts a sequence in the queue."""
        self.waiting.append(sequence)

    def __bool__(self) -> bool:
        return bool(self.waiting)

    @torch.inference_mode()
    def step(self) -> list[TokenSequence]:
        """Answers the next waiting sequence."""
        sequence = self.waiting[0]
        started = time.perf_counter()
        attend_with(self.model, self.attention)
        if not self.steady:
            forget_longest(self.model)
        if sequence.targets is not None:
            logits = self.read(sequence, use_cache=False).logits[0, -len(sequence.targets) :]
            [sequence.token_logprobs] = likelihoods_of(logits, [sequence.targets])
            sequence.finish = "scored"
        else:
            self.decode(sequence, self.read(sequence, use_cache=True))
        sequence.seconds += time.perf_counter() - started
        return [self.waiting.popleft()]

    def read(self, sequence: TokenSequence, use_cache: bool) -> Any:
        """The model's reply to all of a sequence so far, from its beginning."""
        self.passes += 1
        ids = [*sequence.ids[self.virtual.tokens if self.virtual else 0 :], *sequence.out]
        return first_pass(self.model, self.virtual, ids, use_cache)

    def decode(self, sequence: TokenSequence, reply: Any) -> None:
        """Draws tokens until the sequence ends, from the model's reply to its prompt on."""
        while True:
            tokens, logprobs = sample(reply.logits[:, -1], [(sequence.params, sequence.seed, len(sequence.out))])
            self.decoding_passes += 1
            self.row_passes += 1
            sequence.out.append(tokens[0])
            sequence.token_logprobs.append(logprobs[0])
            conclude(sequence, self.end_ids, self.stopped)
            if sequence.finish is not None:
                return
            length = len(sequence.ids) + len(sequence.out)
            carried = {name: reply[name] for name in STATES if reply.get(name) is not None}
            if not carried or length - 1 == self.switches_at:
                reply = self.read(sequence, use_cache=True)
            else:
                last = torch.tensor([tokens], device=self.model.device)
                reply = self.model(input_ids=last, use_cache=True, **carried)
                self.passes += 1

    def restart(self, rows: int) -> None:
        """Begins what was under way again; there are never more rows than one."""
        for sequence in self.waiting:
            sequence.rewind()

    def close(self) -> None:
        """Forgets everything in flight, and the model."""
        self.waiting.clear()
        self.model = self.virtual = None
