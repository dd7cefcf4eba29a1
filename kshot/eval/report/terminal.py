"""A report on a terminal: summary and tables. Figures and transcripts are left to the other renderers.

Meets: nothing in a model's or a dataset's text can steer the terminal or be taken for markup.
Concedes: rich folds cells where the terminal is narrow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kshot.eval.report.clean import clean
from kshot.eval.report.model import Cell, Report, Table, Transcript, Transcripts

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {"plain": "", "good": "green", "bad": "red", "quiet": "dim"}


def render(report: Report, console: Console) -> None:
    """Prints the report."""
    from rich.text import Text

    console.print(Text(clean(report.title), style="bold"))
    for line in report.summary:
        console.print(Text(f"• {clean(line)}"))
    for section in report.sections:
        shown = [block for block in section.blocks if isinstance(block, str | Table)]
        if not shown:
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
    """Prints one table; a first cell that repeats the row above is left empty."""
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    def cell(value: str | Cell) -> Text:
        return Text(clean(value)) if isinstance(value, str) else Text(clean(value.text), STYLES[value.tone])

    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for column in block.columns:
        grid.add_column(Text(clean(column.title)), justify="right" if column.numeric else "left", overflow="fold")
    above: str | Cell | None = None
    for row in block.rows:
        grid.add_row(Text("") if row[0] == above else cell(row[0]), *(cell(value) for value in row[1:]))
        above = row[0]
    console.print(grid)
    if block.caption:
        console.print(Text(clean(block.caption), style="dim"))


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
    say("target", f"{transcript.target} ({transcript.outcome})")
