"""Models by name: what is found, what is refused and with which sentence, what a hash stands for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from kshot.harness.models import cache
from kshot.harness.models.cache import weights_hash
from kshot.harness.models.load import LoadedModel, load_model, load_tokenizer, use_chat
from kshot.harness.models.sources import ModelSource, configuration, resolve
from kshot.types import UserError
from tests.impostors import IMPOSTORS


@pytest.fixture
def tiny(tiny_llama: Path, tmp_path: Path) -> Path:
    """A tiny model's folder that a test may break."""
    folder = tmp_path / "tiny"
    shutil.copytree(tiny_llama, folder)
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "model" not in request.keywords:
        monkeypatch.setenv("KSHOT_CACHE", str(tmp_path / "cache"))


def load(folder: Path, **options: Any) -> LoadedModel:
    return load_model(resolve(str(folder)), device="cpu", **options)


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("smollm2-135", "did you mean smollm2-135m?"),
        ("gpt", "Known: smollm2-135m."),
        ("./nowhere/at-all", "unknown model"),
        ("a/b/c", "unknown model"),
        ("nowhere.gguf", "nowhere.gguf does not exist"),
    ],
)
def test_an_unknown_name_says_what_is_known(name: str, said: str) -> None:
    with pytest.raises(UserError, match=said.replace("?", r"\?")):
        resolve(name)


def test_a_name_with_an_owner_is_a_hub_id() -> None:
    source = resolve("HuggingFaceTB/SmolLM2-135M")
    assert source.hub_id == "HuggingFaceTB/SmolLM2-135M"
    assert source.folder is None


def test_a_revision_of_a_hub_model_is_its_own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    store = tmp_path / "models--someone--some-model"  # as the hub's own client keeps it
    for commit, name in (("a" * 40, "main"), ("b" * 40, "v2")):
        (store / "snapshots" / commit).mkdir(parents=True)
        (store / "snapshots" / commit / "config.json").write_text(json.dumps({"named": name}))
        (store / "refs").mkdir(exist_ok=True)
        (store / "refs" / name).write_text(commit)
    for revision, found in (("", "main"), ("@v2", "v2"), ("@" + "b" * 40, "v2"), ("@main", "main")):
        source = resolve(f"someone/some-model{revision}")
        assert source.hub_id == "someone/some-model"
        assert configuration(f"someone/some-model{revision}") == {"named": found}
    with pytest.raises(
        UserError, match="model someone/some-model@v3 is not whole in the local cache"
    ):  # nothing in its place
        configuration("someone/some-model@v3")
    with pytest.raises(UserError, match="nothing behind its @"):
        resolve("someone/some-model@")


def test_a_revision_that_the_hub_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx
    from huggingface_hub.errors import RevisionNotFoundError

    def lacking(*_: object, **__: object) -> None:
        raise RevisionNotFoundError("404", response=httpx.Response(404, request=httpx.Request("GET", "http://hub")))

    monkeypatch.setattr("huggingface_hub.snapshot_download", lacking)
    with pytest.raises(UserError, match="someone/some-model has no revision 'v3'; give a branch, a tag"):
        configuration("someone/some-model@v3")


def test_a_hub_out_of_reach_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        UserError, match=r"HF_HUB_OFFLINE is set and the model someone/some-model .*give a local folder"
    ):
        load_model(resolve("someone/some-model"))
    with pytest.raises(UserError, match="'-a/--b' is not a hub id"):
        load_model(resolve("-a/--b"))


# ---------------------------------------------------------------- loading


def test_a_folder_loads_with_its_own_weights(tiny: Path) -> None:
    loaded = load(tiny)
    stored = load_file(tiny / "model.safetensors")
    assert torch.equal(loaded.model.lm_head.weight, stored["lm_head.weight"])
    assert (loaded.device, loaded.dtype, loaded.context_length) == ("cpu", "float32", 512)
    assert not loaded.model.training
    assert loaded.tokenizer.decode(loaded.tokenizer("Zoë, 12\n").input_ids) == "Zoë, 12\n"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_another_dtype(tiny: Path, dtype: str) -> None:
    loaded = load(tiny, dtype=dtype)
    assert loaded.model.dtype == getattr(torch, dtype)
    assert loaded.dtype == dtype


