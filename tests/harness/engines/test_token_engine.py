"""The transformers engine: texts, stop strings, seeds, scores and errors, on a tiny model and the bundled one."""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from kshot.eval.tasks import get_task
from kshot.harness.decoding.layers import key_bytes
from kshot.harness.engines.registry import get_engine
from kshot.harness.engines.token_engine import TransformersEngine, key_memory
from kshot.harness.engines.transformers import bytes_of, load_engine
from kshot.harness.models.load import load_model
from kshot.harness.models.sources import resolve
from kshot.types import EngineError, Generation, Message, Request, SamplingParams, Source, UserError


def answers(engine: Any, requests: list[Request]) -> list[Generation]:
    for ticket, request in enumerate(requests):
        engine.submit(ticket, request)
    found: dict[int, Generation] = {}
    while done := engine.collect():
        found.update(dict(done))
    return [found[ticket] for ticket in range(len(requests))]


def engine_of(loaded: Any, rows: int, **options: Any) -> TransformersEngine:
    return TransformersEngine(
        loaded.model, loaded.tokenizer, id="test", chat=True, context_length=loaded.context_length, rows=rows, **options
    )


@pytest.fixture(scope="module")
def tiny(tiny_folder: Path) -> Any:
    return load_model(resolve(str(tiny_folder)))


def generate(loaded: Any, ids: list[int], new: int) -> list[int]:
    """What transformers itself makes of it, with its own attention."""
    loaded.model.set_attn_implementation("sdpa")
    tensor = torch.tensor([ids])
    out = loaded.model.generate(
        tensor, attention_mask=torch.ones_like(tensor), max_new_tokens=new, do_sample=False, pad_token_id=0
    )
    return list(out[0, len(ids) :].tolist())


def gap_at_fork(loaded: Any, ids: list[int], request: Request, text: str, wanted: str) -> float:
    """How far apart the model's two largest logits lie where the wanted text and another part: 0 is a tie."""
    chosen = generate(loaded, ids, request.params.max_new_tokens)
    decode = partial(loaded.tokenizer.decode, skip_special_tokens=True)
    assert decode(chosen) == wanted != text
    same = max(n for n in range(len(chosen) + 1) if text.startswith(decode(chosen[:n])))
    with torch.inference_mode():
        logits = loaded.model(torch.tensor([ids + chosen[:same]])).logits[0, -1]
    first, second = logits.topk(2).values.tolist()
    return float(first - second)


@pytest.mark.model
def test_greedy_text_equals_generate_on_the_bundled_model(bundled: Any) -> None:
    """24 prompts of mixed length, chat and plain, with and without shared exemplars, mixed parameters in the batch."""
    stories = get_task("word-problems:steps=0")
    test, shots = stories.load("test", Source(limit=12)), stories.load("train", Source())[:2]
    block = "".join(f"Q: {s.question}\nA: {s.rationale} The answer is {s.target}.\n\n" for s in shots)
    requests = []
    for index, sample in enumerate(test):
        new = (2, 4, 10)[index % 3]
        text = (block if index % 2 else "") + f"Q: {sample.question}\nA:"
        requests.append(Request(text, SamplingParams(max_new_tokens=new)))
        requests.append(Request((Message("user", sample.question),), SamplingParams(max_new_tokens=new)))
    assert len(requests) == 24
    engine = load_engine("smollm2-135m", rows=16)
    assert engine.shares
    packed = engine.model
    encoded = [engine.renderer.encode(request.prompt) for request in requests]
    expected = [
        bundled.tokenizer.decode(generate(bundled, ids, request.params.max_new_tokens), skip_special_tokens=True)
        for ids, request in zip(encoded, requests, strict=True)
    ]
    for rows, every in ((16, 1), (1, 3)):  # a row at a time a third of them
        engine = engine_of(replace(bundled, model=packed), rows)
        asked = requests[::every]
        noise = [Request(r.prompt, SamplingParams(1.0, 0.9, 5), seed=i) for i, r in enumerate(requests[::8])]
        found = answers(engine, [*asked, *noise])
        for ids, request, reply, wanted in zip(encoded[::every], asked, found, expected[::every], strict=False):
            assert reply.text == wanted or gap_at_fork(bundled, ids, request, reply.text, wanted) < 1e-4, rows


@pytest.mark.model
def test_the_bundled_model_answers_a_known_question(bundled: Any) -> None:
    [reply] = answers(engine_of(bundled, 1), [Request("The capital of France is", SamplingParams(max_new_tokens=4))])
    assert "Paris" in reply.text


