"""Classification by generating: a Gaussian a class, and Bayes' rule (Hung-yi Lee, "Classification: Probabilistic
Generative Model").

Meets: own covariance a class (quadratic discriminant analysis), one shared covariance (linear discriminant analysis,
the lecture's weighting by class counts), and naive Bayes; all are scikit-learn's to 1e-6. A singular covariance is
refused with the class, the columns and the remedy. Concedes: maximum likelihood, so covariances divide by N, not N - 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular
from scipy.linalg.lapack import dpotrf

from kshot.classic.classification.classifier import Classifier
from kshot.classic.data.inputs import Array, centred, choice, column_names, labelled, number

ROUNDING = 64 * np.finfo(float).eps
"""A column whose spread is this share of its size, or less, does not vary."""
SINGULAR = 1e-10
"""A column is taken for a combination of others where they leave this share of its variance unexplained, or less."""


def covariance(X: Array) -> tuple[Array, Array]:
    """Mean (columns,) and covariance (columns, columns) of greatest likelihood.

    mu = 1/N sum_n x_n;  Sigma = 1/N sum_n (x_n - mu)(x_n - mu)^T

    >>> mean, sigma = covariance(np.array([[0.0, 0.0], [2.0, 4.0]]))
    >>> mean.tolist(), sigma.tolist()
    ([1.0, 2.0], [[1.0, 2.0], [2.0, 4.0]])
    """
    away, mean = centred(X)
    return mean, away.T @ away / len(X)


def log_density(X: Array, mean: Array, factor: Array) -> Array:
    """ln f(x) of a Gaussian whose covariance is L L^T, `factor` being the lower L; (rows,).

    ln f(x) = -D/2 ln 2 pi - 1/2 ln |Sigma| - 1/2 (x - mu)^T Sigma^-1 (x - mu)

    |Sigma| is the product of L's squared diagonal, and the last term the squared length of L^-1 (x - mu).
    """
    whitened = solve_triangular(factor, (X - mean).T, lower=True, check_finite=False, overwrite_b=True)  # (D, rows)
    constant = -0.5 * len(mean) * np.log(2 * np.pi) - np.log(np.diag(factor)).sum()
    logs: Array = constant - 0.5 * np.einsum("ij,ij->j", whitened, whitened)
    return logs


class GaussianClassifier(Classifier):
    """P(C_k | x) by Bayes' rule from a Gaussian a class.

    covariance: "own" gives each class its own, and a quadratic boundary; "shared" one to all, weighted by the class
    counts, and a linear boundary: then P(C_1 | x) = sigmoid(w x + b), and `coef_` and `intercept_` hold w and b.
    priors: P(C_k) in the order of the classes; None takes the shares of the training rows.
    shrinkage: from 0 (the covariance as it is) to 1 (the mean variance on the diagonal, nothing beside it).

    >>> X = [[0.0, 0.0], [1.0, 0.2], [0.1, 1.0], [4.0, 4.1], [5.0, 4.0], [4.2, 5.0]]
    >>> GaussianClassifier(covariance="shared").fit(X, list("aaabbb")).predict([[1, 1], [4, 4]]).tolist()
    ['a', 'b']
    """

    def __init__(
        self, *, covariance: str = "shared", priors: Sequence[float] | None = None, shrinkage: float = 0.0
    ) -> None:
        self.covariance = covariance
        self.priors = priors
        self.shrinkage = shrinkage

    def fit(self, X: Any, y: Any) -> Self:
        """Counts, means, covariances. Raises ValueError, also where a covariance is singular."""
        choice(self, "covariance", ("own", "shared"))
        number(self, "shrinkage", low=0, high=1)
        X, self.classes_, codes = labelled(self, X, y)
        groups = [X[codes == k] for k in range(len(self.classes_))]
        counts = np.array([len(group) for group in groups])
        self.priors_ = class_priors(self, counts)
        means, covariances = zip(*(covariance(group) for group in groups), strict=True)
        self.means_ = np.array(means)  # (classes, D)
        largest = np.abs(X).max(axis=0)
        if self.covariance == "own":
            self.covariance_ = np.array([self._shrunk(one) for one in covariances])  # (classes, D, D)
            self._factors = np.array(
                [
                    self._factor(one, largest, f"of class {label!r}", int(count) - 1)
                    for one, label, count in zip(self.covariance_, self.classes_.tolist(), counts, strict=True)
                ]
            )
            return self
        # Sigma = N_1/N Sigma_1 + N_2/N Sigma_2 + ...
        weighted = np.tensordot(counts / len(X), np.array(covariances), axes=1)
        self.covariance_ = self._shrunk(weighted)  # (D, D)
        factor = self._factor(self.covariance_, largest, "shared by the classes", len(X) - len(groups))
        # ln P(x, C_k) = mu_k^T Sigma^-1 x - 1/2 mu_k^T Sigma^-1 mu_k + ln P(C_k), and what is the same for all k
        self.coef_: Array = cho_solve((factor, True), self.means_.T).T  # (classes, D)
        self.intercept_ = -0.5 * np.einsum("kd,kd->k", self.coef_, self.means_) + np.log(self.priors_)
        # the same measured from the overall mean, so that columns far from 0 lose no digits
        self._centre = X.mean(axis=0)
        away = self.means_ - self._centre
        self._weights: Array = cho_solve((factor, True), away.T).T
        self._biases: Array = -0.5 * np.einsum("kd,kd->k", self._weights, away) + np.log(self.priors_)
        if len(groups) == 2:
            # w = Sigma^-1 (mu_1 - mu_0) and its b: the whole model is a logistic regression's
            self.coef_ = self._weights[1:] - self._weights[:1]
            self.intercept_ = self._biases[1:] - self._biases[:1] - self.coef_ @ self._centre
        return self

    def log_joint(self, X: Array) -> Array:
        """ln f_k(x) + ln P(C_k); with a shared covariance without the terms that all classes have in common."""
        joint: Array
        if self.covariance_.ndim == 2:
            joint = (X - self._centre) @ self._weights.T + self._biases
        else:
            densities = [log_density(X, mean, factor) for mean, factor in zip(self.means_, self._factors, strict=True)]
            joint = np.column_stack(densities) + np.log(self.priors_)
        return joint

    def _shrunk(self, sigma: Array) -> Array:
        """(1 - s) Sigma + s tr(Sigma)/D I (Ledoit and Wolf 2004, equation 1, with a fixed s)."""
        s, d = self.shrinkage, len(sigma)
        return sigma if s == 0 else (1 - s) * sigma + s * float(np.trace(sigma)) / d * np.eye(d)

    def _factor(self, sigma: Array, largest: Array, whose: str, freedom: int) -> Array:
        """The lower L of Sigma = L L^T. Raises ValueError where Sigma is singular.

        Sigma is factored as correlations, so that units do not matter: the squared diagonal of its L is then the
        share of each column's variance that the columns before it leave unexplained.
        """
        name = f"{type(self).__name__}: the covariance {whose} is singular"
        spread = np.sqrt(np.diag(sigma))
        flat = np.flatnonzero(spread <= ROUNDING * largest)
        remedy = "set shrinkage above 0"
        if freedom < len(sigma):
            other = "covariance='shared' or " if self.covariance == "own" else ""
            least = len(sigma) + 1 if self.covariance == "own" else len(sigma) + len(self.classes_)
            remedy = f"give at least {least} rows, or set {other}shrinkage above 0"
        if len(flat):
            raise ValueError(f"{name}: {column_names(self, flat)} does not vary; drop it, or {remedy}.")
        correlation = sigma / np.outer(spread, spread)
        factor, failed_at = dpotrf(correlation, lower=1)
        unexplained = np.diag(factor)[: failed_at - 1 if failed_at else None] ** 2
        short = np.flatnonzero(unexplained <= SINGULAR)
        if failed_at or len(short):
            column = int(short[0]) if len(short) else failed_at - 1
            before = correlation[:column, :column]
            shares = np.linalg.lstsq(before, correlation[:column, column], rcond=SINGULAR)[0]
            others = column_names(self, np.flatnonzero(np.abs(shares) > 1e-6))
            this = column_names(self, [column])
            raise ValueError(f"{name}: {this} is a linear combination of {others}; drop one of them, or {remedy}.")
        lower: Array = spread[:, None] * factor
        return lower


class GaussianNaiveBayes(Classifier):
    """P(C_k | x) where columns are taken for independent within a class: ln f_k(x) = sum_d ln N(x_d; mu_kd, var_kd).

    The lecture's naive Bayes with a Gaussian for each column: a covariance that is zero beside its diagonal.
    variance: "own" gives each class its own, "shared" one to all, weighted by the class counts: the boundary is then
    linear, and the model the generative twin of logistic regression (Ng and Jordan 2002).
    priors: as in GaussianClassifier. var_smoothing: this share of the largest column's variance is added to every
    variance, so that a column that does not vary within a class divides nothing by 0.
    """

    def __init__(
        self, *, variance: str = "own", priors: Sequence[float] | None = None, var_smoothing: float = 1e-9
    ) -> None:
        self.variance = variance
        self.priors = priors
        self.var_smoothing = var_smoothing

    def fit(self, X: Any, y: Any) -> Self:
        """Counts, means, variances. Raises ValueError, also where a column does not vary and nothing is added."""
        choice(self, "variance", ("own", "shared"))
        number(self, "var_smoothing", low=0)
        X, self.classes_, codes = labelled(self, X, y)
        groups = [X[codes == k] for k in range(len(self.classes_))]
        counts = np.array([len(group) for group in groups])
        self.priors_ = class_priors(self, counts)
        aways, means = zip(*map(centred, groups), strict=True)
        self.means_ = np.array(means)  # (classes, D)
        self.variances_ = np.array([(away**2).mean(axis=0) for away in aways])  # sum_n (x_nd - mu_kd)^2 / N_k
        if self.variance == "shared":
            self.variances_[:] = counts / len(X) @ self.variances_
        self.variances_ += self.var_smoothing * X.var(axis=0).max()
        largest = np.abs(X).max(axis=0)
        for label, variances in zip(self.classes_.tolist(), self.variances_, strict=True):
            flat = np.flatnonzero(np.sqrt(variances) <= ROUNDING * largest)
            if len(flat):
                raise ValueError(
                    f"GaussianNaiveBayes: the variance of class {label!r} is zero: {column_names(self, flat)} does not "
                    "vary; drop it, or set var_smoothing above 0."
                )
        return self

    def log_joint(self, X: Array) -> Array:
        """sum_d ln N(x_d; mu_kd, var_kd) + ln P(C_k)."""
        spreads = np.sqrt(self.variances_)
        joint: Array = np.empty((len(X), len(self.classes_)))
        for k, (mean, spread) in enumerate(zip(self.means_, spreads, strict=True)):
            standard = (X - mean) / spread
            joint[:, k] = -0.5 * np.einsum("ij,ij->i", standard, standard)
        constants = -np.log(spreads).sum(axis=1) - 0.5 * X.shape[1] * np.log(2 * np.pi)
        joint += constants + np.log(self.priors_)
        return joint


def class_priors(estimator: GaussianClassifier | GaussianNaiveBayes, counts: NDArray[np.intp]) -> Array:
    """P(C_k) = N_k / N, or the estimator's own. Raises ValueError where those are no distribution over the classes."""
    name = type(estimator).__name__
    priors: Array = counts / counts.sum() if estimator.priors is None else np.asarray(estimator.priors, dtype=float)
    if priors.shape != counts.shape:
        raise ValueError(f"{name}: priors holds {priors.size} values for {len(counts)} classes; give one a class.")
    if not (priors > 0).all() or not np.isclose(priors.sum(), 1):
        raise ValueError(f"{name}: priors are {priors.tolist()}; they must be above 0 and sum to 1.")
    return priors
