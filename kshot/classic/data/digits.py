"""The 1,797 handwritten digits that scikit-learn ships, and the ways in which they are divided.

Meets: one type for whatever learns from them, as numbers of either precision, as torch's tensors, or as the table that
a diagnosis takes. Concedes: rows of pixels; `images.digit_images` has them as pictures with transforms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike
from sklearn import datasets
from sklearn.model_selection import train_test_split

from kshot.classic.data.inputs import Labels, Values
from kshot.classic.data.tables import DataTable

if TYPE_CHECKING:
    from torch import Tensor

SIDE = 8
PIXELS = tuple(f"pixel {row},{column}" for row in range(SIDE) for column in range(SIDE))


@dataclass(frozen=True, slots=True, eq=False)
class Digits:
    """Some of the digits."""

    X: Values  # (rows, 64), pixels from 0 to 1
    y: Labels  # (rows,), which digit it is

    def __len__(self) -> int:
        return len(self.y)

    def rows(self, chosen: Labels | slice) -> Digits:
        """These rows, in this order."""
        return Digits(self.X[chosen], self.y[chosen])

    def tensors(self) -> tuple[Tensor, Tensor]:
        """X and y as torch's, in the same memory."""
        import torch

        return torch.as_tensor(self.X), torch.as_tensor(self.y)


def load_digits(dtype: DTypeLike = np.float64) -> Digits:
    """All of them."""
    X, y = datasets.load_digits(return_X_y=True)
    return Digits((X / 16).astype(dtype), y.astype(np.intp))


def split_by_class(digits: Digits, *, seed: int, test_share: float = 0.5) -> tuple[Digits, Digits]:
    """Rows to train on and rows to test on, at random, every digit in its share in both."""
    X, unseen, y, labels = train_test_split(
        digits.X, digits.y, test_size=test_share, random_state=seed, stratify=digits.y
    )
    return Digits(X, y), Digits(unseen, labels)


def split_at_random(digits: Digits, rows: int, rng: np.random.Generator) -> tuple[Digits, Digits]:
    """So many rows at random, and all others."""
    order = rng.permutation(len(digits))
    return digits.rows(order[:rows]), digits.rows(order[rows:])


def digits_table() -> DataTable:
    """All of them as a table."""
    digits = load_digits()
    return DataTable("scikit-learn's digits", PIXELS, "digit", digits.X, digits.y, tuple("0123456789"), None)
