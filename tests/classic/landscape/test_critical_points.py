"""Hessians against torch.func, Lanczos against the exact spectrum, and a saddle that is found, told and left."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from kshot.classic.landscape.critical_points import (
    approach,
    classify,
    escape,
    examine,
    gradient,
    hessian,
    hessian_product,
    lanczos,
    minimum_ratio,
    parameters,
    read,
    write,
)


def draws(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def filled(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module in float64 with drawn weights, no global generator asked."""
    module = module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.7 * torch.randn(parameter.shape, generator=draws(seed), dtype=torch.float64))
            seed += 1
    return module


def perceptron() -> tuple[nn.Module, Callable[[nn.Module], Tensor]]:
    X = torch.randn(20, 3, generator=draws(1), dtype=torch.float64)
    y = torch.randint(3, (20,), generator=draws(2))
    return filled(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3))), lambda m: F.cross_entropy(m(X), y)


def convolution() -> tuple[nn.Module, Callable[[nn.Module], Tensor]]:
    X = torch.randn(6, 1, 5, 5, generator=draws(1), dtype=torch.float64)
    y = torch.randn(6, 1, generator=draws(2), dtype=torch.float64)
    layers = (nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Softplus(), nn.Flatten(), nn.Linear(18, 1))
    return filled(nn.Sequential(*layers)), lambda m: F.mse_loss(m(X), y)


def grouped() -> tuple[nn.Module, Callable[[nn.Module], Tensor]]:
    """Group norm, whose second derivative torch has one row at a time only."""
    X = torch.randn(5, 4, generator=draws(1), dtype=torch.float64)
    y = torch.randn(5, 1, generator=draws(2), dtype=torch.float64)
    layers = (nn.Linear(4, 4), nn.GroupNorm(2, 4), nn.Tanh(), nn.Linear(4, 1))
    return filled(nn.Sequential(*layers)), lambda m: F.mse_loss(m(X), y)


