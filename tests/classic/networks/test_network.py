"""Layers, networks and the classifier against torch and scikit-learn; the trace against a hand-worked example."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_iris, make_moons
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn
from torch.nn import functional

from kshot.classic.classification.network import NetworkClassifier
from kshot.classic.descent import optimizers
from kshot.classic.networks.gradient_check import check_gradient
from kshot.classic.networks.layers import (
    BatchNorm,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    Layer,
    Relu,
    Residual,
    Sigmoid,
    Tanh,
    Unflatten,
    softmax_cross_entropy,
    squared_error,
)
from kshot.classic.networks.network import Network, perceptron, train
from kshot.classic.networks.trace import trace

SKIPPED = "ignore:Skipping check check_array_api_input:sklearn.exceptions.SkipTestWarning"  # array API is not claimed
CAST = "ignore:invalid value encountered in cast:RuntimeWarning"  # a check of scikit-learn's own casts NaN


@pytest.mark.filterwarnings(SKIPPED, CAST)
@parametrize_with_checks(
    [
        NetworkClassifier(hidden=(16,), lr=0.01),
        NetworkClassifier(hidden=(16,), optimizer="sgd", activation="tanh", lr=0.05, epochs=60),
    ]
)
def test_contract(estimator, check) -> None:
    check(estimator)


# ---------------------------------------------------------------- against torch


def smooth_layers(rng: np.random.Generator) -> list[Layer]:
    return [
        Unflatten((2, 6, 5)),
        Convolution(4, 3, padding=1),
        BatchNorm(),
        Tanh(),
        Convolution(3, 2, stride=2),
        Flatten(),
        Dense(10),
        BatchNorm(),
        Sigmoid(),
        Residual([Dense(10), BatchNorm(), Tanh(), Dense(10)]),
        Dense(4),
    ]


class Torch(nn.Module):
    """The same network in torch, from the same parameters."""

    def __init__(self, ours: Network) -> None:
        super().__init__()
        self.values = [
            nn.Parameter(torch.tensor(value.copy())) for layer in ours.layers for value in layer.parameters.values()
        ]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        w = iter(self.values)

        def dense(a: torch.Tensor) -> torch.Tensor:
            return a @ next(w) + next(w)

        def norm(a: torch.Tensor) -> torch.Tensor:
            return functional.batch_norm(a, None, None, next(w), next(w), training=True)

        a = x.reshape(len(x), 2, 6, 5)
        a = functional.conv2d(a, next(w).reshape(4, 2, 3, 3), next(w), padding=1)
        a = functional.conv2d(torch.tanh(norm(a)), next(w).reshape(3, 4, 2, 2), next(w), stride=2)
        a = torch.sigmoid(norm(dense(a.flatten(1))))
        a = a + dense(torch.tanh(norm(dense(a))))
        return dense(a)


def test_a_network_with_every_layer_is_torchs() -> None:
    rng = np.random.default_rng(0)
    ours = Network(smooth_layers(rng), (60,), rng)
    ours.parameters += 0.1 * rng.normal(size=ours.parameters.shape)
    theirs = Torch(ours)
    x, y = rng.normal(size=(9, 60)), rng.integers(0, 4, 9)
    loss = ours.loss(x, y, softmax_cross_entropy)
    expected = functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(y))
    expected.backward()
    assert np.isclose(loss, expected.item(), rtol=1e-12)
    flat = np.concatenate([value.grad.numpy().ravel() for value in theirs.values])
    np.testing.assert_allclose(ours.gradients, flat, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("loss", [softmax_cross_entropy, squared_error])
def test_every_layers_gradient_is_that_of_central_differences(loss) -> None:
    rng = np.random.default_rng(1)
    network = Network(smooth_layers(rng), (60,), rng)
    x = rng.normal(size=(5, 60))
    y = rng.integers(0, 4, 5) if loss is softmax_cross_entropy else rng.normal(size=(5, 4))
    network.loss(x, y, loss)
    value = lambda: loss(network.forward(x, training=True), y)[0]  # noqa: E731
    check = check_gradient(value, network.parameters, network.gradients.copy(), tolerance=1e-5)
    assert check.passed, str(check)


@pytest.mark.parametrize("broken", [Dense, Convolution, BatchNorm, Tanh, Sigmoid, Residual])
def test_a_broken_backward_pass_is_found(broken: type[Layer], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each layer handing on one percent too much is seen by the check of the layers before it."""
    right = broken.backward

    def wrong(self: Layer, delta: np.ndarray, *, onward: bool = True) -> np.ndarray | None:
        handed = right(self, delta, onward=onward)
        return None if handed is None else handed * 1.01

    monkeypatch.setattr(broken, "backward", wrong)
    rng = np.random.default_rng(1)
    network = Network(smooth_layers(rng), (60,), rng)
    x, y = rng.normal(size=(5, 60)), rng.integers(0, 4, 5)
    network.loss(x, y, softmax_cross_entropy)
    value = lambda: softmax_cross_entropy(network.forward(x, training=True), y)[0]  # noqa: E731
    assert not check_gradient(value, network.parameters, network.gradients.copy()).passed


