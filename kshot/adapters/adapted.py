"""A base model with what is trained on top of it: how much that is, its values, and how to take it off again.

Nothing of torch is imported before it is needed. Concedes: where every weight is trained the base's own are
other ones, so there is nothing to take off; the base is loaded again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from kshot.adapters.methods.registry import Built
from kshot.types import UserError

if TYPE_CHECKING:
    import torch

    from kshot.adapters.heads import Guess

Kind = Literal["generation", "head"]


@dataclass(frozen=True)
class Adapted:
    """A model to train, its method and its size.

    `model(input_ids, attention_mask, labels)` returns an output with `.loss`; for a head, `labels` are indices
    into `Adapted.labels`, one an input.
    """

    built: Built
    tokenizer: Any
    spec: str  # canonical: the specification that makes it again
    trainable: int  # parameters that are trained, counted before training
    total: int  # parameters of the base
    labels: tuple[str, ...] = ()
    # what is in float32 while it is trained, and its dtype on this base: the trained parameters, and `norms_of` them
    dtypes: tuple[tuple[Any, Any], ...] = ()

    @property
    def model(self) -> Any:
        """The module that is trained."""
        return self.built.model

    @property
    def kind(self) -> Kind:
        """Whether it writes text, or classifies."""
        return "head" if self.built.head else "generation"

    @property
    def method(self) -> str:
        """The method's name without its hyperparameters."""
        return self.spec.partition(":")[0]

    @property
    def share(self) -> float:
        """Trained parameters as a share of the base's."""
        return self.trainable / self.total

    @property
    def is_peft(self) -> bool:
        """Whether peft made the model, and so saves and loads it."""
        return hasattr(self.model, "peft_config") and hasattr(self.model, "get_base_model")

    @property
    def backbone(self) -> Any:
        """The transformers model with the adapter's layers in it; soft prompts stand outside of it."""
        return self.model.get_base_model() if self.is_peft else self.model

    @property
    def soft(self) -> Any | None:
        """peft's configuration where the adapter is a soft prompt, else None."""
        if not self.is_peft:
            return None
        config = self.model.active_peft_config
        return config if config.is_prompt_learning else None

    def parameters(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        """The trained parameters by name."""
        return ((name, p) for name, p in self.model.named_parameters() if p.requires_grad)

    @property
    def dtype(self) -> torch.dtype:
        """The base's dtype, in which adapted models are evaluated."""
        own = {id(parameter): dtype for parameter, dtype in self.dtypes}
        first = next(self.backbone.parameters())
        return own.get(id(first), first.dtype)  # type: ignore[no-any-return]

    def train_in_float32(self) -> None:
        """Keeps the trained parameters in float32, whatever the base's dtype: in others small steps vanish.

        The base's own parameters among them then differ in dtype from the rest, so that the model runs under autocast,
        or within `as_evaluated`.
        """
        import torch

        for parameter, dtype in self.dtypes:
            if dtype in (torch.float16, torch.bfloat16):
                parameter.data = parameter.data.float()

    def settle(self) -> None:
        """Rounds the trained parameters to the dtypes that they have on this base, for good."""
        for parameter, dtype in self.dtypes:
            if parameter.dtype != dtype:
                parameter.data = parameter.data.to(dtype)

    def rounded(self) -> list[tuple[Any, torch.Tensor]]:
        """The trained parameters whose values have another dtype on this base, with those values."""
        return [(p, p.detach().to(dtype)) for p, dtype in self.dtypes if p.dtype != dtype]

    @contextmanager
    def as_evaluated(self, rounded: Sequence[tuple[Any, torch.Tensor]] | None = None) -> Iterator[None]:
        """Within it the trained parameters are as they are on this base (`rounded`); afterwards they are as before."""
        values = self.rounded() if rounded is None else rounded
        before = [(parameter, parameter.data) for parameter, _ in values]
        try:
            for parameter, value in values:
                parameter.data = value
            yield
        finally:
            for parameter, value in before:
                parameter.data = value

    def state(self) -> dict[str, torch.Tensor]:
        """A copy of all that training changes, on the CPU: to go on from, or to keep the best of several."""
        kept = {name: p.detach().cpu().clone() for name, p in self.parameters()}
        return {**kept, **self.built.state()}

    def set_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Puts back what `state` gave. Raises UserError where it is another adapter's."""
        import torch

        own = dict(self.parameters())
        missing = [name for name in own if name not in state]
        wrong = [name for name, p in own.items() if name in state and state[name].shape != p.shape]
        if missing or wrong:
            raise UserError(
                f"the state is not one of {self.spec} on this model ({(missing + wrong)[0]} does not fit); "
                "give the one that this adapter was trained with."
            )
        with torch.no_grad():
            for name, parameter in own.items():
                parameter.copy_(state[name])
        self.built.set_state(state)

    def hash(self) -> str:
        """Hash of the trained values, for an engine's id: another step of training is another engine."""
        import torch

        total = hashlib.blake2b(self.spec.encode(), digest_size=8)
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad or self.adds(name):
                total.update(name.encode())
                values = parameter.detach().cpu().contiguous().flatten()
                total.update(values.view(torch.uint8).numpy().tobytes())
        return total.hexdigest()

    def adds(self, name: str) -> bool:
        """Whether a parameter is the adapter's own even while it is frozen (as after loading)."""
        if not self.is_peft:
            return False
        from peft.mapping import PEFT_TYPE_TO_PREFIX_MAPPING

        prefix = PEFT_TYPE_TO_PREFIX_MAPPING.get(self.model.active_peft_config.peft_type, "")
        return bool(prefix and prefix in name) or "prompt_encoder" in name or "modules_to_save" in name

    def predict(self, inputs: Sequence[str | Sequence[int]], *, batch: int = 16) -> list[Guess]:
        """A head's labels and probabilities. Raises UserError where the adapter generates instead."""
        if self.kind != "head":
            raise UserError(f"{self.spec} generates text and has no head; ask it through an engine, or train `head`.")
        from kshot.adapters.heads import predict

        with self.as_evaluated():
            return predict(self.model, self.tokenizer, self.labels, inputs, batch=batch)

    def detach(self) -> Any:
        """Takes the adapter off and returns the base as it was. Raises UserError where there is no way back."""
        if self.built.undo is None:
            raise UserError(
                f"{self.spec} changes the base's own weights and cannot be taken off; load the model again."
            )
        return self.built.undo()


def norms_of(model: Any) -> list[torch.nn.Parameter]:
    """The scales and shifts of layer normalization, which autocast leaves alone on a CPU: there they must be of one
    dtype, and of no narrower one than what is normalized."""
    import torch

    return [p for layer in model.modules() if isinstance(layer, torch.nn.LayerNorm) for p in layer.parameters()]
