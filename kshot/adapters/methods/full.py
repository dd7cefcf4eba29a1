"""Every weight is trained."""

from __future__ import annotations

from kshot.adapters.methods.registry import Base, Built, method


@method(lr=1e-4)
def full(base: Base) -> Built:
    """All parameters of the base are trained (Howard and Ruder 2018, arXiv 1801.06146; what adapters are held against).

    There is no way back to the base: load it again. A saved folder is a whole model, which --model takes as well.
    """
    for parameter in base.model.parameters():
        parameter.requires_grad_(True)
    return Built(base.model, None, head=base.classifies, whole=True)