class Tied(nn.Module):
    """One weight matrix used twice, and a parameter that no loss depends on."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.empty(3, 3))
        self.idle = nn.Parameter(torch.empty(2))
        self.scale = nn.Parameter(torch.empty(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * torch.tanh(x @ self.w) @ self.w


def tied() -> tuple[nn.Module, Callable[[nn.Module], Tensor]]:
    X = torch.randn(7, 3, generator=draws(1), dtype=torch.float64)
    return filled(Tied()), lambda m: m(X).square().mean()


MODELS = {"perceptron": perceptron, "convolution": convolution, "tied": tied}


def reference(module: nn.Module, loss: Callable[[nn.Module], Tensor]) -> Tensor:
    """torch.func.hessian over all parameters as one vector."""
    names = [name for name, _ in module.named_parameters()]
    shapes = [parameter.shape for parameter in module.parameters()]

    class Called(nn.Module):
        def __init__(self, weights: Tensor) -> None:
            super().__init__()
            parts = weights.split([shape.numel() for shape in shapes])
            self.given = {name: part.reshape(shape) for name, part, shape in zip(names, parts, shapes, strict=True)}

        def forward(self, x: Tensor) -> Tensor:
            return functional_call(module, self.given, (x,))

    return torch.func.hessian(lambda weights: loss(Called(weights)))(read(module))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # torch.func's own use of it
@pytest.mark.parametrize("name", MODELS)
def test_the_hessian_is_torch_funcs(name: str) -> None:
    module, loss = MODELS[name]()
    if name == "convolution":
        module.eval()  # torch.func cannot write running means
    found = hessian(module, lambda: loss(module))
    torch.testing.assert_close(found, reference(module, loss), rtol=1e-9, atol=1e-11)
    assert found.abs().max() > 1e-2


def test_a_module_whose_derivative_has_no_batched_form_has_a_hessian_too() -> None:
    """Group norm: the truth is the differences of gradients, as torch.func cannot take it either."""
    module, loss = grouped()
    H, weights, tiny = hessian(module, lambda: loss(module)), read(module), 1e-6
    for at in range(0, len(weights), 5):
        sides = []
        for sign in (1, -1):
            moved = weights.clone()
            moved[at] += sign * tiny
            write(module, moved)
            sides.append(gradient(module, lambda: loss(module)))
        torch.testing.assert_close((sides[0] - sides[1]) / (2 * tiny), H[at], rtol=1e-5, atol=1e-7)
    assert H.abs().max() > 1e-2


@pytest.mark.parametrize("name", MODELS)
def test_products_are_the_hessians(name: str) -> None:
    module, loss = MODELS[name]()
    product, H = hessian_product(module, lambda: loss(module)), hessian(module, lambda: loss(module))
    for seed in range(3):
        v = torch.randn(len(H), generator=draws(seed), dtype=torch.float64)
        torch.testing.assert_close(product(v), H @ v, rtol=1e-9, atol=1e-11)


def test_the_gradient_is_the_loss_difference() -> None:
    module, loss = perceptron()
    g, weights, tiny = gradient(module, lambda: loss(module)), read(module), 1e-6
    for at in (0, 11, len(g) - 1):
        sides = []
        for sign in (1, -1):
            moved = weights.clone()
            moved[at] += sign * tiny
            write(module, moved)
            sides.append(loss(module).item())
        assert (sides[0] - sides[1]) / (2 * tiny) == pytest.approx(g[at].item(), abs=1e-8)


def test_frozen_parameters_are_left_out() -> None:
    module, loss = perceptron()
    whole = hessian(module, lambda: loss(module))
    module[0].requires_grad_(False)
    torch.testing.assert_close(hessian(module, lambda: loss(module)), whole[16:, 16:])
    before = module[0].weight.clone()
    write(module, torch.zeros(15, dtype=torch.float64))
    assert torch.equal(module[0].weight, before)
    with pytest.raises(ValueError, match=r"weights have shape \(31,\); Sequential has 15"):
        write(module, torch.zeros(31, dtype=torch.float64))
    with pytest.raises(ValueError, match="no parameter that requires a gradient"):
        parameters(module.requires_grad_(False))


def test_a_linear_loss_has_no_curvature() -> None:
    module = filled(nn.Linear(3, 1))
    assert hessian(module, lambda: module(torch.ones(1, 3, dtype=torch.float64)).sum()).abs().max() == 0


@pytest.mark.parametrize("name", MODELS)
def test_lanczos_finds_the_extremes(name: str) -> None:
    module, loss = MODELS[name]()
    exact = torch.linalg.eigvalsh(hessian(module, lambda: loss(module)))
    start = torch.randn(len(exact), generator=draws(5), dtype=torch.float64)
    found = lanczos(hessian_product(module, lambda: loss(module)), start)
    assert found.high == pytest.approx(exact[-1].item(), rel=0.01)
    assert found.low == pytest.approx(exact[0].item(), rel=0.01)
    product = hessian_product(module, lambda: loss(module))
    for value, u, error in (
        (found.low, found.low_vector, found.low_error),
        (found.high, found.high_vector, found.high_error),
    ):
        assert u.norm().item() == pytest.approx(1)
        assert (product(u) - value * u).norm().item() <= error + 1e-6 * abs(found.high)


def test_lanczos_needs_few_products() -> None:
    """A spectrum as networks have it: a few large eigenvalues, a bulk near 0, one below."""
    values = torch.cat([torch.linspace(-0.5, 0.5, 997), torch.tensor([-3.0, 40.0, 100.0])]).double()
    Q = torch.linalg.qr(torch.randn(1000, 1000, generator=draws(0), dtype=torch.float64)).Q
    start = torch.randn(1000, generator=draws(1), dtype=torch.float64)
    found = lanczos(lambda v: Q @ (values * (Q.T @ v)), start)
    assert (found.low, found.high) == pytest.approx((-3, 100), rel=1e-5)
    assert found.products < 40


def test_lanczos_keeps_its_basis_orthogonal() -> None:
    """After n products nothing is left to find: without reorthogonalisation copies of 1e6 would take the room."""
    values = torch.cat([torch.linspace(1, 2, 199), torch.tensor([1e6])]).double()
    start = torch.randn(200, generator=draws(1), dtype=torch.float64)
    found = lanczos(lambda v: values * v, start, tol=1e-300)
    assert (found.low, found.high) == pytest.approx((1, 1e6), rel=1e-9)
    assert found.low_vector[0].abs().item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("values", [[2.0], [3.0, 3.0, 3.0], [0.0, 0.0], [-1.0, 0.0, 4.0], [1e-9, 1.0, 5.0]], ids=str)
def test_lanczos_on_small_and_repeated_spectra(values: list[float]) -> None:
    diagonal = torch.tensor(values, dtype=torch.float64)
    start = torch.randn(len(values), generator=draws(0), dtype=torch.float64)
    found = lanczos(lambda v: diagonal * v, start)
    assert (found.low, found.high) == pytest.approx((min(values), max(values)), rel=1e-6, abs=1e-12)


def test_lanczos_says_how_far_it_came() -> None:
    diagonal = torch.linspace(0, 1, 400, dtype=torch.float64) ** 0.1
    start = torch.randn(400, generator=draws(0), dtype=torch.float64)
    short = lanczos(lambda v: diagonal * v, start, max_products=5)
    assert short.products == 5
    assert min(abs(short.high - diagonal)) <= short.high_error
    assert short.high_error > 1e-3 * short.high
    with pytest.raises(ValueError, match="not finite"):
        lanczos(lambda v: v * torch.nan, start)
    with pytest.raises(ValueError, match="another vector than 0"):
        lanczos(lambda v: v, torch.zeros(3))


@pytest.mark.parametrize(
    ("values", "kind", "ratio"),
    [
        ([1.0, 2.0, 3.0], "minimum", 1.0),
        ([-1.0, -2.0], "maximum", 0.0),
        ([-1.0, 2.0, 3.0, 4.0], "saddle", 0.75),
        ([-1.0, 0.0, 1.0], "saddle", 1 / 3),
        ([0.0, 1.0], "degenerate", 0.5),
        ([0.0, -1.0], "degenerate", 0.0),
        ([0.0, 0.0], "degenerate", 0.0),
        ([-1e-9, 1.0], "degenerate", 0.5),
    ],
    ids=str,
)
def test_kinds(values: list[float], kind: str, ratio: float) -> None:
    eigenvalues = torch.tensor(values, dtype=torch.float64)
    assert classify(eigenvalues) == kind
    assert minimum_ratio(eigenvalues) == pytest.approx(ratio)


def test_classify_wants_numbers() -> None:
    with pytest.raises(ValueError, match="finite, and at least one"):
        classify(torch.tensor([1.0, torch.nan]))
    with pytest.raises(ValueError, match="finite, and at least one"):
        classify(torch.tensor([]))


class Product(nn.Module):
    """The lecture's y = w2 w1 x."""

    def __init__(self, w1: float, w2: float) -> None:
        super().__init__()
        self.w1 = nn.Parameter(torch.tensor(w1, dtype=torch.float64))
        self.w2 = nn.Parameter(torch.tensor(w2, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.w2 * self.w1 * x


def lecture(w1: float, w2: float) -> tuple[Product, Callable[[], Tensor]]:
    module, one = Product(w1, w2), torch.ones((), dtype=torch.float64)
    return module, lambda: (one - module(one)) ** 2


def test_the_lectures_saddle_by_hand() -> None:
    module, loss = lecture(0.0, 0.0)
    torch.testing.assert_close(hessian(module, loss), torch.tensor([[0.0, -2.0], [-2.0, 0.0]]).double())
    point = examine(module, loss)
    assert (point.kind, point.minimum_ratio, point.slope, point.loss) == ("saddle", 0.5, 0.0, 1.0)
    assert point.eigenvalues.tolist() == pytest.approx([-2, 2])
    assert point.downhill.abs().tolist() == pytest.approx([0.5**0.5] * 2)
    fell = escape(module, loss, point.downhill)
    assert fell == pytest.approx(1 - loss().item())
    assert fell > 0.7
    assert examine(*lecture(1.0, 1.0)).kind == "degenerate"  # a valley w1 w2 = 1: flat along it
    assert examine(*lecture(0.5, 0.3)).kind == "not critical"


def test_a_saddle_is_found_told_and_left() -> None:
    """Nothing but the start says where it is."""
    module, loss = lecture(0.3, -0.2)
    before = loss().item()
    assert approach(module, loss) < 1e-8
    point = examine(module, loss)
    assert point.kind == "saddle"
    assert point.weights.norm() < 1e-6
    assert point.loss < before
    escape(module, loss, point.downhill)
    for _ in range(200):
        write(module, read(module) - 0.1 * gradient(module, loss))
    assert loss().item() < 1e-6


def test_a_networks_saddles_are_left_too() -> None:
    """Most searches from random starts end at a critical point, several at a saddle, and each saddle is left."""
    X = torch.linspace(-1, 1, 32, dtype=torch.float64)[:, None]
    kinds = []
    for seed in range(8):
        module = filled(nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1)), seed)

        def loss(module: nn.Module = module) -> Tensor:  # the penalty makes critical points single ones
            penalty = sum(parameter.square().sum() for parameter in module.parameters())
            return F.mse_loss(module(X), torch.sinc(3 * X)) + 1e-3 * penalty

        slope, left = gradient(module, loss).norm(), approach(module, loss)
        point = examine(module, loss)
        assert left == pytest.approx(point.slope, abs=1e-12)
        assert point.slope < slope
        kinds.append(point.kind)
        if point.kind != "saddle":
            continue
        start = torch.randn(len(point.weights), generator=draws(9), dtype=torch.float64)
        found = lanczos(hessian_product(module, loss), start)
        assert found.low == pytest.approx(point.eigenvalues[0].item(), rel=0.01)
        assert found.low < 0
        fell = escape(module, loss, found.low_vector)
        assert loss().item() == pytest.approx(point.loss - fell)
        assert fell > 0
    assert kinds.count("not critical") <= 3
    assert kinds.count("saddle") >= 2


def test_no_escape_from_a_minimum() -> None:
    module, loss = lecture(1.0, 1.0)
    with pytest.raises(ValueError, match="is its eigenvalue negative"):
        escape(module, loss, torch.tensor([1.0, 1.0]).double())
    assert read(module).tolist() == [1.0, 1.0]
