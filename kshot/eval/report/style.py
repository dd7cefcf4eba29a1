"""How figures look: colours told apart by everybody, no title inside, small multiples of one size.

Meets: the palette of Okabe and Ito (2008), each colour with a marker of its own, so that no meaning hangs on
colour; legible on white paper and on a dark page; the same bytes for the same data. Concedes: names longer
than three lines are cut in the middle; the tables have them whole.
"""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as xml
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from kshot.eval.report.model import Figure
from kshot.eval.report.safe_text import clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing
    from matplotlib.figure import SubFigure

BLUE, VERMILLION, GREY = "#0072B2", "#D55E00", "#7f7f7f"
INK = "#111111"  # text on a light tile, which stays dark on a dark page
COLOURS = (BLUE, VERMILLION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", GREY)
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "<", ">", "h")
SETTINGS: dict[str, Any] = {
    "svg.hashsalt": "kshot",
    "svg.fonttype": "path",  # text as outlines: the same everywhere, and no font to fetch
    "pdf.fonttype": 42,  # TrueType, which journals ask for, instead of Type 3
    "text.parse_math": False,  # a name with dollars is a name
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "axes.titlesize": 8.8,
    "figure.labelsize": 9,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "grid.color": GREY,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": "black",
    "ytick.labelcolor": "black",
    "legend.frameon": False,
    "figure.dpi": 100,
}
HAN_FONTS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN"),
    *("WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Microsoft YaHei", "SimHei", "PingFang SC", "Heiti SC"),
    *("Hiragino Sans GB", "Arial Unicode MS", "Droid Sans Fallback"),
)
NARROW = 7 * 72  # points; a page does not blow such a figure up to its full width
SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"