def test_relu_is_torchs_and_dropout_scales() -> None:
    rng = np.random.default_rng(2)
    z, upstream = rng.normal(size=(6, 7)), rng.normal(size=(6, 7))
    leaf = torch.tensor(z, requires_grad=True)
    layer = Relu()
    out = torch.relu(leaf)
    np.testing.assert_allclose(layer.forward(z, training=True), out.detach().numpy())
    out.backward(torch.tensor(upstream))
    np.testing.assert_allclose(layer.backward(upstream), leaf.grad.numpy())

    drop = Dropout(0.25, np.random.default_rng(0))
    ones = np.ones((400, 500))
    dropped = drop.forward(ones, training=True)
    assert set(np.unique(dropped)) == {0.0, 1 / 0.75}
    assert abs((dropped == 0).mean() - 0.25) < 0.005  # its standard deviation is 0.001
    assert (drop.backward(ones) == dropped).all()
    assert drop.forward(ones, training=False) is ones


@pytest.mark.parametrize("shape", [(5,), (3, 4, 2)])
def test_batch_norms_running_averages_are_torchs(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    ours = BatchNorm()
    network = Network([ours], shape, rng)
    theirs = (nn.BatchNorm1d if len(shape) == 1 else nn.BatchNorm2d)(shape[0], dtype=torch.float64)
    network.parameters[:] = rng.normal(size=network.parameters.shape)
    with torch.no_grad():
        theirs.weight[:] = torch.tensor(ours.parameters["gamma"])
        theirs.bias[:] = torch.tensor(ours.parameters["beta"])
    for _ in range(4):
        x = rng.normal(2.0, 3.0, size=(6, *shape))
        np.testing.assert_allclose(network.forward(x, training=True), theirs(torch.tensor(x)).detach(), atol=1e-10)
    theirs.eval()
    np.testing.assert_allclose(network.forward(x), theirs(torch.tensor(x)).detach(), atol=1e-10)


@pytest.mark.parametrize("kind", ["sgd", "momentum", "adam", "adam with decay", "adamw", "rmsprop"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_hundred_steps_are_torchs(kind: str, dtype: str) -> None:
    rng = np.random.default_rng(4)
    ours = perceptron(6, (8, 5), 3, rng, activation="tanh", dtype=dtype)
    theirs = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 5), nn.Tanh(), nn.Linear(5, 3))
    theirs = theirs.to(getattr(torch, dtype))
    with torch.no_grad():
        for layer, (weight, bias) in zip(
            ours.layers[::2], zip(*[iter(theirs.parameters())] * 2, strict=True), strict=True
        ):
            weight[:] = torch.tensor(layer.parameters["W"].T)
            bias[:] = torch.tensor(layer.parameters["b"])
    x, y = rng.normal(size=(40, 6)).astype(dtype), rng.integers(0, 3, 40)
    name, settings = {
        "sgd": ("SGD", {"lr": 0.1, "weight_decay": 0.01}),
        "momentum": ("SGD", {"lr": 0.1, "momentum": 0.9}),
        "adam": ("Adam", {"lr": 0.01}),
        "adam with decay": ("Adam", {"lr": 0.01, "betas": (0.8, 0.99), "weight_decay": 0.1}),
        "adamw": ("AdamW", {"lr": 0.01}),
        "rmsprop": ("RMSprop", {"lr": 0.01}),
    }[kind]
    mine = getattr(optimizers, name)(**settings)
    optimizer = getattr(torch.optim, name)(theirs.parameters(), **settings)
    for _ in range(100):
        loss = ours.loss(x, y, softmax_cross_entropy)
        mine.step(ours.parameters, ours.gradients)
        optimizer.zero_grad()
        expected = functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(y))
        expected.backward()
        optimizer.step()
    assert ours.parameters.dtype == ours.gradients.dtype == dtype
    assert np.isclose(loss, expected.item(), rtol=1e-9 if dtype == "float64" else 1e-4)
    last = ours.layers[-1].parameters["W"]
    np.testing.assert_allclose(
        last.T, list(theirs.parameters())[-2].detach().numpy(), atol=1e-6 if dtype == "float64" else 1e-3
    )


