"""What all classifiers here share: from one score a class to a decision, a probability and a label.

The lecture's three steps end alike for every model: P(C_k | x) = P(x, C_k) / sum_j P(x, C_j), and the class of the
largest is chosen. A model only says what ln P(x, C_k) is, up to a constant that is the same for all classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from kshot.classic.data.inputs import Array, features, refuse_unbounded


class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn carries no types
    """A scikit-learn classifier from `log_joint`."""

    classes_: NDArray[Any]

    def log_joint(self, X: Array) -> Array:
        """ln P(x, C_k) up to a constant a row, (rows, classes)."""
        raise NotImplementedError

    def scores(self, X: Any) -> Array:
        """`log_joint` of checked rows.

        Raises NotFittedError, and ValueError where the columns are not those fitted or a row has no probability.
        """
        check_is_fitted(self)
        with np.errstate(over="ignore", invalid="ignore"):
            joint = self.log_joint(features(self, X, fitting=False))
        refuse_unbounded(self, joint)
        return joint

    def decision_function(self, X: Any) -> Array:
        """Two classes: ln P(C_1 | x) / P(C_0 | x), (rows,); more: a score each, (rows, classes)."""
        scores = self.scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row."""
        best = self.scores(X).argmax(axis=1)
        predicted: NDArray[Any] = self.classes_[best]
        return predicted

    def predict_proba(self, X: Any) -> Array:
        """P(C_k | x), (rows, classes)."""
        probabilities: Array = softmax(self.scores(X), axis=1)
        return probabilities

    def predict_log_proba(self, X: Any) -> Array:
        """ln P(C_k | x), (rows, classes), exact where the probability itself would round to 0."""
        logs: Array = log_softmax(self.scores(X), axis=1)
        return logs
