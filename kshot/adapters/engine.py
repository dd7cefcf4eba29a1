"""Adapters through kshot's own engine: while they are being trained, and from their folder.

A soft prompt is a prefix that all requests share (`kshot.harness.decoding.virtual`); everything else is in the model's
layers and runs through them, or is merged into the weights where the adapter comes from a folder. Concedes: a head
has no engine (`Adapted.predict`), and neither have peft's soft prompts with task ids or types (CPT, multitask).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kshot.adapters.adapted import Adapted
from kshot.adapters.attach import load
from kshot.adapters.folder import folder_named
from kshot.harness.decoding.virtual import Virtual
from kshot.harness.engines.token_engine import TransformersEngine
from kshot.harness.engines.transformers import engine_around, engine_id
from kshot.harness.models.cache import weights_hash
from kshot.harness.models.chat_options import read_options
from kshot.harness.models.load import LoadedModel, load_model, use_chat
from kshot.harness.models.sources import resolve
from kshot.types import EngineError, Generation, UserError


class AdaptedEngine(TransformersEngine):
    """An engine on a model that is being trained: between its calls the model is as training left it.

    It answers with the weights as they were when it was made: make one for every evaluation. Raises EngineError
    where they have changed since.
    """

    def __init__(self, adapted: Adapted, **options: Any) -> None:
        self.adapted = adapted
        self.values = self.versions()
        self.rounded = adapted.rounded()
        backbone = adapted.backbone
        self.attention: str = backbone.config._attn_implementation  # ours, while answering
        with self.borrowed():
            super().__init__(backbone, adapted.tokenizer, virtual=virtual_of(adapted), **options)
            ours: str = backbone.config._attn_implementation
        self.attention = ours

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """The model in evaluation mode with the engine's attention; afterwards as it was."""
        backbone = self.adapted.backbone
        modes = [(module, module.training) for module in self.adapted.model.modules()]
        before = backbone.config._attn_implementation
        self.adapted.model.eval()
        if self.attention != before:
            backbone.set_attn_implementation(self.attention)
        try:
            with self.adapted.as_evaluated(self.rounded):
                yield
        finally:
            for module, mode in modes:
                module.training = mode
            if backbone.config._attn_implementation != before:
                backbone.set_attn_implementation(before)

    def versions(self) -> int:
        """A number that grows with every change of a trained value in place, as an optimizer makes it."""
        return sum(parameter._version for parameter in self.adapted.model.parameters())

    def collect(self) -> list[tuple[int, Generation]]:
        if self.versions() != self.values:
            raise EngineError(
                "the adapter was trained while its engine was in use; make an engine for each evaluation."
            )
        with self.borrowed():
            return super().collect()


def adapted_engine(
    adapted: Adapted, loaded: LoadedModel, *, rows: int, memory: int | None = None, chat: bool, share: bool = True
) -> AdaptedEngine:
    """An engine for an adapter in memory, on the base `loaded`; training goes on afterwards as if it had not been.

    Raises UserError for a head, which does not generate.
    """
    check_generates(adapted)
    return AdaptedEngine(
        adapted,
        id=engine_id(loaded, chat, f"{adapted.method}-{adapted.hash()}"),
        chat=chat,
        context_length=loaded.context_length,
        rows=rows,
        memory=memory,
        share=share,
        name=f"{loaded.source.name} with {adapted.method}",
    )


def load_engine(
    model: str,
    adapter: str | Path,
    *,
    device: str = "auto",
    dtype: str = "auto",
    rows: int | None = None,
    template: str = "auto",
    memory: int | None = None,
    share: bool = True,
    merge: bool = True,
    trust_remote_code: bool = False,
    chat_options: str = "",
) -> TransformersEngine:
    """Loads a model and an adapter, a folder or a hub id, and an engine around them; options as the base's engine's.

    With `merge` the adapter's updates are added to the weights where it can be so, which costs no time in a step.
    Raises UserError where either cannot be had, or they do not belong together.
    """
    folder, options = folder_named(adapter), read_options(chat_options)
    loaded = load_model(resolve(model), device=device, dtype=dtype, trust_remote_code=trust_remote_code)
    adapted = load(loaded.model, loaded.tokenizer, folder, base=loaded.source.name, base_hash=loaded.weights_hash)
    check_generates(adapted)
    virtual = virtual_of(adapted)
    bare, merged = merged_into_base(adapted) if merge else (adapted.backbone, False)
    return engine_around(
        loaded,
        bare,
        chat=use_chat(loaded.tokenizer, model, template),
        adapter=f"{adapted.method}-{weights_hash(folder)}" + ("-merged" if merged else ""),
        pack=merged or not adapted.is_peft or virtual is not None,
        rows=rows,
        memory=memory,
        share=share,
        virtual=virtual,
        chat_options=options,
    )


def check_generates(adapted: Adapted) -> None:
    """Raises UserError for what writes no text: a head, and a masked language model."""
    if adapted.kind == "head":
        raise UserError(f"{adapted.spec} is a classification head and generates no text; evaluate it by predicting.")
    if type(adapted.backbone).__name__.endswith("ForMaskedLM"):
        raise UserError("a masked language model generates no text; evaluate it by a cloze.")


def merged_into_base(adapted: Adapted) -> tuple[Any, bool]:
    """The model with the adapter's updates in its weights where peft can do that; else with its layers beside them."""
    if not adapted.is_peft or adapted.soft or adapts_tied_embeddings(adapted):
        return adapted.backbone, False
    try:
        return adapted.model.merge_and_unload(safe_merge=True), True
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        return adapted.backbone, False


def adapts_tied_embeddings(adapted: Adapted) -> bool:
    """Whether the adapter is on the input or the output layer and both have one weight: merged, both would change."""
    layers = (adapted.backbone.get_input_embeddings(), adapted.backbone.get_output_embeddings())
    inner = [getattr(layer, "base_layer", getattr(layer, "original_module", layer)) for layer in layers]
    weights = [getattr(layer, "weight", None) for layer in inner]
    tied = weights[0] is not None and weights[1] is not None and weights[0].data_ptr() == weights[1].data_ptr()
    return tied and any(layer is not bare for layer, bare in zip(layers, inner, strict=True))


def virtual_of(adapted: Adapted) -> Virtual | None:
    """The virtual tokens of a soft prompt; None for an adapter in the layers. Raises UserError for other kinds."""
    import torch

    built = adapted.built
    with torch.no_grad():
        if built.embeddings is not None:
            return Virtual(embeddings=built.embeddings())
        if built.layers is not None:
            return Virtual(layers=built.layers())
    if adapted.soft is not None:
        kind = adapted.soft.peft_type.value
        raise UserError(f"kshot's engine does not run {kind}; evaluate it with peft's own generate.")
    return None
