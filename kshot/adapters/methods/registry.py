"""The registry of adapter methods and what they share: what they are given, what they give back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from kshot.registry import Registry

if TYPE_CHECKING:
    import torch


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

    @property
    def norms(self) -> list[str]:
        """Full names of the normalization layers."""
        return [name for name, module in self.model.named_modules() if "norm" in type(module).__name__.lower()]


def is_classifier(model: Any) -> bool:
    """Whether transformers has loaded a model with a classification head."""
    return type(model).__name__.endswith("ForSequenceClassification")


def nothing(*_: Any, **__: Any) -> None:
    """What most methods do where a method may do something."""


def unchanged(share: float) -> AbstractContextManager[None]:
    """A loss that holds nothing but the model's own is the same whatever share of a penalty counts."""
    return nullcontext()


@dataclass(frozen=True)
class Built:
    """What a method makes: the module to train, whose trained parameters require gradients and no others do.

    What follows the first two is for methods that need it.
    """

    model: Any
    # undoes what was done outside of the model, which is itself given back; None: there is no way back
    undo: Callable[[], Any] | None
    head: bool = False  # it classifies and does not generate
    whole: bool = False  # every weight is trained: a folder holds the whole model
    checkpointable: bool = True  # activations may be computed again in the backward pass
    embeddings: Callable[[], torch.Tensor] | None = None  # of virtual tokens before the prompt: (tokens, hidden)
    # or their keys and values in every layer: (kv_heads, tokens, dim) each
    layers: Callable[[], list[tuple[torch.Tensor, torch.Tensor]]] | None = None
    # is given the step, from 0, between the optimizer's step and the zeroing of gradients
    after_step: Callable[[int], None] = nothing
    state: Callable[[], dict[str, torch.Tensor]] = dict  # what training changes beside the parameters
    set_state: Callable[[Mapping[str, torch.Tensor]], None] = nothing  # puts it back, out of all that was kept
    after_load: Callable[[Path], None] = nothing  # is given the file of weights that peft has read
    # within it only that share counts of what the method adds to the model's loss
    penalty: Callable[[float], AbstractContextManager[None]] = unchanged


@dataclass(frozen=True)
class Traits:
    """What is known of a method before it is built."""

    lr: float = 1e-3  # learning rate to begin with; a search looks around it
    needs_labels: bool = False  # it can be had only for one task that has labels
    check: Callable[..., None] = nothing  # is given all hyperparameters; raises UserError where they do not fit


M = TypeVar("M", bound=Callable[..., Built])
METHODS: Registry[Callable[..., Built]] = Registry("adapter method", takes=1)
TRAITS: dict[Callable[..., Built], Traits] = {}


@overload
def method(function: M, /) -> M: ...


@overload
def method(*, lr: float = ..., needs_labels: bool = ..., check: Callable[..., None] = ...) -> Callable[[M], M]: ...


def method(
    function: M | None = None,
    /,
    *,
    lr: float = Traits.lr,
    needs_labels: bool = Traits.needs_labels,
    check: Callable[..., None] = nothing,
) -> Any:
    """Decorator, `@method` or `@method(lr=2e-3)`: registers an adapter method, underscores of its name as dashes.

    The function takes a Base and keyword-only hyperparameters, each with a default; `check` takes the hyperparameters
    alone and tells a mistake before any model is loaded.
    """

    def register(function: M) -> M:
        METHODS.add(function.__name__.replace("_", "-"))(function)
        TRAITS[function] = Traits(lr, needs_labels, check)
        return function

    return register if function is None else register(function)
