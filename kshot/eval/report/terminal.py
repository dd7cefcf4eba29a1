"""A report on a terminal: summary and tables. Figures and transcripts are left to the other renderers.

Meets: nothing in a model's or a dataset's text can steer the terminal or be taken for markup.
Meets a narrow one by giving a task a line of its own. Concedes: rich folds what still does not fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from kshot.eval.report.model import Cell, Column, Report, Table, Transcript, Transcripts
from kshot.eval.report.safe_text import clean
from kshot.eval.report.style import short

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

WIDE = 120  # columns of a terminal from which nothing is left out
LONGEST, INDENT = 20, 2  # columns that a word gets at most; how far strategies stand under their task
STYLES = {"plain": "", "good": "green", "bad": "red", "quiet": "dim"}


def render(report: Report, console: Console) -> None:
    """Prints the report."""
    from rich.text import Text

    console.print(Text(clean(report.title), style="bold"))
    for line in report.summary:
        console.print(Text(f"• {clean(line)}"))
    for section in report.sections:
        shown = [block for block in section.first() if isinstance(block, str | Table)]
        if not shown or section.background:
            continue
        console.print()
        console.print(Text(clean(section.title), style="bold"))
        for block in shown:
            if isinstance(block, Table):
                print_table(block, console)
            else:
                console.print(Text(clean(block)))
    count = sum(len(block.items) for block in report.blocks() if isinstance(block, Transcripts))
    if count:
        console.print(Text(f"{count:,} transcripts are in the HTML report.", style="dim"))


def print_table(block: Table, console: Console) -> None:
    """Prints one table. Where it has tasks and strategies, each task is a line with its strategies below it; names of
    strategies that leave the other columns too little room stand on lines of their own as well."""
    from rich.cells import cell_len
    from rich.padding import Padding
    from rich.text import Text

    def cell(value: str | Cell) -> Text:
        return Text(clean(value)) if isinstance(value, str) else Text(clean(value.text), STYLES[value.tone])

    kept = [at for at, column in enumerate(block.columns) if console.width >= WIDE or not column.wide_only]
    rows = [[row[at] for at in kept] for row in block.rows]
    heads = [block.columns[at] for at in kept]
    texts = [[text_of(row[at]) for row in rows] for at in range(len(heads))]
    least = [narrowest(head, column) for head, column in zip(heads, texts, strict=True)]
    gap = 2 if console.width >= WIDE else 1
    nested = [head.title for head in heads[:2]] == ["task", "strategy"]
    longest = INDENT + max(map(cell_len, texts[1]), default=0) if nested else 0
    apart = nested and longest + sum(least[2:]) + gap * len(least[1:]) > console.width
    first = nested + apart
    wanted = [max(map(cell_len, [head.title, *column])) for head, column in zip(heads, texts, strict=True)]
    if nested:
        least[1] = wanted[1] = max(longest, least[1])
    room = console.width - gap * len(heads[first:]) - (2 * INDENT if apart else 0)
    widths = shared_out(least[first:], wanted[first:], room)
    grid = grid_of(heads[first:], widths, gap)
    titles: list[Text] = []  # of lines that the grid leaves empty
    blank = [""] * (len(heads) - first)
    above: str | Cell | None = None
    for row in rows:
        if apart:
            titles += [Text(text_of(row[0]), "bold")] if row[0] != above else []
            titles += [Text(" " * INDENT + text_of(row[1]))]
            for _ in range(1 + (row[0] != above)):
                grid.add_row(*blank)
        elif nested and row[0] != above:
            grid.add_row(Text(short(text_of(row[0]), width=24)), *blank[1:], style="bold")
        shown = [cell(value) for value in row[first:]]
        grid.add_row(Padding(shown[0], (0, 0, 0, INDENT)) if nested and not apart else shown[0], *shown[1:])
        above = row[0]
    print_grid(grid, titles, console)
    caption = caption_of(block, kept)
    if caption:
        console.print(Text(clean(caption), style="dim"))


def caption_of(block: Table, kept: Sequence[int]) -> str:
    """The caption without the sentences that explain a column left out ("Would show: the smallest ...")."""
    left_out = tuple(
        f"{mark}{column.title}{mark or ':'}".casefold()
        for at, column in enumerate(block.columns)
        if at not in kept
        for mark in ("", "'")
    )
    sentences = block.caption.split(". ")
    said = [one for one in sentences if not (left_out and one.casefold().startswith(left_out))]
    return ". ".join(said).removesuffix(".") + "." if said and said != sentences else block.caption


def shared_out(least: Sequence[int], wanted: Sequence[int], room: int) -> list[int]:
    """Widths of columns that together have so much room: what they want, else at least the least, else less.

    >>> shared_out([4, 5], [9, 30], 40), shared_out([4, 5], [9, 30], 20), shared_out([4, 9], [9, 30], 8)
    ([9, 30], [9, 11], [4, 4])
    """
    widths = list(least)
    while sum(widths) > max(room, len(widths)):  # the widest gives way
        widths[widths.index(max(widths))] -= 1
    while sum(widths) < room and (short_of := [at for at, width in enumerate(widths) if width < wanted[at]]):
        widths[min(short_of, key=widths.__getitem__)] += 1
    return widths


def grid_of(heads: Sequence[Column], widths: Sequence[int], gap: int) -> Grid:
    """An empty grid under these headings, of columns so wide."""
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
    for head, width in zip(heads, widths, strict=True):
        justify: Literal["left", "right"] = "right" if head.numeric else "left"
        grid.add_column(Text(clean(head.title)), justify=justify, overflow="fold", width=width)
    return grid


def print_grid(grid: Grid, titles: Sequence[Text], console: Console) -> None:
    """Prints a grid; where there are titles, its empty lines are theirs, in order."""
    from rich.segment import Segment, Segments

    if not titles:
        console.print(grid)
        return
    waiting = iter(titles)
    inwards = Segment(" " * 2 * INDENT)
    for at, line in enumerate(console.render_lines(grid, pad=False)):
        empty = at > 0 and not "".join(segment.text for segment in line).strip()
        title = next(waiting, None) if empty else None
        if title is None:
            console.print(Segments([inwards, *line, Segment.line()]), end="")
        else:
            console.print(title)


def narrowest(column: Column, cells: Sequence[str]) -> int:
    """The cells of the terminal below which a column would be hard to read: its longest word, or number."""
    from rich.cells import cell_len

    words = cells if column.numeric else [word for text in cells for word in text.split()]
    return min(max(map(cell_len, [*column.title.split(), *words])), LONGEST)


def text_of(value: str | Cell) -> str:
    """A cell's text."""
    return clean(value if isinstance(value, str) else value.text)


