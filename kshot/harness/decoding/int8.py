"""Linear layers in 8 bits, weights and activations, on a CPU: `torch._int_mm`, whose sums of whole numbers are exact.

Weights have a scale a row of the matrix (an output), activations one a token, found as they come (LLM.int8()'s
vector-wise form without its outliers; Dettmers et al. 2022, arXiv 2208.07339, section 2.1). A token's scale is its own, so
that what stands beside it in a batch changes nothing. Concedes: experts that a model keeps in one tensor are left as
they are, and so are embeddings.
"""

from __future__ import annotations

import torch
from torch import nn

from kshot.types import UserError

LARGEST = 127  # symmetric: -128 is not used


class Int8Linear(nn.Module):
    """nn.Linear for inference with its weight in int8; what it was made of can be freed."""

    def __init__(self, linear: nn.Linear, dtype: torch.dtype) -> None:
        super().__init__()
        self.in_features, self.out_features, self.dtype = linear.in_features, linear.out_features, dtype
        weight = linear.weight.detach().float()
        scale = weight.abs().amax(dim=1).clamp_min(torch.finfo(torch.float32).tiny) / LARGEST
        self.register_buffer("int8", (weight / scale[:, None]).round().to(torch.int8))  # (out_features, in_features)
        self.register_buffer("scale", scale)  # (out_features,)
        self.bias = None if linear.bias is None else nn.Parameter(linear.bias.detach().to(dtype, copy=True), False)

    int8: torch.Tensor
    scale: torch.Tensor

    @property
    def weight(self) -> torch.Tensor:
        """(out_features, in_features), as the 8 bits say."""
        return (self.int8.float() * self.scale[:, None]).to(self.dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., in_features) to (..., out_features)."""
        flat = x.reshape(-1, self.in_features).float()
        largest = flat.abs().amax(dim=1, keepdim=True)  # NaN and infinity stay, and come out as NaN
        scale = largest.clamp_min(torch.finfo(torch.float32).tiny) / LARGEST
        whole = torch._int_mm((flat / scale).round().to(torch.int8), self.int8.t())
        out = (whole.float() * scale * self.scale).to(x.dtype)
        if self.bias is not None:
            out = out + self.bias
        return out.reshape(*x.shape[:-1], self.out_features)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


@torch.inference_mode()
def quantize(model: nn.Module, dtype: torch.dtype) -> int:
    """Replaces every plain nn.Linear of the model, in place, and has the rest in `dtype`; returns how many.

    What is not replaced gets memory of its own, so that the file that it was mapped from is let go. Raises UserError where
    this machine's product of 8-bit numbers is not exact.
    """
    if not is_exact():
        raise UserError("--quantize int8: this CPU's product of 8-bit numbers is not exact; leave it out.")
    count = 0
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear:
                setattr(module, name, Int8Linear(child, dtype))
                count += 1
    for parameter in model.parameters():
        if parameter.is_floating_point():
            parameter.data = parameter.data.to(dtype, copy=True)
    return count


def is_exact() -> bool:
    """Whether sums of the largest products come out whole: some processors' instructions saturate at 16 bits."""
    ends = torch.full((32, 256), LARGEST, dtype=torch.int8)
    ends[::2] = -LARGEST
    found = torch._int_mm(ends, ends.t())
    return torch.equal(found.long(), ends.long() @ ends.long().t())
