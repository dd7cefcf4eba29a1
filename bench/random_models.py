"""Models with random weights, made where they are to run: small ones of many families, and large shapes.

Their texts mean nothing, but every engine must write the same.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from card import DEVICE
from transformers import AutoConfig, AutoModelForCausalLM

VOCABULARY, END = 97, 2
IDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": END}
SMALL: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    **IDS,
}
HEAD = {**SMALL, "head_dim": 16}
EXPERTS = {"num_experts_per_tok": 2}
LONGROPE = {
    "rope_type": "longrope",
    "short_factor": [1.0] * 8,
    "long_factor": [4.0] * 8,
    "rope_theta": 10000.0,
    "original_max_position_embeddings": 40,
}
LINEAR = {"linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 8, "linear_value_head_dim": 8}
OPT = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "ffn_dim": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 512,
    "word_embed_proj_dim": 64,
    **IDS,
}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", SMALL),
    "qwen2": ("qwen2", SMALL),
    "qwen3": ("qwen3", HEAD),
    "gemma3": ("gemma3_text", {**HEAD, "sliding_window": 12}),
    "mistral-sliding": ("mistral", {**SMALL, "sliding_window": 10}),
    "phi3": ("phi3", SMALL),
    "olmo2": ("olmo2", SMALL),
    "smollm3": ("smollm3", SMALL),
    "opt": ("opt", OPT),
    "mixtral": ("mixtral", {**SMALL, **EXPERTS, "num_local_experts": 4}),
    "qwen3-moe": ("qwen3_moe", {**HEAD, **EXPERTS, "num_experts": 4, "moe_intermediate_size": 32}),
    "gpt-oss": ("gpt_oss", {**HEAD, **EXPERTS, "num_local_experts": 4, "sliding_window": 12}),
    "gemma2": ("gemma2", HEAD),
    "qwen3-next": (
        "qwen3_next",
        {
            **{**HEAD, **EXPERTS, **LINEAR, "num_hidden_layers": 4, "num_experts": 4},
            **{"moe_intermediate_size": 32, "shared_expert_intermediate_size": 32},
        },
    ),
    "phi3-longrope": ("phi3", {**SMALL, "original_max_position_embeddings": 40, "rope_parameters": LONGROPE}),
}
SHAPES: dict[str, dict[str, int]] = {
    "7b": {
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "vocab_size": 32000,
    },
    "1b": {
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 32000,
    },
    "small": {
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "vocab_size": 1000,
    },
}


def of_family(name: str, dtype: torch.dtype) -> Any:
    """A model of some ten thousand weights, the same on every device."""
    kind, options = FAMILIES[name]
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **copy.deepcopy(options)))
    for parameter in model.parameters():  # larger weights, so that the next token hangs on what came before
        parameter.data.mul_(3 if parameter.dim() > 1 else 1)
    return model.to(DEVICE, dtype).eval()


def of_shape(name: str, dtype: torch.dtype) -> Any:
    """A Llama of that shape, made on the card, that never ends a text."""
    ids = {**IDS, "eos_token_id": None}
    config = AutoConfig.for_model("llama", **SHAPES[name], **ids, max_position_embeddings=4096)
    torch.manual_seed(0)
    with torch.device(DEVICE):
        return AutoModelForCausalLM.from_config(config, dtype=dtype).eval()
