"""The frame of a figure: its panels are made and styled, and a function fills them when a renderer asks.

    @framed("losses", "Losses over epochs", "Three networks.", count=2, height=3.0)
    def drawn(left: Axes, right: Axes) -> None:
        left.plot(...)

makes `drawn` a Figure. What belongs to the whole drawing hangs on a panel: `left.figure.supxlabel("epoch")`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from kshot.eval.report.model import Figure
from kshot.eval.report.style import short, small_multiples, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing


def framed(
    name: str,
    title: str,
    caption: str,
    *,
    count: int = 1,
    width: float = 8.4,
    height: float = 2.6,
    columns: int = 4,
    row_labels: bool = False,
    apart: bool = False,
) -> Callable[[Callable[..., None]], Figure]:
    """Makes a Figure of a function that fills `count` panels, each an argument; the rest as in `small_multiples`."""

    def figure_of(fill: Callable[..., None]) -> Figure:
        def draw() -> Drawing:
            with styled():
                drawing, panels = small_multiples(
                    count, width=width, height=height, columns=columns, row_labels=row_labels, apart=apart
                )
                fill(*panels)
                return drawing

        return Figure(name, title, caption, draw)

    return figure_of


def room_for_key(names: Iterable[str], panels: int, *, width: int = 34, columns: int = 3) -> float:
    """Inches that a key of these names takes of each row of panels, four of which stand beside each other."""
    lines = [short(name, width).count("\n") + 1 for name in names]
    rows = max(lines, default=0) * -(-len(lines) // columns)
    return max(0.0, 0.19 * (rows - 2)) / -(-panels // 4)


def key_above(axes: Axes, lines: Mapping[str, Any], *, width: int = 34, columns: int = 3) -> None:
    """The key to lines (or marks) by their names, over all panels, in at most so many columns."""
    names = [short(name, width) for name in lines]
    axes.figure.legend(list(lines.values()), names, loc="outside upper center", ncols=min(columns, len(lines)))
