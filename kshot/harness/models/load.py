"""From a model's files to the model in memory, with its tokenizer.

Only safetensors are read, never a pickle; weights that do not fill their model are refused, where transformers
would fill the gaps with random numbers. Concedes: a model's hash is that of its files, so the same weights
split differently count as another model; several GPUs are left to accelerate and have not been tried.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kshot.harness.models.cache import weights_hash
from kshot.harness.models.devices import free_memory, where_to_run
from kshot.harness.models.memory import check_memory, stored_bytes
from kshot.harness.models.render import Renderer
from kshot.harness.models.sources import ModelSource, check_files, folder_of
from kshot.hub import first_line
from kshot.registry import suggest
from kshot.types import UserError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in memory with all that its engine must know."""

    model: Any
    tokenizer: Any
    weights_hash: str
    device: str
    dtype: str
    context_length: int
    source: ModelSource
    quantize: str = "none"


def load_model(
    source: ModelSource,
    *,
    device: str = "auto",
    dtype: str = "auto",
    quantize: str = "none",
    trust_remote_code: bool = False,
) -> LoadedModel:
    """Loads a model and its tokenizer. `dtype`: auto (float32 on a CPU, bfloat16 on a GPU); `quantize`: int8 or nf4.

    A model larger than one GPU is spread over all of them by accelerate. Raises UserError where files are
    missing, damaged, pickled or out of reach, no such device is there, or the memory for it.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from kshot.harness.models.quantized import check_quantized, how_to_read, to_int8

    quiet()
    device, dtype = where_to_run(device, dtype)
    check_quantized(quantize, device)
    here: dict[str, Any] = {"device": device, "quantize": quantize, "trust_remote_code": trust_remote_code}

    def fits(folder: Path, stored: int) -> None:
        check_memory(source.name, folder, dtype, stored=stored, **here)

    folder = folder_of(source, trust_remote_code, before=fits)
    check_weights_are_there(folder)
    several = (
        device == "cuda"
        and quantize == "none"
        and torch.cuda.device_count() > 1
        and larger_than_one_gpu(folder, getattr(torch, dtype))
    )
    if not several:
        fits(folder, stored_bytes(folder))
    tokenizer = read_tokenizer(folder, trust_remote_code)
    try:
        model, report = AutoModelForCausalLM.from_pretrained(
            folder,
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
            output_loading_info=True,
            **how_to_read(device, dtype, quantize, several),
        )
        if not several and quantize == "none":
            model = model.to(device)
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"the model {source.name} does not fit on the GPU as {dtype}; use a smaller one, or --device cpu."
        ) from error
    except Exception as error:  # safetensors, tokenizers and a model's own code raise kinds of their own
        raise UserError(f"the model in {folder} cannot be loaded ({first_line(error)}); {remedy(error)}.") from error
    missing = sorted(report["missing_keys"])
    if missing:  # transformers would fill them with random numbers
        raise UserError(
            f"the weights in {folder} lack {len(missing)} tensors of the model ({missing[0]}, ...): "
            "they are another model's or not whole; fetch its files again."
        )
    rows = model.get_input_embeddings().weight.shape[0]
    if tokenizer.vocab_size > rows:
        raise UserError(
            f"the tokenizer in {folder} has {tokenizer.vocab_size} tokens and its model knows {rows}: "
            "they do not belong together; fetch both from one place."
        )
    if quantize == "int8" and device == "cpu":
        to_int8(model, getattr(torch, dtype))
    config = model.config.get_text_config()
    length = getattr(config, "max_position_embeddings", None) or 2048
    return LoadedModel(
        model.eval(),
        tokenizer,
        weights_hash(folder, code=trust_remote_code),
        device,
        dtype,
        int(length),
        source,
        quantize,
    )


def quiet() -> None:
    """No progress bars or advice from transformers: kshot shows its own."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def check_weights_are_there(
    folder: Path, wanted: str = "model*.safetensors", otherwise: str = "fetch its files again, or give another model"
) -> None:
    """Raises UserError where a folder has no safetensors: a pickle runs code as it is read, so none ever is."""
    check_files(folder)
    if any(path.is_file() for path in folder.glob(wanted)):
        return
    pickled = [path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in folder.glob(pattern)]
    if pickled:
        raise UserError(
            f"{folder} holds its weights only as a pickle ({pickled[0]}), which is never loaded; "
            "save them as safetensors (save_pretrained does), or use a model that has them."
        )
    raise UserError(f"{folder} holds no weights ({wanted}); {otherwise}.")


def remedy(error: BaseException) -> str:
    """What to do about an error of transformers."""
    said = str(error)
    if "trust_remote_code" in said:
        return "it needs code of its own: add --trust-remote-code if you trust where it comes from"
    if "Unrecognized configuration class" in said:
        return "it is no causal language model; give one that is"
    if "does not recognize this architecture" in said:
        return "a newer transformers may know it"
    return "fetch its files again"


def read_tokenizer(folder: Path, trust_remote_code: bool) -> Any:
    """A folder's tokenizer. Raises UserError where it has none that can be read."""
    from transformers import AutoTokenizer

    names = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tekken.json")
    if not trust_remote_code and not any((folder / name).is_file() for name in names):
        raise UserError(f"{folder} holds no tokenizer (tokenizer.json); add the model's tokenizer files.")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
        tokenizer("a", add_special_tokens=True)  # what its configuration says wrongly may come out only here
        return tokenizer
    except Exception as error:  # tokenizers raises plain Exception for a damaged file
        raise UserError(f"the tokenizer in {folder} cannot be read ({first_line(error)}); {remedy(error)}.") from error


def larger_than_one_gpu(folder: Path, dtype: torch.dtype) -> bool:
    """Whether the weights, at this dtype, take more than 80% of the first GPU. Unverified: no two GPUs were at hand."""
    config = json.loads((folder / "config.json").read_text())
    width = 4 if config.get("dtype", config.get("torch_dtype")) == "float32" else 2
    return stored_bytes(folder) / width * dtype.itemsize > 0.8 * free_memory("cuda")


def use_chat(tokenizer: Any, name: str, template: str) -> bool:
    """Whether messages go through the model's own chat template: auto (where it has one), chat or plain."""
    has = getattr(tokenizer, "chat_template", None) is not None
    if template == "chat" and not has:
        raise UserError(f"--template chat was asked for and {name} has no chat template; use --template plain.")
    if template not in ("auto", "chat", "plain"):
        raise UserError(f"unknown template {template!r}: {suggest(template, ['auto', 'chat', 'plain'])}")
    return has and template != "plain"


def load_tokenizer(
    source: ModelSource,
    template: str,
    options: Mapping[str, Any] | None = None,
    *,
    trust_remote_code: bool = False,
) -> Renderer:
    """A model's tokenizer alone, for a dry run; `options` are its chat template's. Raises UserError."""
    quiet()
    tokenizer = read_tokenizer(folder_of(source, trust_remote_code, weights=False), trust_remote_code)
    return Renderer(tokenizer, use_chat(tokenizer, source.name, template), options)