# ---------------------------------------------------------------- training


def test_layers_write_into_the_networks_own_vectors() -> None:
    rng = np.random.default_rng(0)
    network = Network([Residual([Dense(3), Relu(), Dense(3)]), Dense(2)], (3,), rng)
    for layer in network.layers:
        for name, value in layer.parameters.items():
            assert np.shares_memory(value, network.parameters), name
            assert np.shares_memory(layer.gradients[name], network.gradients), name
    assert np.shares_memory(network.layers[0].layers[2].parameters["W"], network.parameters)
    assert network.parameters.size == 2 * (9 + 3) + 3 * 2 + 2


def test_patience_goes_back_to_the_least() -> None:
    rng = np.random.default_rng(0)
    network = perceptron(2, (4,), 2, rng, batch_norm=True)
    watched = iter([3.0, 1.0, 2.0, 2.5, 1.5, 0.1])
    seen = []

    def watch() -> float:
        seen.append(network.snapshot())
        return next(watched)

    x, y = rng.normal(size=(20, 2)), rng.integers(0, 2, 20)
    curve = train(
        network,
        x,
        y,
        loss=softmax_cross_entropy,
        optimizer=optimizers.SGD(lr=0.1),
        epochs=9,
        batch_size=5,
        rng=rng,
        watch=watch,
        patience=3,
    )
    assert (len(curve.losses), curve.watched) == (5, [3.0, 1.0, 2.0, 2.5, 1.5])
    for value, best, last in zip(network.snapshot(), seen[1], seen[4], strict=True):
        assert (value == best).all()
        assert (value != last).any()


def test_a_network_says_what_does_not_fit() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"layer 1: Dense takes rows of numbers, not examples of shape \(4, 3, 3\)"):
        Network([Convolution(4, 3), Dense(2)], (1, 5, 5), rng)
    with pytest.raises(ValueError, match=r"layer 0: Convolution takes \(channels, height, width\), not \(5,\)"):
        Network([Convolution(4, 3)], (5,), rng)
    with pytest.raises(ValueError, match=r"layer 0: Residual adds f\(a\) to a, but f makes \(2,\) of \(5,\)"):
        Network([Residual([Dense(2)])], (5,), rng)
    with pytest.raises(ValueError, match=r"layer 0: Unflatten makes \(2, 2\) of as many numbers, not of shape \(5,\)"):
        Network([Unflatten((2, 2))], (5,), rng)
    with pytest.raises(ValueError, match="nothing to average in a batch of one example"):
        perceptron(2, (3,), 2, rng, batch_norm=True).forward(np.ones((1, 2)), training=True)


def test_what_a_loss_would_take_for_something_else_is_refused() -> None:
    z = np.random.default_rng(0).normal(size=(4, 3))
    for labels in ([0, -1, 2, 1], [0, 3, 2, 1], [0, 1]):
        with pytest.raises(ValueError, match=r"a label in 0..2 for each of 4 rows"):
            softmax_cross_entropy(z.copy(), np.array(labels))
    with pytest.raises(ValueError, match=r"squared_error takes targets of shape \(4, 3\), not \(3, 4\)"):
        squared_error(z, np.zeros((3, 4)))
    assert squared_error(z[:, :1], np.zeros(4))[0] == pytest.approx((z[:, 0] ** 2).mean())
    for p in (1, 1.5, -0.1):
        with pytest.raises(ValueError, match=f"Dropout: p is {p}; it must be at least 0 and below 1"):
            Dropout(p, np.random.default_rng(0))


@pytest.mark.parametrize("dtype", ["int8", "float16", "bool", "object"])
def test_a_network_takes_numbers_of_any_kind_in_its_own_precision(dtype: str) -> None:
    """Batch norm of whole numbers would have an eps of 0."""
    rng = np.random.default_rng(0)
    network = Network([BatchNorm(), Dense(2)], (3,), rng)
    a = rng.integers(0, 2, size=(6, 3)) * [1, 1, 0]  # the last column does not vary
    for training in (False, True):
        expected = network.forward(a.astype(np.float64), training=training)
        np.testing.assert_array_equal(network.forward(a.astype(dtype), training=training), expected)
        assert np.isfinite(expected).all()


# ---------------------------------------------------------------- the classifier


