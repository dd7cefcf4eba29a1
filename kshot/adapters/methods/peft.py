"""What the methods of peft share: putting a configuration on a model, and taking it off again."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kshot.adapters.methods.registry import Base, Built
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
        # AdaLoRA leaves matrices of rank 0, which it takes for an accident, and does not find its own pattern's names
        warnings.filterwarnings("ignore", r"Adapter '.*': \d+ LoRA tensor\(s\) have invalid shape", UserWarning)
        warnings.filterwarnings("ignore", "The following rank_pattern keys did not match", RuntimeWarning)
        yield


def with_peft(base: Base, config: Any) -> Built:
    """The model with a peft configuration on it. Raises UserError with peft's own words where it refuses."""
    from peft import get_peft_model

    if base.fills_blanks and config.is_prompt_learning:
        raise UserError("a soft prompt before a masked language model is not to be had from peft; use another method.")
    config.task_type = "SEQ_CLS" if base.classifies else None if base.fills_blanks else "CAUSAL_LM"
    try:
        with known_warnings():
            model = get_peft_model(base.model, config)
    except (ValueError, TypeError, NotImplementedError) as error:
        strip(base.model)
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f"peft cannot put {config.peft_type.value} on a {base.model_type} model ({said[0][:300]}); "
            "change its hyperparameters (target_modules), or use another method."
        ) from error
    return built_around(model, head=base.classifies)


def built_around(model: Any, *, head: bool) -> Built:
    """A peft model with what its kind needs, whoever has made it."""
    built = Built(model, lambda: without_peft(model), head=head)
    known = KINDS.get(model.active_peft_config.peft_type.value)
    return known(built) if known else built


def without_peft(model: Any) -> Any:
    """The base of a peft model, with peft's layers taken out."""
    if model.active_peft_config.is_prompt_learning:
        return model.get_base_model()
    bare = model.base_model.unload()
    if hasattr(bare, "peft_config"):
        del bare.peft_config  # else the next adapter would be announced as a second one
    return bare


def strip(model: Any) -> None:
    """Takes out what peft had put into a model before it failed."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    held = [(name, module) for name, module in model.named_modules() if isinstance(module, BaseTunerLayer)]
    for name, module in held:
        model.set_submodule(name, module.get_base_layer())
    if hasattr(model, "peft_config"):
        del model.peft_config


def targets(base: Base, given: tuple[str, ...], known: str) -> list[str] | str | None:
    """target_modules as peft takes them: those given; peft's own for the architecture; else every linear layer.

    `known` names peft's table of architectures.
    """
    from peft.utils import constants

    if given:
        return "all-linear" if given == ("all-linear",) else list(given)
    return None if base.model_type in getattr(constants, known) else "all-linear"
