"""The contract of every adapter method, on a tiny model: size, one step, folder, way back, refusals."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, GPT2Config, LlamaConfig

from kshot.adapters import methods
from kshot.adapters.adapted import Adapted
from kshot.adapters.attach import attach, load, save
from kshot.adapters.methods import FILES, METHODS, get_method
from kshot.adapters.methods.limits import check_fits
from kshot.harness.models.load import read_tokenizer
from kshot.types import UserError

HIDDEN, INNER, LAYERS, KEYS, VOCABULARY = 32, 48, 2, 16, 300
LLAMA = LlamaConfig(
    vocab_size=VOCABULARY,
    hidden_size=HIDDEN,
    intermediate_size=INNER,
    num_hidden_layers=LAYERS,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=128,
    pad_token_id=0,
)
GPT2 = GPT2Config(vocab_size=VOCABULARY, n_embd=HIDDEN, n_layer=LAYERS, n_head=4, n_positions=128, pad_token_id=0)
LABELS = ("negative", "positive")
OF_PEFT = ["peft:name=OFT,r=8", "peft:name=VERA,r=4", "peft:name=LOKR,r=4"]
SPECS = [*METHODS, *OF_PEFT, "prefix-tuning:prefix_projection=true"]
MATRICES = [(HIDDEN, HIDDEN), (HIDDEN, KEYS)]  # (in, out) of the query and value projections
WORDS = 20  # virtual tokens
EXPECTED: dict[str, int] = {
    "lora": LAYERS * sum(8 * (i + o) for i, o in MATRICES),
    "dora": LAYERS * sum(8 * (i + o) + o for i, o in MATRICES),
    "adalora": LAYERS * sum(8 * (i + o + 1) for i, o in MATRICES),
    "ia3": LAYERS * (KEYS + KEYS + INNER),
    "prompt-tuning": WORDS * HIDDEN,
    "p-tuning": WORDS * HIDDEN + (HIDDEN + 1) * 128 + 129 * 128 + 129 * HIDDEN,
    "prefix-tuning": WORDS * LAYERS * 2 * KEYS,
    "bottleneck": LAYERS * 2 * (2 * 16 * HIDDEN + HIDDEN + 16) + (2 * LAYERS + 1) * HIDDEN,
    "bitfit": LAYERS * (HIDDEN + KEYS + KEYS + HIDDEN + 2 * INNER + HIDDEN),
    "ln-tuning": (2 * LAYERS + 1) * HIDDEN,
    "head": 2 * (HIDDEN + 1),
}


def make(config: Any, kind: Any = AutoModelForCausalLM) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind.from_config(copy.deepcopy(config)).eval()


@pytest.fixture
def base() -> Any:
    return make(LLAMA)


@pytest.fixture(scope="module")
def tokenizer(tiny_llama: Path) -> Any:
    return read_tokenizer(tiny_llama, False)


@pytest.fixture
def attached(tokenizer: Any) -> Callable[..., Adapted]:
    def make_it(model: Any, spec: str, seed: int = 0) -> Adapted:
        return attach(model, tokenizer, spec, seed=seed, labels=LABELS, total_steps=10)

    return make_it


IDS = torch.tensor([[5, 9, 14, 60, 61, 62, 7], [8, 33, 21, 99, 0, 0, 0]])
MASK = (IDS != 0).long()


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = model(input_ids=IDS, attention_mask=MASK).logits
    return found


def step(adapted: Adapted, count: int = 1) -> None:
    optimizer = torch.optim.AdamW([p for _, p in adapted.parameters()], lr=0.05)
    labels = torch.tensor([0, 1]) if adapted.kind == "head" else IDS.masked_fill(MASK == 0, -100)
    for at in range(count):
        adapted.model.train()
        adapted.model(input_ids=IDS, attention_mask=MASK, labels=labels).loss.backward()
        optimizer.step()
        adapted.built.after_step(at)
        optimizer.zero_grad()
    adapted.model.eval()


def test_every_file_with_a_method_is_in_the_list() -> None:
    written = Path(methods.__path__[0]).glob("*.py")
    assert {path.stem for path in written if re.search("^@method", path.read_text(), re.MULTILINE)} == set(FILES)


@pytest.mark.parametrize("spec", list(METHODS))
def test_a_method_is_described_in_one_line_with_its_source(spec: str) -> None:
    first = (METHODS.find(spec).__doc__ or "").splitlines()[0]
    assert re.search(r"\w \(.+ (19|20)\d\d, .+\)\.$", first), first


def test_the_names_of_pefts_methods_are_spelled_in_two_ways() -> None:
    for old, now in (
        ("peft:OFT,r=8", "peft:name=OFT,r=8"),
        (" peft: oft , r=8", "peft:name=OFT,r=8"),
        ("peft:LORA", "peft:name=LORA"),
        ("peft(name=lora,target_modules=q_proj+v_proj)", "peft:name=LORA,target_modules=q_proj+v_proj"),
        ('peft:name=LORA,rank_pattern="{\\"q_proj\\": 4}"', 'peft:name=LORA,rank_pattern={"q_proj": 4}'),
    ):
        assert get_method(old).spec == get_method(now).spec == now


def test_a_method_says_its_own_learning_rate() -> None:
    rates = {spec: get_method(spec).traits.lr for spec in SPECS}
    assert rates["lora"] == get_method("lora:r=2").traits.lr == 2e-3
    assert rates["peft:name=OFT,r=8"] == 1e-3


@pytest.mark.parametrize("spec", SPECS)
def test_the_count_is_stated_before_training_and_a_step_changes_only_those(
    base: Any, attached: Callable[..., Adapted], spec: str
) -> None:
    total = sum(parameter.numel() for parameter in base.parameters())
    adapted = attached(base, spec)
    assert adapted.total == total
    assert adapted.trainable == sum(p.numel() for _, p in adapted.parameters())
    assert adapted.trainable == {**EXPECTED, "full": total}.get(spec, adapted.trainable)
    own = {name for name, _ in adapted.parameters()}
    before = {name: p.detach().clone() for name, p in adapted.model.named_parameters()}
    step(adapted, 2)
    changed = {n for n, p in adapted.model.named_parameters() if not torch.equal(p, before[n])}
    rank_counts = {name for name in before if "ranknum" in name}  # AdaLoRA's own, set as it prunes
    assert changed - rank_counts <= own
    assert sum(before[name].numel() for name in changed) > 0.5 * adapted.trainable


@pytest.mark.parametrize("spec", SPECS)
def test_the_base_comes_back_unchanged(base: Any, attached: Callable[..., Adapted], spec: str) -> None:
    before, names = logits(base), list(base.state_dict())
    adapted = attached(base, spec)
    step(adapted, 2)
    if adapted.built.undo is None:
        with pytest.raises(UserError, match="load the model again"):
            adapted.detach()
        return
    bare = adapted.detach()
    assert list(bare.state_dict()) == names
    assert torch.equal(logits(bare), before)
    assert all(p.requires_grad for p in bare.parameters())
    again = attached(bare, spec)
    assert again.trainable == adapted.trainable


def test_only_what_trains_every_weight_has_no_way_back(attached: Callable[..., Adapted]) -> None:
    built = {spec: attached(make(LLAMA), spec).built for spec in SPECS}
    assert built["full"].undo is None
    assert all(one.undo is not None or one.whole for one in built.values())


@pytest.mark.parametrize("config", [LLAMA, GPT2], ids=["llama", "gpt2"])
@pytest.mark.parametrize("spec", SPECS)
def test_what_is_saved_is_loaded(
    attached: Callable[..., Adapted], tokenizer: Any, tmp_path: Path, spec: str, config: Any
) -> None:
    if config is GPT2 and spec.startswith("peft:"):
        pytest.skip("these of peft's take no Conv1D")
    adapted = attached(make(config), spec)
    step(adapted, 9 if spec == "adalora" else 2)  # by then it has pruned ranks
    save(adapted, tmp_path, base="tiny", base_hash="abc")
    assert {path.suffix for path in tmp_path.iterdir()} <= {".json", ".safetensors", ".jinja"}
    described = json.loads((tmp_path / "kshot_adapter.json").read_text())
    assert described["spec"] == adapted.spec == get_method(spec).spec
    assert (described["base"], described["base_hash"]) == ("tiny", "abc")
    assert described["trainable"] == adapted.trainable
    assert {"kshot", "peft", "torch", "transformers"} <= set(described["versions"])
    fresh = make(config)
    found = load(fresh, tokenizer, tmp_path, base="tiny", base_hash="abc")
    assert (found.spec, found.trainable, found.total, found.kind, found.labels) == (
        adapted.spec,
        adapted.trainable,
        adapted.total,
        adapted.kind,
        adapted.labels,
    )
    torch.testing.assert_close(logits(found.model), logits(adapted.model), atol=1e-6, rtol=0)
    assert not torch.equal(logits(found.model)[0], logits(attached(make(config), spec).model)[0])
    if found.built.undo is not None:
        assert torch.equal(logits(found.detach()), logits(make(config)))


@pytest.mark.parametrize("spec", ["lora", "prompt-tuning", "prefix-tuning", "ln-tuning", "peft:name=OFT,r=8"])
def test_peft_loads_the_folder_by_itself(
    base: Any, attached: Callable[..., Adapted], tmp_path: Path, spec: str
) -> None:
    from peft import PeftModel

    from kshot.adapters.methods.peft import known_warnings

    adapted = attached(base, spec)
    step(adapted)
    save(adapted, tmp_path, base="tiny", base_hash="abc")
    with known_warnings():
        model = PeftModel.from_pretrained(make(LLAMA), str(tmp_path)).eval()
    torch.testing.assert_close(logits(model), logits(adapted.model), atol=1e-6, rtol=0)


def test_a_folder_of_pefts_own_is_loaded_by_its_bases_name(base: Any, tokenizer: Any, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    from kshot.adapters.methods.peft import known_warnings

    with known_warnings():
        model: Any = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM"))
    model.peft_config["default"].base_model_name_or_path = "someone/Tiny"
    model.save_pretrained(tmp_path, save_embedding_layers=False)
    found = load(make(LLAMA), tokenizer, tmp_path, base="tiny", base_hash="any")
    assert found.spec == "peft:name=LORA"
    assert found.trainable == EXPECTED["lora"]
    with pytest.raises(UserError, match="someone/Tiny"):
        load(make(LLAMA), tokenizer, tmp_path, base="other", base_hash="any")


@pytest.mark.parametrize("spec", SPECS)
def test_the_seed_decides_and_no_generator_is_left_changed(attached: Callable[..., Adapted], spec: str) -> None:
    before = torch.random.get_rng_state()
    one, same = (attached(make(LLAMA), spec, 1).state() for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(value, same[name]) for name, value in one.items())


DRAWN = ["lora", "dora", "adalora", "prompt-tuning", "p-tuning", "bottleneck", "head"]
DRAWN += ["prefix-tuning:prefix_init=random", "prefix-tuning:prefix_projection=true"]


@pytest.mark.parametrize("spec", DRAWN)
def test_another_seed_draws_another_start(attached: Callable[..., Adapted], spec: str) -> None:
    one, other = (attached(make(LLAMA), spec, seed).state() for seed in (1, 2))
    assert any(not torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize("spec", SPECS)
def test_training_goes_on_from_a_state(attached: Callable[..., Adapted], spec: str) -> None:
    def go_on(adapted: Adapted) -> dict[str, torch.Tensor]:
        labels = torch.tensor([0, 1]) if adapted.kind == "head" else IDS
        adapted.model.train()
        adapted.model(input_ids=IDS, attention_mask=MASK, labels=labels).loss.backward()
        with torch.no_grad():
            for _, parameter in adapted.parameters():
                parameter.sub_(0.1 * parameter.grad)
        adapted.built.after_step(8)
        return adapted.state()

    adapted = attached(make(LLAMA), spec)
    step(adapted, 8)
    adapted.model.zero_grad()
    kept = adapted.state()
    resumed = attached(make(LLAMA), spec, seed=9)
    resumed.set_state(kept)
    assert all(torch.equal(value, resumed.state()[name]) for name, value in kept.items())
    expected, got = go_on(adapted), go_on(resumed)
    assert expected.keys() == got.keys()
    assert all(torch.equal(value, got[name]) for name, value in expected.items())


@pytest.mark.parametrize("spec", SPECS)
def test_gradients_are_the_same_with_checkpointing(attached: Callable[..., Adapted], spec: str) -> None:
    found = []
    for checkpointing in (False, True):
        adapted = attached(make(LLAMA), spec)
        if checkpointing and adapted.built.checkpointable:
            if adapted.is_peft:
                adapted.model.enable_input_require_grads()  # as transformers' Trainer does
            adapted.model.activation_checkpointing_enable()
        labels = torch.tensor([0, 1]) if adapted.kind == "head" else IDS
        adapted.model.train()
        adapted.model(input_ids=IDS, attention_mask=MASK, labels=labels).loss.backward()
        found.append({name: p.grad for name, p in adapted.parameters()})
        assert all(gradient is not None for gradient in found[-1].values())
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, atol=1e-6, rtol=1e-4)


def test_a_prefixs_keys_would_be_lost_with_checkpointing(attached: Callable[..., Adapted]) -> None:
    assert attached(make(LLAMA), "lora").built.checkpointable
    for spec in ("prefix-tuning", "peft:name=PREFIX_TUNING,num_virtual_tokens=4"):
        assert not attached(make(LLAMA), spec).built.checkpointable


@pytest.mark.parametrize("spec", SPECS)
def test_a_base_in_bfloat16_is_trained_and_saved_too(
    attached: Callable[..., Adapted], tokenizer: Any, tmp_path: Path, spec: str
) -> None:
    adapted = attached(make(LLAMA).to(torch.bfloat16), spec)
    before = adapted.state()
    assert adapted.trainable == attached(make(LLAMA), spec).trainable
    step(adapted, 9 if spec == "adalora" else 2)
    assert any(not torch.equal(value, before[name]) for name, value in adapted.state().items() if name in before)
    save(adapted, tmp_path, base="tiny", base_hash="abc")
    found = load(make(LLAMA).to(torch.bfloat16), tokenizer, tmp_path, base="tiny", base_hash="abc")
    torch.testing.assert_close(logits(found.model), logits(adapted.model), atol=2e-3, rtol=1e-2)


# ---------------------------------------------------------------- refusals


@pytest.fixture
def folder(base: Any, attached: Callable[..., Adapted], tmp_path: Path) -> Path:
    save(attached(base, "lora"), tmp_path, base="owner/tiny", base_hash="abc")
    return tmp_path


def test_another_base_is_refused_by_its_hash_whatever_its_name(folder: Path, tokenizer: Any) -> None:
    with pytest.raises(UserError, match=r"trained on owner/tiny \(weights abc\) .* tiny \(weights xyz\)"):
        load(make(LLAMA), tokenizer, folder, base="tiny", base_hash="xyz")
    for name in ("/elsewhere/tiny", "big"):
        assert load(make(LLAMA), tokenizer, folder, base=name, base_hash="abc").spec == "lora"


METHOD = """
from kshot.adapters.methods.registry import Base, Built
def last(base: Base) -> Built:
    base.model.base_model.norm.requires_grad_(True)
    return Built(base.model, lambda: base.model)
