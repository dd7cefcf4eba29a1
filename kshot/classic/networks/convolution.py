"""The patches under a sliding kernel as rows of a matrix (im2col), and the way back: a convolution is one product.

Meets: forward and backward pass of a convolution as matrix products (Chellapilla, Puri and Simard 2006, section 2), the
same code under the autograd and the layers. Concedes: the patches hold every value kernel * kernel times.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from kshot.classic.data.inputs import Values


def extent(size: int, kernel: int, stride: int, padding: int) -> int:
    """Places of a kernel along one side. Raises ValueError where there is none, or where they cannot be counted."""
    if kernel < 1 or stride < 1 or padding < 0:
        raise ValueError(
            f"a convolution's kernel is {kernel}, its stride {stride} and its padding {padding}; the first two must be "
            "at least 1, padding at least 0."
        )
    places = (size + 2 * padding - kernel) // stride + 1
    if places < 1:
        raise ValueError(
            f"a kernel of {kernel} does not fit into {size} values with {padding} of padding on each side; "
            f"set padding to {-(-(kernel - size) // 2)} or more."
        )
    return places


def patches(x: Values, kernel: tuple[int, int], *, stride: int = 1, padding: int = 0) -> Values:
    """(images, channels, height, width) -> (images * places, channels * kernel values), a row a place."""
    (n, channels, height, width), (kh, kw) = x.shape, kernel
    down, across = extent(height, kh, stride, padding), extent(width, kw, stride, padding)
    if padding:
        x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = sliding_window_view(x, kernel, axis=(2, 3))[:, :, ::stride, ::stride]
    # (images, channels, down, across, kh, kw): a place's values must stand together
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * down * across, channels * kh * kw)


def scattered(
    rows: Values, shape: tuple[int, ...], kernel: tuple[int, int], *, stride: int = 1, padding: int = 0
) -> Values:
    """The transpose of `patches`: each value is added to the place of the image that it came from; shape is x's."""
    (n, channels, height, width), (kh, kw) = shape, kernel
    down, across = extent(height, kh, stride, padding), extent(width, kw, stride, padding)
    parts = rows.reshape(n, down, across, channels, kh, kw).transpose(0, 3, 4, 5, 1, 2)
    padded = np.zeros((n, channels, height + 2 * padding, width + 2 * padding), rows.dtype)
    for i in range(kh):
        for j in range(kw):
            padded[:, :, i : i + stride * down : stride, j : j + stride * across : stride] += parts[:, :, i, j]
    return padded[:, :, padding : padding + height, padding : padding + width]


def as_rows(maps: Values) -> Values:
    """(images, channels, down, across) -> (images * places, channels), in the order of `patches`."""
    return maps.transpose(0, 2, 3, 1).reshape(-1, maps.shape[1])


def as_maps(rows: Values, n: int, down: int, across: int) -> Values:
    """The inverse of `as_rows`."""
    return rows.reshape(n, down, across, -1).transpose(0, 3, 1, 2)