def test_exactly_one_beginning_token(tiny: Any) -> None:
    renderer = engine_of(tiny, 1).renderer
    bos = tiny.tokenizer.bos_token
    for text in ("hello", f"{bos}hello", f"{bos}{bos}hello"):
        ids = renderer.encode(text)
        assert ids.count(tiny.tokenizer.bos_token_id) == (1 if bos in text else 0)  # this tokenizer adds none itself
        assert tiny.tokenizer.decode(ids, skip_special_tokens=True) == "hello"


def test_an_open_assistant_turn_is_continued_to_its_last_character(tiny: Any) -> None:
    renderer = engine_of(tiny, 1).renderer
    text = renderer.render((Message("user", "2 + 2?"), Message("assistant", "Let me see. ")))
    assert text == "<|user|>2 + 2?<|end|><|assistant|>Let me see. "


def test_stop_strings_end_a_text_and_are_left_out(tiny: Any) -> None:
    prompt = "abc"
    [whole] = answers(engine_of(tiny, 1), [Request(prompt, SamplingParams(max_new_tokens=40))])
    stop = whole.text[7:10]
    first = whole.text.index(stop)
    cut, other = answers(
        engine_of(tiny, 2),
        [
            Request(prompt, SamplingParams(max_new_tokens=40, stop=(stop,))),
            Request(prompt, SamplingParams(max_new_tokens=40)),
        ],
    )
    assert (cut.text, cut.finish_reason) == (whole.text[:first], "stop")
    assert other.text == whole.text


def test_a_draw_does_not_depend_on_its_batch(tiny: Any) -> None:
    generator = random.Random(0)
    requests = [
        Request("x" * generator.randrange(1, 60), SamplingParams(0.8, 0.95, 12), seed=seed) for seed in range(12)
    ]
    together = [g.text for g in answers(engine_of(tiny, 12), requests)]
    alone = [answers(engine_of(tiny, 1), [request])[0].text for request in requests]
    assert together == alone
    assert len(set(together)) > 6


def test_scores_are_log_likelihoods(tiny: Any) -> None:
    prompt, continuation = "The answer is", " yes indeed"
    ids = tiny.tokenizer(prompt).input_ids
    more = tiny.tokenizer(continuation).input_ids
    tiny.model.set_attn_implementation("sdpa")
    with torch.inference_mode():
        logprobs = tiny.model(torch.tensor([ids + more])).logits[0].log_softmax(-1)
    expected = sum(float(logprobs[len(ids) - 1 + at, token]) for at, token in enumerate(more))
    [score] = answers(engine_of(tiny, 4), [Request(prompt, continuation=continuation)])
    assert score.logprob == pytest.approx(expected, abs=1e-4)
    assert (score.finish_reason, score.completion_tokens, score.prompt_tokens) == ("scored", len(more), len(ids))


@pytest.mark.parametrize("share", [True, False])
def test_tokens_and_their_log_likelihoods_are_told_on_request(tiny: Any, share: bool) -> None:
    prompts = ("The answer is", "The answer was", "x")
    requests = [Request(prompt, SamplingParams(0.8, 0.9, 6), seed=3) for prompt in prompts]
    requests += [Request(prompt, continuation=" yes indeed") for prompt in prompts]
    tiny.model.set_attn_implementation("sdpa")
    told = answers(engine_of(tiny, 4, share=share), [replace(request, logprobs=True) for request in requests])
    untold = answers(engine_of(tiny, 4, share=share), requests)
    tiny.model.set_attn_implementation("sdpa")
    for request, reply in zip(requests, told, strict=True):
        assert len(reply.tokens) == len(reply.token_logprobs) == reply.completion_tokens
        assert sum(reply.token_logprobs) == reply.logprob
        if request.continuation is not None or reply.finish_reason == "length":
            assert tiny.tokenizer.decode(reply.tokens, skip_special_tokens=True) == reply.text
        ids = tiny.tokenizer(request.prompt).input_ids
        with torch.inference_mode():
            logits = tiny.model(torch.tensor([[*ids, *reply.tokens]])).logits[0]
        expected = logits.log_softmax(-1)[len(ids) - 1 : -1].gather(-1, torch.tensor(reply.tokens)[:, None])
        assert reply.token_logprobs == pytest.approx(expected.squeeze(-1).tolist(), abs=1e-4)
    for reply, bare in zip(told, untold, strict=True):
        assert replace(reply, tokens=(), token_logprobs=(), seconds=0.0) == replace(bare, seconds=0.0)