@contextmanager
def styled() -> Iterator[None]:
    """matplotlib's settings for as long as a figure is drawn and saved; the user's own are left alone."""
    import matplotlib as mpl

    with mpl.rc_context({**SETTINGS, "font.family": families()}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")  # a box in its place says it
        yield


@lru_cache(maxsize=1)
def families() -> list[str]:
    """The fonts of figures: one for all, and behind it the first with Chinese characters that this machine has."""
    from matplotlib import font_manager

    known = {font.name for font in font_manager.fontManager.ttflist}
    return [*SETTINGS["font.family"], *[name for name in HAN_FONTS if name in known][:1]]


def small_multiples(
    count: int,
    *,
    width: float = 8.4,
    height: float = 2.6,
    columns: int = 4,
    row_labels: bool = False,
    apart: bool = False,
) -> tuple[Drawing, list[Axes]]:
    """A drawing of `count` axes in rows that share their y axis; height is a row's, in inches.

    With `row_labels` a row shares its own, and only its first axes names ticks; with `apart` nothing is shared.
    """
    from matplotlib.figure import Figure as Blank

    across = min(columns, count)
    down = -(-count // across)
    drawing = Blank(figsize=(width, height * down), layout="constrained")
    shared: Literal["none", "row", "all"] = "none" if apart else "row" if row_labels else "all"
    grid = drawing.subplots(down, across, squeeze=False, sharey=shared)
    axes = list(grid.flat)
    for unused in axes[count:]:
        unused.set_visible(False)
    return drawing, axes[:count]


def line_style(at: int) -> str:
    """How a line is drawn by its place, so that one whose colour comes again is told apart."""
    return ("-", "--", ":")[at // len(COLOURS) % 3]


def look(at: int) -> tuple[str, str]:
    """The colour and the marker of a line by its place; they come again together only after seventy.

    >>> look(0), look(8)
    (('#0072B2', 'o'), ('#D55E00', '>'))
    """
    return COLOURS[at % len(COLOURS)], MARKERS[at % len(MARKERS)]


def whiskers(values: Sequence[float], ends: Sequence[tuple[float, float]]) -> list[list[float]]:
    """How far intervals reach below and above their values, as an error bar takes it.

    >>> whiskers([3.0, 5.0], [(2.0, 3.5), (1.0, 5.0)])
    [[1.0, 4.0], [0.5, 0.0]]
    """
    below = [max(0.0, value - low) for value, (low, _) in zip(values, ends, strict=True)]
    return [below, [max(0.0, high - value) for value, (_, high) in zip(values, ends, strict=True)]]


def tiles(axes: Axes, values: Any, **options: Any) -> Any:
    """A heat map of (rows, columns), row 0 on top, cells centred on whole numbers, each drawn as a shape of its own.

    `imshow` would put a bitmap into the SVG, which a page under a strict Content-Security-Policy does not show.
    """
    rows, columns = len(values), len(values[0])
    edges = [[at - 0.5 for at in range(count + 1)] for count in (columns, rows)]
    shown = axes.pcolormesh(*edges, values, edgecolors="face", linewidth=0.2, antialiased=False, **options)
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
    return shown


def colour_bar(drawing: Drawing | SubFigure, shown: Any, **options: Any) -> Any:
    """The key to a heat map's colours, as shapes where matplotlib would make a bitmap of more than 50 shades."""
    bar = drawing.colorbar(shown, **options)
    if bar.solids is not None:  # None for a bar of lines alone
        bar.solids.set(rasterized=False, edgecolor="face")
    return bar


def short(name: str, width: int = 28, lines: int = 3) -> str:
    """A name broken where a specification may break, into at most so many lines; the rest is cut in the middle.

    >>> print(short("self-consistency:base=few-shot,n=10,temperature=0.7"))
    self-consistency:
    base=few-shot,n=10,
    temperature=0.7
    """
    from rich.cells import cell_len

    packed = [""]
    for part in re.findall(r"[^:,(]*[:,(]?", clean(name).replace("\n", " ")):
        if packed[-1] and cell_len(packed[-1]) + cell_len(part) > width:
            packed.append("")
        packed[-1] += part if cell_len(part) <= width else ends(part, part, width)
    if len(packed) > lines:
        packed = [*packed[: lines - 1], ends(packed[lines - 1], packed[-1], width)]
    return "\n".join(packed)


def panel_title(name: str, panels: int) -> str:
    """A name over one of so many panels beside each other: no wider than its own."""
    return short(name, 24 if panels < 4 else 17)


def ends(first: str, last: str, width: int) -> str:
    """The beginning of a text and the end of another, as wide as `width` together; a Chinese character is two wide.

    >>> ends("abcdefgh", "abcdefgh", 6), ends("情感分类任务", "情感分类任务", 8)
    ('abc…gh', '情感…务')
    """
    from rich.cells import cell_len, set_cell_size

    tail, room = last[::-1], width // 2 - 1
    kept = next(at for at in range(len(tail), -1, -1) if cell_len(tail[:at]) <= room)
    return f"{set_cell_size(first, min(width // 2, cell_len(first))).rstrip()}…{tail[:kept][::-1]}"


def png(figure: Figure, dpi: int = 200) -> bytes:
    """The figure on white, for a paper or a Markdown page."""
    out = io.BytesIO()
    with styled():
        figure.draw().savefig(out, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    return out.getvalue()


def pdf(figure: Figure) -> bytes:
    """The figure as vectors on white, for a paper: text stays text, in embedded TrueType.

    With Chinese characters in outlines (Type 3): fonts that have them seldom are TrueType, and would not be shown.
    """
    import matplotlib as mpl
    from matplotlib.text import Text
    from rich.cells import cell_len

    out = io.BytesIO()
    with styled():
        drawing = figure.draw()
        texts = [text.get_text() for text in drawing.findobj(Text)]
        kind = 3 if any(cell_len(text) > len(text) for text in texts) else SETTINGS["pdf.fonttype"]
        with mpl.rc_context({"pdf.fonttype": kind}):
            drawing.savefig(out, format="pdf", facecolor="white", metadata={"CreationDate": None, "Producer": None})
    return out.getvalue()


def svg(figure: Figure) -> str:
    """The figure as an element to stand in an HTML page: text takes the page's colour, no style attributes.

    A strict Content-Security-Policy forbids style attributes, so each becomes the presentation attribute of
    the same name. Identifiers are prefixed with the figure's name, since several figures share a page.
    """
    out = io.BytesIO()
    with styled():
        figure.draw().savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    xml.register_namespace("", SVG)
    xml.register_namespace("xlink", XLINK)
    root = xml.fromstring(out.getvalue())
    assert root.find(f".//{{{SVG}}}image") is None, f"figure {figure.name} holds a bitmap; draw it with style.tiles"
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}style"):
                parent.remove(child)
    for element in root.iter():
        for declaration in (element.attrib.pop("style", None) or "").split(";"):
            name, colon, value = declaration.partition(":")
            if colon:
                element.set(name.strip(), value.strip())
        for key, value in list(element.attrib.items()):
            if key == "id":
                element.set(key, f"{figure.name}-{value}")
            elif key == f"{{{XLINK}}}href" and value.startswith("#"):
                element.set(key, f"#{figure.name}-{value[1:]}")
            elif value.startswith("url(#"):
                element.set(key, f"url(#{figure.name}-{value[5:]}")
            elif key in ("fill", "stroke") and value in ("#000000", "black"):
                element.set(key, "currentColor")
    root.set("fill", "currentColor")
    root.set("role", "img")
    root.set("aria-label", clean(f"{figure.title}. {figure.caption}"))
    if float(root.attrib["viewBox"].split()[2]) < NARROW:
        root.set("class", "narrow")
    for fixed in ("width", "height"):
        root.attrib.pop(fixed, None)
    return xml.tostring(root, encoding="unicode")
