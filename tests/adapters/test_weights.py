"""What an adapter's folder may hold: its own weights, whole and finite, as safetensors; anything else is refused."""

from __future__ import annotations

import copy
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, LlamaConfig

from kshot.adapters.attach import attach, load, save
from kshot.adapters.engine import load_engine
from kshot.adapters.methods.patterns import check_patterns
from kshot.adapters.methods.peft import known_warnings
from kshot.harness.models.cache import weights_hash
from kshot.harness.models.load import load_model, read_tokenizer
from kshot.harness.models.sources import resolve
from kshot.types import Request, SamplingParams, UserError
from tests.impostors import IMPOSTORS

CONFIG = LlamaConfig(
    vocab_size=300,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=128,
    pad_token_id=0,
    num_labels=2,
)
LABELS = ("no", "yes")
IDS = torch.tensor([[5, 9, 14, 60, 61, 62, 7]])
METHODS = ["lora", "ia3", "ln-tuning", "adalora", "prompt-tuning", "bottleneck", "bitfit", "head", "full"]
FILES = {"bottleneck": "kshot_adapter", "bitfit": "kshot_adapter", "head": "kshot_adapter", "full": "model"}


def make(kind: Any = AutoModelForCausalLM, config: Any = CONFIG) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind.from_config(copy.deepcopy(config)).eval()


@pytest.fixture(scope="module")
def tokenizer(tiny_llama: Path) -> Any:
    return read_tokenizer(tiny_llama, False)


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = model(input_ids=IDS, attention_mask=torch.ones_like(IDS)).logits
    return found


def kept(folder: Path, tokenizer: Any, spec: str, kind: Any = AutoModelForCausalLM) -> Path:
    """A folder with an adapter of values that nobody starts with."""
    adapted = attach(make(kind), tokenizer, spec, seed=0, labels=LABELS, total_steps=10)
    with torch.no_grad():
        for _, parameter in adapted.parameters():
            parameter.add_(0.1)
    save(adapted, folder, base="tiny", base_hash="abc")
    return folder


def file_of(folder: Path, spec: str) -> Path:
    return folder / f"{FILES.get(spec, 'adapter_model')}.safetensors"


def refused(folder: Path, tokenizer: Any, said: str, kind: Any = AutoModelForCausalLM) -> str:
    """The sentence with which a folder is refused; the base is as it was."""
    model = make(kind)
    before, names = logits(model), list(model.state_dict())
    with pytest.raises(UserError, match=said) as caught:
        load(model, tokenizer, folder, base="tiny", base_hash="abc")
    assert list(model.state_dict()) == names
    assert torch.equal(logits(model), before)
    return str(caught.value)


def spoiled(weights: dict[str, torch.Tensor], how: str) -> dict[str, torch.Tensor]:
    names = sorted(weights)
    if how == "one alone":
        return {names[0]: weights[names[0]]}
    if how == "half":
        return {name: weights[name] for name in names[::2]}
    if how == "none":
        return {}
    if how == "other names":
        return {f"another.{name}": value for name, value in weights.items()}
    if how == "one more":
        return {**weights, "another.weight": torch.zeros(3)}
    assert how == "another layer's"
    return {name.replace("layers.2.", "layers.7."): value for name, value in weights.items()}


HOWS = ["one alone", "half", "none", "other names", "one more", "another layer's"]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("spec", METHODS)
def test_what_is_not_whole_or_not_its_own_is_refused_by_name(
    spec: str, how: str, tokenizer: Any, tmp_path: Path
) -> None:
    path = file_of(kept(tmp_path, tokenizer, spec), spec)
    weights = load_file(path)
    changed = spoiled(weights, how)
    if changed == weights or (len(weights) < 3 and how in ("one alone", "half")):
        pytest.skip("this method has no such weights")
    save_file(changed, path, {"format": "pt"})
    said = refused(tmp_path, tokenizer, "does not hold the tensors of")
    missing, foreign = sorted(weights.keys() - changed.keys()), sorted(changed.keys() - weights.keys())
    assert (f"lacks {len(missing)} ({missing[0]}" in said) if missing else "lacks" not in said
    assert (f"holds {len(foreign)} ({foreign[0]}" in said) if foreign else "holds" not in said


