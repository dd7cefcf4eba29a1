"""Logarithmic axes in plain numbers."""

from __future__ import annotations

import matplotlib.figure

from kshot.eval.report.ticks import plain_logarithms, plain_number


def test_plain_numbers_on_logarithmic_axes() -> None:
    assert [plain_number(value) for value in (0.001, 0.5, 1.0, 1000.0, 2_000_000.0)] == [
        "0.001", "0.5", "1", "1,000", "2,000,000",
    ]  # fmt: skip
    drawing = matplotlib.figure.Figure()
    axes = drawing.subplots()
    axes.set(xscale="log", yscale="log", xlim=(0.01, 1000), ylim=(1, 8))
    plain_logarithms(axes.xaxis)
    plain_logarithms(axes.yaxis)
    drawing.canvas.draw()
    named = {label.get_text() for label in axes.get_xticklabels(which="both")} - {""}
    assert (
        {"0.01", "0.1", "1", "10", "100", "1,000"}
        <= named
        <= {"0.001", "0.01", "0.1", "1", "10", "100", "1,000", "10,000"}
    )
    assert {"2", "5"} <= {label.get_text() for label in axes.get_yticklabels(which="both")}
