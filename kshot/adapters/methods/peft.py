"""What the methods of peft share: putting a configuration on a model, and refusing what cannot be put there."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kshot.adapters.methods.limits import LOW_RANK, check_context, check_rank
from kshot.adapters.methods.registry import Base, Built
from kshot.registry import suggest
from kshot.types import UserError

Completion = Callable[[Built], Built]
KINDS: dict[str, Completion] = {}
"""What a kind of peft's (its `peft_type`) needs beside the usual, by name."""


def completes(*kinds: str) -> Callable[[Completion], Completion]:
    """Decorator: registers what completes these kinds, from a method's own file, by name, or out of a folder."""

    def register(function: Completion) -> Completion:
        KINDS.update(dict.fromkeys(kinds, function))
        return function

    return register


@contextmanager
def known_warnings() -> Iterator[None]:
    """Without the warnings of peft 0.21 that say nothing to the user."""
    with warnings.catch_warnings():
        # it asks transformers 5.23 for a property by its old name
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        # it finds out by itself that GPT-2's weights lie the other way round
        warnings.filterwarnings("ignore", "fan_in_fan_out is set to False", UserWarning)
        # it has no table of norms' widths, which its ln-tuning does not need
        warnings.filterwarnings("ignore", "Unsupported layer type '.*Norm'>'", UserWarning)
        # an adapter on one of two layers with one weight: such a one is not merged (`kshot.adapters.engine`)
        warnings.filterwarnings("ignore", "Model has `tie_word_embeddings=True` and a tied layer is part", UserWarning)
        # AdaLoRA leaves matrices of rank 0, which it takes for an accident, and does not find its own pattern's names
        warnings.filterwarnings("ignore", r"Adapter '.*': \d+ LoRA tensor\(s\) have invalid shape", UserWarning)
        warnings.filterwarnings("ignore", "The following rank_pattern keys did not match", RuntimeWarning)
        yield


def with_peft(base: Base, config: Any) -> Built:
    """The model with a peft configuration on it. Raises UserError with peft's own words where it refuses."""
    from peft import get_peft_model

    if base.fills_blanks and config.is_prompt_learning:
        raise UserError("a soft prompt before a masked language model is not to be had from peft; use another method.")
    check_room(base, config)
    check_start(config)
    check_names(base, config)
    config.task_type = "SEQ_CLS" if base.classifies else None if base.fills_blanks else "CAUSAL_LM"
    try:
        with known_warnings():
            if config.peft_type.value != "ADALORA":  # peft then ignores what was asked for
                warnings.filterwarnings("error", r"The following \w+ keys did not match", RuntimeWarning)
            model = get_peft_model(base.model, config)
    except Exception as error:  # its methods raise kinds of their own
        raise UserError(
            f"peft cannot put {config.peft_type.value} on a {base.model_type} model ({said_by(error)}); "
            "change its hyperparameters (target_modules), or use another method."
        ) from error
    return built_around(model, head=base.classifies)


def said_by(error: Exception) -> str:
    """An error's first line, or its kind."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def check_room(base: Base, config: Any) -> None:
    """Raises UserError where the model has no room for so many virtual tokens, or for updates of such a rank."""
    context = getattr(base.model.config.get_text_config(), "max_position_embeddings", None)
    check_context(getattr(config, "num_virtual_tokens", None), context)
    if config.peft_type.value in LOW_RANK:
        widest = max((min(p.shape) for p in base.model.parameters() if p.dim() == 2), default=0)
        check_rank(getattr(config, "init_r", None) or getattr(config, "r", None), widest)


def check_start(config: Any) -> None:
    """Raises UserError where the base's own weights are changed by a draw at the start, which no folder keeps."""
    start = str(getattr(config, "init_lora_weights", ""))
    if start.startswith("pissa_niter"):
        raise UserError(
            f"init_lora_weights={start} changes the base's own weights by a draw, which a folder does not keep: the "
            "adapter would not fit them when it is loaded; use pissa, which is exact."
        )


def check_names(base: Base, config: Any) -> None:
    """Raises UserError for a listed name that no module of the model has: peft passes over it, if another fits."""
    names = [name for name, _ in base.model.named_modules()]
    for field in ("target_modules", "modules_to_save", "feedforward_modules", "exclude_modules"):
        given = getattr(config, field, None)
        for wanted in sorted(given) if isinstance(given, list | tuple | set) else ():
            if not any(name == wanted or name.endswith(f".{wanted}") for name in names):
                parts = dict.fromkeys(name.rpartition(".")[2] for name in names)
                known = [name for name in parts if name and not name.isdecimal()]
                raise UserError(
                    f"{field} names {wanted!r}, and no module of the model is called so: {suggest(wanted, known)}"
                )


def built_around(model: Any, *, head: bool) -> Built:
    """A peft model with what its kind needs, whoever has made it."""
    built = Built(model, model.get_base_model, head=head)
    known = KINDS.get(model.active_peft_config.peft_type.value)
    return known(built) if known else built


def targets(base: Base, given: tuple[str, ...], known: str) -> list[str] | str | None:
    """target_modules as peft takes them: those given; peft's own for the architecture; else every linear layer.

    `known` names peft's table of architectures.
    """
    from peft.utils import constants

    if given:
        return "all-linear" if given == ("all-linear",) else list(given)
    return None if base.model_type in getattr(constants, known) else "all-linear"