def test_a_whole_model_cut_to_five_tensors_is_refused(tokenizer: Any, tmp_path: Path) -> None:
    path = file_of(kept(tmp_path, tokenizer, "full"), "full")
    weights = load_file(path)
    save_file({name: weights[name] for name in sorted(weights)[:5]}, path, {"format": "pt"})
    refused(tmp_path, tokenizer, rf"lacks {len(weights) - 5} \(lm_head.weight|lacks {len(weights) - 5} \(model")


def test_an_adapter_that_overwrites_the_base_is_refused(tokenizer: Any, tmp_path: Path) -> None:
    """A name of the base's is one that peft takes without a word."""
    path = file_of(kept(tmp_path, tokenizer, "lora"), "lora")
    name = "base_model.model.model.layers.1.mlp.up_proj.weight"
    save_file({**load_file(path), name: torch.zeros(48, 32)}, path, {"format": "pt"})
    refused(tmp_path, tokenizer, rf"holds 1 \({name}\) that are not its own")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("spec", METHODS)
def test_values_that_are_not_finite_are_refused_by_name(
    spec: str, value: float, tokenizer: Any, tmp_path: Path
) -> None:
    path = file_of(kept(tmp_path, tokenizer, spec), spec)
    weights = load_file(path)
    name = sorted(weights)[-1]
    weights[name].view(-1)[0] = value
    save_file(weights, path, {"format": "pt"})
    assert name in refused(tmp_path, tokenizer, "holds values that are not finite")


CLASSIFIERS = ["lora", "bitfit", "bottleneck", "ln-tuning", "full"]


@pytest.mark.parametrize("spec", CLASSIFIERS)
def test_a_classifiers_adapter_does_not_generate_nor_the_other_way_round(
    spec: str, tokenizer: Any, tmp_path: Path
) -> None:
    classifying, generating = tmp_path / "c", tmp_path / "g"
    kept(classifying, tokenizer, spec, AutoModelForSequenceClassification)
    kept(generating, tokenizer, spec)
    refused(classifying, tokenizer, "classifies and the model at hand generates text")
    refused(
        generating, tokenizer, "generates text and the model at hand classifies", AutoModelForSequenceClassification
    )


def peft_folder(folder: Path, *, base: str = "tiny", kind: Any = AutoModelForCausalLM, **config: Any) -> Path:
    """A folder as peft alone writes one."""
    from peft import LoraConfig, get_peft_model

    task = "CAUSAL_LM" if kind is AutoModelForCausalLM else "SEQ_CLS"
    with known_warnings():
        model: Any = get_peft_model(make(kind), LoraConfig(**{"task_type": task, **config}))
        model.peft_config["default"].base_model_name_or_path = base
        model.save_pretrained(str(folder), save_embedding_layers=False)
    return folder


def test_pefts_own_folders_are_held_to_the_same(tokenizer: Any, tmp_path: Path) -> None:
    path = peft_folder(tmp_path / "half") / "adapter_model.safetensors"
    weights = load_file(path)
    save_file(dict(list(weights.items())[::2]), path, {"format": "pt"})
    refused(tmp_path / "half", tokenizer, "lacks 6")
    classifier = peft_folder(tmp_path / "classifier", kind=AutoModelForSequenceClassification)
    refused(classifier, tokenizer, "classifies and the model at hand generates")
    model = make(AutoModelForSequenceClassification)
    found = load(model, tokenizer, classifier, base="tiny", base_hash="abc")
    assert (found.kind, len(found.labels)) == ("head", 2)
    without = load_file(classifier / "adapter_model.safetensors")
    del without["base_model.model.score.weight"]
    save_file(without, classifier / "adapter_model.safetensors", {"format": "pt"})
    refused(classifier, tokenizer, r"lacks 1 \(base_model.model.score", AutoModelForSequenceClassification)


