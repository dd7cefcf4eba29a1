"""The registry of adapter methods and what they share: what they are given, what they give back."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from kshot.registry import Registry
from kshot.types import UserError


@dataclass(frozen=True)
class Base:
    """What a method may use: the model that it stands on, and what is known of the task."""

    model: Any  # a transformers model with a language-model head, or one for sequence classification
    tokenizer: Any
    labels: tuple[str, ...] = ()
    total_steps: int | None = None

    @property
    def model_type(self) -> str:
        return str(self.model.config.get_text_config().model_type)

    @property
    def fills_blanks(self) -> bool:
        """Whether the model is a masked language model (AutoModelForMaskedLM)."""
        return type(self.model).__name__.endswith("ForMaskedLM")

    @property
    def classifies(self) -> bool:
        """Whether the model has a classification head of its own already (AutoModelForSequenceClassification)."""
        return is_classifier(self.model)


def is_classifier(model: Any) -> bool:
    """Whether transformers has loaded a model with a classification head."""
    return type(model).__name__.endswith("ForSequenceClassification")


@dataclass(frozen=True)
class Built:
    """What a method makes: the module to train, whose trained parameters require gradients and no others do."""

    model: Any
    undo: Callable[[], Any] | None  # takes it off and returns the base; None: there is no way back
    head: bool = False  # it classifies and does not generate


M = TypeVar("M", bound=Callable[..., Built])
METHODS: Registry[Callable[..., Built]] = Registry("adapter method")


def method(function: M) -> M:
    """Decorator: registers an adapter method under its function's name, underscores as dashes.

    The function takes a Base and keyword-only hyperparameters, each with a default.
    """
    METHODS.add(function.__name__.replace("_", "-"))(function)
    return function


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
    return Built(model, lambda: without_peft(model), head=base.classifies)


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
