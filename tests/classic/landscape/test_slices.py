"""Slices of loss surfaces, and what filter normalisation is for; scaling against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import Tensor, nn
from torch.nn import functional as F

from kshot.classic.landscape.critical_points import read, write
from kshot.classic.landscape.slices import filter_normalised, slice_1d, slice_2d, towards
from kshot.classic.regression.feature_scaling import MinMax, Standardisation

ALPHAS = np.linspace(-1, 1, 9)


def draws(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def filled(module: nn.Module, seed: int = 0) -> nn.Module:
    module = module.double()
    write(module, 0.5 * torch.randn(len(read(module)), generator=draws(seed), dtype=torch.float64))
    return module


def network() -> nn.Sequential:
    layers = (nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(27, 4), nn.ReLU())
    module = filled(nn.Sequential(*layers, nn.Linear(4, 2)))
    assert isinstance(module, nn.Sequential)
    return module


X = torch.randn(10, 1, 5, 5, generator=draws(3), dtype=torch.float64)
Y = torch.randint(2, (10,), generator=draws(4))


def test_filters_of_the_direction_are_as_long_as_the_modules() -> None:
    module = network()
    d = filter_normalised(module, draws(0))
    sizes = [parameter.numel() for parameter in module.parameters()]
    seen = 0
    for parameter, part in zip(module.parameters(), d.split(sizes), strict=True):
        part = part.reshape(parameter.shape)
        if parameter.dim() == 1:
            assert part.abs().max() == 0
        else:
            for mine, own in zip(part, parameter, strict=True):
                assert mine.norm().item() == pytest.approx(own.norm().item())
                seen += 1
    assert seen == 3 + 4 + 2
    whole = filter_normalised(module, draws(0), one_dimensional=True)
    for parameter, part in zip(module.parameters(), whole.split(sizes), strict=True):
        assert part.norm().item() == pytest.approx(parameter.norm().item())
    assert not torch.equal(d, filter_normalised(module, draws(1)))


def test_a_rescaled_relu_network_has_the_same_slice() -> None:
    """One layer tenfold and the next a tenth is the same function; without normalisation its slice is not the same."""
    one, other = network()[4:], network()[4:]
    with torch.no_grad():
        other[0].weight *= 10
        other[0].bias *= 10
        other[2].weight /= 10
    inputs = torch.randn(12, 27, generator=draws(5), dtype=torch.float64)

    def curve(module: nn.Module, d: Tensor) -> np.ndarray:
        return slice_1d(module, lambda: module(inputs).square().mean(), d, ALPHAS)

    np.testing.assert_allclose(
        curve(one, filter_normalised(one, draws(7))), curve(other, filter_normalised(other, draws(7))), rtol=1e-9
    )
    plain = torch.randn(len(read(one)), generator=draws(7), dtype=torch.float64)
    assert abs(curve(one, plain) / curve(other, plain) - 1).max() > 0.5


def test_a_slice_is_the_loss_at_its_places_and_leaves_the_module() -> None:
    module = network().train()  # batch norm writes its running means at every run
    before = {name: value.clone() for name, value in module.state_dict().items()}
    d, e = filter_normalised(module, draws(0)), filter_normalised(module, draws(1))
    found = slice_2d(module, lambda: F.cross_entropy(module(X), Y), d, e, ALPHAS, [-0.5, 0.0])
    assert found.shape == (2, 9)
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])
    np.testing.assert_allclose(found[1], slice_1d(module, lambda: F.cross_entropy(module(X), Y), d, ALPHAS))
    assert found[1, 4] == pytest.approx(F.cross_entropy(module(X), Y).item())
    moved = network()
    write(moved, read(module) + ALPHAS[2] * d - 0.5 * e)
    assert found[0, 2] == pytest.approx(F.cross_entropy(moved(X), Y).item())


def test_the_module_is_left_alone_after_an_error_too() -> None:
    module, calls = network(), []

    def breaks() -> Tensor:
        calls.append(1)
        if len(calls) > 3:
            raise RuntimeError("broken")
        return torch.zeros(())

    before = read(module)
    with pytest.raises(RuntimeError, match="broken"):
        slice_1d(module, breaks, torch.ones_like(before), ALPHAS)
    assert torch.equal(read(module), before)
    with pytest.raises(ValueError, match=r"a direction has shape \(3,\)"):
        slice_1d(module, breaks, torch.ones(3, dtype=torch.float64), ALPHAS)


def test_towards_another_module() -> None:
    one, other = filled(nn.Linear(3, 2), 1), filled(nn.Linear(3, 2), 2)
    inputs = torch.randn(5, 3, generator=draws(0), dtype=torch.float64)
    found = slice_1d(one, lambda: one(inputs).square().mean(), towards(one, other), [0.0, 1.0])
    expected = [module(inputs).square().mean().item() for module in (one, other)]
    assert found.tolist() == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:Skipping check check_array_api_input:sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([MinMax(), Standardisation()])
def test_contract(estimator, check) -> None:
    check(estimator)


@pytest.mark.parametrize(("ours", "theirs"), [(MinMax(), MinMaxScaler()), (Standardisation(), StandardScaler())])
def test_scaling_is_scikit_learns(ours, theirs) -> None:
    rows = load_wine().data
    rows = np.column_stack([rows, np.full(len(rows), 0.1), np.zeros(len(rows)), 1e6 + rows[:, 0]])
    found = ours.fit(rows[:90]).transform(rows)
    np.testing.assert_allclose(found, theirs.fit(rows[:90]).transform(rows), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.inverse_transform(found), rows, rtol=1e-9)


def test_bad_rows_are_named() -> None:
    with pytest.raises(ValueError, match="MinMax: column 'b' of X holds NaN in row 1"):
        MinMax().fit(pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, np.nan]}))
    with pytest.raises(ValueError, match="Standardisation: column 1 of X holds 'x' in row 0"):
        Standardisation().fit([[1.0, "x"], [2.0, 3.0]])
