"""An adapter's weights out of its file: whole, finite and its own, or refused by name.

Only safetensors are read. What a library would leave at random, or leave out, with a warning or without one, is told
here: a model with part of an adapter on it has numbers that nobody has trained.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from kshot.adapters.adapted import Adapted
from kshot.adapters.base_state import BaseState
from kshot.adapters.folder import MODEL, PEFT_WEIGHTS, WEIGHTS, Kept
from kshot.adapters.methods.by_name import MEGATRON
from kshot.adapters.methods.limits import check_limits
from kshot.adapters.methods.patterns import check_patterns
from kshot.adapters.methods.peft import built_around, check_room, check_start, known_warnings
from kshot.adapters.methods.registry import Base, Built
from kshot.harness.models.load import check_weights_are_there
from kshot.hub import first_line
from kshot.types import UserError

if TYPE_CHECKING:
    import torch

AGAIN = "save the adapter again"


def fill(adapted: Adapted, kept: Kept) -> None:
    """Fills an adapter that peft does not have. Raises UserError where the file is damaged or does not fit."""
    check_kind(kept, adapted.kind == "head")
    try:
        if adapted.built.whole:
            adapted.model.load_state_dict(whole_model(adapted.model, kept))
        else:
            found = read_file(kept, WEIGHTS)
            check_keys(kept, found, dict(adapted.parameters()))
            adapted.set_state(found)
    except UserError:
        raise
    except Exception as error:  # safetensors and transformers raise kinds of their own
        raise not_loaded(kept, error) from error
    adapted.settle()
    adapted.model.eval()


def whole_model(model: Any, kept: Kept) -> dict[str, torch.Tensor]:
    """The values of a model all of whose weights were trained."""
    check_weights_are_there(kept.folder, MODEL, AGAIN)
    fresh, report = type(model).from_pretrained(
        kept.folder, dtype=model.dtype, use_safetensors=True, output_loading_info=True
    )
    sizes = sorted(str(key) for key, *_ in report["mismatched_keys"])
    refuse_keys(kept, [*sorted(report["missing_keys"]), *sizes], sorted(report["unexpected_keys"]))
    values: dict[str, torch.Tensor] = fresh.state_dict()
    check_finite(values, f"the adapter in {kept.folder}")
    return values


def filled_peft(model: Any, kept: Kept, state: BaseState) -> tuple[Built, tuple[str, ...]]:
    """An adapter that peft saved, on its base, whose state was taken before; and its labels where it classifies."""
    from peft import PeftModel, PeftType
    from peft.auto import MODEL_TYPE_TO_PEFT_MODEL_MAPPING
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    base = Base(model, None)
    try:
        with known_warnings():
            config: Any = PEFT_TYPE_TO_CONFIG_MAPPING[PeftType(kept.peft_type)].from_pretrained(str(kept.folder))
            check_config(kept, config, base)
            config.inference_mode = True
            adapted = MODEL_TYPE_TO_PEFT_MODEL_MAPPING.get(config.task_type, PeftModel)(model, config)
            load_checked(adapted, kept, state)
        built = built_around(adapted, head=base.classifies)
        built.after_load(kept.folder / PEFT_WEIGHTS)
    except UserError:
        raise
    except Exception as error:  # safetensors and peft raise kinds of their own
        raise not_loaded(kept, error) from error
    adapted.eval()
    own = tuple(str(label) for label in (model.config.id2label or {}).values()) if base.classifies else ()
    return built, kept.labels or own


def check_config(kept: Kept, config: Any, base: Base) -> None:
    """Raises UserError for a configuration that is another kind of model's, or that no folder may decide."""
    what = f"the adapter in {kept.folder}"
    if any(getattr(config, name, None) for name in MEGATRON[:1]):
        raise UserError(f"{what} was made for Megatron (megatron_config), which kshot does not run.")
    if getattr(config, "shadow_model", "mirror") != "mirror":
        raise UserError(f"{what} names another model to be loaded with it ({config.shadow_model}), which is not done.")
    if config.task_type not in (None, "CAUSAL_LM", "SEQ_CLS"):
        raise UserError(f"{what} is for another kind of task (peft's {config.task_type}); kshot does not run it.")
    if config.task_type is not None:
        check_kind(kept, base.classifies, classifies=config.task_type == "SEQ_CLS")
    check_limits(what, vars(config))
    check_patterns(what, vars(config), [name for name, _ in base.model.named_modules()])
    check_room(base, config)
    check_start(config)


def check_kind(kept: Kept, here: bool, *, classifies: bool | None = None) -> None:
    """Raises UserError where an adapter classifies and what is at hand generates, or the other way round."""
    classifies = bool(kept.labels) if classifies is None else classifies
    if classifies != here:
        does, at_hand = ("classifies", "generates text") if classifies else ("generates text", "classifies")
        raise UserError(
            f"the adapter in {kept.folder} {does} and the model at hand {at_hand}: an adapter fits only the kind of "
            "model that it was trained on; load the base as that kind."
        )