def test_digits_are_read_as_well_as_scikit_learns_network_does() -> None:
    from sklearn.neural_network import MLPClassifier

    X, y = load_digits(return_X_y=True)
    X, unseen, y, labels = train_test_split(X / 16, y, test_size=0.5, random_state=0, stratify=y)
    ours = NetworkClassifier(hidden=(64,), epochs=60, lr=3e-3, dtype="float32").fit(X, y).score(unseen, labels)
    theirs = MLPClassifier((64,), max_iter=300, tol=1e-3, random_state=0).fit(X, y).score(unseen, labels)
    assert ours > 0.96
    assert abs(ours - theirs) < 0.015


@pytest.mark.parametrize(
    "settings", [{"dropout": 0.2}, {"batch_norm": True}, {"activation": "sigmoid"}, {"patience": 8}, {"hidden": ()}]
)
def test_every_part_of_it_learns(settings: dict) -> None:
    X, y = make_moons(400, noise=0.15, random_state=0)
    model = make_pipeline(
        StandardScaler(), NetworkClassifier(hidden=(24, 24), lr=0.01, epochs=80).set_params(**settings)
    )
    linear = settings.get("hidden") == ()
    score = cross_val_score(model, X, y, cv=4).mean()
    assert score > (0.83 if linear else 0.95)
    assert (score < 0.92) == linear


def test_early_stopping_stops_and_keeps_the_best() -> None:
    X, y = load_iris(return_X_y=True)
    flipped = np.random.default_rng(0).permutation(y)  # nothing to learn: the loss held out only rises
    model = NetworkClassifier(hidden=(64,), lr=0.01, epochs=300, patience=5).fit(X, flipped)
    assert model.n_iter_ == len(model.losses_) == len(model.validation_losses_) < 100
    assert model.validation_losses_.argmin() == model.n_iter_ - 6


def test_a_seed_gives_the_same_network() -> None:
    X, y = load_iris(return_X_y=True)
    make = lambda seed: NetworkClassifier(epochs=5, dropout=0.3, random_state=seed).fit(X, y).losses_  # noqa: E731
    assert make(0).tolist() == make(0).tolist()
    assert make(0).tolist() != make(1).tolist()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden": (0,)}, r"hidden is \(0,\); give whole numbers of at least 1"),
        ({"hidden": "64"}, "hidden is '64'"),
        ({"hidden": (2.5,)}, r"hidden is \(2.5,\)"),
        ({"hidden": 7}, "hidden is 7"),
        ({"activation": "step"}, "activation is 'step'; it must be one of 'relu', 'tanh', 'sigmoid'"),
        ({"optimizer": "lbfgs"}, "optimizer is 'lbfgs'"),
        ({"dtype": "float16"}, "dtype is 'float16'"),
        ({"lr": 0}, "lr is 0; it must be above 0"),
        ({"dropout": 1}, "dropout is 1, which leaves no output"),
        ({"epochs": 1.5}, "epochs is 1.5; it must be a whole number"),
        ({"batch_norm": 1}, "batch_norm is 1; it must be True or False"),
        ({"batch_norm": True, "batch_size": 1}, "batch_size is 1; it must be a whole number, at least 2"),
        ({"patience": 0}, "patience is 0"),
        ({"patience": 3, "validation_fraction": 0.001}, "rows to hold out for patience"),
        ({"optimizer": "sgd", "lr": 1e200, "hidden": (8, 8)}, r"the loss left all bounds in epoch \d+; scale the col"),
    ],
)
def test_bad_hyperparameters_are_named(settings: dict, message: str) -> None:
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=f"NetworkClassifier: {message}"):
        NetworkClassifier(**settings).fit(X, y)


def test_bad_rows_are_named() -> None:
    X, y = load_iris(return_X_y=True)
    broken = X.copy()
    broken[7, 2] = np.nan
    with pytest.raises(ValueError, match="NetworkClassifier: column 2 of X holds NaN in row 7"):
        NetworkClassifier(epochs=2).fit(broken, y)
    with pytest.raises(ValueError, match="NetworkClassifier: y holds one class only, 0"):
        NetworkClassifier(epochs=2).fit(X[:50], y[:50])
    with pytest.raises(ValueError, match="NetworkClassifier: X has 150 rows and y has 149"):
        NetworkClassifier(epochs=2).fit(X, y[:-1])


# ---------------------------------------------------------------- the trace

# Mazur, "A Step by Step Backpropagation Example" (2015), worked by hand there: two inputs, two hidden, two outputs
MAZUR = trace(
    [[[0.15, 0.20], [0.25, 0.30]], [[0.40, 0.45], [0.50, 0.55]]],
    [[0.35, 0.35], [0.60, 0.60]],
    x=[0.05, 0.10],
    y=[0.01, 0.99],
)


