"""Engines answer requests. `load_engine` makes the transformers engine for a model by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kshot.harness.engines.transformers import TransformersEngine
    from kshot.harness.models.load import LoadedModel


def load_engine(
    model: str,
    *,
    device: str = "auto",
    dtype: str = "auto",
    rows: int | None = None,
    template: str = "auto",
    memory: int | None = None,
    share: bool = True,
    trust_remote_code: bool = False,
) -> TransformersEngine:
    """Loads a model (bundled name, hub id, folder or .gguf file) and an engine around it.

    `rows` is the batch (default: 128 on a CPU, 256 on a GPU, and fewer where their keys and values would not fit
    into the memory), `memory` the bytes for keys and values
    (default: a quarter of what is free). `template`: auto (the model's own chat template where it has one),
    chat, or plain. Raises UserError where the model cannot be had or loaded.
    """
    from kshot.harness.decoding import packed
    from kshot.harness.models.load import load_model, use_chat
    from kshot.harness.models.sources import resolve

    loaded = load_model(resolve(model), device=device, dtype=dtype, trust_remote_code=trust_remote_code)
    if packed.can_pack(loaded.model):
        packed.pack(loaded.model)
    chat = use_chat(loaded.tokenizer, model, template)
    return engine_around(
        loaded, loaded.model, id=engine_id(loaded, chat), chat=chat, rows=rows, memory=memory, share=share
    )


def engine_id(loaded: LoadedModel, chat: bool) -> str:
    """What names all that a model's engine writes with, but for the decoding's own version."""
    return f"transformers/{loaded.weights_hash}/{loaded.dtype}/{'chat' if chat else 'plain'}"


def engine_around(
    loaded: LoadedModel, model: Any, *, rows: int | None, memory: int | None, **options: Any
) -> TransformersEngine:
    """The engine around a loaded model, or what was made of it, with as many rows and as much memory as is usual."""
    from kshot.harness.engines.transformers import TransformersEngine
    from kshot.harness.models.load import free_memory

    return TransformersEngine(
        model,
        loaded.tokenizer,
        context_length=loaded.context_length,
        rows=rows if rows is not None else (128 if loaded.device == "cpu" else 256),
        memory=memory if memory is not None else free_memory(loaded.device) // 4,
        **options,
    )
