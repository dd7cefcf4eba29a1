"""Perplexity and bits per byte against a plain forward pass of transformers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from kshot.eval import corpus
from kshot.eval.metrics import get_metric
from kshot.harness.engines.registry import find_engine
from kshot.program import drive
from kshot.prompts.strategies import get_strategy
from kshot.types import Generation, Prediction, Question, Request
from tests.eval.test_metrics_contract import SAMPLE

TEXTS = (
    "The cat sat on the mat.",
    "Two and two\nare four, 中文 too.",
    "x",
    "  blanks before and after ",
    "A longer one. " * 12,
)


def asked(engine: Any, text: str, prompt: str = "", spec: str = "log-likelihood") -> Prediction:
    """What log-likelihood says of a text."""
    from kshot.eval.answers import LINE

    def answer(request: Request) -> Generation:
        engine.submit(0, request)
        [(_, generation)] = engine.collect()
        return generation

    return drive(get_strategy(spec)(Question(prompt, LINE, continuation=text)), answer)


def plain_nats(model: Any, beginning: list[int], tokens: list[int]) -> float:
    """The negative log-likelihood of tokens behind others, by one forward pass."""
    import torch

    whole = torch.tensor([[*beginning, *tokens]])
    with torch.no_grad():
        logits = model(whole).logits[0].double()
    logprobs = torch.log_softmax(logits[len(beginning) - 1 : -1], dim=-1)
    return -float(logprobs[torch.arange(len(tokens)), torch.tensor(tokens)].sum())


def held(engine: Any, model: Any, tokenizer: Any) -> None:
    """Both sides on all texts, alone and as a corpus."""
    beginning = [tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id]
    found, nats, tokens = [], 0.0, 0
    for text in TEXTS:
        prediction = asked(engine, text)
        ids = list(tokenizer(text, add_special_tokens=False).input_ids)
        wanted = plain_nats(model, beginning, ids)
        assert -prediction.detail["logprob"] == pytest.approx(wanted, rel=2e-4)
        assert prediction.detail["tokens"] == len(ids) and prediction.detail["bytes"] == len(text.encode())
        found.append(prediction)
        nats, tokens = nats + wanted, tokens + len(ids)
    size = sum(len(text.encode()) for text in TEXTS)
    for name, value in (("perplexity", math.exp(nats / tokens)), ("bits-per-byte", nats / size / math.log(2))):
        metric = get_metric(name)
        assert corpus.value_of([metric.counts(one, SAMPLE) for one in found], metric.total) == pytest.approx(
            value, rel=2e-4
        )


def test_a_tiny_models_perplexity_is_that_of_a_plain_pass(tiny_llama: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    engine = find_engine(f"transformers:model={tiny_llama}")()
    model = AutoModelForCausalLM.from_pretrained(tiny_llama).eval()
    held(engine, model, AutoTokenizer.from_pretrained(tiny_llama))
    engine.close()


def test_the_bundled_models_perplexity_is_that_of_a_plain_pass(bundled_model: Any) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    engine = find_engine("transformers:model=smollm2-135m")()
    model = AutoModelForCausalLM.from_pretrained(bundled_model.folder, dtype="float32").eval()
    tokenizer = AutoTokenizer.from_pretrained(bundled_model.folder)
    held(engine, model, tokenizer)
    prompt, text = "The capital of France is", " Paris, of course."
    ids = [list(tokenizer(one, add_special_tokens=False).input_ids) for one in (prompt, text)]
    wanted = plain_nats(model, *ids)
    assert -asked(engine, text, prompt).detail["logprob"] == pytest.approx(wanted, rel=2e-4)

    ids = tokenizer(prompt, return_tensors="pt").input_ids
    written = tokenizer.decode(model.generate(ids, max_new_tokens=5, do_sample=False)[0, ids.shape[1] :])
    greedy = "log-likelihood:greedy=yes"
    assert asked(engine, written, prompt, greedy).answer == written.strip()
    assert asked(engine, " a pineapple", prompt, greedy).answer != "a pineapple"
    engine.close()
