"""The decision tree finds what was done to the rows; what cannot be read is said with column, row and line."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from kshot.classic.data.digits import digits_table
from kshot.classic.data.tables import DataTable, read_table
from kshot.classic.diagnosis.examine import Diagnosis, concluded, examine
from kshot.classic.diagnosis.ladder import Rung, divided
from kshot.classic.diagnosis.questions import LARGE, Answer, above, told_apart
from kshot.classic.diagnosis.report import diagnose, report_of
from kshot.cli import main
from kshot.eval.report.model import Figure
from kshot.eval.report.style import svg
from kshot.types import UserError


def rows(X: np.ndarray, y: np.ndarray, *, classes: int = 0, test: np.ndarray | None = None) -> DataTable:
    names = tuple(f"x{at}" for at in range(X.shape[1]))
    return DataTable("made up", names, "y", X, y, tuple(map(str, range(classes))) or None, test)


def shifted(rng: np.random.Generator) -> DataTable:
    """Test rows lie elsewhere, where the target is another function that no train row shows."""
    X = rng.normal(size=(900, 4))
    test = np.arange(900) >= 600
    X[test, 2] += 4
    return rows(X, np.where(X[:, 2] > 2, 4.0, X[:, 0]) + 0.02 * rng.normal(size=900), test=test)


@cache
def found(case: str) -> Diagnosis:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(800, 6))
    labels = (X[:, 0] * X[:, 1] > 0).astype(np.intp)
    deep = (Rung("linear model"), Rung("1 x 32 network", (32,)), Rung("30 x 16 network", (16,) * 30, "sigmoid"))
    small = (Rung("linear model"), Rung("1 x 1 network", (1,)))
    cases = {
        "optimisation": lambda: examine(rows(X, labels, classes=2), ladder=deep, steps=600),
        "model bias": lambda: examine(rows(X, labels, classes=2), ladder=small, steps=1500),
        "noise": lambda: examine(rows(X[:, :1], rng.normal(size=800)), steps=400),
        "overfitting": lambda: examine(rows(X[:200], rng.integers(0, 2, 200), classes=2), steps=800),
        "overfitting a quantity": lambda: examine(rows(rng.normal(size=(200, 20)), rng.normal(size=200)), steps=800),
        "mismatch": lambda: examine(shifted(rng), steps=1500),
        "mismatch of targets": lambda: examine(
            rows(X, np.where(np.arange(800) < 500, X[:, 0], -X[:, 0]), test=np.arange(800) >= 500), steps=1500
        ),
        "none": lambda: examine(rows(X, X[:, 0] - X[:, 1]), steps=1500),
        "digits": lambda: examine(digits_table(), steps=1500),
    }
    return cases[case]()


VERDICTS = {
    "optimisation": "optimisation",
    "model bias": "model bias",
    "noise": "model bias",
    "overfitting": "overfitting",
    "overfitting a quantity": "overfitting",
    "mismatch": "mismatch",
    "mismatch of targets": "mismatch",
    "none": "none",
    "digits": "none",
}


@pytest.mark.parametrize("case", VERDICTS)
def test_what_was_done_to_the_rows_is_found(case: str) -> None:
    assert found(case).verdict == VERDICTS[case], found(case).sentence


def test_optimisation_names_the_smaller_model_that_does_better() -> None:
    diagnosis = found("optimisation")
    assert "though the smaller 1 x 32 network reaches" in diagnosis.sentence
    assert diagnosis.ladder[-1].train_loss > diagnosis.ladder[1].train_loss + LARGE / 2
    assert diagnosis.tried[0].rung.batch_norm


def test_model_bias_says_whether_a_larger_model_helps() -> None:
    assert found("model bias").advice[0].startswith("A larger model has a smaller training loss")
    assert found("noise").advice[0].startswith("A larger model hardly helps: the columns do not say enough")
    assert found("noise").ladder[-1].train_loss > 0.8


def test_overfitting_is_measured_and_remedies_are_tried() -> None:
    diagnosis = found("overfitting a quantity")
    largest = diagnosis.ladder[-1]
    assert largest.train_loss < LARGE < largest.error("validation")
    assert [one.rung.name for one in diagnosis.tried] == [
        "early stopping",
        "weight decay 0.01",
        "dropout 0.5",
        "half of the train rows",
    ]
    assert diagnosis.tried[0].error("validation") < largest.error("validation")
    assert len(diagnosis.tried[0].losses) < len(largest.losses)


def test_mismatch_tells_shifted_rows_from_another_function() -> None:
    far, flipped = found("mismatch"), found("mismatch of targets")
    assert far.apart.interval.low > 0.9
    assert "column that differs most is 'x2'" in far.advice[0]
    assert 0.5 in flipped.apart.interval
    assert "the target hangs on them in another way" in flipped.advice[0]


@pytest.mark.parametrize("case", ["optimisation", "noise", "overfitting", "mismatch", "digits"])
def test_the_report_says_it_in_one_sentence_and_draws_without_images(case: str) -> None:
    report = report_of(found(case))
    assert report.summary[0] == found(case).sentence
    assert re.search(r"\d\.\d{3}", report.summary[0])
    assert report.summary[0].count(". ") == 0
    figures = [block for block in report.blocks() if isinstance(block, Figure)]
    assert len(figures) == (3 if found(case).tried else 2)
    for figure in figures:
        assert "data:image" not in svg(figure)


def test_a_seed_gives_the_same_diagnosis() -> None:
    table = rows(np.random.default_rng(1).normal(size=(80, 3)), np.arange(80) % 2, classes=2)
    one, two, other = (examine(table, steps=100, seed=seed).ladder[-1].train_loss for seed in (0, 0, 1))
    assert one == two != other


def test_every_row_is_in_one_part_and_every_class_in_all() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [5, 45, 150])
    X = np.arange(200.0)[:, None]
    parts = divided(rows(X, y, classes=3), 0)
    back = np.concatenate([part.X[:, 0] for part in parts.values()])
    assert len(np.unique(back)) == 200
    assert {name: np.bincount(part.y).tolist() for name, part in parts.items()} == {
        "train": [3, 27, 90],
        "validation": [1, 9, 30],
        "test": [1, 9, 30],
    }
    np.testing.assert_allclose([parts["train"].X.mean(), parts["train"].X.std()], [0, 1], atol=1e-12)
    test = rng.random(200) < 0.4
    given = divided(rows(X, y.astype(float), test=test), 0)
    assert len(given["test"].X) == test.sum()
    assert len(given["train"].X) == round(0.75 * (~test).sum())
    assert abs(given["train"].y.mean()) < 1e-12


def test_columns_of_any_size_are_standardised_and_constant_ones_are_left_at_0() -> None:
    """Squares that overflow, vanish, or are nothing but rounding would make a column 0, or as large as 1e16."""
    X = np.random.default_rng(0).normal(size=(500, 1)) * [1.0, 1e200, 1e-200, 0.0] + [0, 0, 0, 0.1]
    y = X[:, 0].copy()
    X[-1, 3] = 0.2  # one test row is another
    test = np.arange(500) >= 300
    parts = divided(rows(X, y, test=test), 0)
    for name in ("train", "validation", "test"):
        for column in (1, 2):
            np.testing.assert_allclose(parts[name].X[:, column], parts[name].X[:, 0], rtol=1e-9)
        assert np.abs(parts[name].X[:, 3]).max() <= 0.1 + 1e-9
    np.testing.assert_allclose(parts["test"].y[:, 0], parts["test"].X[:, 0], rtol=1e-12)


def test_the_lower_end_of_a_difference_is_scipys() -> None:
    from scipy import stats

    rng = np.random.default_rng(0)
    a, b = rng.normal(1, 2, 30), rng.normal(0, 1, 50)
    difference, low = above(a, b)
    expected = stats.ttest_ind(a, b, equal_var=False)
    assert np.isclose(difference, a.mean() - b.mean())
    assert np.isclose(low, expected.confidence_interval(0.95).low)
    assert above(np.ones(4), np.zeros(4)) == (1.0, 1.0)


def test_two_samples_of_one_distribution_are_not_told_apart() -> None:
    rng = np.random.default_rng(0)
    same = [
        0.5 in told_apart(rng.normal(size=(200, 3)), rng.normal(size=(150, 3)), seed).interval for seed in range(20)
    ]
    assert sum(same) >= 17  # 95% intervals: one of 20 may miss
    far = told_apart(rng.normal(size=(200, 3)), rng.normal(1.0, 1.0, size=(150, 3)), 0)
    assert far.accuracy > 0.7


# ---------------------------------------------------------------- files


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_and_jsonl_hold_the_same_rows(tmp_path: Path) -> None:
    items = [{"a": at / 2, "b": -at, "split": "test" if at > 2 else "train", "y": at + 0.5} for at in range(5)]
    lines = "\n\n".join(json.dumps(item) for item in items)
    csv = write(tmp_path / "one.csv", "﻿a,b,split,y\n" + "\n".join(",".join(map(str, i.values())) for i in items) + "\n")
    for path in (csv, write(tmp_path / "two.jsonl", lines)):
        table = read_table(path)
        assert (table.columns, table.target, table.classes) == (("a", "b"), "y", None)
        np.testing.assert_array_equal(table.X, [[at / 2, -at] for at in range(5)])
        np.testing.assert_array_equal(table.y, [at + 0.5 for at in range(5)])
        assert table.test.tolist() == [False, False, False, True, True]
    assert read_table(csv, "a").columns == ("b", "y")


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (["red", "blue", "red"], ("blue", "red")),
        (["0", "1", "1"], ("0", "1")),
        (["10", "-2", "10"], ("-2", "10")),
        (["0.5", "1", "1"], None),
        ([str(at) for at in range(30)], None),
    ],
)
def test_a_target_is_a_class_or_a_quantity(tmp_path: Path, cells: list[str], classes: tuple[str, ...] | None) -> None:
    path = write(tmp_path / "data.csv", "x,y\n" + "".join(f"{at},{cell}\n" for at, cell in enumerate(cells)))
    assert read_table(path).classes == classes


BAD = {
    "data.csv": [
        ("", "is empty; give it columns and rows"),
        ("a,b\n", "holds no rows"),
        ("a,b\n1,2\n,3\n", r"column 'a', row 2 \(line 3\) is empty; drop such rows"),
        ("a,b\n1,2\n\n3,\n", r"column 'b', row 2 \(line 4\) is empty"),
        ("a,b\n1,2\nred,3\n", r"column 'a', row 2 \(line 3\) holds 'red', no number"),
        ("a,b\n1,2\n2,red\n", r"column 'b', row 2 \(line 3\) holds 'red', no number"),
        ("a,b\nnan,2\n2,3\n", r"column 'a', row 1 \(line 2\) holds 'nan'; drop"),
        ("a,b\n1,2\n2,inf\n", r"column 'b', row 2 \(line 3\) holds 'inf'"),
        ("a,b\n1,2,3\n", "line 2 has 3 cells, the first line names 2 columns"),
        ("a,a\n1,2\n", "two columns are named 'a'"),
        ("a,,b\n1,2,3\n", "column 2 has no name"),
        ("a\n1\n2\n", "has no column beside the target 'a'"),
        ("a,b\n1,5\n2,5\n", "the target 'b' is '5' in every row"),
        ("a,split,b\n1,train,3\n2,dev,4\n", r"column 'split', row 2 \(line 3\) holds 'dev'; write train or test"),
        ('a,b\n"1,2\n', "line 2 is no CSV"),
    ],
    "data.jsonl": [
        ("", "holds no rows"),
        ('{"a": 1, "b": 2}\n{"a": null, "b": 3}\n', r"column 'a', row 2 \(line 2\) is empty"),
        ('{"a": 1, "b": 2}\n\n{"a": NaN, "b": 3}\n', r"column 'a', row 2 \(line 3\) holds nan"),
        ('{"a": 1, "b": 2}\n{"a": [1], "b": 3}\n', r"column 'a', row 2 \(line 2\) holds \[1\], no number"),
        ('{"a": 1, "b": 2}\n{"a": 1}\n', "line 2 has no 'b'; every line needs the same names"),
        ('{"a": 1, "b": 2}\n{"a": 1, "b": 3, "c": 4}\n', "line 2 is the first with 'c'"),
        ('{"a": 1, "b": 2}\nred\n', "line 2 is no JSON"),
        ("[1, 2]\n", "line 1 holds list, not an object"),
        ('{"a": 1' + 5000 * "0" + ', "b": 2}\n', "line 1 holds a number or a nesting too long to read"),
        ('{"a": 1' + 400 * "0" + ', "b": 2}\n', r"column 'a', row 1 \(line 1\) holds a number of 401 digits"),
        ('{"a": ' + 100_000 * "[" + "\n", "line 1 holds a number or a nesting too long to read"),
    ],
    "data.txt": [("a,b\n1,2\n", "is neither .csv nor .jsonl")],
}


@pytest.mark.parametrize(
    ("name", "text", "message"), [(name, text, message) for name, cases in BAD.items() for text, message in cases]
)
def test_a_bad_file_is_named_with_column_row_and_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = write(tmp_path / name, text)
    with pytest.raises(UserError, match=message) as caught:
        read_table(path)
    assert str(path) in str(caught.value)


def test_other_mistakes_have_their_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", "height,weight\n" + "".join(f"{at},{at * 1.5}\n" for at in range(20)))
    with pytest.raises(UserError, match=r"has no column 'wieght' to predict: did you mean weight or height\?"):
        read_table(path, "wieght")
    with pytest.raises(UserError, match=r"data.csv has 20 rows; a diagnosis needs at least 40"):
        diagnose(path)
    with pytest.raises(UserError, match="whose target is 'digit', not 'price'"):
        diagnose(None, target="price")
    (tmp_path / "latin.csv").write_bytes("größe,b\n1,2\n".encode("latin-1"))
    with pytest.raises(UserError, match="is not UTF-8 text"):
        read_table(tmp_path / "latin.csv")
    X, y = np.ones((60, 2)), np.repeat([0, 1], [57, 3])
    with pytest.raises(UserError, match=r"has 3 train rows with y '1'; give at least 5"):
        examine(rows(X, y, classes=2))
    with pytest.raises(UserError, match=r"made up has 4 test rows; give at least 10"):
        examine(rows(X, np.arange(60.0), test=np.arange(60) > 55))


def test_the_command_leaves_a_report(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(120, 2))
    path = tmp_path / "sums.csv"
    write(path, "\n".join(["a,b,sum", *(f"{a},{b},{a + b}" for a, b in X)]) + "\n")
    done = CliRunner().invoke(main, ["classic", "diagnose", str(path), "--target", "sum", "--out", str(tmp_path / "o")])
    assert done.exit_code == 0, done.output
    assert "training loss" in done.output
    assert (tmp_path / "o" / "report.html").is_file()
    assert "The decision tree" in (tmp_path / "o" / "report.md").read_text(encoding="utf-8")
    missing = CliRunner().invoke(main, ["classic", "diagnose", str(tmp_path / "none.csv")])
    assert missing.exit_code != 0


@pytest.mark.parametrize(
    ("causes", "verdict"),
    [
        ((), "none"),
        ((None, None), "none"),
        ((None, "optimisation"), "optimisation"),
        ((None, "overfitting", None, None), "overfitting"),
        ((None, "overfitting", "mismatch", None), "mismatch"),
    ],
)
def test_the_verdict_is_the_last_cause_named(causes: tuple, verdict: str) -> None:
    assert concluded([Answer("?", "", "", cause) for cause in causes]) == verdict
