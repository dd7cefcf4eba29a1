"""The frame of a figure: the same picture as drawn by hand, in the same style."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import matplotlib as mpl
import pytest

from kshot.eval.report import style
from kshot.eval.report.frame import framed, key_above
from kshot.eval.report.model import Figure
from kshot.eval.report.style import SETTINGS, small_multiples, styled, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing


def test_a_framed_figure_is_the_one_drawn_by_hand() -> None:
    @framed("losses", "Losses", "Two of them.", count=2, height=3.0, columns=2)
    def drawn(left: Axes, right: Axes) -> None:
        left.plot([1, 2, 3], label="train")
        right.plot([3, 2, 5])
        right.figure.supxlabel("epoch")

    def draw() -> Drawing:
        with styled():
            drawing, (left, right) = small_multiples(2, height=3.0, columns=2)
            left.plot([1, 2, 3], label="train")
            right.plot([3, 2, 5])
            drawing.supxlabel("epoch")
            return drawing

    assert (drawn.name, drawn.title, drawn.caption) == ("losses", "Losses", "Two of them.")
    assert svg(drawn) == svg(Figure("losses", "Losses", "Two of them.", draw))


def test_nothing_is_drawn_before_a_renderer_asks_and_then_in_our_style() -> None:
    seen: list[object] = []

    @framed("one", "One", "A panel.")
    def drawn(axes: Axes) -> None:
        seen.append(mpl.rcParams["font.size"])
        axes.set_title("here")

    assert seen == []
    assert drawn.draw().axes[0].get_title() == "here"
    assert seen == [SETTINGS["font.size"]] != [mpl.rcParams["font.size"]]


@pytest.mark.parametrize(("apart", "ends"), [(False, (0, 9)), (True, (0, 1))])
def test_panels_share_a_scale_unless_they_stand_apart(apart: bool, ends: tuple[int, int]) -> None:
    @framed("one", "One", "Two panels.", count=2, apart=apart)
    def drawn(left: Axes, right: Axes) -> None:
        left.set_ylim(0, 1)
        right.set_ylim(0, 9)

    assert drawn.draw().axes[0].get_ylim() == ends


def test_the_key_names_every_line_over_all_panels() -> None:
    @framed("keys", "Keys", "Two panels.", count=2)
    def drawn(*panels: Axes) -> None:
        lines = {f"line {at}": axes.plot([0, at])[0] for at, axes in enumerate(panels)}
        key_above(panels[0], lines)

    [legend] = drawn.draw().legends
    assert [text.get_text() for text in legend.get_texts()] == ["line 0", "line 1"]


@pytest.mark.usefixtures("fonts_in_pdfs")
@pytest.mark.parametrize("fonts", [(), style.HAN_FONTS])
def test_chinese_names_are_drawn_where_there_is_a_font_and_warn_of_nothing_where_there_is_none(
    fonts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    @framed("one", "One", "A panel.")
    def drawn(axes: Axes) -> None:
        axes.set_title("情感分类")

    @framed("one", "One", "A panel.")
    def blank(axes: Axes) -> None:
        axes.set_title("分类情感")  # in boxes it looks the same

    monkeypatch.setattr(style, "HAN_FONTS", fonts)
    style.families.cache_clear()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert (style.png(drawn) == style.png(blank)) == (len(style.families()) == 1)
            assert b"/Type3" in style.pdf(drawn)
    finally:
        style.families.cache_clear()
