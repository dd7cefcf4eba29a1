"""The engine `transformers`, and how it is put around a model that has been loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kshot.harness.engines.registry import DEFAULT_MODEL, engine
from kshot.types import Engine, UserError

if TYPE_CHECKING:
    from kshot.harness.decoding.virtual import Virtual
    from kshot.harness.engines.token_engine import TransformersEngine
    from kshot.harness.models.load import LoadedModel


@engine
def transformers(
    *,
    model: str = DEFAULT_MODEL,
    device: str = "auto",
    dtype: str = "auto",
    template: str = "auto",
    batch: str = "auto",
    memory: str = "auto",
    share: bool = True,
    trust_remote_code: bool = False,
    chat_options: str = "",
    quantize: str = "none",
) -> Engine:
    """Any causal language model that transformers loads, on CPU or GPU; what requests share is computed once.

    `memory` is for keys and values, in GB; auto: a quarter of what is free, and at most 2 GiB on a CPU. `chat_options`
    is what its chat template is told beside the messages: `enable_thinking=false`, or several as `(KEY=VALUE,...)`.
    `quantize`: int8 or nf4.
    """
    return load_engine(
        model,
        device=device,
        dtype=dtype,
        rows=rows_of(batch),
        template=template,
        memory=bytes_of(memory),
        share=share,
        trust_remote_code=trust_remote_code,
        chat_options=chat_options,
        quantize=quantize,
    )


def rows_of(batch: str) -> int | None:
    """The rows of a batch as it is written: a number, or auto, which is None. Raises UserError."""
    if batch == "auto":
        return None
    try:
        rows = int(batch)
    except ValueError:
        raise UserError(f"--batch is {batch!r}; give a number of rows, or auto.") from None
    if rows < 1:
        raise UserError(f"--batch is {rows}; it must be at least 1.")
    return rows


def bytes_of(memory: str) -> int | None:
    """The bytes of a memory as it is written: a number of GB, or auto, which is None. Raises UserError."""
    if memory == "auto":
        return None
    try:
        found = float(memory) * 1e9
    except ValueError:
        found = 0.0
    if not 1 <= found < 1e18:
        raise UserError(f"the engine's memory is {memory!r}; give a number of GB above 0, or auto.")
    return int(found)


def load_engine(
    model: str,
    *,
    device: str = "auto",
    dtype: str = "auto",
    rows: int | None = None,
    template: str = "auto",
    memory: int | None = None,
    memory_share: float | None = None,
    share: bool = True,
    trust_remote_code: bool = False,
    chat_options: str = "",
    quantize: str = "none",
) -> TransformersEngine:
    """Loads a model (bundled name, hub id, folder or .gguf file) and an engine around it.

    `rows` is the batch (default: 128 on a CPU, 256 on a GPU, and fewer where their keys and values would not fit
    into the memory), `memory` the bytes for keys and values (default: `memory_share` of what is free, or a quarter and
    at most 2 GiB on a CPU). `template`: auto (the model's own chat template where it has one),
    chat, or plain; `chat_options` as the engine's. Raises UserError where the model cannot be had or loaded.
    """
    from kshot.harness.models.chat_options import read_options
    from kshot.harness.models.load import load_model, load_tokenizer, use_chat
    from kshot.harness.models.sources import resolve

    options = read_options(chat_options)
    if options:  # a mistake in them is told before the weights are read
        load_tokenizer(resolve(model), template, options, trust_remote_code=trust_remote_code)
    loaded = load_model(
        resolve(model), device=device, dtype=dtype, quantize=quantize, trust_remote_code=trust_remote_code
    )
    chat = use_chat(loaded.tokenizer, model, template)
    return engine_around(
        loaded,
        loaded.model,
        chat=chat,
        rows=rows,
        memory=memory,
        memory_share=memory_share,
        share=share,
        chat_options=options,
    )


def engine_around(
    loaded: LoadedModel,
    model: Any,
    *,
    chat: bool,
    adapter: str = "",
    pack: bool = True,
    rows: int | None = None,
    memory: int | None = None,
    memory_share: float | None = None,
    share: bool = True,
    virtual: Virtual | None = None,
    chat_options: Mapping[str, Any] | None = None,
) -> TransformersEngine:
    """The engine around a loaded model, or what an adapter made of it, with the usual rows and memory.

    `adapter` names the adapter and its values; `pack` lets linear layers be packed, where none is to change.
    """
    from kshot.harness.decoding import packed
    from kshot.harness.engines.token_engine import TransformersEngine

    if pack and loaded.quantize == "none" and packed.can_pack(model):
        packed.pack(model)
    return TransformersEngine(
        model,
        loaded.tokenizer,
        id=engine_id(loaded, chat, adapter, chat_options),
        chat=chat,
        context_length=loaded.context_length,
        rows=rows if rows is not None else (128 if loaded.device == "cpu" else 256),
        memory=memory,
        memory_share=memory_share,
        share=share,
        virtual=virtual,
        name=f"{loaded.source.name} with its adapter" if adapter else loaded.source.name,
        chat_options=chat_options,
    )


def engine_id(loaded: LoadedModel, chat: bool, adapter: str = "", chat_options: Mapping[str, Any] | None = None) -> str:
    """What names all that a model's engine writes with, but for the decoding's own version."""
    from kshot.harness.models.chat_options import write_options
    from kshot.harness.models.quantized import name_of

    told = write_options(chat_options) if chat_options else ""
    numbers = loaded.dtype if loaded.quantize == "none" else name_of(loaded.dtype, loaded.quantize, loaded.device)
    base = f"transformers/{loaded.weights_hash}/{numbers}/{'chat' if chat else 'plain'}{told}"
    return f"{base}/adapter-{adapter}" if adapter else base