def load_checked(adapted: Any, kept: Kept, state: BaseState) -> None:
    """Fills a peft model, by peft's own reading, from a file that was looked at first. Raises UserError."""
    from peft import get_peft_model_state_dict
    from peft.utils import load_peft_weights

    check_weights_are_there(kept.folder, PEFT_WEIGHTS, AGAIN)
    config = adapted.active_peft_config
    own = getattr(adapted.get_base_model(), "_checkpoint_conversion_mapping", {})
    mapping = {} if config.is_prompt_learning else own
    found = load_peft_weights(str(kept.folder), device="cpu", key_mapping=mapping)
    wanted = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    check_finite(found, f"the adapter in {kept.folder}")
    embeddings = embeddings_of(adapted)
    check_shapes(kept, found, {**embeddings, **wanted}, set(map(len, embeddings.values())))
    missing, foreign = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys() - embeddings.keys())
    overwritten = adapted.state_dict().keys() & set(foreign)  # peft would put these into the base without a word
    if config.is_prompt_learning or overwritten:  # of soft prompts what peft reports says nothing
        refuse_keys(kept, missing, foreign)
    state.set_apart([p for name, p in adapted.named_parameters() if name in found])  # the base's own biases, as trained
    try:
        report = adapted.load_adapter(str(kept.folder), "default", key_mapping=mapping)
    except KeyError:  # so peft says that a trained copy of a module is not in the file
        refuse_keys(kept, missing, foreign)
        raise
    spelled = not (report.missing_keys or report.unexpected_keys)  # peft knows its earlier names of the same tensors
    if len(missing) > len(foreign) or not spelled:
        refuse_keys(kept, missing, foreign)


def embeddings_of(adapted: Any) -> dict[str, torch.Tensor]:
    """The base's embeddings under the names that peft saves them by, where they are targets or were resized."""
    base = adapted.get_base_model()
    found: dict[str, Any] = {}
    for layer in (base.get_input_embeddings(), base.get_output_embeddings()):
        name = next((name for name, module in base.named_modules() if module is layer), None)
        if name is not None:
            weight = getattr(layer, "base_layer", getattr(layer, "original_module", layer)).weight
            found |= {f"base_model.model.{name}.{inner}weight": weight for inner in ("", "base_layer.")}
    return found


def check_shapes(
    kept: Kept, found: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor], vocabulary: set[int]
) -> None:
    """Raises UserError where a tensor has another shape, with the reason where it is the vocabulary's size."""
    for name, value in found.items():
        if name not in wanted or value.shape == wanted[name].shape:
            continue
        there, here = tuple(value.shape), tuple(wanted[name].shape)
        differing = [(a, b) for a, b in zip(there, here, strict=False) if a != b]
        if len(there) == len(here) and len(differing) == 1 and differing[0][1] in vocabulary:
            raise UserError(
                f"the adapter in {kept.folder} was trained on a vocabulary of {differing[0][0]:,} tokens and the model "
                f"at hand has {differing[0][1]:,} ({name}): it was resized before training; resize the base alike "
                "(resize_token_embeddings), save it, and give that folder as the model."
            )
        raise UserError(
            f"the adapter in {kept.folder} does not fit the model: {name} is {there} in its file and {here} here; "
            "give the base that it was trained on."
        )


def read_file(kept: Kept, name: str) -> dict[str, torch.Tensor]:
    """The tensors of a file of kshot's own."""
    from safetensors.torch import load_file

    check_weights_are_there(kept.folder, name, AGAIN)
    found = load_file(kept.folder / name)
    check_finite(found, f"the adapter in {kept.folder}")
    return found


def check_keys(kept: Kept, found: Iterable[str], wanted: Iterable[str]) -> None:
    """Raises UserError where the file's tensors are not those that the adapter has."""
    refuse_keys(kept, sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted)))


def refuse_keys(kept: Kept, missing: list[str], foreign: list[str]) -> None:
    """Raises UserError where any tensor is missing, or is not the adapter's."""

    def named(names: list[str]) -> str:
        return f"{len(names)} ({names[0]}{', ...' if len(names) > 1 else ''})"

    said = [f"lacks {named(missing)}"] if missing else []
    said += [f"holds {named(foreign)} that are not its own"] if foreign else []
    if said:
        raise UserError(
            f"the adapter in {kept.folder} does not hold the tensors of {kept.spec} on this model: its file "
            f"{' and '.join(said)}; it is another model's or not whole: save it again, or train it again."
        )


def check_finite(tensors: Mapping[str, torch.Tensor], what: str) -> None:
    """Raises UserError where a tensor holds NaN or infinity."""
    name = not_finite(tensors)
    if name is not None:
        raise UserError(f"{what} holds values that are not finite ({name}); train it again, with a lower --lr.")


def not_finite(tensors: Mapping[str, torch.Tensor]) -> str | None:
    """The first tensor that holds NaN or infinity."""
    return next((k for k, v in tensors.items() if v.is_floating_point() and not bool(v.isfinite().all())), None)


def not_loaded(kept: Kept, error: Exception) -> UserError:
    """The sentence for what a library has raised."""
    return UserError(f"the adapter in {kept.folder} cannot be loaded ({first_line(error)}); save it again.")
