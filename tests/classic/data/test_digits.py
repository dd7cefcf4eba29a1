"""The digits are scikit-learn's, and every row is in one part."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import datasets

from kshot.classic.data.digits import Digits, digits_table, load_digits, split_at_random, split_by_class
from kshot.classic.data.images import digit_images

ALL = datasets.load_digits()


def numbers_of(*parts: Digits) -> list[int]:
    """Which rows of all the parts have; two digits of the set are never the same image."""
    whole = {row.tobytes(): at for at, row in enumerate(load_digits().X)}
    return [whole[row.tobytes()] for part in parts for row in part.X]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_they_are_scikit_learns(dtype: type) -> None:
    digits = load_digits(dtype)
    assert digits.X.dtype == dtype
    np.testing.assert_array_equal(16 * digits.X, ALL.data)
    np.testing.assert_array_equal(digits.y, ALL.target)
    assert len(digits) == 1797


def test_halves_have_every_digit_in_its_share() -> None:
    seen, unseen = split_by_class(load_digits(), seed=0)
    assert (len(seen), len(unseen)) == (898, 899)
    assert np.abs(np.bincount(seen.y) - np.bincount(unseen.y)).max() <= 1
    assert sorted(numbers_of(seen, unseen)) == list(range(1797))
    assert len(split_by_class(load_digits(), seed=0, test_share=0.3)[1]) == 540
    assert numbers_of(split_by_class(load_digits(), seed=0)[0]) == numbers_of(seen)
    assert numbers_of(split_by_class(load_digits(), seed=1)[0]) != numbers_of(seen)


def test_rows_at_random_and_all_others() -> None:
    some, others = split_at_random(load_digits(), 900, np.random.default_rng(3))
    order = np.random.default_rng(3).permutation(1797).tolist()
    assert numbers_of(some) == order[:900]
    assert numbers_of(others) == order[900:]
    assert some.y.tolist() == ALL.target[order[:900]].tolist()


def test_chosen_rows_keep_their_order() -> None:
    chosen = load_digits().rows(np.array([5, 2]))
    assert numbers_of(chosen) == [5, 2]
    assert chosen.y.tolist() == ALL.target[[5, 2]].tolist()
    assert numbers_of(load_digits().rows(slice(1795, None))) == [1795, 1796]


def test_as_tensors_table_and_images_they_are_the_same() -> None:
    digits = load_digits()
    X, y = digits.tensors()
    assert (X.dtype, y.dtype) == (torch.float64, torch.int64)
    np.testing.assert_array_equal(X.numpy(), digits.X)
    table = digits_table()
    assert (table.X == digits.X).all()
    assert table.columns[9] == "pixel 1,1"
    assert table.classes == tuple("0123456789")
    image, label = digit_images(rows=np.array([7]))[0]
    np.testing.assert_array_equal(16 * image[0].numpy(), ALL.images[7])
    assert label == ALL.target[7]
