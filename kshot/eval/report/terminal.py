"""A report on a terminal: summary and tables. Figures and transcripts are left to the other renderers.

Meets: nothing in a model's or a dataset's text can steer the terminal or be taken for markup.
Meets a narrow one by giving a task a line of its own. Concedes: rich folds what still does not fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kshot.eval.report.model import Cell, Report, Table, Transcript, Transcripts
from kshot.eval.report.safe_text import clean
from kshot.eval.report.style import short

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 120  # columns of a terminal from which nothing is left out
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
    """Prints one table. Where it has tasks and strategies, each task is a line with its strategies below it."""
    from rich.padding import Padding
    from rich.table import Table as Grid
    from rich.text import Text

    def cell(value: str | Cell) -> Text:
        return Text(clean(value)) if isinstance(value, str) else Text(clean(value.text), STYLES[value.tone])

    kept = [at for at, column in enumerate(block.columns) if console.width >= WIDE or not column.wide_only]
    rows = [[row[at] for at in kept] for row in block.rows]
    nested = [block.columns[at].title for at in kept[:2]] == ["task", "strategy"]
    grid = Grid(box=None, pad_edge=False, padding=(0, 2 if console.width >= WIDE else 1, 0, 0), header_style="bold")
    for place, column in list(enumerate(block.columns[at] for at in kept))[nested:]:
        first = nested and place == 1
        cells = [text_of(row[place]) for row in rows]
        words = cells if column.numeric else [word for text in cells for word in text.split()]
        grid.add_column(
            Text(clean(column.title)),
            justify="right" if column.numeric else "left",
            overflow="fold",
            no_wrap=first,
            min_width=None if first else min(max(map(len, [*column.title.split(), *words])), 20),
        )
    above: str | Cell | None = None
    for row in rows:
        if nested and row[0] != above:
            grid.add_row(Text(short(text_of(row[0]), width=24)), *[""] * (len(row) - 2), style="bold")
        shown = [cell(value) for value in row[nested:]]
        grid.add_row(Padding(shown[0], (0, 0, 0, 2)) if nested else shown[0], *shown[1:])
        above = row[0]
    console.print(grid)
    if block.caption:
        console.print(Text(clean(block.caption), style="dim"))


def text_of(value: str | Cell) -> str:
    """A cell's text."""
    return clean(value if isinstance(value, str) else value.text)


def show(transcript: Transcript, console: Console) -> None:
    """Prints one transcript: every call in order, what was read by which rule, the target."""
    from rich.text import Text

    def say(label: str, text: str | Text) -> None:
        console.print(Text(label, style="bold"))
        console.print(Text(clean(text)) if isinstance(text, str) else text, soft_wrap=True)
        console.print()

    calls = transcript.calls()
    repeat = f", repeat {transcript.repeat}" if transcript.repeat else ""
    say("sample", f"{transcript.task} / {transcript.strategy} / {transcript.sample_id}{repeat}")
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
    score = f": {transcript.score}" if transcript.score else ""
    say("target", f"{transcript.target} ({transcript.outcome}{score})")
