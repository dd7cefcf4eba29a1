"""Models and adapters by hub id, through the real client and a small hub on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kshot import hub as of_the_hub
from kshot.harness.models.cache import weights_hash
from kshot.harness.models.hub import fetch
from kshot.types import UserError
from tests.hub_server import GOOD, OTHER, Files, Hub, commit_of, folder_files, online, serving

KEPT = ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
PAGE = "https://huggingface.co/me/tiny"


@pytest.fixture(scope="module")
def files(tiny_llama: Path) -> Files:
    return folder_files(tiny_llama)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that the client in this process asks, with a cache of its own."""
    with serving() as server:
        online(monkeypatch, server.address, tmp_path)
        yield server


def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def test_only_what_is_read_of_a_model_is_fetched(hub: Hub, files: Files) -> None:
    more = {
        "pytorch_model.bin": b"\x80\x04.",
        "consolidated.safetensors": bytes(1 << 20),
        "model.fp16.safetensors": bytes(9),
        "modeling_tiny.py": b"open('ran', 'w')",
        "onnx/model.onnx": bytes(9),
        "original/params.json": b"{}",
        "README.md": b"# tiny",
    }
    hub.add("me/tiny", {"main": {**files, **more}})
    folder = fetch("me/tiny")
    assert sorted(path.name for path in folder.iterdir()) == KEPT and sorted(hub.fetched) == KEPT
    asked = len(hub.asked)
    assert fetch("me/tiny", code=True) == folder
    assert [one for one in hub.fetched if one not in KEPT] == ["modeling_tiny.py"]
    assert weights_hash(folder, code=True) != weights_hash(folder), "code that is trusted is part of what answers"
    assert len(hub.asked) > asked


def test_a_revision_is_its_own_files_and_its_commit_is_noted(hub: Hub, files: Files) -> None:
    config = json.dumps({**json.loads(files["config.json"]), "rope_theta": 5.0}).encode()
    hub.add("me/tiny", {"main": files, "v1": {**files, "config.json": config}})
    with of_the_hub.noted() as commits:
        first = fetch("me/tiny", "v1")
    assert commits == {"me/tiny": commit_of("v1")} and first.name == commit_of("v1")
    assert (first / "config.json").read_bytes() == config
    named, bare = fetch("me/tiny", "main"), fetch("me/tiny")
    assert named == bare and bare.name == commit_of("main")
    assert weights_hash(named) != weights_hash(first)
    assert weights_hash(fetch("me/tiny", commit_of("main"))) == weights_hash(bare)
    with pytest.raises(UserError, match=r"me/tiny has no revision 'v9'; give a branch"):
        fetch("me/tiny", "v9")


def test_a_branch_that_moves_is_followed_and_the_old_commit_stays(hub: Hub, files: Files) -> None:
    hub.add("me/tiny", {"main": files})
    before = fetch("me/tiny")
    commit = hub.move("me/tiny", {**files, "generation_config.json": b"{}"})
    after = fetch("me/tiny")
    assert after.name == commit and weights_hash(after) != weights_hash(before)
    assert hub.fetched.count("model.safetensors") == 1  # what is the same is not sent again
    assert fetch("me/tiny", before.name) == before


@pytest.mark.parametrize(
    ("token", "said"),
    [("", rf"gated: ask for access on its page, {PAGE}, and log in"), (OTHER, f"not read it yet.*{PAGE}")],
)
def test_a_gate_is_said_with_its_page_and_the_token_is_not(
    hub: Hub, files: Files, monkeypatch: pytest.MonkeyPatch, token: str, said: str
) -> None:
    hub.add("me/tiny", {"main": files}, gated=True)
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(UserError, match=said) as caught:
        fetch("me/tiny")
    assert token == "" or token not in str(caught.value)
    monkeypatch.setenv("HF_TOKEN", GOOD)
    assert (fetch("me/tiny") / "model.safetensors").is_file()


def test_a_name_that_the_hub_does_not_have_is_said(hub: Hub) -> None:
    with pytest.raises(
        UserError, match=r"the hub has no model 'me/nothing' that you may read; check its name, or log in"
    ):
        fetch("me/nothing")


