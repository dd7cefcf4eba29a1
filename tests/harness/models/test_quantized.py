"""Layers in 8 bits against the sums of whole numbers that they stand for, and a model of them in the engine."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from torch import nn

from kshot.harness.engines.transformers import load_engine
from kshot.harness.models.quantized import Int8Linear, check_quantized, is_exact, name_of, to_int8
from kshot.types import Request, SamplingParams, UserError


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [1, 5, 80])
def test_a_layer_is_its_formula_in_whole_numbers(rows: int, bias: bool) -> None:
    torch.manual_seed(rows)
    linear = nn.Linear(48, 80, bias=bias)
    with torch.inference_mode():
        layer = Int8Linear(linear, torch.float32)
        x = torch.randn(1, rows, 48) * torch.logspace(-3, 3, rows)[:, None]
        own = x.abs().amax(-1, keepdim=True) / 127
        whole = (x / own).round().long() @ layer.int8.long().t()
        expected = whole.float() * own * layer.scale + (linear.bias if bias else 0)
        torch.testing.assert_close(layer(x), expected, rtol=1e-6, atol=0)
        torch.testing.assert_close(layer(x) / own, linear(x) / own, atol=3.0, rtol=0.05)
        torch.testing.assert_close(layer.weight, linear.weight, atol=float(layer.scale.max()) / 2 + 1e-7, rtol=0)


def test_what_stands_beside_a_token_changes_nothing() -> None:
    torch.manual_seed(0)
    layer = Int8Linear(nn.Linear(64, 32), torch.float32)
    with torch.inference_mode():
        x = torch.randn(40, 64)
        x[7] *= 1000
        assert all(torch.equal(layer(x)[at], layer(x[at : at + 1])[0]) for at in (0, 7, 39))


def test_zeros_stay_and_what_is_no_number_is_none() -> None:
    layer = Int8Linear(nn.Linear(8, 4, bias=False), torch.float32)
    with torch.inference_mode():
        assert torch.equal(layer(torch.zeros(2, 8)), torch.zeros(2, 4))
        assert layer(torch.full((1, 8), torch.nan)).isnan().all()
        nn.init.zeros_(linear := nn.Linear(8, 4, bias=False).weight)
        assert not linear.any()


def test_this_machines_product_is_exact_and_another_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_exact()
    monkeypatch.setattr(torch, "_int_mm", lambda a, b: (a.float() @ b.float()).clamp(-32768, 32767).int())
    with pytest.raises(UserError, match="8-bit numbers is not exact"):
        to_int8(nn.Sequential(nn.Linear(2, 2)), torch.float32)


def test_an_engine_says_in_its_id_that_it_runs_in_8_bits(tiny_llama: Path) -> None:
    plain, small = load_engine(str(tiny_llama)), load_engine(str(tiny_llama), quantize="int8")
    assert small.id == plain.id.replace("/float32/", "/float32-int8/") != plain.id
    assert small.shares, "what requests share is still computed once"
    kinds = [type(module) for module in small.model.modules()]
    assert Int8Linear in kinds and nn.Linear not in kinds
    texts = []
    for together in (1, 3):  # the same alone and in company
        for ticket in range(together):
            small.submit(ticket, Request("abcdefgh" * (1 + 2 * ticket), SamplingParams(max_new_tokens=12)))
        found = {}
        while len(found) < together:
            found.update(small.collect())
        texts.append(found[0].text)
    assert texts[0] == texts[1]


def test_kinds_that_are_unknown_or_lack_their_package_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"unknown quantisation 'int7'.*int8"):
        check_quantized("int7", "cpu")
    monkeypatch.setattr("kshot.harness.models.quantized.find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"--quantize nf4 on cpu needs bitsandbytes: pip install 'kshot\[quantize\]'"):
        check_quantized("nf4", "cpu")
    with pytest.raises(UserError, match="does not run on mps"):
        check_quantized("int8", "mps")
    check_quantized("int8", "cpu")
    assert name_of("bfloat16", "int8", "cuda") == "bfloat16-llm-int8" != name_of("bfloat16", "int8", "cpu")


@pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed")
@pytest.mark.filterwarnings("ignore")
def test_a_model_in_4_bits_answers(tiny_llama: Path) -> None:
    engine = load_engine(str(tiny_llama), quantize="nf4")
    engine.submit(0, Request("abcdefgh", SamplingParams(max_new_tokens=4)))
    found = engine.collect()
    while not found:
        found = engine.collect()
    assert "/float32-nf4/" in engine.id and found[0][1].completion_tokens > 0
