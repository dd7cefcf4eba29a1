"""Whether a model fits into the memory that is free, told from its config.json before its weights are read or fetched.

The model is built without values (on torch's `meta` device), so that every layer, and what becomes of it here, is
counted as it is: packed or in 8 or 4 bits, a shared embedding once or, where the output layer is repacked, twice.
Concedes: a model whose own code is not trusted, or that does not build so, is not checked; a pass's own numbers, which
are in memory beside the weights, are not counted.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kshot.harness.models.devices import free_memory
from kshot.types import UserError

SWITCH = "KSHOT_MEMORY_CHECK"  # `off` where the estimate is wrong
ROW = 2048  # tokens that there must be room for
NF4_BYTES = 0.5 + 4 / 64  # a weight: 4 bits, and a scale in float32 for 64 of them


@dataclass(frozen=True, slots=True)
class Needed:
    """Bytes that a model takes: its weights as they are run, while they are read, and keys and values of one row."""

    weights: int
    loading: int
    row: int

    @property
    def total(self) -> int:
        return max(self.weights + self.row, self.loading)


def skeleton(folder: Path, trust_remote_code: bool = False) -> Any:
    """The model of a folder's config.json without any values; None where it cannot be built so."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
    except Exception:  # reading the model will say what is wrong
        return None


def needed(model: Any, dtype: str, *, device: str = "cpu", quantize: str = "none") -> Needed:
    """The bytes that a skeleton's model takes, in this dtype on this device."""
    import torch
    from torch import nn

    width = getattr(torch, dtype).itemsize
    on_cpu = device == "cpu"
    head = model.get_output_embeddings()
    linear = {
        id(module.weight): module
        for module in model.modules()
        if type(module) is nn.Linear and not (quantize == "nf4" and module is head)
    }
    embedded = model.get_input_embeddings()
    shared = {id(embedded.weight)} if embedded is not None else set()
    total = full = 0.0
    for parameter in {id(one): one for one in model.parameters()}.values():
        count, key = parameter.numel(), id(parameter)
        full += count * width
        if quantize == "none":
            again = key in linear and key in shared and on_cpu and dtype == "float32"  # packed beside the embedding
            total += count * width * (1 + again)
        elif key in linear:
            rows = parameter.shape[0]
            total += count + 4 * rows if quantize == "int8" else count * NF4_BYTES
            total += count * width if key in shared else 0
        else:
            total += count * width
    # int8 on a CPU is made of the file as it lies mapped; so is what has the file's own dtype
    loading = total if quantize != "none" and on_cpu else max(full, total)
    return Needed(int(total), int(loading), row_bytes(model.config, width))


def row_bytes(config: Any, width: int) -> int:
    """Bytes of the keys and values of one row of ROW tokens, or of the model's length where that is shorter."""
    text = config.get_text_config()
    heads = getattr(text, "num_attention_heads", None) or 1
    kv = getattr(text, "num_key_value_heads", None) or heads
    size = getattr(text, "head_dim", None) or (getattr(text, "hidden_size", 0) // heads)
    layers = getattr(text, "num_hidden_layers", None) or 0
    length = getattr(text, "max_position_embeddings", None) or ROW
    return int(2 * layers * kv * size * min(ROW, length) * width)


def stored_bytes(folder: Path) -> int:
    """Bytes of a folder's weights on disk."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def check_memory(
    name: str,
    folder: Path,
    dtype: str,
    *,
    device: str = "cpu",
    quantize: str = "none",
    stored: int = 0,
    trust_remote_code: bool = False,
    free: int | None = None,
) -> None:
    """Raises UserError where a model does not fit into what is free, with what would.

    `stored` is the weights' size on disk in bytes, which tells at once that a small model fits; `free` the bytes that
    are free, where they are known.
    """
    if unchecked():
        return
    free = free_memory(device) if free is None else free
    if stored and 8 * stored < free:  # bytes to float32, and twice
        return
    model = skeleton(folder, trust_remote_code)
    if model is None:
        return
    found = needed(model, dtype, device=device, quantize=quantize)
    if found.total <= free:
        return
    ways = []
    for option, to, way in (
        ("--dtype bfloat16", "bfloat16", quantize),
        ("--quantize int8", dtype, "int8"),
        ("--quantize nf4", dtype, "nf4"),
    ):
        other = needed(model, to, device=device, quantize=way)
        if (to, way) != (dtype, quantize) and other.total <= free and other.total < found.total:
            ways.append(f"{option} ({size(other.total)})")
    what = dtype if quantize == "none" else f"{dtype} with --quantize {quantize}"
    where = "of the computer's memory" if device == "cpu" else f"on {device}"
    remedy = f"give {' or '.join(ways)}, or a smaller model" if ways else "give a smaller model"
    raise UserError(
        f"the model {name} needs about {size(found.total)} in {what} and {size(free)} {where} are free: {remedy}; "
        f"{SWITCH}=off tries it all the same."
    )


def check_free(what: str, count: int, free: int) -> None:
    """Raises UserError where so many bytes of the computer's memory are not free."""
    if count > free and not unchecked():
        raise UserError(
            f"{what} needs about {size(count)} of the computer's memory and {size(free)} are free: give a smaller "
            f"model; {SWITCH}=off tries it all the same."
        )


def unchecked() -> bool:
    """Whether the user has said to try whatever the estimate is."""
    return os.environ.get(SWITCH, "").lower() in ("off", "0", "no")


def size(count: float) -> str:
    """Bytes to read."""
    return f"{count / 1e9:.1f} GB" if count >= 5e7 else f"{count / 1e6:.2g} MB"
