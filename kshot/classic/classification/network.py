"""A fully connected network as a classifier for scikit-learn, trained by our own backpropagation.

Meets: scikit-learn's contract; torch's names for the optimisers; float32 or float64; early stopping on rows held out.
Concedes: columns are taken as they come, so scale them (StandardScaler in a pipeline); CPU only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from kshot.classic.classification.classifier import Classifier
from kshot.classic.data.inputs import Array, choice, labelled, number
from kshot.classic.descent.optimizers import SGD, Adam, Optimizer
from kshot.classic.networks.layers import ACTIVATIONS, softmax_cross_entropy
from kshot.classic.networks.network import perceptron, train

OPTIMIZERS = ("adam", "sgd")


class NetworkClassifier(Classifier):
    """P(C_k | x) = softmax(z)_k, z the last layer of a fully connected network; its loss is the cross-entropy.

    hidden: units of each hidden layer. activation: "relu", "tanh" or "sigmoid". dropout: the share of a hidden
    layer's outputs set to 0 while training. optimizer: "adam" or "sgd", the latter with `momentum`. weight_decay: L2,
    as in torch. patience: None trains all `epochs`; a number stops once the loss on `validation_fraction` of the rows
    has not fallen for so many epochs, and goes back to its least. dtype: "float32" or "float64".
    `losses_` has the training loss of every epoch, `validation_losses_` that of the rows held out.
    """

    def __init__(
        self,
        *,
        hidden: Sequence[int] = (100,),
        activation: str = "relu",
        dropout: float = 0.0,
        batch_norm: bool = False,
        optimizer: str = "adam",
        lr: float = 1e-3,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        batch_size: int = 32,
        epochs: int = 100,
        patience: int | None = None,
        validation_fraction: float = 0.1,
        dtype: str = "float64",
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.optimizer = optimizer
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.epochs = epochs
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.dtype = dtype
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Trains from a fresh start. Raises ValueError, also where the loss leaves all bounds."""
        self._check()
        X, self.classes_, codes = labelled(self, X, y)
        draws = check_random_state(self.random_state)
        rng = np.random.default_rng(draws.randint(2**31 - 1))
        with np.errstate(over="ignore"):
            a = X.astype(self.dtype)
        if not np.isfinite(a).all():
            raise ValueError(f"{type(self).__name__}: X holds numbers too large for float32; scale its columns.")
        network = perceptron(
            a.shape[1],
            tuple(self.hidden),
            len(self.classes_),
            rng,
            activation=self.activation,
            dropout=self.dropout,
            batch_norm=self.batch_norm,
            dtype=self.dtype,
        )
        held: tuple[Any, Any] | None = None
        if self.patience is not None:
            try:
                a, apart, codes, theirs = train_test_split(
                    a, codes, test_size=self.validation_fraction, random_state=draws, stratify=codes
                )
            except ValueError as error:
                raise ValueError(f"{type(self).__name__}: rows to hold out for patience: {error}") from None
            held = apart, theirs
        optimizer: Optimizer = (
            Adam(self.lr, weight_decay=self.weight_decay)
            if self.optimizer == "adam"
            else SGD(self.lr, self.momentum, weight_decay=self.weight_decay)
        )

        def validation() -> float:
            assert held
            return softmax_cross_entropy(network.forward(held[0]), held[1])[0]

        try:
            with np.errstate(over="ignore", invalid="ignore"):  # a loss that leaves all bounds is said in words
                curve = train(
                    network,
                    a,
                    codes,
                    loss=softmax_cross_entropy,
                    optimizer=optimizer,
                    epochs=self.epochs,
                    batch_size=self.batch_size,
                    rng=rng,
                    watch=validation if held else None,
                    patience=self.patience,
                )
        except ValueError as error:
            raise ValueError(f"{type(self).__name__}: {error}") from None
        self.network_ = network
        self.n_iter_ = len(curve.losses)
        self.losses_, self.validation_losses_ = np.array(curve.losses), np.array(curve.watched)
        return self

    def log_joint(self, X: Array) -> Array:
        """z of the last layer."""
        z: Array = self.network_.forward(X.astype(self.network_.parameters.dtype)).astype(np.float64)
        return z

    def _check(self) -> None:
        """Raises ValueError for a hyperparameter that is out of bounds."""
        name = type(self).__name__
        choice(self, "activation", ACTIVATIONS)
        choice(self, "optimizer", OPTIMIZERS)
        choice(self, "dtype", ("float32", "float64"))
        number(self, "lr", low=0, open_low=True)
        number(self, "momentum", low=0, high=1)
        number(self, "weight_decay", low=0)
        number(self, "batch_size", low=2 if self.batch_norm else 1, whole=True)
        number(self, "epochs", low=1, whole=True)
        if not isinstance(self.batch_norm, bool | np.bool_):
            raise ValueError(f"{name}: batch_norm is {self.batch_norm!r}; it must be True or False.")
        number(self, "dropout", low=0, high=1)
        if self.dropout == 1:
            raise ValueError(f"{name}: dropout is 1, which leaves no output; set it below 1.")
        if self.patience is not None:
            number(self, "patience", low=1, whole=True)
            number(self, "validation_fraction", low=0, high=1, open_low=True)
        try:
            units = [int(width) for width in self.hidden]
            fits = all(width >= 1 and width == given for width, given in zip(units, self.hidden, strict=True))
        except (TypeError, ValueError):
            fits = False
        if not fits or isinstance(self.hidden, str):
            raise ValueError(f"{name}: hidden is {self.hidden!r}; give whole numbers of at least 1, a layer each.")
