"""The experiments on descent: their findings are what their tables say, and what theory says of the same surfaces."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

from kshot.classic.experiments.batch_size import batch_size, network, verdict
from kshot.classic.experiments.feature_scaling import Fit
from kshot.classic.experiments.limits import PLACES
from kshot.classic.experiments.loss_surface import ReluModule
from kshot.classic.experiments.optimizers import MAKERS, valley
from tests.classic.experiments.reports import report, table, tables, text


@pytest.mark.parametrize("name", ["optimizers", "feature-scaling", "limits", "batch-size", "loss-surface"])
def test_numbers_of_the_finding_stand_in_its_tables(name: str) -> None:
    cells = {text(cell) for one in tables(name) for row in one.rows for cell in row}
    cells |= {one.title for one in tables(name)}
    numbers = {number for cell in cells for number in re.findall(r"\d[\d,]*\.?\d*", cell)}
    told = re.findall(r"(?<![\d.+-])\d[\d,]*\.?\d*(?<![,.])", re.sub(r"\([^)]*±[^)]*\)", "", report(name).summary[0]))
    given = {"30", "0.1", "0.01"}  # hyperparameters
    assert len(told) >= 3
    assert set(told) - given <= numbers


def test_a_turned_valley_keeps_its_shape() -> None:
    straight, turned = valley(100.0, 0.0), valley(100.0, 30.0)
    for objective in (straight, turned):
        A = np.array([objective(unit, slice(None))[1] for unit in np.eye(2)])
        np.testing.assert_allclose(np.linalg.eigvalsh(A), [1, 100])
        w = np.array([0.3, -0.7])
        assert objective(w, slice(None))[0] == pytest.approx(w @ A @ w / 2)
    assert valley(100.0, 30.0)(np.array([np.cos(np.pi / 6), 0.5]), slice(None))[0] == pytest.approx(0.5)


def test_adagrad_needs_the_valley_along_the_weights() -> None:
    rows = {text(row[0]): row for row in table("optimizers", "Updates to a millionth").rows}
    straight, turned = ({name: text(row[at]) for name, row in rows.items()} for at in (2, 4))
    assert int(straight["Adagrad"]) < 20 < int(turned["Adagrad"])
    for updates in (straight, turned):
        assert int(updates["momentum 0.9"]) < int(updates["gradient descent"])
    assert {text(row[0]) for row in table("optimizers", "Softmax").rows} == set(MAKERS)


def test_scaling_is_what_the_condition_number_says() -> None:
    rows = {
        (text(row[0]), text(row[1])): [text(cell) for cell in row[2:]] for row in table("feature-scaling", "Grad").rows
    }
    raw, ranged, standard = (
        int(rows["s5 and bp", scaling][0].replace(",", "")) for scaling in ("as they are", "min-max", "standardised")
    )
    assert raw > 1000 * ranged > 1000 * standard
    assert rows["s5 and bp", "as they are"][2].startswith("more than 3,000")
    assert int(rows["s5 and bp", "standardised"][2]) < int(rows["s5 and bp", "min-max"][2])
    X, y = load_diabetes(return_X_y=True, scaled=False)
    model = LinearRegression().fit(X, y)
    least = float(((model.predict(X) - y) ** 2).mean())
    assert rows["all ten columns", "standardised"][4] == f"{least:,.0f}"
    columns = np.column_stack([StandardScaler().fit_transform(X), np.ones(len(y))])
    fit = Fit(columns, y, 10)
    curvature = 2 / len(y) * columns.T @ columns
    assert fit.condition == pytest.approx(np.linalg.cond(curvature))
    assert fit.lr == pytest.approx(1 / np.linalg.norm(curvature, 2))


@pytest.mark.parametrize("place", PLACES)
def test_gradients_of_the_surfaces(place: str) -> None:
    surface, start, least = PLACES[place]
    w = np.array(start) * 0.7 + 0.1
    for at in range(len(w)):
        tiny = np.zeros(len(w))
        tiny[at] = 1e-6
        by_difference = (surface(w + tiny)[0] - surface(w - tiny)[0]) / 2e-6
        assert surface(w)[1][at] == pytest.approx(by_difference, abs=1e-8)
    rng = np.random.default_rng(0)
    assert surface(rng.uniform(-3, 3, size=(100_000, len(w))))[0].min() >= least - 1e-9


def test_limits_are_where_theory_has_them() -> None:
    rows = {(text(row[0]), text(row[1])): [text(cell) for cell in row[2:]] for row in table("limits", "Gradient").rows}
    assert rows["plateau", "without momentum"][:3] == ["0", "3.80", "100"]
    assert rows["saddle", "without momentum"][1].endswith(", 0.00")
    assert rows["local minimum", "without momentum"][4] == "0.95"
    assert rows["local minimum", "without momentum"][3] == "never"
    assert rows["local minimum", "with momentum"][4] == "-1.05"
    for place in ("plateau", "saddle"):
        assert int(rows[place, "with momentum"][3]) < int(rows[place, "without momentum"][3])
    found = re.search(r"of 91 starts .*, (\d+) end .* with it and (\d+) without", report("limits").summary[2])
    assert found
    assert 0 == int(found[2]) < int(found[1]) < 91


def test_critical_points_are_found_and_left() -> None:
    by_hand = table("critical-points", "L = (1 - w1 w2)^2").rows
    for row in by_hand:
        assert text(row[2]) == text(row[3])
    kinds = {text(row[0]): row for row in table("critical-points", "What 8").rows}
    assert int(text(kinds["saddle"][1])) >= 3
    assert float(text(kinds["saddle"][5])) < 0
    assert float(text(kinds["saddle"][6])) <= 1e-6
    assert 0 < float(text(kinds["saddle"][4])) < 1
    saddles = text(kinds["saddle"][1])
    assert f"at {saddles} of {saddles} saddles" in report("critical-points").summary[1]
    assert "brings it to 0.25" in report("critical-points").summary[3]


def test_batches_reach_the_same_loss_in_fewer_epochs() -> None:
    rows = [[text(cell) for cell in row] for row in table("batch-size", "Trained to").rows]
    assert [row[0] for row in rows] == ["8", "32", "128", "898"]
    assert {row[-1] for row in rows} == {"3 of 3"}
    epochs = [float(row[2].split(" ±")[0]) for row in rows]
    assert epochs[0] < epochs[1] < epochs[2] < epochs[3]
    times = [[text(cell) for cell in row] for row in table("batch-size", "Time").rows]
    assert float(times[0][3]) > 5 * float(times[-1][3])
    assert [row[2] for row in times] == ["898", "225", "57", "15", "4", "1"]


def test_words_for_a_difference() -> None:
    assert verdict(np.array([3.0, 4.0, 5.0]), "more", "less") == "more"
    assert verdict(np.array([-3.0, -4.0, -5.0]), "more", "less") == "less"
    assert verdict(np.array([1.0, 2.0, 3.0]), "more", "less") == "neither more nor less for certain"
    assert verdict(np.array([3.0]), "more", "less") == "neither more nor less for certain"


def test_weights_come_from_the_generator_given() -> None:
    """Layers draw weights of their own when they are made: none of them may stay."""
    one = network(8, torch.Generator().manual_seed(3))
    torch.rand(5)
    other = network(8, torch.Generator().manual_seed(3))
    for mine, others in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, others)


def test_a_skip_connection_adds() -> None:
    plain, skipping = (ReluModule(3, 4, skip, torch.Generator().manual_seed(0)) for skip in (False, True))
    x = torch.rand(2, 64, dtype=torch.float64)
    for module in (plain, skipping):
        with torch.no_grad():
            for layer in module.inner:
                layer.weight.zero_()
    assert plain(x).abs().max() == 0
    torch.testing.assert_close(skipping(x), skipping.last(torch.relu(skipping.first(x))))


def test_depth_bends_the_surface_and_skipping_straightens_it() -> None:
    rows = [[text(cell) for cell in row] for row in table("loss-surface", "Surfaces").rows]
    assert [row[0] for row in rows] == ["12 layers", "12 layers, skip connections", "2 layers"]
    bent = [float(row[4].split(" ±")[0]) for row in rows]
    assert bent[0] > bent[1]
    assert bent[0] > bent[2]


def test_the_same_loss_is_said_only_where_it_was_reached() -> None:
    few = batch_size(goal=1e-6, repeats=2, most_updates=20)
    assert few.summary[0].startswith(
        "Trained to the same loss or 20 updates, the loss 0 and 0 times of 2, batches of 8"
    )
    assert "to the same loss all rows at once need" not in few.summary[1]
    assert report("batch-size").summary[0].startswith("Trained to the same loss, batches of 8")