def show(transcript: Transcript, console: Console) -> None:
    """Prints one transcript: every call in order, what was read by which rule, the target."""
    from rich.text import Text

    def say(label: str, text: str | Text) -> None:
        console.print(Text(clean(label), style="bold"))
        console.print(Text(clean(text)) if isinstance(text, str) else text, soft_wrap=True)
        console.print()

    calls = transcript.calls()
    repeat = f", repeat {transcript.repeat}" if transcript.repeat else ""
    say("sample", f"{transcript.task} / {transcript.strategy} / {transcript.sample_id}{repeat}")
    if transcript.template:
        name, text = transcript.template
        say(f"template {name}", text)
    for number, call in enumerate(calls, 1):
        turns = "\n".join(f"[{role}] {text}" if role != "text" else text for role, text in call.prompt)
        say(f"prompt {number} of {len(calls)} ({call.note})", turns)
        start, end = call.span or (0, 0)
        written = Text(clean(call.completion[:start]))
        written.append(clean(call.completion[start:end]), style="reverse").append(clean(call.completion[end:]))
        say(f"completion {number} of {len(calls)}", written)
    answer = "none" if transcript.answer is None else repr(transcript.answer)
    span = calls[-1].span if calls else None
    where = f", characters {span[0]} to {span[1]} of the last completion" if span else ""
    unused = f"; {transcript.rejected!r} was seen and not counted" if transcript.rejected is not None else ""
    say("extracted", f"{answer} (rule: {transcript.rule}{where}{unused})")
    for name, value in transcript.detail:
        say(name, value)
    score = f": {transcript.score}" if transcript.score else ""
    say("target", f"{transcript.target} ({transcript.outcome}{score})")
