"""How large a model is, by the headers of its files: no weights are read, and nothing is loaded.

Meets: a matrix that is input and output embedding at once (tied) counts once. Concedes: what is packed into fewer
numbers than it has parameters (GPTQ, AWQ, MXFP4 ...) is of unknown size, and of a mixture of experts all are counted.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LONGEST = 100_000_000  # bytes of a header, as safetensors itself allows
WIDTHS = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1,
    "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1,
}  # fmt: skip
NAMES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8",
    "F8_E5M2": "float8",
}
EMBEDDING = re.compile(r"(?:^|[._])(?:wte|wpe|\w*embed\w*|lm_head|shared)\.weight$")
HEAD = re.compile(r"(?:^|\.)(?:lm_head|embed_out|output_layer|output|output_projection)\.weight$")
SENSES = re.compile(r"(?:^|[._])(?:vision|visual|image|audio|speech|multi_modal|mm)\w*\.")


@dataclass(frozen=True, slots=True)
class ModelSize:
    """A model's parameters, and what its files take."""

    parameters: int
    embedding: int  # of these, in input, output and position embeddings
    bytes: int
    dtype: str  # as most of it is stored: float32, bfloat16, ...

    @property
    def non_embedding(self) -> int:
        """Parameters outside the embeddings, by which Kaplan et al. (2020, arXiv 2001.08361) count a model's size."""
        return self.parameters - self.embedding

    def written(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {"parameters": self.parameters, "embedding": self.embedding, "bytes": self.bytes, "dtype": self.dtype}


def size_of(folder: Path) -> ModelSize | None:
    """The size of a folder's model; None where it cannot be told from its files."""
    config = json_of(folder / "config.json")
    text = config.get("text_config") if isinstance(config.get("text_config"), Mapping) else config
    if packed(config):
        return None
    senses = any(key.endswith("_config") and SENSES.match(f"{key}.") for key in config)
    shapes: dict[str, tuple[str, tuple[int, ...]]] = {}
    try:
        for path in weight_files(folder):
            shapes.update({name: found for name, found in header(path) if not (senses and SENSES.search(name))})
    except (OSError, ValueError, KeyError, TypeError, RecursionError, struct.error):  # loading says what is wrong
        return None
    rows = text.get("vocab_size") if isinstance(text, Mapping) else None
    embeddings = {name for name, (_, shape) in shapes.items() if is_embedding(name, shape, rows)}
    heads = {name for name in embeddings if HEAD.search(name)}
    if heads and len(embeddings) > len(heads) and tied(config, folder):
        for name in heads:
            del shapes[name]
        embeddings -= heads
    counts = {name: math.prod(shape) for name, (_, shape) in shapes.items()}
    kinds: Counter[str] = Counter()
    for name, (kind, _) in shapes.items():
        kinds[kind] += counts[name]
    if not kinds:
        return None
    most = kinds.most_common(1)[0][0]
    if most not in NAMES:  # whole numbers: something is packed that the configuration does not name
        return None
    return ModelSize(
        sum(counts.values()),
        sum(counts[name] for name in embeddings),
        sum(counts[name] * WIDTHS.get(kind, 0) for name, (kind, _) in shapes.items()),
        NAMES[most],
    )


def is_embedding(name: str, shape: tuple[int, ...], rows: object) -> bool:
    """Whether a tensor is a table of tokens or places: by its name, or as it has a row a token outside all layers."""
    if len(shape) != 2:
        return False
    outside = not re.search(r"\.\d+\.", name)
    return bool(EMBEDDING.search(name)) or (outside and shape[0] == rows and name.endswith("weight"))


def packed(config: Mapping[str, Any]) -> bool:
    """Whether a configuration says that a stored number is more than one parameter."""
    said = config.get("quantization_config")
    return isinstance(said, Mapping) and said.get("quant_method") != "fp8"


def tied(config: Mapping[str, Any], folder: Path) -> bool:
    """Whether the input embedding is the output's too: as the configuration says, or its model's default."""
    text = config.get("text_config")
    for each in (config, text):
        if isinstance(each, Mapping) and isinstance(each.get("tie_word_embeddings"), bool):
            return bool(each["tie_word_embeddings"])
    from transformers import AutoConfig

    with suppress(Exception):  # a model with code of its own, which is not run for this
        found = AutoConfig.from_pretrained(folder)
        return bool(getattr(found.get_text_config(), "tie_word_embeddings", False))
    return False


def weight_files(folder: Path) -> list[Path]:
    """The files that a model's weights are read from: those of its index, or the one, or all."""
    index = json_of(folder / "model.safetensors.index.json").get("weight_map")
    if isinstance(index, Mapping):
        return [folder / Path(str(name)).name for name in dict.fromkeys(index.values())]
    whole = folder / "model.safetensors"
    return [whole] if whole.is_file() else sorted(folder.glob("model*.safetensors"))


def header(path: Path) -> Iterator[tuple[str, tuple[str, tuple[int, ...]]]]:
    """Every tensor of a safetensors file with its dtype and shape. Raises ValueError and OSError."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if not 0 < length <= LONGEST:
            raise ValueError("no header of safetensors")
        for name, said in json.loads(file.read(length)).items():
            if name != "__metadata__":
                yield name, (str(said["dtype"]), tuple(int(n) for n in said["shape"]))


def json_of(path: Path) -> dict[str, Any]:
    """A JSON file's mapping; {} where there is none."""
    with suppress(OSError, ValueError, RecursionError):
        said = json.loads(path.read_text(encoding="utf-8"))
        return said if isinstance(said, dict) else {}
    return {}
