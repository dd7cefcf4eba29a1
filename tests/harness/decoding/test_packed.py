"""Packed linear layers against torch's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
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


@pytest.mark.parametrize("bias", [True, False])
def test_gradients_go_through_a_packed_layer_to_its_input(bias: bool) -> None:
    torch.manual_seed(1)
    layers = nn.Sequential(nn.Linear(16, 24, bias=bias), nn.LayerNorm(24), nn.Tanh(), nn.Linear(24, 3, bias=bias))
    x = torch.randn(2, 5, 16, requires_grad=True)
    [expected] = torch.autograd.grad(layers(x).square().sum(), x)
    pack(layers)
    assert all(isinstance(layers[at], PackedLinear) for at in (0, 3))
    [found] = torch.autograd.grad(layers(x).square().sum(), x)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_a_layer_whose_weight_is_asked_for_is_plain_from_then_on() -> None:
    linear = nn.Linear(48, 80)
    with torch.inference_mode():
        x, packed = torch.randn(3, 48), PackedLinear(linear)
        assert torch.equal(packed.weight, linear.weight)
        torch.testing.assert_close(packed(x), linear(x))
    assert packed.weight.dtype == torch.float32
    assert packed.packed is None


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


def test_what_is_not_packed_does_not_hold_the_weights_file_in_memory(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 8))
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    model.load_state_dict(load_file(tmp_path / "model.safetensors"), assign=True)
    mapped, x = model[0].weight.data_ptr(), torch.tensor([3, 1])
    with torch.inference_mode():
        expected = model(x)
        pack(model)
        torch.testing.assert_close(model(x), expected, atol=1e-5, rtol=1e-5)
    assert model[0].weight.data_ptr() != mapped