def test_options_that_cannot_be(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = resolve(str(tiny))
    with pytest.raises(UserError, match=r"unknown dtype 'float8'"):
        load_model(source, dtype="float8")
    with pytest.raises(UserError, match=r"unknown device 'gpu'"):
        load_model(source, device="gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="torch sees no GPU"):
        load_model(source, device="cuda")


def cut(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])


def pickle_only(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def drop_a_tensor(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def other_shape(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"] = torch.ones(8)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def edit_config(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))


def missing_shard(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    index = {key: f"model-0000{1 + (key == 'lm_head.weight')}-of-00002.safetensors" for key in weights}
    rest = {key: value for key, value in weights.items() if key != "lm_head.weight"}
    save_file(rest, folder / "model-00001-of-00002.safetensors", {"format": "pt"})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    (folder / "model.safetensors").unlink()


def more_tokens_than_rows(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    for key in ("model.embed_tokens.weight", "lm_head.weight"):
        weights[key] = weights[key][:200].clone()
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    edit_config(folder, vocab_size=200)


BROKEN = {
    "weights cut short": (cut, "cannot be loaded.*fetch its files again"),
    "weights not safetensors": (
        lambda f: (f / "model.safetensors").write_bytes(b"\x80\x04junk" * 9),
        "cannot be loaded",
    ),
    "weights empty": (lambda f: (f / "model.safetensors").write_bytes(b""), "cannot be loaded"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "holds no weights"),
    "pickle only": (pickle_only, r"only as a pickle \(pytorch_model.bin\), which is never loaded"),
    "a tensor missing": (drop_a_tensor, r"lack 1 tensors of the model \(model.layers.1.mlp.up_proj.weight"),
    "a tensor of another shape": (other_shape, "cannot be loaded"),
    "a shard missing": (missing_shard, "cannot be loaded"),
    "no config": (lambda f: (f / "config.json").unlink(), "holds no config.json"),
    "config not JSON": (lambda f: (f / "config.json").write_text("{"), "cannot be"),
    "unknown architecture": (lambda f: edit_config(f, model_type="no-such"), "cannot be"),
    "not a causal model": (lambda f: edit_config(f, model_type="t5"), "no causal language model"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "holds no tokenizer"),
    "tokenizer damaged": (
        lambda f: (f / "tokenizer.json").write_text('{"version": "1.0"}'),
        "tokenizer in .* cannot be read",
    ),
    "a tokenizer's length that is none": (
        lambda f: (f / "tokenizer_config.json").write_text(
            json.dumps({**json.loads((f / "tokenizer_config.json").read_text()), "model_max_length": {"a": 1}})
        ),
        "tokenizer in .* cannot be read",
    ),
    "another model's tokenizer": (more_tokens_than_rows, "tokenizer in .* has 263 tokens and its model knows 200"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_folder_gets_one_sentence(tiny: Path, case: str) -> None:
    damage, said = BROKEN[case]
    damage(tiny)
    with pytest.raises(UserError, match=said) as caught:
        load(tiny)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *((kind, "model.safetensors") for kind in IMPOSTORS),
        *((kind, "model-00001-of-00002.safetensors") for kind in IMPOSTORS),
        *((kind, "tokenizer_config.json") for kind in IMPOSTORS if kind != "folder"),
    ],
)
def test_something_else_than_a_file_gets_one_sentence(tiny: Path, kind: str, name: str) -> None:
    make, said = IMPOSTORS[kind]
    (tiny / name).unlink(missing_ok=True)
    make(tiny / name)
    with pytest.raises(UserError, match=rf"{name} is {said} and no file; fetch the file again"):
        load(tiny)


def test_code_of_a_models_own_runs_only_when_it_is_trusted(tiny: Path) -> None:
    edit_config(
        tiny,
        model_type="own",
        architectures=["Own"],
        auto_map={"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Own"},
    )
    (tiny / "own.py").write_text(
        "from pathlib import Path\n"
        "from transformers import LlamaConfig, LlamaForCausalLM\n"
        f"Path({str(tiny / 'it-ran')!r}).touch()\n"
        "class Config(LlamaConfig):\n    model_type = 'own'\n"
        "class Own(LlamaForCausalLM):\n    config_class = Config\n"
    )
    with pytest.raises(UserError, match="--trust-remote-code"):
        load(tiny)
    assert not (tiny / "it-ran").exists()
    assert type(load(tiny, trust_remote_code=True).model).__name__ == "Own"


# ---------------------------------------------------------------- hashes


def test_a_hash_follows_content_and_not_the_place(tiny: Path, tmp_path: Path) -> None:
    first = load(tiny).weights_hash
    again = tmp_path / "elsewhere"
    shutil.copytree(tiny, again)
    assert load(again).weights_hash == first
    assert weights_hash(tiny) == first  # from memory
    weights = load_file(tiny / "model.safetensors")
    weights["model.norm.weight"][0] += 1
    save_file(weights, tiny / "model.safetensors", {"format": "pt"})
    changed = load(tiny).weights_hash
    assert changed != first
    (again / "tokenizer_config.json").write_text((again / "tokenizer_config.json").read_text() + " ")
    assert weights_hash(again) not in (first, changed)


def test_a_hash_is_remembered(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = weights_hash(tiny)

    def never(path: Path) -> str:
        raise AssertionError(f"{path} is read again")

    monkeypatch.setattr(cache, "sha256", never)
    assert weights_hash(tiny) == first


def test_a_cache_that_cannot_be_written_only_costs_time(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a-file").touch()
    monkeypatch.setenv("KSHOT_CACHE", str(tmp_path / "a-file"))
    assert weights_hash(tiny) == weights_hash(tiny)


# ---------------------------------------------------------------- templates


def test_the_template_is_chosen_by_the_model(tiny_llama: Path, tiny_chat_llama: Path) -> None:
    base, chat = (load_model(resolve(str(folder)), device="cpu").tokenizer for folder in (tiny_llama, tiny_chat_llama))
    assert not use_chat(base, "base", "auto")
    assert use_chat(chat, "chat", "auto")
    assert not use_chat(chat, "chat", "plain")
    with pytest.raises(UserError, match="has no chat template"):
        use_chat(base, "base", "chat")
    with pytest.raises(UserError, match=r"unknown template 'jinja'"):
        use_chat(chat, "chat", "jinja")


def test_a_dry_run_needs_no_weights(tiny: Path) -> None:
    (tiny / "model.safetensors").unlink()
    assert load_tokenizer(resolve(str(tiny)), "auto").encode("ab") != []


# ---------------------------------------------------------------- the bundled model


@pytest.mark.model
def test_the_bundled_model(bundled_model: ModelSource) -> None:
    """Digits are cut one by one, as SmolLM2's tokenizer does, and it knows a fact."""
    loaded = load_model(bundled_model, device="cpu")
    tokenizer = loaded.tokenizer
    assert "Q4_1" in bundled_model.note
    assert tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|im_start|>", "<|im_end|>"]) == [0, 1, 2]
    assert (tokenizer.bos_token, tokenizer.eos_token) == ("<|im_start|>", "<|im_end|>")
    assert loaded.model.generation_config.eos_token_id == 2
    assert tokenizer.tokenize("\n\n12  3") == ["ĊĊ", "1", "2", "ĠĠ", "3"]
    assert loaded.context_length == 8192
    assert sum(parameter.numel() for parameter in loaded.model.parameters()) == 134_515_008
    ids = tokenizer("The capital of France is", return_tensors="pt").input_ids
    assert tokenizer.decode(loaded.model(ids).logits[0, -1].argmax()) == " Paris"
    rendered = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], tokenize=False, add_generation_prompt=True
    )
    assert rendered.endswith("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")
    assert tokenizer(rendered).input_ids.count(1) == 3  # system, user, assistant: no beginning token besides
