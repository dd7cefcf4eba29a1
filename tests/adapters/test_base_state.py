"""Taking an adapter off gives the base back: every method, causal and encoder, one after another in both orders."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    BertConfig,
    GPT2Config,
    LlamaConfig,
)

from kshot.adapters.adapted import Adapted
from kshot.adapters.attach import attach
from kshot.adapters.base_state import BaseState, fingerprint
from kshot.adapters.methods import METHODS
from kshot.types import UserError

SHAPE: dict[str, Any] = {
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "num_labels": 2,
}
BASES: dict[str, tuple[Any, Any]] = {
    "causal": (LlamaConfig(**SHAPE, num_key_value_heads=2), AutoModelForCausalLM),
    "tied": (LlamaConfig(**SHAPE, tie_word_embeddings=True), AutoModelForCausalLM),
    "gpt2": (
        GPT2Config(vocab_size=300, n_embd=32, n_layer=2, n_head=4, n_positions=128, pad_token_id=0),
        AutoModelForCausalLM,
    ),
    "causal classifier": (LlamaConfig(**SHAPE, num_key_value_heads=2), AutoModelForSequenceClassification),
    "encoder": (BertConfig(**SHAPE), AutoModelForMaskedLM),
    "classifier": (BertConfig(**SHAPE), AutoModelForSequenceClassification),
}
OTHERS = [
    "peft:name=LORA,init_lora_weights=pissa",
    "peft:name=LORA,bias=all",
    "peft:name=OFT,r=8",
    "peft:name=VERA,r=4",
    "peft:name=OSF",
]
ON_WORDS = ["peft:name=LORA,modules_to_save=lm_head", "peft:name=LORA,target_modules=lm_head+embed_tokens"]
SPECS = [spec for spec in METHODS if spec != "full"] + OTHERS
SOFT = ("prompt-tuning", "p-tuning", "prefix-tuning")
LABELS = ("no", "yes")
IDS = torch.tensor([[5, 9, 14, 60, 61, 62, 7], [8, 33, 21, 99, 4, 5, 6]])


def make(base: str) -> Any:
    config, kind = BASES[base]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind.from_config(copy.deepcopy(config)).eval()


def specs_of(base: str) -> list[str]:
    found = list(SPECS)
    if base == "encoder":
        found = [spec for spec in found if spec not in SOFT]
    if base == "gpt2":
        found = [spec for spec in found if not spec.startswith("peft:")]
    if base in ("causal", "tied"):
        found += ON_WORDS
    return found


def anatomy(model: Any) -> dict[str, Any]:
    """All that a base is: its modules, what each holds, every value, its configuration."""
    return {
        "modules": [(name, id(one), type(one), one.training, sorted(vars(one))) for name, one in model.named_modules()],
        "hooks": [len(one._forward_hooks) + len(one._forward_pre_hooks) for one in model.modules()],
        "parameters": {n: (id(p), p.dtype, p.requires_grad, p.grad) for n, p in model.named_parameters()},
        "values": {name: value.clone() for name, value in model.state_dict(keep_vars=False).items()},
        "buffers": {name: value.clone() for name, value in model.named_buffers()},
        "config": (repr(model.config), model.config._attn_implementation),
    }


def assert_same(model: Any, before: dict[str, Any]) -> None:
    now = anatomy(model)
    for part in ("values", "buffers"):
        was, is_ = before.pop(part), now.pop(part)
        assert was.keys() == is_.keys()
        assert [name for name, value in was.items() if not torch.equal(value, is_[name])] == []
        before[part] = was
    assert {key: value for key, value in before.items() if key in now} == now


def trained(model: Any, spec: str, steps: int = 2) -> Adapted:
    adapted = attach(model, None, spec, seed=0, labels=LABELS, total_steps=10)
    optimizer = torch.optim.SGD([p for _, p in adapted.parameters()], lr=0.5)
    classifies = adapted.kind == "head"
    if adapted.is_peft:
        adapted.model.enable_input_require_grads()  # by a hook, as the Trainer does
    if adapted.built.checkpointable:
        adapted.model.activation_checkpointing_enable()
    with torch.random.fork_rng():
        torch.manual_seed(1)  # of the dropout
        for at in range(steps):
            adapted.model.train()
            labels = torch.tensor([0, 1]) if classifies else IDS
            adapted.model(input_ids=IDS, attention_mask=torch.ones_like(IDS), labels=labels).loss.backward()
            optimizer.step()
            adapted.built.after_step(at)
            optimizer.zero_grad()
    return adapted


@pytest.fixture(autouse=True)
def at_random(monkeypatch: pytest.MonkeyPatch) -> None:
    """Methods that begin with words begin at random here, so that no tokenizer is needed."""
    from kshot.adapters.methods import prefix_tuning, prompt_tuning

    monkeypatch.setattr(prompt_tuning, "start", lambda *_: None)
    monkeypatch.setattr(prefix_tuning, "start", lambda *_: None)


@pytest.mark.parametrize("base", list(BASES))
def test_every_method_leaves_the_base_as_it_was(base: str) -> None:
    model = make(base)
    before = anatomy(model)
    for spec in specs_of(base):
        adapted = trained(model, spec)
        assert adapted.detach() is model
        assert_same(model, before)


@pytest.mark.parametrize("base", ["causal", "classifier"])
def test_what_follows_another_method_is_what_it_is_alone(base: str) -> None:
    """Every pair of neighbours in a row of all methods, in both orders."""
    specs = [spec for spec in specs_of(base) if spec not in OTHERS[3:]]

    def values(model: Any, spec: str) -> dict[str, torch.Tensor]:
        adapted = trained(model, spec)
        found = adapted.state()
        adapted.detach()
        return found

    alone = {spec: values(make(base), spec) for spec in specs}
    for row in (specs, specs[::-1]):
        model = make(base)
        for spec in row:
            found = values(model, spec)
            assert found.keys() == alone[spec].keys()
            assert [name for name, value in found.items() if not torch.equal(value, alone[spec][name])] == [], spec


@pytest.mark.parametrize(
    "spec", ["lora:target_modules=nowhere", "lora:r=40", "peft:name=ADAPTION_PROMPT,adapter_len=2,adapter_layers=9"]
)
def test_what_fails_leaves_the_base_as_it_was(spec: str) -> None:
    model = make("causal")
    before = anatomy(model)
    with pytest.raises(UserError):
        attach(model, None, spec, seed=0)
    assert_same(model, before)


def test_a_start_that_changes_the_base_in_place_has_no_way_back() -> None:
    with pytest.raises(UserError, match="load the model again"):
        trained(make("causal"), "peft:name=LORA,init_lora_weights=olora").detach()


def test_values_that_were_changed_in_place_are_found() -> None:
    model = make("causal")
    adapted = trained(model, "lora")
    with torch.no_grad():
        model.model.embed_tokens.weight[7, 3] += 1e-6
    with pytest.raises(UserError, match=r"changed in place \(model.embed_tokens.weight\); load the model again"):
        adapted.detach()


def test_two_tensors_have_two_fingerprints() -> None:
    generator = torch.Generator().manual_seed(0)
    for shape in ((3,), (40, 70), (33, 9, 31), (1 << 14,)):
        for dtype in (torch.float32, torch.bfloat16, torch.int64, torch.bool):
            one = (torch.randn(shape, generator=generator) * 100).to(dtype)
            flat = one.flatten()
            swapped, flipped = flat.clone(), flat.clone()
            swapped[0], swapped[-1] = flat[-1], flat[0]
            flipped[-1] = ~flat[-1] if dtype == torch.bool else flat[-1] + flat[-1].abs() + 1
            assert fingerprint(one) == fingerprint(one.clone())
            assert fingerprint(one) != fingerprint(flipped.view(shape))
            assert (fingerprint(one) != fingerprint(swapped.view(shape))) == (not torch.equal(flat, swapped))
            assert fingerprint(one) != fingerprint(flat) or len(shape) == 1


def test_a_configurations_fields_are_given_back() -> None:
    model = make("tied")
    state = BaseState.of(model)
    model.config.tie_word_embeddings = False
    model.config.novel = 3
    model.generation_config.max_length = 7
    model.prepare_inputs_for_generation = None
    state.give_back()
    assert model.config.tie_word_embeddings and not hasattr(model.config, "novel")
    assert model.generation_config.max_length != 7
    assert model.prepare_inputs_for_generation is not None
