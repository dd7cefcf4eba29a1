"""Critical points of a loss: gradient, Hessian, its extreme eigenvalues, and the way out of a saddle.

Hung-yi Lee, "When Gradient is Small": near theta', where the gradient g is 0,

    L(theta) = L(theta') + 1/2 (theta - theta')^T H (theta - theta'),

so that the signs of H's eigenvalues tell a minimum from a saddle, and along an eigenvector u whose eigenvalue lambda is
negative the loss falls: L(theta' + u) = L(theta') + lambda/2 |u|^2.

Meets: any torch module and any loss of it; the exact Hessian as one matrix over all parameters (torch.func.hessian's
numbers); Lanczos on Hessian-vector products where that matrix is too large. Concedes: second order only, so that a
point without a negative eigenvalue but with zero ones stays undecided; a loss that draws anew at every call (dropout
in training mode) has no Hessian, which is for the caller to see to.

A loss is a function without arguments that runs the module: `lambda: F.mse_loss(module(X), y)`. Parameters that do not
require a gradient are left out. n: how many numbers the others have.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

Loss = Callable[[], Tensor]
Kind = Literal["minimum", "maximum", "saddle", "degenerate", "not critical"]


def parameters(module: nn.Module) -> list[nn.Parameter]:
    """Those that are trained. Raises ValueError where there are none."""
    found = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not found:
        raise ValueError(f"{type(module).__name__} has no parameter that requires a gradient.")
    return found


def read(module: nn.Module) -> Tensor:
    """The trained parameters as one vector, a copy, (n,)."""
    return torch.cat([parameter.detach().reshape(-1) for parameter in parameters(module)])


def write(module: nn.Module, weights: Tensor) -> None:
    """Sets the trained parameters from one vector. Raises ValueError where it has another length."""
    into = parameters(module)
    size = sum(parameter.numel() for parameter in into)
    if weights.shape != (size,):
        raise ValueError(f"weights have shape {tuple(weights.shape)}; {type(module).__name__} has {size} to set.")
    with torch.no_grad():
        for parameter, part in zip(into, torch.split(weights, [one.numel() for one in into]), strict=True):
            parameter.copy_(part.reshape(parameter.shape))


def gradient(module: nn.Module, loss: Loss, *, graph: bool = False) -> Tensor:
    """dL/dtheta, (n,); with `graph` it can be differentiated again."""
    into = parameters(module)
    found = torch.autograd.grad(loss(), into, create_graph=graph, allow_unused=True, materialize_grads=True)
    return torch.cat([part.reshape(-1) for part in found])


def hessian_product(module: nn.Module, loss: Loss) -> Callable[[Tensor], Tensor]:
    """v -> H v at the module's present weights, (n,) -> (n,): the gradient of g v (Pearlmutter 1994).

    The loss is run once, here; each product is one backward pass through the gradient.
    """
    into = parameters(module)
    g = gradient(module, loss, graph=True)

    def product(v: Tensor) -> Tensor:
        if not g.requires_grad:  # the loss is linear
            return torch.zeros_like(g)
        found = torch.autograd.grad(g @ v, into, retain_graph=True, allow_unused=True, materialize_grads=True)
        return torch.cat([part.reshape(-1) for part in found])

    return product


def hessian(module: nn.Module, loss: Loss) -> Tensor:
    """H, (n, n): the derivative of each of the gradient's numbers is a row; for small modules, since there are n rows.

    64 rows at a time are one backward pass (torch.vmap); where a module has an operation that cannot be taken so, such
    as group norm, a row is one: the products of `hessian_product` with unit vectors, the same numbers.
    """
    into = parameters(module)
    g = gradient(module, loss, graph=True)
    if not g.requires_grad:  # the loss is linear
        return g.new_zeros(len(g), len(g))

    def rows(units: Tensor, batched: bool) -> Tensor:
        found = torch.autograd.grad(
            g, into, units if batched else units[0], retain_graph=True, allow_unused=True, is_grads_batched=batched
        )
        parts = [
            units.new_zeros(len(units), of.numel()) if part is None else part.reshape(len(units), -1)
            for part, of in zip(found, into, strict=True)
        ]
        return torch.cat(parts, dim=1)

    units = torch.eye(len(g), dtype=g.dtype, device=g.device)
    try:
        H = torch.cat([rows(some, True) for some in torch.split(units, 64)])
    except RuntimeError:  # torch has no batched form of a derivative
        H = torch.cat([rows(one, False) for one in torch.split(units, 1)])
    return (H + H.T) / 2


@dataclass(frozen=True, slots=True)
class Extremes:
    """The smallest and the largest eigenvalue, as far as Lanczos came."""

    low: float
    high: float
    low_vector: Tensor  # (n,), of length 1
    high_vector: Tensor
    low_error: float  # |H u - lambda u|: an eigenvalue lies no further from `low`
    high_error: float
    products: int  # made


def lanczos(
    product: Callable[[Tensor], Tensor],
    start: Tensor,
    *,
    max_products: int = 200,
    tol: float = 1e-3,
) -> Extremes:
    """Extreme eigenvalues of a symmetric matrix from its products alone (Lanczos 1950; Golub and Van Loan, 10.1).

    In the space of start, H start, H^2 start ... with orthonormal basis Q the matrix is tridiagonal, T = Q^T H Q, and
    T's extreme eigenvalues near H's. Each new vector is made orthogonal to all before, twice, or rounding would bring
    found eigenvalues back as copies. Stops where both errors are at most tol |lambda|, or a 1e-6th part of that of the
    larger; `start` is any vector with a part in every direction, such as a random one. Holds (max_products, n) numbers.

    Raises ValueError where start is 0 or a product is not finite.
    """
    n = len(start)
    if not float(start.norm()) > 0 or max_products < 1 or tol <= 0:
        raise ValueError("lanczos: start must be another vector than 0, and max_products and tol above 0.")
    basis = start.new_empty(min(max_products, n), n)
    basis[0] = start / start.norm()
    diagonal: list[Tensor] = []
    beside: list[Tensor] = []
    while True:
        at = len(diagonal)
        v = product(basis[at])
        if not bool(torch.isfinite(v).all()):
            raise ValueError("lanczos: a product is not finite; the loss left all bounds, or has no second derivative.")
        diagonal.append(v @ basis[at])
        for _ in range(2):
            v = v - basis[: at + 1].T @ (basis[: at + 1] @ v)
        left = v.norm()
        T = torch.diag(torch.stack(diagonal))
        if at:
            T += torch.diag(torch.stack(beside), 1) + torch.diag(torch.stack(beside), -1)
        values, vectors = torch.linalg.eigh(T)
        errors = (left * vectors[-1, [0, -1]]).abs()
        largest = float(values.abs().max())
        least = 1e-6 * tol * largest
        close = all(float(errors[i]) <= max(tol * abs(float(values[-i])), least) for i in (0, 1))
        # nothing left: the space holds every direction that start has a part in
        exhausted = float(left) <= 100 * torch.finfo(start.dtype).eps * largest
        if close or exhausted or at + 1 == len(basis):
            break
        beside.append(left)
        basis[at + 1] = v / left
    low_vector, high_vector = (basis[: at + 1].T @ vectors[:, i] for i in (0, -1))
    if at + 1 == n:
        errors = torch.zeros_like(errors)  # the whole space
    low, high = float(values[0]), float(values[-1])
    return Extremes(low, high, low_vector, high_vector, float(errors[0]), float(errors[1]), at + 1)


def minimum_ratio(eigenvalues: Tensor) -> float:
    """The lecture's: positive eigenvalues / eigenvalues; 1 at a minimum, and the less, the more ways lead down.

    >>> minimum_ratio(torch.tensor([-2.0, 2.0]))
    0.5
    """
    return float((eigenvalues > 0).double().mean())


def classify(eigenvalues: Tensor, *, zero: float = 1e-6) -> Kind:
    """What a critical point is by its Hessian's eigenvalues; those below `zero` times the largest size count as 0.

    Both signs: "saddle"; all positive "minimum", all negative "maximum"; one sign and zeros, or zeros alone:
    "degenerate", since only higher derivatives decide. Raises ValueError where there are none or one is not finite.

    >>> classify(torch.tensor([-2.0, 2.0])), classify(torch.tensor([0.0, 2.0]))
    ('saddle', 'degenerate')
    """
    if not len(eigenvalues) or not bool(torch.isfinite(eigenvalues).all()):
        raise ValueError("classify: the eigenvalues must be finite, and at least one.")
    cut = zero * float(eigenvalues.abs().max())
    up, down = int((eigenvalues > cut).sum()), int((eigenvalues < -cut).sum())
    if up and down:
        return "saddle"
    if up == len(eigenvalues):
        return "minimum"
    return "maximum" if down == len(eigenvalues) else "degenerate"


@dataclass(frozen=True, slots=True)
class Point:
    """A place on a loss surface, with all that its first two derivatives say."""

    weights: Tensor  # (n,)
    loss: float
    slope: float  # the gradient's Euclidean norm
    eigenvalues: Tensor  # of the Hessian, ascending, (n,)
    downhill: Tensor  # the eigenvector of the smallest, (n,)
    kind: Kind

    @property
    def minimum_ratio(self) -> float:
        """Positive eigenvalues / eigenvalues."""
        return minimum_ratio(self.eigenvalues)


def examine(module: nn.Module, loss: Loss, *, tol: float = 1e-6, zero: float = 1e-6) -> Point:
    """The module's present place; a slope above `tol` is "not critical", whatever the Hessian."""
    slope = float(gradient(module, loss).norm())
    values, vectors = torch.linalg.eigh(hessian(module, loss))
    kind: Kind = classify(values, zero=zero) if slope <= tol else "not critical"
    return Point(read(module), loss().item(), slope, values, vectors[:, 0], kind)


