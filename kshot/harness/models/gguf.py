"""GGUF files to transformers' own format, once, into the user's cache.

Reading a GGUF file through transformers dequantises it, which takes half a minute each time; the converted
folder loads in a second. The copy's logits, tokens and chat template are held against the direct load before
it is kept. Concedes: weights are kept in float32, so a folder is up to eight times the size of its file.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import struct
import time
from pathlib import Path
from typing import Any, BinaryIO

from kshot.harness.models.cache import SOURCE, cache_folder, say, sha256
from kshot.harness.models.devices import free_memory
from kshot.harness.models.memory import check_free, size
from kshot.types import UserError

FLOAT32 = 4  # bytes
PEAK = 1.2  # of a conversion, times its weights in float32
CONVERSION = 3  # raise it when the conversion changes; it is part of the folder's name
NOTE = "NOTE"  # in a converted folder: what a reader of its scores must know
TRIAL = "The capital of France is Paris, and\n\n2 + 2 = 4.  Isn't it?\n"

# llama.cpp's names for pre-tokenizers that cut digits one by one before GPT-2's rule, which transformers ignores
DIGIT_BY_DIGIT = frozenset({"starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b"})
# those whose rule transformers applies, or whose rule is GPT-2's
UNDERSTOOD = frozenset(
    {"llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "dbrx", "smaug-bpe"}
    | {"tekken", "qwen2", "deepseek-r1-qwen", "kormo", "megrez", "qwen35", "gpt-4o", "llama4", "kanana2", "minimax-m2"}
    | {"gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling"}
)


# ---------------------------------------------------------------- the file's own description


def metadata(path: Path) -> dict[str, Any]:
    """The values in a GGUF file's header, arrays left out. Raises UserError where it is no such file."""
    return header(path)[0]


def header(path: Path) -> tuple[dict[str, Any], int]:
    """The values in a GGUF file's header, arrays left out, and how many weights its tensors have.

    As specified in ggml's docs/gguf.md, versions 2 and 3. Raises UserError where it is no such file.
    """
    with path.open("rb") as file:
        magic = file.read(4)
        if magic != b"GGUF":
            raise UserError(f"{path} is not a GGUF file (it begins with {magic!r}); give another file.")
        try:
            version, tensors, count = unpack(file, "<IQQ")
            if version not in (2, 3):
                raise UserError(f"{path} is GGUF version {version}; versions 2 and 3 can be read.")
            found = {}
            for _ in range(count):
                key = text(file)
                (kind,) = unpack(file, "<I")
                found[key] = value(file, kind)
            weights = sum(weights_of(file) for _ in range(tensors))
        except (struct.error, UnicodeDecodeError, KeyError, OverflowError, MemoryError, RecursionError) as error:
            raise UserError(f"{path} is damaged: its header cannot be read; fetch it again.") from error
    return {key: item for key, item in found.items() if item is not None}, weights


def weights_of(file: BinaryIO) -> int:
    """How many weights the tensor has that is described next. Raises struct.error where the file ends."""
    text(file)
    (dimensions,) = unpack(file, "<I")
    if dimensions > MOST_DIMENSIONS:
        raise struct.error("a tensor of too many dimensions")
    shape = unpack(file, f"<{dimensions}Q")
    unpack(file, "<IQ")  # its type, and where it lies
    return math.prod(shape)


SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
STRING, ARRAY = 8, 9
MOST_DIMENSIONS = 4  # as ggml has them
LEAST = {STRING: 8, ARRAY: 12}  # bytes that each takes at least


def unpack(file: BinaryIO, form: str) -> tuple[Any, ...]:
    """The next values of that form. Raises struct.error where the file ends."""
    return struct.unpack(form, file.read(struct.calcsize(form)))


def text(file: BinaryIO) -> str:
    """The next string. Raises struct.error where the file ends."""
    (length,) = unpack(file, "<Q")
    check_room(file, length)
    return file.read(length).decode("utf-8")


def check_room(file: BinaryIO, length: int) -> None:
    """Raises struct.error where the file ends before so many more bytes."""
    if length > os.fstat(file.fileno()).st_size - file.tell():
        raise struct.error("the file ends too early")


def value(file: BinaryIO, kind: int) -> Any:
    """A value of the header; None for an array, which is read over."""
    if kind == STRING:
        return text(file)
    if kind != ARRAY:
        return unpack(file, SCALARS[kind])[0]
    inner, count = unpack(file, "<IQ")
    size = struct.calcsize(SCALARS[inner]) if inner in SCALARS else LEAST[inner]
    check_room(file, count * size)
    if inner in SCALARS:
        file.seek(count * size, 1)
        return None
    for _ in range(count):
        value(file, inner)
    return None


# ---------------------------------------------------------------- conversion