"""


def test_a_folder_does_not_decide_that_code_is_run(base: Any, tokenizer: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(METHOD)
    adapted = attach(base, tokenizer, f"{tmp_path / 'mine.py'}:last", seed=0)
    step(adapted)
    save(adapted, tmp_path / "kept", base="tiny", base_hash="abc")
    with pytest.raises(UserError, match="code is not run"):
        load(make(LLAMA), tokenizer, tmp_path / "kept", base="tiny", base_hash="abc")
    found = load(make(LLAMA), tokenizer, tmp_path / "kept", base="tiny", base_hash="abc", trust_method_code=True)
    assert torch.equal(logits(found.model), logits(adapted.model))


def spoil(folder: Path, how: str) -> None:
    weights, described = folder / "adapter_model.safetensors", folder / "kshot_adapter.json"
    if how == "no folder":
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    elif how == "empty":
        for path in folder.iterdir():
            path.unlink()
    elif how == "no weights":
        weights.unlink()
    elif how == "pickle":
        weights.rename(folder / "adapter_model.bin")
    elif how == "cut off":
        weights.write_bytes(weights.read_bytes()[:200])
    elif how == "json":
        described.write_text("{")
    elif how == "fields":
        described.write_text("{}")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("no folder", "does not exist"),
        ("empty", "holds no adapter"),
        ("no weights", "holds no weights"),
        ("pickle", "only as a pickle .*never loaded"),
        ("cut off", "cannot be loaded"),
        ("json", "description .* is damaged"),
        ("fields", "description .* is damaged"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused(folder: Path, tokenizer: Any, how: str, said: str) -> None:
    spoil(folder, how)
    model = make(LLAMA)
    names = list(model.state_dict())
    with pytest.raises(UserError, match=said):
        load(model, tokenizer, folder, base="tiny", base_hash="abc")
    assert list(model.state_dict()) == names
    assert not hasattr(model, "peft_config")
    assert torch.equal(logits(model), logits(make(LLAMA)))


@pytest.mark.parametrize("spec", ["bottleneck", "head", "bitfit", "full"])
def test_our_own_files_are_checked_too(
    base: Any, attached: Callable[..., Adapted], tokenizer: Any, tmp_path: Path, spec: str
) -> None:
    save(attached(base, spec), tmp_path, base="tiny", base_hash="abc")
    [weights] = tmp_path.glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(UserError, match="cannot be loaded"):
        load(make(LLAMA), tokenizer, tmp_path, base="tiny", base_hash="abc")
    weights.rename(tmp_path / "kshot_adapter.bin")
    with pytest.raises(UserError, match="pickle"):
        load(make(LLAMA), tokenizer, tmp_path, base="tiny", base_hash="abc")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("lara", r"unknown adapter method 'lara': did you mean .*lora"),
        ("lora:rank=4", r"adapter method 'lora' has no parameter 'rank'"),
        ("lora:lora_alfa=4", r"did you mean lora_alpha"),
        ("lora:r=four", r"'four' is not a whole number"),
        ("lora:target_modules=nowhere", "target_modules names 'nowhere', and no module of the model is called so"),
        ("lora:target_modules=q_proj+vproj", "target_modules names 'vproj'.*did you mean v_proj"),
        ("peft:name=LORA,modules_to_save=lm_haed", "modules_to_save names 'lm_haed'.*lm_head"),
        ('peft:name=LORA,rank_pattern="{\\"nowhere\\": 4}"', r"rank_pattern keys did not match .*\['nowhere'\]"),
        ("peft:OTF", r"unknown method 'OTF' of peft's: did you mean .*OFT"),
        ("peft:name=OFT,bananas=3", r"peft's OFT has no parameter 'bananas'"),
        ("peft:", r"unknown method '' of peft's"),
        ("prompt-tuning:prompt_tuning_init=txt", "unknown prompt_tuning_init 'txt': did you mean text"),
        ("prompt-tuning:prompt_tuning_init=text", "needs a text"),
        ("prefix-tuning:prefix_init=nil", "unknown prefix_init"),
        ("p-tuning:encoder_reparameterization_type=RNN", "unknown encoder_reparameterization_type"),
        ("bottleneck:activation=swish", "unknown activation"),
        ("bottleneck:bottleneck_dim=0", "must be at least 1"),
        ("bottleneck:target_modules=nowhere", "does not know where to stand"),
        ("bitfit:add=false", "has no biases"),
        ("ia3:feedforward_modules=down_proj", "without target_modules"),
        ("adalora:tinit=0.6,tfinal=0.5", "must be below 1"),
        ("lora:r=64", "the rank is 64 and no weight of the model has a rank above 32"),
        ("adalora:init_r=64", "the rank is 64"),
        ("prompt-tuning:num_virtual_tokens=128", "num_virtual_tokens is 128 and the model's context holds 128"),
        ("prefix-tuning:num_virtual_tokens=500", "the model's context holds 128"),
        ("peft:name=PREFIX_TUNING,num_virtual_tokens=500", "the model's context holds 128"),
        ("peft:name=ADAPTION_PROMPT,adapter_len=2,adapter_layers=9", "peft cannot put ADAPTION_PROMPT on a llama"),
        ("peft:name=TRAINABLE_TOKENS,token_indices=5000", "peft cannot put TRAINABLE_TOKENS on a llama"),
        ("peft:name=LORA,layers_to_transform=7", "peft cannot put LORA on a llama"),
        ("peft:name=LORA,init_lora_weights=pissa_niter_4", "changes the base's own weights by a draw"),
    ],
)
def test_what_is_unknown_or_does_not_fit_is_refused_and_leaves_the_base_alone(
    base: Any, attached: Callable[..., Adapted], spec: str, said: str
) -> None:
    before, names = logits(base), list(base.state_dict())
    with pytest.raises(UserError, match=said):
        attached(base, spec)
    assert list(base.state_dict()) == names
    assert torch.equal(logits(base), before)
    assert all(p.requires_grad for p in base.parameters())


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("prompt-tuning:num_virtual_tokens=0", "prompt-tuning: num_virtual_tokens is 0; it must be at least 1"),
        ("p-tuning:num_virtual_tokens=-1", "num_virtual_tokens is -1; it must be at least 1"),
        ("prefix-tuning:num_virtual_tokens=-1", "num_virtual_tokens is -1"),
        ("peft:name=PROMPT_TUNING,num_virtual_tokens=0", "peft's PROMPT_TUNING: num_virtual_tokens is 0"),
        ("lora:r=1000000000", "lora: r is 1000000000; it must be a whole number, at most 65536"),
        ("lora:r=0", "r is 0; it must be at least 1"),
        ("lora:lora_alpha=0", "lora_alpha is 0; it must be above 0"),
        ("lora:lora_dropout=-1", "lora_dropout is -1.0; it is a share, from 0 to below 1"),
        ("head:dropout=1", "dropout is 1.0; it is a share"),
        ("peft:name=LORA,lora_dropout=NaN", "lora_dropout is nan; give a number"),
        ("peft:name=LORA,r=-3", "peft's LORA: r is -3"),
        ("peft:name=LORA,r=2.5", "r is 2.5; it must be a whole number"),
        ("peft:name=LORA,r=many", "r is many; give a whole number"),
        ("peft:name=LORA,r=true", "r is true; give a whole number"),
        ("peft:name=LORA,use_dora=no", "use_dora is no; give true or false"),
        ("peft:name=LORA,rank_pattern=x", "rank_pattern is x; give an object as JSON"),
        ("peft:name=HRA,apply_GS=1", "apply_GS is 1; give true or false"),
        ("adalora:init_r=0", "init_r is 0; it must be at least 1"),
        ("adalora:init_r=2", "target_r=4 is above init_r=2"),
        ("adalora:orth_reg_weight=-1", "orth_reg_weight is -1.0; it must be 0 or more"),
        ('peft:LORA,megatron_config="{\\"a\\": 1}"', "megatron_config is for models that Megatron trains"),
        ("peft:ADAPTION_PROMPT", "peft's ADAPTION_PROMPT needs adapter_len and adapter_layers"),
        ("peft:TRAINABLE_TOKENS", "peft's TRAINABLE_TOKENS needs token_indices"),
        ("peft:PROMPT_TUNING", "peft's PROMPT_TUNING needs num_virtual_tokens"),
        ("peft:CPT", "kshot does not run peft's CPT: it needs the kind of every token with every sample"),
        ("peft:POLY", "kshot does not run peft's POLY"),
        ("bottleneck:activation=swish", "unknown activation"),
        ("prefix-tuning:prefix_init=text", "needs a text"),
    ],
)
def test_a_mistake_in_a_number_is_told_before_any_model_is_loaded(spec: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        get_method(spec)


@pytest.mark.parametrize(
    ("spec", "config", "said"),
    [
        ("prompt-tuning:num_virtual_tokens=64", {"max_position_embeddings": 64}, "the model's context holds 64"),
        ("p-tuning:num_virtual_tokens=99", {"n_positions": 64}, "the model's context holds 64"),
        ("peft:name=PREFIX_TUNING,num_virtual_tokens=99", {"text_config": {"max_position_embeddings": 64}}, "holds 64"),
        ("lora:r=65", {"hidden_size": 64, "intermediate_size": 256}, "the rank is 65 and no weight .* above 64"),
        ("dora:r=65", {"n_embd": 64}, "the rank is 65"),
        ("adalora:init_r=65,target_r=8", {"d_model": 64}, "the rank is 65"),
        ("peft:name=LORA,r=65", {"text_config": {"hidden_size": 64}}, "the rank is 65"),
        ("peft:name=ADALORA,init_r=65,target_r=8", {"hidden_size": 64}, "the rank is 65"),
    ],
)
def test_what_a_models_configuration_has_no_room_for_is_told_before_it_is_loaded(
    spec: str, config: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        check_fits(get_method(spec), config)
    for others in ({}, {"hidden_size": None, "max_position_embeddings": "many", "text_config": 3}, {"hidden_size": 65}):
        check_fits(get_method(spec), others)


def test_lists_of_numbers_are_written_like_lists_of_names(base: Any, attached: Callable[..., Adapted]) -> None:
    for spec, canonical in (
        ("peft:name=LORA,layers_to_transform=0+1", "peft:name=LORA,layers_to_transform=0+1"),
        ('peft:name=LORA,layers_to_transform="[0, 1]"', "peft:name=LORA,layers_to_transform=0+1"),
        ("peft:name=LORA,layers_to_transform=1", "peft:name=LORA,layers_to_transform=1"),
        ("peft:name=TRAINABLE_TOKENS,token_indices=7", "peft:name=TRAINABLE_TOKENS,token_indices=7"),
    ):
        assert get_method(spec).spec == canonical == get_method(canonical).spec
    first = attached(base, "peft:name=LORA,layers_to_transform=0")
    assert {name.split("layers.")[1][0] for name, _ in first.parameters()} == {"0"}
    first.detach()
    both = attached(base, "peft:name=LORA,layers_to_transform=0+1")
    assert both.trainable == 2 * first.trainable
    both.detach()
    tokens = attached(base, "peft:name=TRAINABLE_TOKENS,token_indices=7+9")
    assert tokens.trainable == 2 * HIDDEN


def test_adalora_needs_the_number_of_steps_and_a_head_the_labels(base: Any, tokenizer: Any) -> None:
    with pytest.raises(UserError, match="total_steps"):
        attach(base, tokenizer, "adalora", seed=0)
    with pytest.raises(UserError, match="labels"):
        attach(base, tokenizer, "head", seed=0, labels=("one",))


def test_a_state_of_another_adapter_is_refused(attached: Callable[..., Adapted]) -> None:
    state = attached(make(LLAMA), "lora:r=4").state()
    with pytest.raises(UserError, match="not one of lora"):
        attached(make(LLAMA), "lora").set_state(state)


# ---------------------------------------------------------------- what some do at the start


def test_initial_virtual_tokens_are_what_was_asked_for(attached: Callable[..., Adapted], tokenizer: Any) -> None:
    words = make(LLAMA).get_input_embeddings().weight.detach()
    for way, text in (("text", "ab"), ("labels", "negativepositive")):
        extra = ",prompt_tuning_init_text=ab" if way == "text" else ""
        adapted = attached(make(LLAMA), f"prompt-tuning:prompt_tuning_init={way},num_virtual_tokens=6{extra}")
        ids = (tokenizer(text).input_ids * 6)[:6]
        torch.testing.assert_close(next(iter(adapted.parameters()))[1], words[ids])
    drawn = next(iter(attached(make(LLAMA), "prompt-tuning:prompt_tuning_init=vocabulary").parameters()))[1]
    assert all(bool((row == words).all(-1).any()) for row in drawn)
    random = next(iter(attached(make(LLAMA), "prompt-tuning:prompt_tuning_init=random").parameters()))[1]
    assert float(random.detach().std()) == pytest.approx(float(words.std()), rel=0.15)


def test_a_prefix_of_a_texts_own_keys_is_that_text(attached: Callable[..., Adapted], tokenizer: Any) -> None:
    ids = tokenizer("yes no").input_ids
    count = len(ids)
    adapted = attached(
        make(LLAMA), f'prefix-tuning:num_virtual_tokens={count},prefix_init=text,prefix_init_text="yes no"'
    )
    with torch.inference_mode():
        whole = make(LLAMA)(input_ids=torch.tensor([ids + IDS[0].tolist()])).logits[0, count:]
    adapted.model.eval()
    torch.testing.assert_close(logits(adapted.model)[0], whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("spec", ["lora", "dora", "ia3", "bottleneck:train_norms=false", "bitfit", "ln-tuning", "full"])
def test_training_starts_from_the_base(attached: Callable[..., Adapted], spec: str) -> None:
    adapted = attached(make(LLAMA), spec)
    adapted.model.eval()
    torch.testing.assert_close(logits(adapted.model), logits(make(LLAMA)), atol=1e-3, rtol=0)


# ---------------------------------------------------------------- heads


@pytest.mark.parametrize("config", [LLAMA, GPT2], ids=["llama", "gpt2"])
def test_a_head_learns_and_predicts_whatever_the_batch(attached: Callable[..., Adapted], config: Any) -> None:
    adapted = attached(make(config), "head")
    step(adapted, 60)
    inputs = [row[mask == 1].tolist() for row, mask in zip(IDS, MASK, strict=True)]
    alone = [adapted.predict([one])[0] for one in inputs]
    together = adapted.predict(inputs + inputs[::-1], batch=4)
    assert [guess.label for guess in alone] == list(LABELS)
    assert [guess.label for guess in together] == [*LABELS, *LABELS[::-1]]
    for one, other in zip(alone, together, strict=False):
        assert sum(one.probabilities.values()) == pytest.approx(1)
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)
    assert adapted.predict([]) == []


def test_what_generates_does_not_predict(base: Any, attached: Callable[..., Adapted]) -> None:
    with pytest.raises(UserError, match="generates text and has no head"):
        attached(base, "lora").predict(["x"])


@pytest.mark.parametrize("spec", ["head", "lora", "bitfit", "bottleneck", "full", "ln-tuning"])
def test_a_model_with_a_head_of_its_own_trains_it_too(
    attached: Callable[..., Adapted], spec: str, tmp_path: Path
) -> None:
    config = copy.deepcopy(LLAMA)
    config.num_labels = 2
    model = make(config, AutoModelForSequenceClassification)
    adapted = attached(model, spec)
    assert adapted.kind == "head"
    assert any("score" in name for name, _ in adapted.parameters())
    step(adapted, 3)
    save(adapted, tmp_path, base="tiny", base_hash="abc")
    found = load(
        make(config, AutoModelForSequenceClassification), adapted.tokenizer, tmp_path, base="tiny", base_hash="abc"
    )
    assert found.labels == LABELS
    torch.testing.assert_close(logits(found.model), logits(adapted.model), atol=1e-6, rtol=0)
    assert found.predict([[5, 9, 14]])[0].label in LABELS


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("def x(base):\n    return None\n", "gave a NoneType in place of a Built"),
        ("def x(base):\n    yield 1\n", "gave a generator in place of a Built"),
        ("def x():\n    return None\n", "cannot be an adapter method: too many positional arguments"),
    ],
)
def test_a_users_own_method_that_builds_nothing_is_named(tmp_path: Path, body: str, said: str) -> None:
    (tmp_path / "mine.py").write_text(body)
    model = make(LLAMA)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(UserError, match=said):
        attach(model, None, f"{tmp_path}/mine.py:x", seed=0)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
