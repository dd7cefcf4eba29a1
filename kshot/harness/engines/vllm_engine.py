"""Requests to vLLM's tokens and back: the engine around its decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kshot.harness.decoding.finite import NotFiniteError
from kshot.harness.decoding.sequence import TokenSequence
from kshot.harness.engines.token_engine import TokenEngine
from kshot.harness.engines.vllm_decoder import VllmDecoder
from kshot.hub import first_line
from kshot.types import EngineError, SamplingParams, UserError

if TYPE_CHECKING:
    from kshot.harness.engines.lora_folder import LoraFolder
    from kshot.harness.engines.vllm_process import ProcessLog

LOWEST, HIGHEST = 0.01, 2.0  # temperatures above 0 that vLLM draws at: it takes a lower one for the lowest


class VllmEngine(TokenEngine):
    """Answers requests with vLLM; options as TokenEngine's.

    `cached_scores` as the decoder's; `lora` is loaded here. Raises UserError for an adapter that vLLM does not take,
    EngineError where one of its processes ends or the model's logits are no numbers.
    """

    def __init__(
        self,
        llm: Any,
        tokenizer: Any,
        *,
        log: ProcessLog,
        lora: LoraFolder | None,
        cached_scores: bool,
        vocabulary: int,
        name: str,
        **options: Any,
    ) -> None:
        self.log = log
        self.name = name
        self.vocabulary = vocabulary  # tokens that the model knows: a higher one ends vLLM
        self.adapted = lora is not None
        super().__init__(tokenizer, **options)
        self.decoder = VllmDecoder(
            llm,
            end_ids=self.end_ids,
            stopped=self.stopped,
            cached_scores=cached_scores,
            lora=self.loaded(llm, lora) if lora else None,
            explain=self.died,
        )

    def loaded(self, llm: Any, lora: LoraFolder) -> Any:
        """The adapter in vLLM's hands."""
        from vllm.lora.request import LoRARequest

        request = LoRARequest(lora.hash, 1, str(lora.path))
        try:
            llm.add_lora(request)
        except Exception as error:  # of its worker, told through two processes
            llm.engine_core.shutdown()
            reason = self.log.reason(error)
            self.log.close()
            raise UserError(f"vLLM does not take the adapter in {lora.path} ({reason}).") from error
        return request

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
        """Queues a prompt that is tokens already. Raises UserError also for a temperature that vLLM does not take."""
        if params.temperature and not LOWEST <= params.temperature <= HIGHEST:
            raise UserError(
                f"the temperature is {params.temperature:g} and vLLM draws at {LOWEST:g} to {HIGHEST:g}; "
                "give one of those, or 0 (greedy)."
            )
        if self.adapted and len(targets) > 1:
            raise UserError(
                "vLLM 0.32 ends where it scores several tokens of a text with an adapter; score with --engine adapted."
            )
        if max([*ids, *targets], default=0) >= self.vocabulary:
            raise UserError(
                f"a prompt has token {max([*ids, *targets])} and {self.name} knows {self.vocabulary}: its "
                "tokenizer does not belong to it; fetch both from one place."
            )
        try:
            super().submit_tokens(ticket, ids, params, seed, targets=targets, logprobs=logprobs)
        except ValueError as error:  # what vLLM says of a request that it does not take
            raise UserError(f"vLLM does not take a request: {first_line(error)}") from error
        except Exception as error:
            if type(error).__name__ != "EngineDeadError":
                raise
            raise EngineError(self.died(error)) from error

    def step(self) -> list[TokenSequence]:
        """Lets vLLM work."""
        try:
            return super().step()
        except NotFiniteError as error:
            raise EngineError(
                f"the logits of {self.name} are not finite: its weights are not, or overflow in its dtype; "
                "give dtype=float32, or fetch its files again."
            ) from error

    def close(self) -> None:
        """Ends vLLM's processes."""
        super().close()
        self.log.close()

    def died(self, error: BaseException) -> str:
        """What is said of a vLLM that ended while it was at work."""
        return f"vLLM ended while it was at work ({self.log.reason(error)})."