# ---------------------------------------------------------------- safetensors alone


def test_a_decoy_does_not_have_the_pickle_beside_it_read(tokenizer: Any, tmp_path: Path) -> None:
    path = file_of(kept(tmp_path, tokenizer, "full"), "full")
    torch.save(load_file(path), tmp_path / "pytorch_model.bin")
    path.rename(tmp_path / "decoy.safetensors")
    refused(tmp_path, tokenizer, "holds its weights only as a pickle .*never loaded")


@pytest.mark.parametrize("what", ["a dangling link", "a folder"])
def test_what_only_has_the_weights_name_does_not_have_the_pickle_read(
    what: str, tokenizer: Any, tmp_path: Path
) -> None:
    path = file_of(kept(tmp_path, tokenizer, "lora"), "lora")
    torch.save(load_file(path), tmp_path / "adapter_model.bin")
    path.unlink()
    if what == "a folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "nowhere")
    refused(tmp_path, tokenizer, f"{path.name} is .* and no file; fetch the file again, or take it away")


def test_a_base_with_a_decoy_is_refused(tiny_llama: Path, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    shutil.copytree(tiny_llama, folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").rename(folder / "decoy.safetensors")
    with pytest.raises(UserError, match="only as a pickle"):
        load_model(resolve(str(folder)))


# ---------------------------------------------------------------- configurations of strangers


def rewritten(folder: Path, **fields: Any) -> Path:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    return folder


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"megatron_config": {"a": 1}, "megatron_core": "antigravity"}, "made for Megatron"),
        ({"task_type": "TOKEN_CLS"}, "another kind of task .*TOKEN_CLS"),
        ({"r": 10**9}, "r is 1000000000; it must be a whole number, at most 65536"),
        ({"r": 4096}, "the rank is 4096 and no weight of the model has a rank above 32"),
        ({"lora_dropout": -1}, "lora_dropout is -1; it is a share"),
        ({"init_lora_weights": "pissa_niter_4"}, "changes the base's own weights by a draw"),
        ({"peft_type": "CPT"}, "peft's CPT, which kshot does not run"),
        ({"peft_type": "NOVEL"}, "cannot be loaded"),
        ({"target_modules": "((("}, "is no pattern"),
    ],
)
def test_what_no_folder_may_decide_is_refused(fields: Any, said: str, tokenizer: Any, tmp_path: Path) -> None:
    refused(rewritten(peft_folder(tmp_path), **fields), tokenizer, said)


HANGS = [r"((.*)*)*x", r"(.|..|\w)*!x", r"(\w+\.?)+!", r".*.*.*.*.*.*.*.*.*.*.*.*!"]


@pytest.mark.timeout(300)  # the patterns themselves take for ever
@pytest.mark.parametrize("pattern", HANGS)
def test_a_pattern_that_hangs_is_refused(pattern: str) -> None:
    names = [name for name, _ in make().named_modules()]
    for config in ({"target_modules": pattern}, {"rank_pattern": {pattern: 4}}, {"layers_pattern": [pattern]}):
        with pytest.raises(UserError, match=r"a pattern that takes more than 0\.7 seconds"):
            check_patterns("it", config, names, seconds=0.7)


@pytest.mark.parametrize("pattern", [r".*\.(q_proj|v_proj)$", r"(.*\.)?layers\.[02]\..*_proj", r"^(?!.*mlp).*q_proj"])
def test_patterns_that_people_write_are_taken(pattern: str, tokenizer: Any, tmp_path: Path) -> None:
    folder = peft_folder(tmp_path, target_modules=pattern)
    assert load(make(), tokenizer, folder, base="tiny", base_hash="abc").trainable > 0