def test_a_hand_worked_example_comes_out() -> None:
    assert MAZUR.z[0][0] == pytest.approx(0.3775)
    np.testing.assert_allclose(MAZUR.a[1], [0.593269992, 0.596884378], atol=1e-9)
    np.testing.assert_allclose(MAZUR.a[2], [0.751365070, 0.772928465], atol=1e-9)
    assert MAZUR.loss == pytest.approx(0.298371109, abs=1e-9)
    np.testing.assert_allclose(MAZUR.delta[1], [0.138498562, -0.038098236], atol=1e-9)
    assert MAZUR.weight_gradients[1][0, 0] == pytest.approx(0.082167041, abs=1e-9)
    assert MAZUR.weight_gradients[0][0, 0] == pytest.approx(0.000438568, abs=1e-9)
    after = [W - 0.5 * g for W, g in zip(MAZUR.weights, MAZUR.weight_gradients, strict=True)]
    np.testing.assert_allclose(after[1], [[0.35891648, 0.408666186], [0.511301270, 0.561370121]], atol=1e-8)
    np.testing.assert_allclose(after[0], [[0.149780716, 0.19956143], [0.24975114, 0.29950229]], atol=1e-8)


def test_every_delta_is_printed() -> None:
    text = str(MAZUR)
    assert "layer 1 neuron 1: z = 0.15*0.05 + 0.2*0.1 + 0.35 = 0.3775; a = sigmoid(z) = 0.59327" in text
    assert "loss: C = 0.298371109" in text
    assert "layer 2 neuron 1: delta = sigma'(z) * dC/da = 0.186816 * (0.751365 - 0.01) = 0.138499" in text
    assert (
        "layer 1 neuron 1: delta = sigma'(z) * (sum of w*delta above) = 0.241301 * (0.4*0.138499 + 0.5*-0.0380982) "
        "= 0.00877135" in text
    )
    assert "layer 1 w from 1 to 1: 0.05 * 0.00877135 = 0.000438568" in text
    assert text.count(": delta =") == 4
    assert text.count(" w from ") == 8


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "linear"])
@pytest.mark.parametrize("loss", ["squared-error", "cross-entropy"])
def test_a_trace_is_torchs_gradient(activation: str, loss: str) -> None:
    rng = np.random.default_rng(5)
    sizes = (3, 4, 5, 2)
    Ws = [rng.normal(size=(out, into)) for into, out in pairwise(sizes)]
    bs = [rng.normal(size=out) for out in sizes[1:]]
    x, y = rng.normal(size=3), np.array([0.0, 1.0])
    found = trace(Ws, bs, x=x, y=y, activation=activation, loss=loss)
    W, b = ([torch.tensor(value, requires_grad=True) for value in values] for values in (Ws, bs))
    sigma = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "linear": lambda z: z}[activation]
    a = torch.tensor(x)
    for at in range(3):
        z = W[at] @ a + b[at]
        a = sigma(z)
    out = 0.5 * ((a - torch.tensor(y)) ** 2).sum() if loss == "squared-error" else -functional.log_softmax(z, 0)[1]
    out.backward()
    assert found.loss == pytest.approx(out.item())
    for ours, theirs in zip(found.weight_gradients, W, strict=True):
        np.testing.assert_allclose(ours, theirs.grad, rtol=1e-8, atol=1e-12)
    for ours, theirs in zip(found.bias_gradients, b, strict=True):
        np.testing.assert_allclose(ours, theirs.grad, rtol=1e-8, atol=1e-12)
    assert str(found).count(": delta =") == 11


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"x": [1, 2, 3]}, r"W of layer 1 has shape \(1, 2\); it must be \(1, 3\)"),
        ({"y": [1, 2]}, r"y has shape \(2,\); the last layer gives \(1,\)"),
        ({"activation": "step"}, "knows no 'step'; give one of sigmoid, tanh, relu, linear"),
        ({"loss": "hinge"}, "knows no 'hinge'"),
        ({"output": "softmax"}, "a softmax goes with loss='cross-entropy'"),
        ({"output": "tanh", "loss": "cross-entropy"}, "cross-entropy stands on a softmax, not on 'tanh'"),
        ({"y": [0.5], "loss": "cross-entropy"}, r"y is a distribution over classes, not \[0.5\]"),
    ],
)
def test_a_trace_says_what_does_not_fit(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trace([[[0.5, -0.5]]], [[0.1]], **{"x": [1, 2], "y": [1], **settings})
