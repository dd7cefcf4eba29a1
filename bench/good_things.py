"""What bad input is made from: a good run, a study with its adapter, a tiny model, a GGUF file, tables; made once."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

Rows = dict[str, dict[tuple[Any, ...], tuple[Any, ...]]]

SMALL = ("run", "table.csv", "rows.jsonl", "sets")  # no model is needed for these
HERE = (*SMALL, "study", "model", "tiny.gguf")
RUN = ("--task", "coin-flip", "--task", "rows.jsonl", "--strategy", "zero-shot", "--strategy", "few-shot:k=2")
BENCH = ("bench", *RUN, "--engine", "scripted", "--limit", "3", "--runs", ".", "--run", "run")
TINY = ("--model", "model", "--template", "plain", "--batch", "4")
TUNE = (
    *("tune", "--task", "coin-flip", "--method", "lora", *TINY, "--samples", "2", "--epochs", "1", "--limit", "2"),
    *("--evaluations", "0", "--compare", "none", "--strategy", "zero-shot:max_new_tokens=2"),
)
STUDY = (*TUNE, "--runs", ".", "--run", "study")
KEYS = {
    "generations": ("key", "text, finish_reason"),
    "samples": ("task, id", "sample"),
    "records": ("task, strategy, sample_id, repeat", "answer, value"),
}


def make_all(base: Path, call: Callable[..., int], *, small: bool) -> None:
    """Makes everything of HERE in a folder, or of SMALL. `call` runs one command of kshot in it."""
    (base / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in good_rows(8)))
    lines = [f"{i},{i * i % 7},{0.5 * i + 1}" for i in range(40)]
    (base / "table.csv").write_text("\n".join(["a,b,price", *lines]) + "\n")
    for name, rows in {"gsm8k": numbers(8), "sst2": labels(8), "aqua": choices(8), "strategyqa": truths(8)}.items():
        (base / "sets" / name).mkdir(parents=True)
        for split in ("train", "test"):
            named = [{**row, "id": f"{name}-{split}-{i}"} for i, row in enumerate(rows)]
            text = "".join(json.dumps(row).replace("How ", f"In the {split}, how ") + "\n" for row in named)
            (base / "sets" / name / f"{split}.jsonl").write_text(text)
    if not small:
        save_tiny(base / "model")
        write_gguf(base / "tiny.gguf")
    for args in (BENCH,) if small else (BENCH, STUDY):
        if call(args):
            raise SystemExit(f"what should be good is not: kshot {' '.join(args)}")


def good_rows(count: int) -> list[dict[str, Any]]:
    return [
        {"id": f"q{i}", "question": f"How many are {i} and {i + 1}?", "answer": str(2 * i + 1)} for i in range(count)
    ]


def numbers(count: int) -> list[dict[str, Any]]:
    return [{"question": f"How many are {i} and {i}?", "answer": f"{i} + {i}\n#### {2 * i}"} for i in range(count)]


def labels(count: int) -> list[dict[str, Any]]:
    return [{"text": f"How good film {i} is !", "label": ("positive", "negative")[i % 2]} for i in range(count)]


def choices(count: int) -> list[dict[str, Any]]:
    five = ["one", "two", "three", "four", "five"]
    return [{"question": f"How many are {i}?", "choices": five, "answer": "ABCDE"[i % 5]} for i in range(count)]


def truths(count: int) -> list[dict[str, Any]]:
    return [{"question": f"How so, is {i} even?", "answer": ("yes", "no")[i % 2]} for i in range(count)]


def save_tiny(folder: Path) -> None:
    """A random Llama of two layers, a byte a token."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    pieces = ["<pad>", "<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    backend = Tokenizer(models.BPE(vocab={piece: index for index, piece in enumerate(pieces)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    marks = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    PreTrainedTokenizerFast(tokenizer_object=backend, **marks).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    config = LlamaConfig(vocab_size=260, num_key_value_heads=2, max_position_embeddings=1024, **sizes, **ids)
    LlamaForCausalLM(config).save_pretrained(folder)


def write_gguf(path: Path) -> None:
    """A Llama of one layer as GGUF."""
    import gguf
    import numpy as np
    from tokenizers import pre_tokenizers

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(512)
    writer.add_embedding_length(32)
    writer.add_block_count(1)
    writer.add_feed_forward_length(48)
    writer.add_head_count(4)
    writer.add_head_count_kv(4)
    writer.add_layer_norm_rms_eps(1e-6)
    pieces = ["<|endoftext|>", *sorted(pre_tokenizers.ByteLevel.alphabet()), "ĠĠ"]
    writer.add_vocab_size(len(pieces))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(pieces)
    writer.add_token_types([3, *[1] * (len(pieces) - 1)])
    writer.add_token_merges(["Ġ Ġ"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    draw = np.random.default_rng(0)
    shapes = {"attn_q": (32, 32), "attn_k": (32, 32), "attn_v": (32, 32), "attn_output": (32, 32)}
    shapes |= {"ffn_gate": (48, 32), "ffn_up": (48, 32), "ffn_down": (32, 48), "attn_norm": (32,), "ffn_norm": (32,)}
    whole = {"token_embd": (len(pieces), 32), "output": (len(pieces), 32), "output_norm": (32,)}
    for name, shape in {**whole, **{f"blk.0.{name}": shape for name, shape in shapes.items()}}.items():
        writer.add_tensor(f"{name}.weight", draw.normal(size=shape, scale=0.3).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def rows_of(folder: Path) -> Rows:
    """All rows of a journal that SQLite can still read, by their keys, from a copy: looking changes nothing."""
    found: Rows = {table: {} for table in KEYS}
    if not (folder / "journal.sqlite").is_file():
        return found
    with tempfile.TemporaryDirectory() as place:
        for path in folder.glob("journal.sqlite*"):
            if path.is_file():
                shutil.copyfile(path, Path(place) / path.name)
        for table, (keys, values) in KEYS.items():
            with suppress(sqlite3.Error, UnicodeDecodeError):
                read_table(Path(place) / "journal.sqlite", table, keys, values, found[table])
    return found


def read_table(path: Path, table: str, keys: str, values: str, found: dict[Any, Any]) -> None:
    """Puts the rows of a table into `found`, as far as SQLite comes."""
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        width = keys.count(",") + 1
        for row in connection.execute(f"SELECT {keys}, {values} FROM {table}"):
            found[row[:width]] = row[width:]


def lost(before: Rows, after: Rows, *, damaged: bool) -> list[str]:
    """What was there and is no longer, or is another; of a damaged journal records and samples may be made good."""
    gone = []
    for table, rows in before.items():
        for key, value in rows.items():
            if key not in after[table]:
                gone.append(f"{table} {key} is gone")
            elif after[table][key] != value and not damaged:
                gone.append(f"{table} {key} was {value} and is {after[table][key]}")
    return gone
