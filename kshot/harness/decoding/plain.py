"""The plain path, for models whose attention cannot be shared: each row with transformers' own cache.

Same interface and same results as the prefix decoder. Whatever state a model carries (keys, a recurrent state, both)
goes on from token to token; one that gives none back, or fails on its own, reads the whole text again for every token.
Concedes speed: rows are not batched, because models that land here (recurrent ones, unusual caches) do not all accept
padded batches.
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
BROKEN = (ValueError, TypeError, IndexError, KeyError, AttributeError, NotImplementedError)  # not for want of memory


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
        self.carries = True  # whether the model's own state can be gone on from
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
            self.decode(sequence)
        sequence.seconds += time.perf_counter() - started
        return [self.waiting.popleft()]

    def read(self, sequence: TokenSequence, use_cache: bool) -> Any:
        """The model's reply to all of a sequence so far, from its beginning."""
        self.passes += 1
        ids = [*sequence.ids[self.virtual.tokens if self.virtual else 0 :], *sequence.out]
        return first_pass(self.model, self.virtual, ids, use_cache)

    def reply(self, sequence: TokenSequence, before: Any) -> Any:
        """The model's reply to a sequence's last token, which goes on from the one before where it can."""
        switched = len(sequence.ids) + len(sequence.out) - 1 == self.switches_at
        carried = {name: before[name] for name in STATES if before is not None and before.get(name) is not None}
        try:
            if self.carries and carried and not switched:
                last = torch.tensor([sequence.out[-1:]], device=self.model.device)
                self.passes += 1
                return self.model(input_ids=last, use_cache=True, **carried)
            return self.read(sequence, use_cache=self.carries)
        except BROKEN:
            if not self.carries:
                raise
            self.carries = False
            return self.read(sequence, use_cache=False)

    def decode(self, sequence: TokenSequence) -> None:
        """Draws tokens until the sequence ends."""
        reply = None
        while True:
            reply = self.reply(sequence, reply)
            tokens, logprobs = sample(reply.logits[:, -1], [(sequence.params, sequence.seed, len(sequence.out))])
            self.decoding_passes += 1
            self.row_passes += 1
            sequence.out.append(tokens[0])
            sequence.token_logprobs.append(logprobs[0])
            conclude(sequence, self.end_ids, self.stopped)
            if sequence.finish is not None:
                return

    def restart(self, rows: int) -> None:
        """Begins what was under way again; there are never more rows than one."""
        for sequence in self.waiting:
            sequence.rewind()

    def close(self) -> None:
        """Forgets everything in flight, and the model."""
        self.waiting.clear()
        self.model = self.virtual = None
