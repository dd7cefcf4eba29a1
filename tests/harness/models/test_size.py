"""A model's size by its files' headers, held against the model that torch has in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import save_file

from kshot.harness.models.size import size_of

SMALL = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 16, "intermediate_size": 24, "vocab_size": 37}
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "llama, tied": ("Llama", "Llama", {**SMALL, "num_key_value_heads": 1, "tie_word_embeddings": True}),
    "llama, untied": ("Llama", "Llama", {**SMALL, "num_key_value_heads": 1, "tie_word_embeddings": False}),
    "qwen2": ("Qwen2", "Qwen2", {**SMALL, "num_key_value_heads": 1}),
    "gemma3": ("Gemma3Text", "Gemma3", {**SMALL, "num_key_value_heads": 1, "head_dim": 8}),
    "gpt-neox": ("GPTNeoX", "GPTNeoX", SMALL),
    "gpt2": ("GPT2", "GPT2LMHead", {"n_layer": 2, "n_head": 2, "n_embd": 16, "vocab_size": 37, "n_positions": 21}),
    "opt": ("OPT", "OPT", {**SMALL, "ffn_dim": 24, "max_position_embeddings": 21, "word_embed_proj_dim": 16}),
    "bloom": ("Bloom", "Bloom", {"n_layer": 2, "n_head": 2, "hidden_size": 16, "vocab_size": 37}),
    "mixtral": ("Mixtral", "Mixtral", {**SMALL, "num_key_value_heads": 1, "num_local_experts": 2}),
}


def made(kind: str) -> Any:
    config, model, given = KINDS[kind]
    name = model if model.endswith("LMHead") else f"{model}ForCausalLM"
    name = f"{name}Model" if name.endswith("LMHead") else name
    return getattr(transformers, name)(getattr(transformers, f"{config}Config")(**given))


@pytest.mark.parametrize("kind", KINDS)
def test_counts_are_those_of_the_model_in_memory(kind: str, tmp_path: Path) -> None:
    model = made(kind)
    model.save_pretrained(tmp_path)
    tables = {id(m.weight): m.weight for m in model.modules() if isinstance(m, torch.nn.Embedding)}
    head = model.get_output_embeddings()
    tables[id(head.weight)] = head.weight
    found = size_of(tmp_path)
    assert found is not None
    assert found.parameters == sum(p.numel() for p in model.parameters())  # torch counts a tied one once, too
    assert found.embedding == sum(weight.numel() for weight in tables.values())
    assert found.non_embedding == found.parameters - found.embedding > 0
    assert (found.dtype, found.bytes) == ("float32", 4 * found.parameters)


def test_a_tied_matrix_that_is_stored_twice_counts_once(tmp_path: Path) -> None:
    model = made("llama, tied")
    model.save_pretrained(tmp_path)
    whole = size_of(tmp_path)
    table = model.get_input_embeddings().weight
    state = {name: value.clone().contiguous() for name, value in model.state_dict().items()}
    save_file({**state, "lm_head.weight": table.detach().clone()}, tmp_path / "model.safetensors")
    assert size_of(tmp_path) == whole
    config = json.loads((tmp_path / "config.json").read_text())
    del config["tie_word_embeddings"]  # what the model's class says by itself then holds: a Llama's are not tied
    (tmp_path / "config.json").write_text(json.dumps(config))
    untied = size_of(tmp_path)
    assert whole and untied and untied.parameters == whole.parameters + table.numel()


def test_files_in_pieces_and_another_dtype(tmp_path: Path) -> None:
    model = made("llama, untied").to(torch.bfloat16)
    model.save_pretrained(tmp_path, max_shard_size="4KB")
    assert (tmp_path / "model.safetensors.index.json").is_file()
    save_file({"stray": torch.zeros(5)}, tmp_path / "model-of-another.safetensors")
    found = size_of(tmp_path)
    assert found and found.parameters == sum(p.numel() for p in model.parameters())
    assert (found.dtype, found.bytes) == ("bfloat16", 2 * found.parameters)


def test_what_cannot_be_told_is_not_told(tmp_path: Path) -> None:
    made("qwen2").save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "quantization_config": {"quant_method": "gptq"}}))
    assert size_of(tmp_path) is None  # a stored number is several parameters
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert size_of(tmp_path) is not None
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 64)  # a header longer than anything
    assert size_of(tmp_path) is None
    save_file({"packed.weight": torch.zeros(4, 4, dtype=torch.uint8)}, tmp_path / "model.safetensors")
    assert size_of(tmp_path) is None
    (tmp_path / "model.safetensors").unlink()
    assert size_of(tmp_path) is None


def test_of_a_model_that_sees_only_what_reads_text_counts(tmp_path: Path) -> None:
    tensors = {
        "model.language_model.embed_tokens.weight": torch.zeros(37, 4),
        "model.language_model.layers.0.mlp.up_proj.weight": torch.zeros(8, 4),
        "model.vision_tower.layers.0.mlp.up_proj.weight": torch.zeros(100, 4),
        "model.multi_modal_projector.weight": torch.zeros(9, 4),
    }
    save_file(tensors, tmp_path / "model.safetensors")
    config = {"text_config": {"vocab_size": 37}, "vision_config": {}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = size_of(tmp_path)
    assert found and (found.parameters, found.embedding) == (37 * 4 + 32, 37 * 4)


def test_the_bundled_model_has_the_parameters_that_its_makers_state(bundled_model: Any) -> None:
    found = size_of(bundled_model.folder)
    assert found and found.parameters == 134_515_008  # the card of HuggingFaceTB/SmolLM2-135M-Instruct
    assert found.embedding == 49_152 * 576
