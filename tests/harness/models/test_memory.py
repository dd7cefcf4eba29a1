"""What a model takes, estimated from its configuration, against what it took."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from kshot.harness.decoding.packed import PackedLinear, can_pack, pack
from kshot.harness.models.load import load_model
from kshot.harness.models.memory import check_memory, needed, skeleton, stored_bytes
from kshot.harness.models.sources import ModelSource, resolve
from kshot.types import UserError
from tests.hub_server import folder_files, online, serving

GB = 10**9
NAME = "me/large"


def taken(model: nn.Module) -> int:
    """Bytes of all that a model holds, each storage once; of packed weights as many as they were."""
    held = {one.untyped_storage().data_ptr(): one.untyped_storage().nbytes() for one in model.parameters()}
    held |= {b.untyped_storage().data_ptr(): b.untyped_storage().nbytes() for b in model.buffers()}
    packed = sum(
        4 * one.in_features * one.out_features
        for one in model.modules()
        if isinstance(one, PackedLinear) and one.packed is not None
    )
    return sum(held.values()) + packed


@pytest.mark.parametrize(
    ("dtype", "quantize"), [("float32", "none"), ("bfloat16", "none"), ("float32", "int8"), ("bfloat16", "int8")]
)
@pytest.mark.parametrize("tied", [True, False])
def test_the_estimate_is_what_a_model_takes(
    tmp_path: Path, tiny_llama: Path, dtype: str, quantize: str, tied: bool
) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    config = AutoConfig.from_pretrained(tiny_llama, tie_word_embeddings=tied, hidden_size=256, intermediate_size=512)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_llama).save_pretrained(tmp_path)
    model = load_model(ModelSource("tiny", folder=tmp_path), dtype=dtype, quantize=quantize).model
    if can_pack(model):
        pack(model)
    said = needed(skeleton(tmp_path), dtype, quantize=quantize)
    assert said.weights == pytest.approx(taken(model), rel=0.1)
    assert said.row == 2 * 2 * 2 * 16 * 512 * torch.zeros(0, dtype=getattr(torch, dtype)).element_size()


@pytest.mark.model
@pytest.mark.parametrize(("dtype", "quantize"), [("float32", "none"), ("bfloat16", "none"), ("float32", "int8")])
def test_the_estimate_of_the_bundled_model(bundled_model: Any, dtype: str, quantize: str) -> None:
    model = load_model(bundled_model, dtype=dtype, quantize=quantize).model
    if can_pack(model):
        pack(model)
    said = needed(skeleton(bundled_model.folder), dtype, quantize=quantize)
    assert said.weights == pytest.approx(taken(model), rel=0.1)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """The configuration of a model of 7 billion weights, and nothing else of it."""
    from transformers import LlamaConfig

    LlamaConfig(architectures=["LlamaForCausalLM"]).save_pretrained(tmp_path)
    return tmp_path


def test_too_large_a_model_is_refused_with_what_would_fit(large: Path) -> None:
    with pytest.raises(
        UserError,
        match=r"me/large needs about 29\.1 GB in float32 and 16\.0 GB .* free: give --dtype bfloat16 \(14\.6 GB\) or "
        r"--quantize int8 \(9\.3 GB\) or --quantize nf4 .*, or a smaller model; KSHOT_MEMORY_CHECK=off tries",
    ):
        check_memory(NAME, large, "float32", free=16 * GB)
    with pytest.raises(UserError, match=r"about 14\.6 GB in bfloat16 and 1\.0 GB .*are free: give a smaller model;"):
        check_memory(NAME, large, "bfloat16", free=GB)
    with pytest.raises(UserError, match=r"in float32 with --quantize int8 and 7\.0 GB .*are free: give --quantize nf4"):
        check_memory(NAME, large, "float32", quantize="int8", free=7 * GB)
    check_memory(NAME, large, "float32", free=30 * GB)
    check_memory(NAME, large, "float32", quantize="int8", free=10 * GB)


def test_nobody_is_locked_out_by_an_estimate(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KSHOT_MEMORY_CHECK", "off")
    check_memory(NAME, large, "float32", free=GB)


def test_a_model_that_cannot_be_built_so_is_left_to_its_loading(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "of-tomorrow"}')
    check_memory(NAME, tmp_path, "float32", free=1)


def test_a_folder_is_refused_before_its_weights_are_read(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kshot.harness.models.memory.free_memory", lambda device: 1000)
    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", lambda *_, **__: pytest.fail("read"))
    with pytest.raises(UserError, match=r"needs about .* in float32 and 0\.001 MB .*are free"):
        load_model(resolve(str(tiny_llama)))
    assert stored_bytes(tiny_llama) > 1000


def test_a_hub_model_is_refused_before_its_weights_are_fetched(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kshot.harness.models.memory.free_memory", lambda device: 1000)
    with serving() as hub:
        online(monkeypatch, hub.address, tmp_path)
        hub.add("me/tiny", {"main": folder_files(tiny_llama)})
        with pytest.raises(UserError, match=r"the model me/tiny needs about"):
            load_model(resolve("me/tiny"))
        assert "config.json" in hub.fetched and "model.safetensors" not in hub.fetched