def test_offline_the_cache_answers_or_one_sentence(hub: Hub, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("me/tiny", {"main": files, "v1": files})
    folder = fetch("me/tiny")
    asked = len(hub.asked)
    offline(monkeypatch)
    assert fetch("me/tiny") == folder and fetch("me/tiny", folder.name) == folder
    for name, revision in (("me/tiny", "v1"), ("me/other", None)):
        with pytest.raises(UserError, match=rf"HF_HUB_OFFLINE is set and the model {name}.* is not whole"):
            fetch(name, revision)
    assert len(hub.asked) == asked


def test_without_a_network_the_cache_answers_or_one_sentence(
    hub: Hub, files: Files, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hub.add("me/tiny", {"main": files})
    folder = fetch("me/tiny")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert fetch("me/tiny") == folder
    with pytest.raises(UserError, match=r"hub cannot be reached for 'me/other'.*check the connection"):
        fetch("me/other")


def test_a_connection_that_drops_is_taken_up_where_it_ended(
    hub: Hub, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 500)  # 10 MB, more than the model has
    hub.add("me/tiny", {"main": files})
    hub.faults.drop["model.safetensors"] = [1000, 5000]
    folder = fetch("me/tiny")
    assert (folder / "model.safetensors").read_bytes() == files["model.safetensors"]
    assert hub.ranges == ["model.safetensors bytes=1000-", "model.safetensors bytes=6000-"]


def test_a_hub_that_asks_for_patience_is_asked_again(hub: Hub, files: Files) -> None:
    hub.add("me/tiny", {"main": files})
    hub.faults.status["model.safetensors"] = [429, 503, 500]
    assert (fetch("me/tiny") / "model.safetensors").read_bytes() == files["model.safetensors"]


def test_a_hub_that_is_down_is_said(hub: Hub, files: Files) -> None:
    hub.add("me/tiny", {"main": files})
    hub.faults.status["*"] = [503] * 100
    with pytest.raises(UserError, match=r"the hub has trouble of its own \(it answers 503\).*try again later"):
        fetch("me/tiny")


def test_a_file_that_is_too_short_or_another_is_never_kept(hub: Hub, files: Files) -> None:
    hub.add("me/tiny", {"main": files})
    whole = files["model.safetensors"]
    hub.faults.change["model.safetensors"] = whole[:-40]
    with pytest.raises(UserError, match="me/tiny"):
        fetch("me/tiny")
    hub.faults.change["model.safetensors"] = whole[:-4] + bytes(4)  # as long, and not the same
    with pytest.raises(UserError, match=r"model.safetensors of me/tiny was damaged on its way here.*run again"):
        fetch("me/tiny")
    hub.faults.change["tokenizer.json"] = files["tokenizer.json"].replace(b"pad", b"bad")
    hub.faults.change.pop("model.safetensors")
    fetch("me/tiny")  # the tokenizer was there already
    assert (fetch("me/tiny") / "model.safetensors").read_bytes() == whole


def test_an_index_names_the_shards_and_no_other_file(hub: Hub, files: Files) -> None:
    shards = {f"model-0000{n}-of-00002.safetensors": bytes([n]) * 64 for n in (1, 2)}
    index = {"metadata": {}, "weight_map": dict(zip("ab", shards, strict=True))}
    rest = {name: content for name, content in files.items() if name != "model.safetensors"}
    place = "model.safetensors.index.json"
    hub.add("me/two", {"main": {**rest, **shards, "model-old.safetensors": b"x", place: json.dumps(index).encode()}})
    folder = fetch("me/two")
    assert sorted(path.name for path in folder.glob("*.safetensors")) == sorted(shards)
    index["weight_map"] = {"a": "../../../other.safetensors"}
    hub.add("me/odd", {"main": {**rest, place: json.dumps(index).encode()}})
    with pytest.raises(UserError, match=r"names '\.\./\.\./\.\./other\.safetensors', which is no file beside it"):
        fetch("me/odd")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("pytorch_model.bin", "only as a pickle"),
        ("tiny-q4.gguf", r"hf download me/tiny tiny-q4\.gguf"),
        ("x.h5", "no weights"),
    ],
)
def test_weights_of_another_kind_are_said_and_not_fetched(hub: Hub, files: Files, file: str, said: str) -> None:
    rest = {name: content for name, content in files.items() if name != "model.safetensors"}
    hub.add("me/tiny", {"main": {**rest, file: b"\x80\x04."}})
    with pytest.raises(UserError, match=said):
        fetch("me/tiny")
    assert file not in hub.fetched


