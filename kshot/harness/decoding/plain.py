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
    """Decodes sequences one at a time."""

    def __init__(
        self,
        model: Any,
        *,
        rows: int,
        end_ids: frozenset[int],
        stopped: Callable[[TokenSequence], bool],
        virtual: Virtual | None = None,
    ) -> None:
        self.model = model
        self.rows = rows
        self.end_ids = end_ids
        self.stopped = stopped
        self.virtual = virtual
        self.waiting: deque[TokenSequence] = deque()

    def add(self, sequence: TokenSequence) -> None:
        """Puts a sequence in the queue."""
        self.waiting.append(sequence)

    def __bool__(self) -> bool:
        return bool(self.waiting)

    @torch.inference_mode()
    def step(self) -> list[TokenSequence]:
        """Answers the next waiting sequence."""
        sequence = self.waiting.popleft()
        started = time.perf_counter()
        ids = sequence.ids[self.virtual.tokens if self.virtual else 0 :]
        if sequence.targets is not None:
            logits = first_pass(self.model, self.virtual, ids, False).logits[0, -len(sequence.targets) :].float()
            wanted = torch.tensor(sequence.targets, device=logits.device)[:, None]
            sequence.logprob = float((logits.gather(-1, wanted).squeeze(-1) - logits.logsumexp(-1)).sum())
            sequence.finish = "scored"
        else:
            reply = first_pass(self.model, self.virtual, ids, True)
            while sequence.finish is None:
                tokens, logprobs = sample(reply.logits[:, -1], [(sequence.params, sequence.seed, len(sequence.out))])
                sequence.out.append(tokens[0])
                sequence.logprob += logprobs[0]
                conclude(sequence, self.end_ids, self.stopped)
                if sequence.finish is None:
                    last = torch.tensor([tokens], device=self.model.device)
                    reply = self.model(input_ids=last, past_key_values=reply.past_key_values, use_cache=True)
        sequence.seconds = time.perf_counter() - started
        return [sequence]
