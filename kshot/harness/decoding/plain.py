"""The plain path, for models whose attention cannot be shared: each row with transformers' own cache.

Same interface and same results as the prefix decoder. Concedes speed: rows are not batched, because
models that land here (recurrent ones, unusual caches) do not all accept padded batches.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import torch

from kshot.harness.decoding.sampler import sample
from kshot.harness.decoding.sequence import TokenSequence, conclude
from kshot.harness.decoding.virtual import Virtual, first_pass


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
        ids = sequence.ids[self.virtual.tokens if self.virtual else 0 :]
        self.passes += 1
        if sequence.targets is not None:
            self.score(sequence, first_pass(self.model, self.virtual, ids, False).logits[0])
        else:
            self.decode(sequence, first_pass(self.model, self.virtual, ids, True))
        sequence.seconds += time.perf_counter() - started
        return [self.waiting.popleft()]

    def score(self, sequence: TokenSequence, logits: torch.Tensor) -> None:
        """Scores a continuation from the logits (tokens, vocabulary) of its input."""
        assert sequence.targets is not None
        some = logits[-len(sequence.targets) :].float()
        wanted = torch.tensor(sequence.targets, device=logits.device)[:, None]
        sequence.token_logprobs = (some.gather(-1, wanted).squeeze(-1) - some.logsumexp(-1)).tolist()
        sequence.finish = "scored"

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
            last = torch.tensor([tokens], device=self.model.device)
            reply = self.model(input_ids=last, past_key_values=reply.past_key_values, use_cache=True)
            self.passes += 1

    def restart(self, rows: int) -> None:
        """Begins what was under way again; there are never more rows than one."""
        for sequence in self.waiting:
            sequence.rewind()

    def close(self) -> None:
        """Forgets everything in flight, and the model."""
        self.waiting.clear()
        self.model = self.virtual = None