def test_a_disk_without_room_is_said_before_weights_are_fetched(
    hub: Hub, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    hub.add("me/tiny", {"main": files})
    free = len(files["model.safetensors"]) - 1
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    with pytest.raises(UserError, match=r"me/tiny takes 0\.0 GB more.*0\.0 GB left: free some space"):
        fetch("me/tiny")
    assert "model.safetensors" not in hub.fetched


ASKS = """
import sys
from kshot.harness.models.hub import fetch
print(fetch("me/tiny"), flush=True)
"""


def asking(server: Hub, home: Path, **more: str) -> subprocess.Popen[str]:
    environment = server.environment(home, KSHOT_CACHE=str(home / "kshot"), **more)
    return subprocess.Popen([sys.executable, "-c", ASKS], env=environment, stdout=subprocess.PIPE, text=True)


def test_a_download_that_was_killed_is_made_whole_and_never_read_in_half(files: Files, tmp_path: Path) -> None:
    with serving() as server:
        server.add("me/tiny", {"main": files})
        server.faults.stall["model.safetensors"] = len(files["model.safetensors"]) // 2
        first = asking(server, tmp_path)
        assert server.faults.stalled.wait(120)
        first.kill()
        first.communicate()
        left = asking(server, tmp_path, HF_HUB_OFFLINE="1")
        left.communicate()
        assert left.returncode != 0, "half a model is none"
        sent = list(server.fetched)
        server.faults.go.set()
        two = [asking(server, tmp_path), asking(server, tmp_path)]  # both at once
        folders = [one.communicate()[0].strip() for one in two]
        assert folders[0] == folders[1]
        assert (Path(folders[0]) / "model.safetensors").read_bytes() == files["model.safetensors"]
        assert {*server.fetched[len(sent) :]} == {"model.safetensors"}, "what was whole is not sent again"


@pytest.fixture(scope="module")
def lora(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """What peft saves of a LoRA with values of its own."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from kshot.adapters.methods.peft import known_warnings

    model: Any = AutoModelForCausalLM.from_pretrained(tiny_llama)
    with known_warnings():
        adapted = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"]))
    torch.manual_seed(1)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    folder = tmp_path_factory.mktemp("lora")
    with known_warnings():
        adapted.save_pretrained(str(folder))
    said = json.loads((folder / "adapter_config.json").read_text())  # as on the hub
    (folder / "adapter_config.json").write_text(json.dumps({**said, "base_model_name_or_path": "me/tiny"}))
    return folder_files(folder)


def test_an_adapter_by_hub_id_answers_as_its_folder_does(hub: Hub, files: Files, lora: Files, tmp_path: Path) -> None:
    from kshot.adapters.engine import load_engine

    hub.add("me/tiny", {"main": files})
    hub.add("me/lora", {"main": {**lora, "training_args.bin": b"\x80\x04.", "optimizer.pt": b"x"}, "v1": lora})
    (tmp_path / "lora").mkdir()
    for name, content in lora.items():
        (tmp_path / "lora" / name).write_bytes(content)
    with of_the_hub.noted() as commits:
        engines = [load_engine("me/tiny@main", one) for one in ("me/lora@v1", tmp_path / "lora")]
    assert commits == {"me/tiny": commit_of("main"), "me/lora": commit_of("v1")}
    assert engines[0].id == engines[1].id and "adapter-" in engines[0].id
    load_engine("me/tiny", "me/lora")
    assert not {"training_args.bin", "optimizer.pt"} & {*hub.fetched}
    with pytest.raises(
        UserError, match=r"no folder runs/gone here, and as a hub id: the hub has no adapter 'runs/gone'"
    ):
        load_engine("me/tiny", "runs/gone")


def test_the_environment_has_no_token_of_its_own() -> None:
    assert not os.environ.get("HF_TOKEN")
