"""Models with their weights in 8 or 4 bits: what is asked of transformers, and what is done here.

int8 on a CPU is kshot's own (`Int8Linear`); int8 on a GPU and nf4 anywhere are bitsandbytes', as transformers reads
them (the extra `quantize`). An engine's id names which of them a model was run in.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

from kshot.harness.models.devices import QUANTIZED
from kshot.registry import suggest
from kshot.types import UserError

LARGEST = 127  # of 8 bits; symmetric, so that -128 is not used
TINY = torch.finfo(torch.float32).tiny


def check_quantized(quantize: str, device: str) -> None:
    """Raises UserError for an unknown kind, one that does not run on the device, and where its package is not there."""
    if quantize not in QUANTIZED:
        raise UserError(f"unknown quantisation {quantize!r}: {suggest(quantize, QUANTIZED)}")
    if quantize == "none" or (quantize == "int8" and device == "cpu"):
        return
    if device == "mps":
        raise UserError(f"--quantize {quantize} does not run on mps; leave it out, or use --device cpu.")
    if find_spec("bitsandbytes") is None:
        raise UserError(f"--quantize {quantize} on {device} needs bitsandbytes: pip install 'kshot[quantize]'.")


def how_to_read(device: str, dtype: str, quantize: str, several: bool) -> dict[str, Any]:
    """What `from_pretrained` is told: dtype, quantisation and placement."""
    wanted = getattr(torch, dtype)
    if quantize == "none":
        return {"dtype": wanted, "device_map": "auto" if several else None}
    if quantize == "int8" and device == "cpu":
        return {"dtype": "auto"}  # as stored: mapped from the file, and made smaller layer by layer
    from transformers import BitsAndBytesConfig

    kind = (
        BitsAndBytesConfig(load_in_8bit=True)
        if quantize == "int8"
        else BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=wanted)
    )
    return {"dtype": wanted, "quantization_config": kind, "device_map": {"": device}}


def name_of(dtype: str, quantize: str, device: str) -> str:
    """How an engine's id names the numbers that a model is run in."""
    if quantize == "none":
        return dtype
    own = quantize == "int8" and device == "cpu"
    return f"{dtype}-{quantize if own or quantize == 'nf4' else 'llm-int8'}"


class Int8Linear(nn.Module):
    """nn.Linear in 8 bits, weight and activations, by `torch._int_mm`, whose sums of whole numbers are exact.

    A row of the weight (an output) has a scale, and so has every token, found as it comes: LLM.int8()'s vector-wise
    form without its outliers (Dettmers et al. 2022, arXiv 2208.07339, section 3.1). A token's scale is its own, so that
    what stands beside it in a batch changes nothing.
    """

    int8: torch.Tensor  # (out_features, in_features)
    scale: torch.Tensor  # (out_features,)

    def __init__(self, linear: nn.Linear, dtype: torch.dtype) -> None:
        super().__init__()
        self.in_features, self.out_features, self.dtype = linear.in_features, linear.out_features, dtype
        weight = linear.weight.detach().float()
        scale = weight.abs().amax(dim=1).clamp_min(TINY) / LARGEST
        self.register_buffer("int8", (weight / scale[:, None]).round().to(torch.int8))
        self.register_buffer("scale", scale)
        self.bias = None if linear.bias is None else nn.Parameter(linear.bias.detach().to(dtype, copy=True), False)

    @property
    def weight(self) -> torch.Tensor:
        """(out_features, in_features), as the 8 bits say."""
        return (self.int8.float() * self.scale[:, None]).to(self.dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., in_features) to (..., out_features)."""
        flat = x.reshape(-1, self.in_features).float()
        scale = flat.abs().amax(dim=1, keepdim=True).clamp_min(TINY) / LARGEST  # NaN stays, and comes out as NaN
        whole = torch._int_mm((flat / scale).round().to(torch.int8), self.int8.t())
        out = (whole.float() * scale * self.scale).to(x.dtype)
        if self.bias is not None:
            out = out + self.bias
        return out.reshape(*x.shape[:-1], self.out_features)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


@torch.inference_mode()
def to_int8(model: Any, dtype: torch.dtype) -> int:
    """Replaces every plain nn.Linear of the model, in place, and has the rest in `dtype`; returns how many.

    What is not replaced gets memory of its own, so that the file that it was mapped from is let go. Experts that a
    model keeps in one tensor, and embeddings, are left as they are. Raises UserError where this CPU's product is not
    exact.
    """
    if not is_exact():
        raise UserError("--quantize int8: this CPU's product of 8-bit numbers is not exact; leave the option out.")
    count = 0
    stored = next(model.parameters()).dtype
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear:
                setattr(module, name, Int8Linear(child, dtype))
                count += 1
    for parameter in model.parameters():
        if parameter.is_floating_point():
            parameter.data = parameter.data.to(dtype, copy=True)
    for module in model.modules():
        if not isinstance(module, Int8Linear):
            for name, buffer in module.named_buffers(recurse=False):
                if buffer.dtype == stored != torch.float32:
                    module._buffers[name] = buffer.to(dtype)
    if hasattr(model, "config"):
        model.config.dtype = dtype
        model.is_quantized = True  # as transformers marks its own
    return count


def is_exact() -> bool:
    """Whether sums of the largest products come out whole: some processors' instructions saturate at 16 bits."""
    ends = torch.full((32, 256), LARGEST, dtype=torch.int8)
    ends[::2] = -LARGEST
    return torch.equal(torch._int_mm(ends, ends.t()).long(), ends.long() @ ends.long().t())