def test_an_engine_without_a_tokenizer_takes_and_tells_tokens(tiny: Any) -> None:
    prompt, continuation = "The answer is", " yes indeed"
    params = SamplingParams(0.8, 0.9, 6)
    asked = [Request(prompt, params, seed=3, logprobs=True), Request(prompt, continuation=continuation, logprobs=True)]
    expected = answers(engine_of(tiny, 2), asked)
    bare = TransformersEngine(tiny.model, None, id="bare", chat=False, context_length=64, rows=2, memory_share=0.01)
    ids = tiny.tokenizer(prompt).input_ids
    targets = tiny.tokenizer(continuation).input_ids
    bare.submit_tokens(0, ids, params, 3)
    bare.submit_tokens(1, ids, SamplingParams(), targets=targets)
    found: dict[int, Generation] = {}
    while done := bare.collect():
        found.update(dict(done))
    for at, wanted in enumerate(expected):
        assert (found[at].tokens, found[at].text) == (wanted.tokens, "")
        assert found[at].token_logprobs == pytest.approx(wanted.token_logprobs, abs=1e-5)
    assert found[1].tokens == tuple(targets)
    with pytest.raises(UserError, match="has no tokenizer: give it tokens"):
        bare.submit(2, Request("x"))
    with pytest.raises(UserError, match="stop strings are found in text"):
        bare.submit_tokens(2, ids, SamplingParams(stop=("x",)))
    with pytest.raises(UserError, match="needs 65 tokens"):
        bare.submit_tokens(2, [5] * 64, params)


