"""The experiments of regression, bias and variance, and validation: findings are measured, effects are there."""

from __future__ import annotations

import re

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression as Theirs
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures

from kshot.classic.data.cp import load_cp
from kshot.classic.experiments.cp_regression import descend, loss
from kshot.classic.experiments.overfitting_ladder import written
from kshot.classic.regression.linear import PolynomialRegression
from tests.classic.experiments.reports import first_number, report, table, tables

LECTURE = ("cp-regression", "overfitting-ladder", "lambda-sweep", "bias-variance", "validation")


@pytest.mark.parametrize("name", LECTURE)
def test_numbers_of_the_finding_stand_in_its_tables(name: str) -> None:
    cells = " ".join(str(cell) + " " + one.caption for one in tables(name) for row in one.rows for cell in row)
    told = re.findall(r"-?\d[\d,]*\.\d+", report(name).summary[0])
    known = {number for number in re.findall(r"-?\d[\d,]*\.\d+", cells)}
    rounded = {f"{float(number.replace(',', '')):.{places}f}" for number in known for places in (1, 2, 3)}
    gains = set(re.findall(r"gain (-?[\d.]+) ± ([\d.]+)", report(name).summary[0]))  # a paired difference of two cells
    assert len(told) >= 3
    assert set(told) <= known | rounded | {number for pair in gains for number in pair}


def test_a_step_each_or_scaled_columns_arrive() -> None:
    one, each, scaled = table("cp-regression", "Gradient descent").rows
    assert one[2] == "not reached"
    assert first_number(scaled[2]) < 100 < first_number(each[2])
    assert (scaled[3], scaled[4]) == ("2.669", "-188.43")
    assert first_number(one[5]) > 1 > first_number(each[5])


def test_a_path_is_gradient_descents() -> None:
    """The slopes are those of the loss, and on a loss curved alike a step multiplies what is left by one number."""
    x, y = np.array([-1.0, 1.0]), np.array([1.0, 3.0])
    path = descend(x, y, (5.0, -2.0), 0.1, 30)
    left = 0.6 ** np.arange(31)  # 1 - lr * 2 * 2 rows
    np.testing.assert_allclose(path, np.array([1.0, 2.0]) + left[:, None] * np.array([4.0, -4.0]), atol=1e-12)
    assert loss(x, y, path[:1])[0] == pytest.approx((1 - (-2 - 5)) ** 2 + (3 - (-2 + 5)) ** 2)
    adapted = descend(x, y, (5.0, -2.0), 0.5, 1, each=True)
    np.testing.assert_allclose(adapted[1], [4.5, -1.5])  # the first step of AdaGrad is lr long, whatever the slope


def test_the_ladder_is_the_lectures_and_scikit_learns() -> None:
    rows = table("overfitting-ladder", "Error of").rows
    assert [row[1] for row in rows] == ["31.9", "15.4", "15.3", "14.9", "12.8"]
    X, y = load_cp()
    for degree, row in enumerate(rows, 1):
        model = make_pipeline(MinMaxScaler((-1, 1)), PolynomialFeatures(degree, include_bias=False), Theirs(tol=1e-12))
        off = y - cross_val_predict(model, X, y, cv=LeaveOneOut())
        assert first_number(row[2]) == pytest.approx(np.sqrt((off**2).sum()) / 10, abs=0.06)
    assert "least at degree 2" in report("overfitting-ladder").summary[0]


def test_a_function_is_written_in_the_datas_units() -> None:
    x = np.array([[10.0], [20.0], [40.0], [50.0]])
    model = PolynomialRegression(degree=2).fit(x, 3 - 2 * x[:, 0] + 0.0005 * x[:, 0] ** 2)
    assert written(model, 10.0, 50.0) == "3 - 2 x + 0.0005 x²"


def test_lambda_raises_training_error_and_has_a_best() -> None:
    assert "training error only rises" in report("lambda-sweep").summary[0]
    rows = table("lambda-sweep", "Root mean").rows
    for least, best, most in (rows[:3], rows[3:]):
        train = [first_number(row[2]) for row in (least, best, most)]
        test = [first_number(row[3]) for row in (least, best, most)]
        assert train == sorted(train)
        assert test[1] < min(test[0], test[2])
    assert [row[4] for row in rows[:3]] == ["0", "0", "0"]
    assert 30 < first_number(rows[4][4]) < 65


def test_bias_falls_and_variance_rises_with_the_degree() -> None:
    rows = table("bias-variance", "Squared loss of each").rows
    bias, variance = ([first_number(row[at]) for row in rows] for at in (3, 4))
    assert bias == sorted(bias, reverse=True)
    assert variance == sorted(variance)
    assert bias[0] > 100 * bias[-1]
    for row in rows:
        loss_, *parts = map(first_number, row[1:5])
        assert loss_ == pytest.approx(sum(parts), abs=2e-4)
    told = report("bias-variance").summary[2]
    assert "Degree 1 is diagnosed as underfitting" in told
    assert "degree 8 as overfitting" in told


def test_rows_lower_variance_and_lambda_trades_it_for_bias() -> None:
    more = table("bias-variance", "Squared loss of degree 5").rows
    assert first_number(more[0][4]) > 10 * first_number(more[-1][4])
    kept = table("bias-variance", "Squared loss of degree 8").rows
    assert first_number(kept[0][3]) < 0.1 * first_number(kept[-1][3])
    assert first_number(kept[0][4]) > 2 * first_number(kept[-1][4])
    nearest = table("bias-variance", "0-1 loss").rows
    for row in nearest:
        loss_, noise, bias, net, unbiased, biased = map(first_number, row[1:])
        assert loss_ == pytest.approx(noise + bias + net, abs=2e-4)
        assert net == pytest.approx(unbiased - biased, abs=2e-4)
    assert first_number(nearest[0][3]) < first_number(nearest[-1][3])


def test_choosing_on_the_test_set_flatters() -> None:
    rows = {
        (row[0], row[1]): [first_number(cell) for cell in row[2:]] for row in table("validation", "Accuracy of").rows
    }
    for kind in ("labels by chance", "real labels"):
        single, best = rows[kind, "1"], rows[kind, "300"]
        assert single[0] == single[1]
        assert best[0] > best[2] + 3
        assert abs(best[1] - best[2]) < 4
    assert rows["labels by chance", "300"][0] > 60
    assert abs(rows["labels by chance", "300"][2] - 50) < 2
    own, outer, new = (first_number(cell) for cell in table("validation", "Accuracy by").rows[0][1:4])
    assert own - new > 5
    assert own > outer