# ---------------------------------------------------------------- whose it is


@pytest.mark.parametrize("spec", ["lora", "bitfit", "full"])
def test_all_files_of_an_adapter_have_the_modes_of_the_umask(spec: str, tokenizer: Any, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        folder = kept(tmp_path / "kept", tokenizer, spec)
    finally:
        os.umask(before)
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {
        path.name: "0o640" for path in folder.iterdir()
    }


def test_hashes_decide_where_they_are_known(
    tiny_chat_llama: Path, tiny_llama: Path, tokenizer: Any, tmp_path: Path
) -> None:
    """By plain peft on a cached copy of the bundled model, whose folder has another name than the model."""
    loaded = load_model(resolve(str(tiny_chat_llama)))
    elsewhere = tmp_path / "models" / "a1b2c3"
    shutil.copytree(tiny_chat_llama, elsewhere)
    folder = peft_folder(tmp_path / "adapter", base=str(elsewhere))
    with pytest.raises(UserError, match="does not fit the model"):  # of other shapes; its base is found to be the same
        load(loaded.model, loaded.tokenizer, folder, base="smollm2-135m", base_hash=loaded.weights_hash)
    said = f"was trained on .* \\(weights {weights_hash(elsewhere)}\\)"
    with pytest.raises(UserError, match=said):
        load(make(), tokenizer, folder, base="a1b2c3", base_hash="another")
    assert weights_hash(elsewhere) == loaded.weights_hash != weights_hash(tiny_llama)


def test_a_folder_of_several_adapters_names_them(tokenizer: Any, tmp_path: Path) -> None:
    for name in ("maths", "french"):
        peft_folder(tmp_path / name)
    refused(tmp_path, tokenizer, rf"in folders of their own \(french, maths\); give one of them: {tmp_path / 'french'}")
    assert load(make(), tokenizer, tmp_path / "french", base="tiny", base_hash="abc").spec == "peft:name=LORA"


def test_a_resized_vocabulary_is_the_reason_that_is_told(tokenizer: Any, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    resized = make()
    resized.resize_token_embeddings(310, mean_resizing=False)
    for at, config in enumerate((LoraConfig(), LoraConfig(modules_to_save=["embed_tokens"]))):
        with known_warnings():
            model: Any = get_peft_model(copy.deepcopy(resized), config)
            model.save_pretrained(str(tmp_path / str(at)), save_embedding_layers=not at)
        said = refused(tmp_path / str(at), tokenizer, "a vocabulary of 310 tokens and the model at hand has 300")
        assert "save it again" not in said
        found = load(copy.deepcopy(resized), tokenizer, tmp_path / str(at), base="", base_hash="abc")
        assert found.spec == "peft:name=LORA"


def test_a_homes_tilde_is_read(tiny_chat_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    loaded = load_model(resolve(str(tiny_chat_llama)))
    adapted = attach(loaded.model, loaded.tokenizer, "lora", seed=0)
    save(adapted, tmp_path / "mine", base=loaded.source.name, base_hash=loaded.weights_hash)
    engine = load_engine(str(tiny_chat_llama), "~/mine", template="plain", rows=2)
    engine.submit(0, Request("abc", SamplingParams(max_new_tokens=2)))
    assert engine.collect()


@pytest.mark.parametrize("kind", IMPOSTORS)
@pytest.mark.parametrize("spec", ["lora", "bitfit", "full"])
def test_something_else_than_a_file_under_its_name_is_refused(
    spec: str, kind: str, tokenizer: Any, tmp_path: Path
) -> None:
    path = file_of(kept(tmp_path, tokenizer, spec), spec)
    path.unlink()
    put, said = IMPOSTORS[kind]
    put(path)
    refused(tmp_path, tokenizer, f"{path.name} is {said} and no file")
