"""Only biases are trained."""

from __future__ import annotations

from kshot.adapters.methods.registry import Base, Built, method
from kshot.types import UserError


@method(lr=3e-3)
def bitfit(base: Base, *, add: bool = True) -> Built:
    """The bias terms alone (Ben Zaken et al. 2021, arXiv 2106.10199, section 3).

    y = W x + b with b trained and W frozen. Llama and its kin have no biases: with `add` every linear layer below the
    output layer gets one, zero at first, which is the same model written with biases; without it such a model is
    refused.
    """
    import torch

    output = base.model.get_output_embeddings()
    for module in base.model.modules():
        if add and isinstance(module, torch.nn.Linear) and module.bias is None and module is not output:
            module.bias = torch.nn.Parameter(torch.zeros_like(module.weight[:, 0]))
    body = {id(p) for p in base.model.base_model.parameters()}
    found = 0
    for name, parameter in base.model.named_parameters():
        own_head = base.classifies and id(parameter) not in body
        bias = name.endswith("bias") and (id(parameter) in body)
        parameter.requires_grad_(bias or own_head)
        found += bias
    if not found:
        raise UserError(f"a {base.model_type} model has no biases to train; give bitfit:add=true, or another method.")
    return Built(base.model, lambda: base.model, head=base.classifies)
