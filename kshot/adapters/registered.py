"""The engine `adapted`: a model with an adapter's folder. Importing this adds it to the registry of engines."""

from __future__ import annotations

from kshot.harness.engines.registry import DEFAULT_MODEL, engine
from kshot.harness.engines.transformers import bytes_of, rows_of
from kshot.types import Engine, UserError


@engine
def adapted(
    *,
    model: str = DEFAULT_MODEL,
    adapter: str = "",
    device: str = "auto",
    dtype: str = "auto",
    template: str = "auto",
    batch: str = "auto",
    memory: str = "auto",
    share: bool = True,
    merge: bool = True,
    trust_remote_code: bool = False,
    chat_options: str = "",
) -> Engine:
    """A model with the adapter of a folder that `kshot tune` or peft has written."""
    from kshot.adapters.engine import load_engine

    if not adapter:
        raise UserError("the engine adapted needs an adapter: write adapted:model=NAME,adapter=FOLDER.")
    return load_engine(
        model,
        adapter,
        device=device,
        dtype=dtype,
        rows=rows_of(batch),
        template=template,
        memory=bytes_of(memory),
        share=share,
        merge=merge,
        trust_remote_code=trust_remote_code,
        chat_options=chat_options,
    )
