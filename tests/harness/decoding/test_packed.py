"""Packed linear layers against torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from kshot.harness.decoding.packed import PackedLinear, can_pack, pack

pytestmark = pytest.mark.skipif(not can_pack(nn.Linear(2, 2)), reason="this build of torch does not pack")


@pytest.mark.parametrize("rows", [1, 3, 64, 700])
@pytest.mark.parametrize("bias", [True, False])
def test_a_packed_layer_equals_the_layer_it_was_made_of(rows: int, bias: bool) -> None:
    torch.manual_seed(rows)
    linear = nn.Linear(48, 80, bias=bias)
    with torch.inference_mode():
        x = torch.randn(1, rows, 48)
        torch.testing.assert_close(PackedLinear(linear)(x), linear(x), atol=1e-5, rtol=1e-5)


def test_packing_replaces_plain_linear_layers_and_frees_their_weights() -> None:
    class Special(nn.Linear):
        """A subclass, which may do more than a product."""

    model = nn.Sequential(nn.Linear(4, 8), nn.Sequential(nn.Linear(8, 8), nn.ReLU()), Special(8, 2))
    with torch.inference_mode():
        x = torch.randn(5, 4)
        expected = model(x)
        assert pack(model) == 2
        torch.testing.assert_close(model(x), expected, atol=1e-5, rtol=1e-5)
    assert [name for name, _ in model.named_parameters()] == ["0.bias", "1.0.bias", "2.weight", "2.bias"]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_only_float32_is_packed(dtype: torch.dtype) -> None:
    assert not can_pack(nn.Linear(2, 2).to(dtype))
