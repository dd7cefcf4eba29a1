"""The experiments of classification: their findings are what their tables say, and what scikit-learn finds too."""

from __future__ import annotations

import re

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression as Theirs
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split

from kshot.classic.data.pokemon import load_pokemon
from kshot.classic.experiments.generative_discriminative import LearningCurve
from kshot.classic.experiments.logistic_losses import descend, one_column
from tests.classic.experiments.reports import report, table, tables, text

LECTURE = ("pokemon-types", "logistic-losses", "generative-discriminative", "xor-limit", "softmax")


@pytest.mark.parametrize("name", LECTURE)
def test_percentages_of_the_finding_stand_in_its_tables(name: str) -> None:
    cells = {text(cell) for one in tables(name) for row in one.rows for cell in row}
    numbers = {number for cell in cells for number in re.findall(r"\d+\.\d", cell)}
    told = re.findall(r"(\d+\.\d)(?=%| against| to)", report(name).summary[0])
    wrong = {f"{100 - float(number):.1f}" for number in numbers}  # the finding may count what is wrong
    assert told
    assert set(told) <= numbers | wrong


def test_pokemon_accuracies_are_scikit_learns() -> None:
    rows = load_pokemon().only("Water", "Normal")
    train = rows.numbers < 400
    models = {"own": QuadraticDiscriminantAnalysis(), "shared": LinearDiscriminantAnalysis(solver="lsqr")}
    found = {row[:2]: (row[3], row[4]) for row in table("pokemon-types", "Trained on").rows}
    for title, columns in (("defense and sp_defense", [2, 4]), ("all six stats", list(range(6)))):
        X = rows.stats[:, columns]
        for kind, model in models.items():
            model.fit(X[train], rows.types[train])
            scores = [f"{100 * model.score(X[part], rows.types[part]):.1f}" for part in (train, ~train)]
            assert list(found[title, kind]) == scores


def test_sharing_helps_with_six_stats() -> None:
    assert report("pokemon-types").summary[0].startswith("Sharing one covariance helps")
    gains = [row[4] for row in table("pokemon-types", "Test accuracy over").rows if row[0] == "all six stats"]
    for gain in gains:
        middle, half = map(float, text(gain).split(" ± "))
        assert middle - half > 0


def test_a_column_that_is_a_sum_is_refused_in_words() -> None:
    assert "column 6 is a linear combination of columns 0, 1, 2, 3, 4, 5" in report("pokemon-types").summary[-1]


def test_squared_error_crawls_where_it_is_most_wrong() -> None:
    rows = {row[:2]: row for row in table("logistic-losses", "Gradient descent").rows}
    cross, squared = rows["far", "cross-entropy"], rows["far", "squared-error"]
    assert int(text(squared[4])) > 10 * int(text(cross[4]))
    assert float(text(cross[3])) > 50 * float(text(squared[3]))
    assert float(text(cross[2])) < 15


def test_a_path_is_gradient_descents() -> None:
    """On |w|^2 / 2 every step multiplies w by 1 - lr."""
    path = descend(lambda w: (float(w @ w) / 2, w), np.array([3.0, -1.0]), 0.1, 20)
    np.testing.assert_allclose(path, np.outer(0.9 ** np.arange(21), [3.0, -1.0]))


def test_the_best_accuracy_is_scikit_learns() -> None:
    rows, target = one_column()
    expected = Theirs(C=np.inf).fit(rows[:, :1], target).score(rows[:, :1], target)
    assert f"best accuracy ({100 * expected:.1f}%)" in report("logistic-losses").summary[0]


def test_slopes_vanish_for_squared_error_only() -> None:
    first = table("logistic-losses", "Size of dC/dz").rows[0]
    assert (first[0], first[2]) == ("-10", "1")
    assert float(text(first[3])) < 1e-3


def test_whose_error_is_lower() -> None:
    rng = np.random.default_rng(0)
    low, high = rng.normal(0.1, 0.01, size=20), rng.normal(0.2, 0.01, size=20)
    curve = LearningCurve("made up", (4, 8, 16), np.array([low, high, low]), np.array([high, low, low[::-1]]))
    assert curve.words() == ["naive Bayes", "logistic regression", "even"]


def test_naive_bayes_first_and_logistic_regression_last() -> None:
    rows = [row for row in table("generative-discriminative", "Test error").rows if row[0] == "breast cancer"]
    first, last = rows[1], rows[-1]  # 8 rows and 256
    naive, logistic = ([float(text(row[at]).split(" ")[0]) for row in (first, last)] for at in (2, 3))
    assert naive[0] < logistic[0]
    assert naive[1] > logistic[1]
    assert last[4] == "logistic regression"


def test_xor_needs_more_than_a_line() -> None:
    accuracy = {text(row[0]): float(text(row[2])) for row in table("xor-limit", "XOR by").rows}
    assert accuracy.pop("logistic regression") < 65
    assert min(accuracy.values()) > 90
    assert "the best line gets 3 right" in report("xor-limit").summary[1]
    solved = {text(row[0]): int(text(row[1])) for row in table("xor-limit", "Random starts").rows}
    assert (solved["1"], solved["8"]) == (0, 10)
    assert 0 < solved["2"] < 10


def test_the_confusion_matrix_is_scikit_learns() -> None:
    X, y = load_digits(return_X_y=True)
    X, unseen, y, labels = train_test_split(X / 16, y, test_size=0.5, random_state=0, stratify=y)
    expected = confusion_matrix(labels, Theirs(max_iter=5000, tol=1e-8).fit(X, y).predict(unseen))
    found = [[int(text(cell)) for cell in row[1:-1]] for row in table("softmax", "Confusion").rows]
    assert found == expected.tolist()
    assert f"reads {100 * np.trace(expected) / len(labels):.1f}%" in report("softmax").summary[0]
