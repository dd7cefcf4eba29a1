"""vLLM as a decoder of tokens: prompts go to it as token ids, and its tokens come back one by one.

Meets: where a text ends is decided here, by the rule of kshot's own engine, so that both cut alike; a continuation is
scored from what vLLM tells of tokens that it was given (`prompt_logprobs`) and, for the last of them, of one that it
was asked about (`logprob_token_ids`), so that one of a single token is never computed twice. Concedes: vLLM's front
looks for stop strings after a step, so its engine may decode one more token that nobody reads.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from kshot.harness.decoding.finite import check_finite
from kshot.harness.decoding.sequence import TokenSequence, conclude
from kshot.types import EngineError

SEEDS = 1 << 63  # vLLM's are signed integers of 64 bits


class VllmDecoder:
    """Decodes sequences with an LLMEngine of vLLM.

    `cached_scores` lets scored prompts use what is cached of them, which takes a scheduler that encodes every prompt in
    one step; `lora` is the LoRARequest that all requests run with; `explain` what to say of an engine that died.
    """

    def __init__(
        self,
        llm: Any,
        *,
        end_ids: frozenset[int],
        stopped: Callable[[TokenSequence], bool],
        cached_scores: bool,
        lora: Any = None,
        explain: Callable[[BaseException], str] = str,
    ) -> None:
        self.llm = llm
        self.end_ids = end_ids
        self.stopped = stopped
        self.cached_scores = cached_scores
        self.lora = lora
        self.explain = explain
        self.asked = 0  # requests so far: what they are called
        self.flying: dict[str, TokenSequence] = {}

    def __bool__(self) -> bool:
        return bool(self.flying)

    def add(self, sequence: TokenSequence) -> None:
        """Hands a sequence to vLLM."""
        self.send(sequence, cached=self.cached_scores)

    def send(self, sequence: TokenSequence, *, cached: bool) -> None:
        """As a request of its own; `cached` says whether a scored one may use what is cached of its prompt."""
        from vllm import TokensPrompt

        name = str(self.asked)
        self.asked += 1
        prompt = TokensPrompt(prompt_token_ids=list(sequence.ids))
        self.llm.add_request(
            name, prompt, self.parameters(sequence, cached), lora_request=self.lora, priority=sequence.ticket
        )
        self.flying[name] = sequence

    def parameters(self, sequence: TokenSequence, cached: bool) -> Any:
        """How vLLM is to decode a sequence. It is asked for no text: that is made here."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        if sequence.targets is not None:
            several = len(sequence.targets) > 1
            return SamplingParams(
                temperature=0.0,
                max_tokens=1,
                logprob_token_ids=[sequence.targets[-1]],
                prompt_logprobs=0 if several else None,
                skip_reading_prefix_cache=several and not cached,
                detokenize=False,
                output_kind=RequestOutputKind.FINAL_ONLY,
            )
        asked = sequence.params
        drawn = asked.temperature > 0
        return SamplingParams(
            temperature=asked.temperature,
            top_p=asked.top_p,
            top_k=asked.top_k,
            min_p=asked.min_p,
            seed=sequence.seed % SEEDS if drawn else None,
            max_tokens=sequence.max_new,
            stop_token_ids=sorted(self.end_ids),
            logprobs=0,  # the token's own
            detokenize=False,
            output_kind=RequestOutputKind.DELTA,
        )

    def step(self) -> list[TokenSequence]:
        """What has come to its end by vLLM's next step. Raises EngineError where it died, and NotFiniteError."""
        started = time.perf_counter()
        try:
            outputs = [output for output in self.llm.step() if output.request_id in self.flying]
        except Exception as error:  # its processes may end in any way, and nothing of it can be used afterwards
            self.flying.clear()
            raise EngineError(self.explain(error)) from error
        worked = [self.tokens_worked_on(output) for output in outputs]
        each = (time.perf_counter() - started) / max(sum(worked), 1)
        found = []
        for output, tokens in zip(outputs, worked, strict=True):
            sequence = self.flying[output.request_id]
            sequence.seconds += each * tokens
            if self.score(sequence, output) if sequence.targets is not None else self.go_on(sequence, output):
                del self.flying[output.request_id]
                if sequence.finish is not None:
                    found.append(sequence)
        return found

    def tokens_worked_on(self, output: Any) -> int:
        """The tokens that a step computed for a request: those drawn, and with the first its prompt's."""
        sequence = self.flying[output.request_id]
        drawn = len(output.outputs[0].token_ids)
        return drawn + (0 if sequence.out else len(sequence.ids) - (output.num_cached_tokens or 0))

    def go_on(self, sequence: TokenSequence, output: Any) -> bool:
        """Takes the tokens that a step has drawn; whether they were the last."""
        drawn = output.outputs[0]
        if not sequence.out:
            sequence.cached = output.num_cached_tokens or 0
        for token, said in zip(drawn.token_ids, drawn.logprobs or (), strict=True):
            sequence.out.append(token)
            sequence.token_logprobs.append(said[token].logprob)
            conclude(sequence, self.end_ids, self.stopped)
            if sequence.finish is not None:
                break
        check_finite(sequence.token_logprobs[-len(drawn.token_ids) :])
        if sequence.finish is not None and not output.finished:
            self.llm.abort_request([output.request_id])
        if output.finished and sequence.finish is None:
            raise EngineError(f"vLLM ended a request early ({drawn.finish_reason}).")
        return sequence.finish is not None

    def score(self, sequence: TokenSequence, output: Any) -> bool:
        """Takes the targets' log-likelihoods; whether vLLM is done with them.

        vLLM leaves the rows of cached tokens unwritten, whatever stands there: one that was needed is asked for again,
        without the cache.
        """
        assert sequence.targets is not None
        before = sequence.prompt_tokens  # of which the last one's row tells of the first target
        cached = output.num_cached_tokens or 0
        if cached >= before and len(sequence.targets) > 1:
            self.send(sequence, cached=False)
            return True
        rows = output.prompt_logprobs[before:] if len(sequence.targets) > 1 else []
        found = [row[target].logprob for row, target in zip(rows, sequence.targets[:-1], strict=True)]
        [last] = output.outputs[0].logprobs
        sequence.token_logprobs = [*found, last[sequence.targets[-1]].logprob]
        check_finite(sequence.token_logprobs)
        sequence.cached = min(cached, before)
        sequence.finish = "scored"
        return True

    def close(self) -> None:
        """Ends vLLM's processes, whatever they are at."""
        self.flying.clear()
        llm, self.llm = self.llm, None
        if llm is not None:
            llm.engine_core.shutdown()
