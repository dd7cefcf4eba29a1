"""Three ways down a smooth loss: gradient descent, Newton's method, and L-BFGS, which is SciPy's.

Meets: one call for every model whose loss has a gradient; what it cost and how far it came are in the answer, and a
loss that did not reach its minimum is said aloud. Concedes: Newton's method holds the whole Hessian.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import minimize
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning

from kshot.classic.data.inputs import Array, choice, number

Objective = Callable[[Array], tuple[float, Array]]
"""weights -> (loss, its gradient)."""

SOLVERS = ("newton", "lbfgs", "gradient-descent")
LARGEST_HESSIAN = 4000
"""Weights: a Hessian of 128 MB."""


@dataclass(frozen=True, slots=True)
class Minimum:
    """Where a solver stopped."""

    weights: Array
    losses: tuple[float, ...]  # before the first step and after each
    steepest: float  # the gradient's largest component, absolute

    @property
    def n_iter(self) -> int:
        """Steps taken."""
        return len(self.losses) - 1


def minimise(
    estimator: BaseEstimator, objective: Objective, start: Array, *, hessian: Callable[[Array], Array] | None = None
) -> Minimum:
    """The minimum by the estimator's own `solver`, `lr`, `max_iter` and `tol` (the steepest slope left).

    Raises ValueError where the solver is unknown or needs a Hessian that there is not; warns where `max_iter` steps
    were too few.
    """
    name = type(estimator).__name__
    choice(estimator, "solver", SOLVERS)
    number(estimator, "lr", low=0, open_low=True)
    number(estimator, "max_iter", low=1, whole=True)
    number(estimator, "tol", low=0)
    max_iter, tol = estimator.max_iter, float(estimator.tol)
    if estimator.solver == "gradient-descent":
        found = gradient_descent(objective, start, lr=float(estimator.lr), max_iter=max_iter, tol=tol)
    elif estimator.solver == "lbfgs":
        found = lbfgs(objective, start, max_iter=max_iter, tol=tol)
    elif hessian is None:
        raise ValueError(f"{name}: this loss is not convex, which Newton's method needs; set solver='lbfgs'.")
    elif len(start) > LARGEST_HESSIAN:
        raise ValueError(f"{name}: Newton's method is too large for {len(start)} weights; set solver='lbfgs'.")
    else:
        found = newton(objective, hessian, start, max_iter=max_iter, tol=tol)
    if not np.isfinite(found.losses[-1]):
        raise ValueError(f"{name}: the loss left all bounds; scale the columns of X, or set lr below {estimator.lr:g}.")
    if found.steepest > tol:
        warnings.warn(
            f"{name}: a slope of {found.steepest:.1e} is left after {found.n_iter} steps, above tol={tol:g}; scale the "
            f"columns of X, or raise max_iter above {max_iter} or tol.",
            ConvergenceWarning,
            stacklevel=3,
        )
    return found


def gradient_descent(objective: Objective, start: Array, *, lr: float, max_iter: int, tol: float) -> Minimum:
    """w <- w - lr * gradient, until no component of the gradient is above tol."""
    weights = start
    loss, gradient = objective(weights)
    losses = [loss]
    with np.errstate(over="ignore", invalid="ignore"):  # steps that are too large end in inf, and that is said
        while len(losses) <= max_iter and np.isfinite(loss) and np.abs(gradient).max() > tol:
            weights = weights - lr * gradient
            loss, gradient = objective(weights)
            losses.append(loss)
    return Minimum(weights, tuple(losses), float(np.abs(gradient).max()))


def newton(
    objective: Objective, hessian: Callable[[Array], Array], start: Array, *, max_iter: int, tol: float
) -> Minimum:
    """w <- w - t H^-1 gradient, t halved from 1 until the loss falls enough (Armijo; Boyd, section 9.5)."""
    weights = start
    loss, gradient = objective(weights)
    losses = [loss]
    while len(losses) <= max_iter and np.isfinite(loss) and np.abs(gradient).max() > tol:
        curvature = hessian(weights)
        try:
            step = cho_solve(cho_factor(curvature), gradient)
        except LinAlgError:  # a direction that the loss does not depend on: the shortest step leaves it alone
            step = np.linalg.lstsq(curvature, gradient, rcond=None)[0]
        promised = float(gradient @ step)
        t = 1.0
        while True:
            trial = weights - t * step
            new_loss, new_gradient = objective(trial)
            # near the minimum a loss cannot show a fall below its own rounding
            if new_loss <= loss - 1e-4 * t * promised + 1e-15 * abs(loss) or t < 1e-10:
                break
            t /= 2
        if t < 1e-10:
            break
        weights, loss, gradient = trial, new_loss, new_gradient
        losses.append(loss)
    return Minimum(weights, tuple(losses), float(np.abs(gradient).max()))


def lbfgs(objective: Objective, start: Array, *, max_iter: int, tol: float) -> Minimum:
    """L-BFGS of SciPy (Liu and Nocedal 1989): curvature from the last gradients instead of a Hessian."""
    losses = [objective(start)[0]]
    with np.errstate(over="ignore", invalid="ignore"):  # a trial may go too far; a loss that ends there is said
        result = minimize(
            objective,
            start,
            jac=True,
            method="L-BFGS-B",
            callback=lambda intermediate_result: losses.append(float(intermediate_result.fun)),
            options={"maxiter": max_iter, "maxfun": 20 * max_iter, "gtol": tol, "ftol": 0.0, "maxls": 50},
        )
    if len(losses) == 1:
        losses.append(float(result.fun))
    return Minimum(result.x, tuple(losses), float(np.abs(result.jac).max()))
