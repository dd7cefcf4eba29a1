"""Linear layers with their weights in the order in which the CPU's matrix product reads them.

A decoding step multiplies few rows with every weight of the model, so reading the weights well is what
counts. oneDNN packs a weight once (the `mkldnn` operators that torch.compile uses for frozen weights);
measured on 2 AVX2 cores with SmolLM2-135M, 16 rows: output layer 45 to 102 GFLOP/s, gate and up 60 to 84,
the rest 56 to 70; at 256 rows only the output layer gains. Fusing q/k/v or gate/up beside that gained
nothing and is not done. Concedes: the first layers' sums differ in their last bits from the unpacked ones.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import nn

ROWS = 64  # the batch that the packing is laid out for
KERNELS = "192"  # that oneDNN keeps


class PackedLinear(nn.Module):
    """nn.Linear for inference in float32 on a CPU; the weight it was made of can be freed.

    Gradients go through it to its input (`PackedProduct`), never to its weight. Where a model's own code asks for its
    weight (Mamba does, for its dtype), it is a plain layer from then on.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.bias = linear.bias
        self.packed: torch.Tensor | None = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), ROWS)
        self.plain: torch.Tensor | None = None

    @property
    def weight(self) -> torch.Tensor:
        """(out_features, in_features), unpacked."""
        if self.plain is None:
            assert self.packed is not None
            self.plain, self.packed = self.packed.to_dense(), None
        return self.plain

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., in_features) to (..., out_features)."""
        if self.packed is None:
            return nn.functional.linear(x, self.weight, self.bias)
        if x.requires_grad and torch.is_grad_enabled():
            through: torch.Tensor = PackedProduct.apply(x, self)  # type: ignore[no-untyped-call]
            return through
        return self.product(x)

    def product(self, x: torch.Tensor) -> torch.Tensor:
        """The packed product, which autograd does not know."""
        out: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, "none", [], "")
        return out

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class PackedProduct(torch.autograd.Function):
    """A packed layer's product with its derivative by the input: the weight, unpacked for the moment."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, layer: PackedLinear) -> torch.Tensor:
        """(..., in_features) to (..., out_features)."""
        ctx.layer = layer
        return layer.product(x)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        """(..., out_features) to (..., in_features)."""
        layer = ctx.layer
        weight = layer.plain if layer.packed is None else layer.packed.to_dense()
        return grads[0] @ weight, None


def can_pack(model: nn.Module) -> bool:
    """Whether this build of torch packs, and the model is one for it: float32 on the CPU."""
    first = next(model.parameters(), None)
    return (
        first is not None
        and first.device.type == "cpu"
        and first.dtype == torch.float32
        and torch._C._has_mkldnn
        and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


@torch.no_grad()
def pack(model: nn.Module) -> int:
    """Replaces every plain nn.Linear of the model, in place; returns how many. Subclasses are left as they are.

    The model's weights can no longer be trained or saved afterwards. oneDNN keeps a kernel of some 0.4 MB for every
    layer shape and number of tokens that it has met, 1,024 of them if not told otherwise; here fewer, so that memory
    stays flat. What is not packed gets memory of its own: as views of the weights' file it would keep all of that in
    memory. No tensor of it is one of inference mode, which autograd refuses.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", KERNELS)  # read once, at its first use
    count = 0
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear and child.weight.dtype == torch.float32 and child.weight.device.type == "cpu":
                setattr(module, name, PackedLinear(child))
                count += 1
    for parameter in model.parameters() if count else ():
        parameter.data = parameter.data.clone()
    return count
