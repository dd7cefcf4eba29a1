"""Learned scales of keys, values and feed-forward activations."""

from __future__ import annotations

from kshot.adapters.methods.peft import with_peft
from kshot.adapters.methods.registry import Base, Built, method
from kshot.types import UserError

SCALED = ("k_proj", "v_proj", "down_proj")  # where peft does not know the architecture


def check(*, target_modules: tuple[str, ...], feedforward_modules: tuple[str, ...]) -> None:
    """The feed-forward's modules are among those that are named."""
    if feedforward_modules and not target_modules:
        raise UserError("feedforward_modules was given without target_modules; give both, or neither.")


@method(lr=1e-2, check=check)
def ia3(base: Base, *, target_modules: tuple[str, ...] = (), feedforward_modules: tuple[str, ...] = ()) -> Built:
    """Keys, values and inner feed-forward activations are scaled (Liu et al. 2022, arXiv 2205.05638, section 3.3).

    softmax(Q (l_k * K)^T) (l_v * V) and W2 (l_ff * f(W1 x)), all l one at first. Trained: one number for every
    output of a key or value projection, and for every input of `feedforward_modules`, which must be among
    `target_modules`. None given: peft's for the architecture.
    """
    from peft import IA3Config
    from peft.utils.constants import TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING as TABLE

    if not target_modules and base.model_type not in TABLE:
        names = {name.rpartition(".")[2] for name, _ in base.model.named_modules()}
        if not names.issuperset(SCALED):
            raise UserError(
                f"ia3 does not know where to stand in a {base.model_type} model; give target_modules and "
                "feedforward_modules, module names written a+b."
            )
        target_modules, feedforward_modules = SCALED, SCALED[-1:]
    if not target_modules:
        return with_peft(base, IA3Config())
    return with_peft(
        base, IA3Config(target_modules=list(target_modules), feedforward_modules=list(feedforward_modules))
    )