def approach(
    module: nn.Module, loss: Loss, *, newton: int = 50, steps: int = 100, longest: float = 0.3, tol: float = 1e-8
) -> float:
    """Moves the module towards a critical point of any kind and returns the slope left, above `tol` if it failed.

    First up to `newton` steps of Newton's method, -H^-1 g, which goes to saddles as to minima, none longer than
    `longest`. Then up to `steps` that each make 1/2 |g|^2 smaller, whose gradient is H g: -(H^2 + mu I)^-1 H g, mu
    raised while |g| would grow (Levenberg and Marquardt). They may end where H g is 0 though g is not, which shows in
    what is returned (Frye et al. 2021, arXiv 2003.10397).
    """
    weights, g = read(module), gradient(module, loss)
    for _ in range(newton):
        if float(g.norm()) <= tol:
            break
        values, vectors = torch.linalg.eigh(hessian(module, loss))
        step = vectors @ (values * (vectors.T @ g) / (values**2 + 1e-8))  # a flat direction is left alone
        write(module, weights - step * min(1.0, longest / float(step.norm())))
        weights, g = read(module), gradient(module, loss)
    mu, slopes = 1e-3, [float(g.norm())]
    while len(slopes) <= steps and slopes[-1] > tol:
        if len(slopes) > 20 and slopes[-1] > 0.99 * slopes[-21]:
            break
        values, vectors = torch.linalg.eigh(hessian(module, loss))
        along = vectors.T @ g
        while mu < 1e12:
            write(module, weights - vectors @ (values * along / (values**2 + mu)))
            new = gradient(module, loss)
            if bool(new.norm() < g.norm()):
                break
            mu *= 4
        else:  # no step makes it flatter
            write(module, weights)
            break
        weights, g, mu = read(module), new, max(mu / 10, 1e-15)
        slopes.append(float(g.norm()))
    return slopes[-1]


def escape(module: nn.Module, loss: Loss, u: Tensor, *, longest: float = 1.0, halvings: int = 30) -> float:
    """Moves the module along u or -u, by the length (longest, its half, ...) at which the loss is least.

    u: an eigenvector whose eigenvalue is negative. Returns how far the loss fell, above 0. Raises ValueError, the
    module unmoved, where it falls at no length.
    """
    start = read(module)
    u = u / u.norm()
    with torch.no_grad():
        before = loss().item()
        best, least = start, before
        for half in range(halvings + 1):
            for sign in (1, -1):
                trial = start + sign * longest * 0.5**half * u
                write(module, trial)
                now = loss().item()
                if math.isfinite(now) and now < least:
                    best, least = trial, now
        write(module, best)
    if not least < before:
        raise ValueError("escape: the loss falls along u at none of the lengths; is its eigenvalue negative?")
    return before - least
