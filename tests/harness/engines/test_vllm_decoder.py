"""What is asked of vLLM for a sequence, and what is made of its outputs: with a vLLM that is played."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from kshot.harness.decoding.finite import NotFiniteError
from kshot.harness.decoding.sequence import TokenSequence
from kshot.harness.engines.vllm_decoder import VllmDecoder
from kshot.types import EngineError, SamplingParams

END = 9


class Played:
    """An LLMEngine whose steps are written beforehand; each is a list of outputs, or an error."""

    def __init__(self, *steps: Any) -> None:
        self.steps = list(steps)
        self.asked: list[tuple[str, list[int], Any, dict[str, Any]]] = []
        self.aborted: list[str] = []

    def add_request(self, name: str, prompt: Any, params: Any, **more: Any) -> None:
        self.asked.append((name, prompt["prompt_token_ids"], params, more))

    def step(self) -> list[Any]:
        done = self.steps.pop(0)
        if isinstance(done, Exception):
            raise done
        return list(done)

    def abort_request(self, names: list[str]) -> None:
        self.aborted += names


def output(name: str, tokens: dict[int, float], *, cached: int = 0, done: bool = False, **more: Any) -> Any:
    """What vLLM tells of a request after a step."""
    said = [{token: SimpleNamespace(logprob=logprob)} for token, logprob in tokens.items()]
    drawn = SimpleNamespace(token_ids=list(tokens), logprobs=said, finish_reason="length" if done else None)
    given = {"prompt_logprobs": None} | more
    return SimpleNamespace(request_id=name, outputs=[drawn], num_cached_tokens=cached, finished=done, **given)


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Callable[..., VllmDecoder]:
    fake, inner = ModuleType("vllm"), ModuleType("vllm.sampling_params")
    vars(fake).update(TokensPrompt=dict, SamplingParams=lambda **given: SimpleNamespace(**given))
    vars(inner)["RequestOutputKind"] = SimpleNamespace(DELTA="delta", FINAL_ONLY="final")
    monkeypatch.setitem(sys.modules, "vllm", fake)
    monkeypatch.setitem(sys.modules, "vllm.sampling_params", inner)

    def made(llm: Played, **options: Any) -> VllmDecoder:
        given = {"end_ids": frozenset({END}), "stopped": lambda sequence: sequence.out[-2:] == [4, 4]}
        return VllmDecoder(llm, **{**given, "cached_scores": True, **options})

    return made


def written(ids: list[int], most: int = 8, **params: Any) -> TokenSequence:
    return TokenSequence(7, ids, SamplingParams(**params), 1 << 64 | 5, max_new=most)


def test_tokens_come_one_by_one_until_a_stop_that_is_found_here(make: Any) -> None:
    steps = [[output("0", {3: -0.5}, cached=2)], [output("0", {4: -0.25})], [], [output("0", {4: -0.125})]]
    llm = Played(*steps)
    decoder = make(llm)
    sequence = written([1, 2, 3], temperature=0.5, top_k=3, min_p=0.1, top_p=0.9)
    decoder.add(sequence)
    found = [decoder.step() for _ in steps]
    assert found == [[], [], [], [sequence]]
    assert (sequence.out, sequence.finish, sequence.cached) == ([3, 4, 4], "stop", 2)
    assert sequence.logprob == -0.875
    assert sequence.seconds > 0
    assert llm.aborted == ["0"]  # vLLM knows of no stop strings
    assert not decoder
    [(_, ids, params, more)] = llm.asked
    assert ids == [1, 2, 3]
    assert (params.temperature, params.top_k, params.top_p, params.min_p, params.max_tokens) == (0.5, 3, 0.9, 0.1, 8)
    assert (params.seed, params.stop_token_ids, params.detokenize) == (5, [END], False)
    assert more["priority"] == 7


def test_an_end_token_and_the_last_that_fits_end_a_text(make: Any) -> None:
    llm = Played([output("0", {5: -1.0, END: -1.0}, done=True), output("1", {5: -1.0, 6: -1.0}, done=True)])
    decoder = make(llm)
    ended, cut = written([1]), written([1], most=2)
    decoder.add(ended)
    decoder.add(cut)
    assert decoder.step() == [ended, cut]
    assert (ended.finish, cut.finish) == ("stop", "length")
    assert llm.aborted == []
    assert llm.asked[0][2].seed is None  # greedy


def scored(ids: list[int], targets: list[int]) -> TokenSequence:
    return TokenSequence(0, [*ids, *targets][:-1], SamplingParams(), 0, targets=targets)


def rows(*logprobs: float | None) -> list[Any]:
    """By prompt token, itself with its log-likelihood."""
    return [None if value is None else {at: SimpleNamespace(logprob=value)} for at, value in enumerate(logprobs)]


def test_a_score_is_of_the_targets_alone_and_the_last_is_asked_for_by_its_name(make: Any) -> None:
    llm = Played(
        [
            output("0", {8: -3.0, 5: -0.5}, done=True, prompt_logprobs=rows(None, -9.0, -9.0, -1.0, -2.0), cached=2),
            output("1", {3: -0.25}, done=True, cached=2),
        ]
    )
    decoder = make(llm)
    several, single = scored([0, 1, 2], [3, 4, 5]), scored([0, 1, 2], [3])
    decoder.add(several)
    decoder.add(single)
    llm.steps[0][0].outputs[0].logprobs = [
        {8: SimpleNamespace(logprob=-3.0), 5: SimpleNamespace(logprob=-0.5)}
    ]  # of one place: what came, and what was asked about
    assert decoder.step() == [several, single]
    assert (several.token_logprobs, several.finish, several.cached) == ([-1.0, -2.0, -0.5], "scored", 2)
    assert single.token_logprobs == [-0.25]
    (_, ids, first, _), (_, _, second, _) = llm.asked
    assert ids == [0, 1, 2, 3, 4]
    assert (first.logprob_token_ids, first.prompt_logprobs, first.skip_reading_prefix_cache) == ([5], 0, False)
    assert (second.logprob_token_ids, second.prompt_logprobs) == ([3], None)


def test_a_row_that_was_cached_is_asked_for_again(make: Any) -> None:
    """It was never written: what stands there is another request's."""
    again = output("1", {5: -0.5}, done=True, prompt_logprobs=rows(None, -9.0, -9.0, -1.0, -2.0))
    llm = Played([output("0", {5: -0.5}, done=True, prompt_logprobs=rows(None, 1, 1, 1, 1), cached=3)], [again])
    decoder = make(llm)
    sequence = scored([0, 1, 2], [3, 4, 5])
    decoder.add(sequence)
    assert decoder.step() == []
    assert decoder
    assert decoder.step() == [sequence]
    assert sequence.token_logprobs == [-1.0, -2.0, -0.5]
    assert [params.skip_reading_prefix_cache for _, _, params, _ in llm.asked] == [False, True]
    cautious = Played([])
    make(cautious, cached_scores=False).add(scored([0, 1, 2], [3, 4]))
    assert cautious.asked[0][2].skip_reading_prefix_cache


def test_what_is_no_answer_is_an_error(make: Any) -> None:
    def asked(*steps: Any, **options: Any) -> VllmDecoder:
        decoder: VllmDecoder = make(Played(*steps), **options)
        decoder.add(written([1]))
        return decoder

    with pytest.raises(NotFiniteError):
        asked([output("0", {5: math.nan})]).step()
    with pytest.raises(EngineError, match="ended a request early"):
        asked([output("0", {5: -1.0}, done=True)]).step()
    dead = asked(OSError("gone"), explain=lambda error: f"vLLM said {error}")
    with pytest.raises(EngineError, match="vLLM said gone"):
        dead.step()
    assert not dead
    late = asked([output("5", {5: -1.0})])  # of one that was aborted
    assert late.step() == []


def test_closing_ends_vllm_once(make: Any) -> None:
    ended: list[int] = []
    llm = Played()
    llm.engine_core = SimpleNamespace(shutdown=lambda: ended.append(1))  # type: ignore[attr-defined]
    decoder = make(llm)
    decoder.add(written([1]))
    decoder.close()
    decoder.close()
    assert (ended, bool(decoder)) == ([1], False)