def convert(weights: Path, folder: Path) -> None:
    """Writes a GGUF file's model and tokenizer as transformers' own, and checks the copy. Raises UserError."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    began = time.monotonic()
    say(f"Converting {weights.name} to safetensors, once; about a minute for a small model ...")
    facts, count = header(weights)
    check_room_for(weights.name, count, folder)
    where, name = str(weights.parent), weights.name
    try:
        model = AutoModelForCausalLM.from_pretrained(
            where, gguf_file=name, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
        )
        tokenizer = AutoTokenizer.from_pretrained(where, gguf_file=name)
    except MemoryError as error:
        raise UserError(f"{weights} does not fit in memory when dequantised; use a smaller model.") from error
    except Exception as error:  # a damaged file may raise anything, and the sentence must name it
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UserError(
            f"{weights} (architecture {facts.get('general.architecture', 'unknown')}) cannot be read: {reason}; "
            "fetch the file again, or give a model that transformers can read."
        ) from error
    note = set_pre_tokenizer(tokenizer, facts)
    set_end_tokens(model, facts)
    clear_quantizer(model)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    check(model, tokenizer, folder, weights)
    (folder / NOTE).write_text(note, encoding="utf-8")
    (folder / SOURCE).write_text(made_from(weights, tokenizer), encoding="utf-8")
    say(f"Converted in {time.monotonic() - began:.0f} s.")


def made_from(weights: Path, tokenizer: Any) -> str:
    """What a conversion is, on whatever machine it was made: its file, how text is cut, and how turns are written."""
    told = {"conversion": CONVERSION, "gguf": sha256(weights), "tokens": tokenizer(TRIAL)["input_ids"]}
    return json.dumps({**told, "chat_template": tokenizer.chat_template}, sort_keys=True) + "\n"


def check_room_for(name: str, count: int, folder: Path) -> None:
    """Raises UserError where memory or disk has no room for a conversion of so many weights, in float32.

    In memory they go from the file into the model one by one, so that they are there once (measured with 57 million
    weights: 0.9 times float32 at the most), beside the one that is being read.
    """
    check_free(f"converting {name}", int(PEAK * FLOAT32 * count), free_memory("cpu"))
    left = shutil.disk_usage(folder).free
    if FLOAT32 * count > left:
        raise UserError(
            f"{name} takes {size(FLOAT32 * count)} when it is converted, and the disk that holds {folder.parent} has "
            f"{size(left)} left: free some space, or set KSHOT_CACHE to a folder on another."
        )


def set_pre_tokenizer(tokenizer: Any, facts: dict[str, Any]) -> str:
    """Cuts text as the model was trained on it, where transformers does not; returns a note where that is unknown."""
    from tokenizers import pre_tokenizers

    if facts.get("tokenizer.ggml.model") != "gpt2":
        return ""
    rule = facts.get("tokenizer.ggml.pre", "none")
    if rule in DIGIT_BY_DIGIT:
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    elif rule not in UNDERSTOOD:
        return (
            f"its pre-tokenizer ({rule}) is not known here and GPT-2's stands in: some texts are cut into other tokens"
        )
    return ""


def set_end_tokens(model: Any, facts: dict[str, Any]) -> None:
    """A chat model may end its turn with a token that is not the end of a text: both end a completion."""
    ends = [facts.get(f"tokenizer.ggml.{name}_token_id") for name in ("eos", "eot")]
    found = list(dict.fromkeys(end for end in ends if end is not None))
    if found:
        model.generation_config.eos_token_id = found if len(found) > 1 else found[0]


def clear_quantizer(model: Any) -> None:
    """transformers refuses to save a model that bears its quantizer's marks; the weights are plain float32 by now."""
    model.hf_quantizer = None
    for mark in ("is_quantized", "quantization_method"):
        if mark in vars(model):
            delattr(model, mark)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config


def check(model: Any, tokenizer: Any, folder: Path, weights: Path) -> None:
    """Raises UserError where the copy's logits, tokens or template are not those of the direct load."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    copy_tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(TRIAL).input_ids
    for what in ("chat_template", "bos_token_id", "eos_token_id", "pad_token_id"):
        if getattr(copy_tokenizer, what) != getattr(tokenizer, what):
            raise UserError(f"the converted copy of {weights} has another {what}; its tokenizer does not convert.")
    if copy_tokenizer(TRIAL).input_ids != ids:
        raise UserError(f"the converted copy of {weights} cuts text into other tokens; its tokenizer does not convert.")
    again = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, use_safetensors=True)
    with torch.inference_mode():
        gap = float((model(torch.tensor([ids])).logits - again(torch.tensor([ids])).logits).abs().max())
    if not gap <= 1e-4:  # nan as well
        raise UserError(
            f"the converted copy of {weights} gives other logits (by {gap:.2g}); its architecture does not convert."
        )


def converted_folder(digest: str) -> Path:
    """Where the conversion of a GGUF file of that SHA-256 is kept."""
    return cache_folder() / "models" / f"{digest[:24]}-v{CONVERSION}"
