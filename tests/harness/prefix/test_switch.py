"""Which models share prefixes, and that the others are right on the plain path: hybrid and recurrent ones above all."""

from __future__ import annotations

import copy
import random
import warnings
from typing import Any

import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM

from kshot.harness.decoding import packed
from kshot.harness.engines.token_engine import TransformersEngine
from kshot.types import Generation, SamplingParams, UserError

SHAPE: dict[str, Any] = {
    **{"vocab_size": 97, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4},
    **{"num_key_value_heads": 2, "max_position_embeddings": 256},
    **{"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
}
HEAD = {**SHAPE, "head_dim": 8}
EXPERTS = {"num_experts_per_tok": 2, "num_experts": 4, "moe_intermediate_size": 16}
LINEAR = {"linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 8, "linear_value_head_dim": 8}
MIXER = {"mamba_n_heads": 4, "mamba_d_head": 16, "mamba_n_groups": 1, "mamba_d_state": 8, "mamba_chunk_size": 16}
BARE = {name: SHAPE[name] for name in ("vocab_size", "hidden_size", "pad_token_id", "bos_token_id", "eos_token_id")}
TWO = {**BARE, "num_hidden_layers": 2}
PLAIN: dict[str, dict[str, Any]] = {
    "Qwen3NextConfig": {**HEAD, **EXPERTS, **LINEAR, "shared_expert_intermediate_size": 16},
    "Qwen3_5TextConfig": {**HEAD, **LINEAR},
    "Lfm2Config": {**SHAPE, "layer_types": ["conv", "full_attention"] * 2, "block_multiple_of": 8},
    "MambaConfig": {**TWO, "state_size": 8},
    "Mamba2Config": {**TWO, "state_size": 8, "num_heads": 8, "head_dim": 8, "n_groups": 1, "chunk_size": 16},
    "FalconMambaConfig": {**TWO, "state_size": 8},
    "RwkvConfig": {**TWO, "attention_hidden_size": 32},
    "RecurrentGemmaConfig": {**HEAD, "num_hidden_layers": 3, "lru_width": 32, "attention_window_size": 16},
    "FalconH1Config": {**HEAD, **MIXER, "num_hidden_layers": 2, "mamba_d_ssm": 64},
    "BambaConfig": {**SHAPE, **MIXER, "attn_layer_indices": [1, 3]},
    "JambaConfig": {
        **{**SHAPE, "attn_layer_period": 2, "attn_layer_offset": 1, "num_experts": 2, "num_experts_per_tok": 1},
        **{"mamba_d_state": 8, "mamba_dt_rank": 4, "use_mamba_kernels": False},
    },
    "Zamba2Config": {
        **{**SHAPE, "num_hidden_layers": 3, "layers_block_type": ["mamba", "mamba", "hybrid"], "num_mem_blocks": 1},
        **{"mamba_d_state": 8, "n_mamba_heads": 4, "mamba_headdim": 16, "mamba_ngroups": 1, "chunk_size": 16},
        "num_key_value_heads": 4,
    },
    "NemotronHConfig": {
        **{**HEAD, "layers_block_type": ["mamba", "attention", "mlp", "mamba"], "mamba_num_heads": 4},
        **{"mamba_head_dim": 16, "n_groups": 1, "ssm_state_size": 8, "chunk_size": 16},
    },
    "xLSTMConfig": {**TWO, "num_heads": 2, "num_blocks": 2},  # whose own cache fails in 5.23
    "GraniteMoeHybridConfig": {
        **{**SHAPE, **MIXER, "layer_types": ["mamba", "attention"] * 2, "num_local_experts": 0},
        "shared_intermediate_size": 48,
    },
    "OlmoHybridConfig": {**HEAD, **LINEAR},
    "MiniMaxConfig": {**HEAD, "num_experts_per_tok": 1, "num_local_experts": 2, "block_size": 16},
}
INPUTS = {
    **{**HEAD, "sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"] * 2},
    **{"vocab_size_per_layer_input": 97, "hidden_size_per_layer_input": 8},
}
SHARED: dict[str, dict[str, Any]] = {
    "Gemma4TextConfig": {**INPUTS, "global_head_dim": 16, "num_kv_shared_layers": 2},
    "Gemma3nTextConfig": {
        **{**INPUTS, "num_kv_shared_layers": 2, "altup_num_inputs": 2, "laurel_rank": 4, "intermediate_size": [48] * 4},
        "activation_sparsity_pattern": [0.0] * 4,
    },
    "DeepseekV3Config": {
        **{**SHAPE, "num_key_value_heads": 4, "q_lora_rank": 16, "kv_lora_rank": 8, "qk_rope_head_dim": 8},
        **{"qk_nope_head_dim": 8, "v_head_dim": 4, "n_routed_experts": 4, "n_group": 1, "topk_group": 1},
        **{"num_experts_per_tok": 2, "moe_intermediate_size": 16, "first_k_dense_replace": 1},
    },
}


def known(names: dict[str, dict[str, Any]]) -> list[str]:
    """Those that the installed transformers has."""
    return [name for name in names if hasattr(transformers, name)]


def make(name: str) -> Any:
    torch.manual_seed(0)
    options = copy.deepcopy({**PLAIN, **SHARED}[name])
    model = AutoModelForCausalLM.from_config(getattr(transformers, name)(**options)).eval()
    for parameter in model.parameters():
        parameter.data.mul_(3 if parameter.dim() > 1 else 1)
    return model


def check(model: Any, plain: Any, shares: bool) -> None:
    """Texts against `model.generate`, scores against a plain pass, of rows that share a beginning."""
    generator = random.Random(1)
    head = [generator.randrange(3, 97) for _ in range(30)]
    prompts = [head[: 30 * (at % 2)] + [generator.randrange(3, 97) for _ in range(3 + at)] for at in range(3)]
    if packed.can_pack(model):  # as it is when a model is loaded by name
        packed.pack(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        engine = TransformersEngine(model, None, id="x", chat=False, context_length=256, rows=4, memory=1 << 22)
    assert engine.shares == shares
    for ticket, ids in enumerate(prompts):
        engine.submit_tokens(ticket, ids, SamplingParams(max_new_tokens=5))
        engine.submit_tokens(ticket + 10, ids, SamplingParams(), targets=[5, 6, 7])
    found: dict[int, Generation] = {}
    while done := engine.collect():
        found.update(done)
    for ticket, ids in enumerate(prompts):
        tensor = torch.tensor([ids])
        options = {"max_new_tokens": 5, "do_sample": False, "pad_token_id": 0}
        options["use_cache"] = "xLSTM" not in type(plain).__name__
        with torch.inference_mode():
            whole = plain(torch.tensor([[*ids, 5, 6]]), use_cache=False).logits[0, -3:].log_softmax(-1)
            text = plain.generate(tensor, attention_mask=torch.ones_like(tensor), **options)
        assert list(found[ticket].tokens) == text[0, len(ids) :].tolist()
        expected = [float(whole[at, token]) for at, token in enumerate((5, 6, 7))]
        assert found[ticket + 10].token_logprobs == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", known(PLAIN))
def test_a_model_with_a_state_is_right_on_the_plain_path(name: str) -> None:
    model = make(name)
    check(model, copy.deepcopy(model), shares=False)


@pytest.mark.parametrize("name", known(SHARED))
def test_layers_of_several_shapes_share(name: str) -> None:
    model = make(name)
    check(model, copy.deepcopy(model), shares=True)


def test_a_model_that_does_not_run_at_all_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make("MambaConfig")
    monkeypatch.setattr(type(model), "forward", lambda *args, **options: [][0])
    with pytest.raises(UserError, match=r"MambaForCausalLM does not run here \(list index out of range\)"):
        check(model, model, shares=False)


def test_keys_are_counted_by_the_shapes_that_layers_have() -> None:
    """Of DeepSeek's, which are wider than its configuration's head, and of Gemma 4's, whose layers differ."""
    for name, token in (("DeepseekV3Config", 4 * 4 * (16 + 4) * 4), ("Gemma4TextConfig", 2 * 2 * 2 * (8 + 16) * 4)):
        engine = TransformersEngine(make(name), None, id="x", chat=False, context_length=256, rows=4, memory=1 << 20)
        assert engine.decoder.budget == (1 << 19) // token, name  # type: ignore[attr-defined]