def test_memory_is_a_share_of_what_is_free_where_it_is_not_given(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{TransformersEngine.__module__}.free_memory", lambda device: 1 << 20)
    per_token = key_bytes(tiny.model)
    for options, expected in (
        ({}, 1 << 18),
        ({"memory_share": 0.5}, 1 << 19),
        ({"memory_share": 0.5, "memory": 4096}, 4096),
    ):
        decoder: Any = engine_of(tiny, 2, **options).decoder
        assert decoder.budget == decoder.tree.budget == expected // 2 // per_token
    with pytest.raises(UserError, match="memory_share is 80"):
        engine_of(tiny, 2, memory_share=80)


def test_a_prompt_longer_than_the_context_is_refused(tiny: Any) -> None:
    engine = engine_of(tiny, 2)
    with pytest.raises(UserError, match=r"needs 2101 tokens and the model's context holds 2048"):
        engine.submit(0, Request("x" * 2100))
    assert engine.collect() == []


def test_a_batch_must_have_a_row(tiny: Any) -> None:
    with pytest.raises(UserError, match="--batch is 0"):
        engine_of(tiny, 0)


def test_the_engine_id_names_what_changes_output(tiny_folder: Path) -> None:
    chat, plain = load_engine(str(tiny_folder)), load_engine(str(tiny_folder), template="plain")
    assert chat.id != plain.id
    assert chat.id == load_engine(str(tiny_folder), rows=3).id  # the batch changes nothing


def test_out_of_memory_halves_the_rows_and_goes_on(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = [Request("x" * (1 + at), SamplingParams(max_new_tokens=5)) for at in range(6)]
    expected = [generation.text for generation in answers(engine_of(tiny, 4), requests)]
    engine = engine_of(tiny, 4)
    run, widest = type(engine.decoder).run_model, 2

    def limited(self: Any, ids: list[int], spans: Any, running: Any, keep: torch.Tensor) -> torch.Tensor:
        if len(running) > widest:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        result: torch.Tensor = run(self, ids, spans, running, keep)
        return result

    monkeypatch.setattr(type(engine.decoder), "run_model", limited)
    with pytest.warns(UserWarning, match="going on with --batch 2"):
        assert [generation.text for generation in answers(engine, requests)] == expected
    assert engine.capacity == 2
    widest = 0
    engine.submit(0, requests[0])
    with pytest.raises(EngineError, match="out of memory with one row"), pytest.warns(UserWarning):
        engine.collect()


@pytest.mark.parametrize("share", [True, False])
def test_a_closed_engine_holds_no_model_and_answers_nothing(tiny: Any, share: bool) -> None:
    engine = engine_of(tiny, 2, share=share)
    engine.submit(0, Request("abc", SamplingParams(max_new_tokens=5)))
    engine.close()
    engine.close()
    assert engine.collect() == []
    assert engine.model is None
    held = [value for value in vars(engine.decoder).values() if isinstance(value, torch.nn.Module)]
    assert held == []


BAD = [float("nan"), float("inf")]


def damaged(model: Any, bad: float) -> Any:
    """A copy whose logits are no numbers."""
    made = copy.deepcopy(model)
    made.set_attn_implementation("sdpa")
    made.lm_head.weight.data[9] = bad
    return made


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("bad", BAD)
def test_logits_that_are_no_numbers_are_a_failure_and_no_answer(tiny: Any, share: bool, bad: float) -> None:
    for request in (
        Request("abc", SamplingParams(max_new_tokens=3)),
        Request("abc", SamplingParams(0.8, max_new_tokens=3)),
        Request("abc", continuation="d"),
    ):
        model = damaged(tiny.model, 1.0)
        engine = engine_of(replace(tiny, model=model), 2, share=share, name="some-model")
        model.lm_head.weight.data[9] = bad  # after it has been looked at
        engine.submit(0, request)
        with pytest.raises(EngineError, match=r"the logits of some-model in float32 are not finite: its weights"):
            engine.collect()


@pytest.mark.parametrize("bad", BAD)
def test_a_model_without_numbers_is_not_called_one_that_cannot_share(tiny: Any, bad: float) -> None:
    model = damaged(tiny.model, bad)
    with pytest.raises(EngineError, match="the logits of LlamaForCausalLM in float32 are not finite"):
        engine_of(replace(tiny, model=model), 2)
    assert model.config._attn_implementation == "sdpa"


def test_float16_that_overflows_names_float32_as_the_remedy(tiny: Any) -> None:
    model = damaged(tiny.model, 1.0)
    model.lm_head.weight.data.mul_(2e5)
    answers(engine_of(replace(tiny, model=model), 2), [Request("abc", SamplingParams(max_new_tokens=1))])
    with pytest.raises(EngineError, match=r"in float16 are not finite: float16 overflows .*; give --dtype float32"):
        engine_of(replace(tiny, model=damaged(model, 1.0).half()), 2)


def test_a_token_that_the_model_masks_by_design_is_no_failure(tiny: Any) -> None:
    model = damaged(tiny.model, 1.0)

    def mask(module: Any, given: Any, reply: Any) -> None:
        reply.logits[..., 7:20] = float("-inf")

    model.register_forward_hook(mask)
    engine = engine_of(replace(tiny, model=model), 2)
    assert engine.shares
    engine.submit_tokens(0, [30, 31], SamplingParams(), targets=[9])
    engine.submit_tokens(1, [30, 31], SamplingParams(max_new_tokens=4))
    found: dict[int, Generation] = {}
    while done := engine.collect():
        found.update(done)
    assert found[0].logprob == float("-inf")
    assert found[1].logprob > float("-inf")


def test_engines_that_share_and_do_not_stand_side_by_side_on_one_model(tiny: Any) -> None:
    loaded = replace(tiny, model=damaged(tiny.model, 1.0))
    request = Request("abc", SamplingParams(max_new_tokens=6))
    expected = answers(engine_of(loaded, 2, share=False), [request])[0].text
    shared = engine_of(loaded, 2)
    plain = engine_of(loaded, 2, share=False)
    for engine in (plain, shared, plain):
        assert answers(engine, [request])[0].text == expected
    shared.close()
    assert loaded.model.config._attn_implementation == "sdpa"
    ids = tiny.tokenizer("abc").input_ids
    assert tiny.tokenizer.decode(
        loaded.model.generate(torch.tensor([ids]), max_new_tokens=6, do_sample=False)[0, 3:]
    ) == (expected)


def test_the_memory_is_at_most_2_gib_on_a_cpu_where_none_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{TransformersEngine.__module__}.free_memory", lambda device: 64 << 30)
    assert key_memory("cpu") == 2 << 30
    assert key_memory("cpu", 0.25) == key_memory("cuda") == 16 << 30


@pytest.mark.parametrize(("said", "tokens"), [("auto", (1 << 29) // 2), ("0.5", 250_000_000)])
def test_the_memory_of_an_engine_by_name(
    tiny_folder: Path, said: str, tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{TransformersEngine.__module__}.free_memory", lambda device: 2 << 30)
    decoder: Any = get_engine(f"transformers:model={tiny_folder},memory={said}").decoder  # type: ignore[attr-defined]
    assert decoder.budget == decoder.tree.budget == tokens // key_bytes(decoder.model)


@pytest.mark.parametrize("said", ["much", "0", "-1", "nan", "inf"])
def test_a_memory_that_is_none_is_told(said: str) -> None:
    with pytest.raises(UserError, match="give a number of GB above 0, or auto"):
        bytes_of(said)
