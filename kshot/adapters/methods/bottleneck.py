"""Small two-layer networks after every sublayer."""

from __future__ import annotations

from kshot.adapters.methods.registry import Base, Built, method
from kshot.registry import suggest
from kshot.types import UserError

OUTPUTS = ("o_proj", "out_proj", "down_proj", "c_proj", "fc2", "output.dense", "dense_4h_to_h", "attention.dense")
ACTIVATIONS = ("gelu", "relu", "tanh")


def check(*, activation: str, **_: object) -> None:
    """The activation is one that is known."""
    if activation not in ACTIVATIONS:
        raise UserError(f"unknown activation {activation!r}: {suggest(activation, ACTIVATIONS)}")


@method(lr=2e-3, check=check)
def bottleneck(
    base: Base,
    *,
    bottleneck_dim: int = 16,
    activation: str = "gelu",
    train_norms: bool = True,
    target_modules: tuple[str, ...] = (),
) -> Built:
    """Adapters after attention and after the feed-forward (Houlsby et al. 2019, arXiv 1902.00751, section 2.1).

    h + W_up f(W_down h + b_down) + b_up on the output of a sublayer's last projection, before the residual is added;
    all near zero at first, so that training starts from the base. Trained: 2 m d + d + m a place (m is
    bottleneck_dim), and with `train_norms` the normalization layers, as in the paper. `target_modules` are the
    projections' names, written a+b; none: those that are known to end a sublayer.
    """
    from kshot.adapters.methods.bottleneck_module import insert, last_projections

    places = last_projections(base.model, target_modules or OUTPUTS)
    if not places:
        raise UserError(
            f"bottleneck does not know where to stand in a {base.model_type} model; give target_modules, the names of "
            "the last projections of attention and feed-forward, written a+b."
        )
    body = {id(p) for p in base.model.base_model.parameters()}
    if train_norms:
        for name in base.norms:
            base.model.get_submodule(name).requires_grad_(True)
    insert(base.model, places, bottleneck_dim, activation)
    if base.classifies:
        for name, parameter in base.model.named_parameters():
            if id(parameter) not in body and "bottleneck_" not in name:
                parameter.requires_grad_(True)
    return Built(base.model, lambda: base.model, head=base.classifies)
