"""A report in the terminal. Model text may carry control characters and markup: both are made harmless."""

from __future__ import annotations

import re

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from kshot.eval.report.model import Report, Table, Transcript

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """A text without control characters, ANSI escapes or marks that turn the writing direction."""
    return CONTROL.sub("\ufffd", text)


def grid(table: Table) -> Grid:
    """A table for the terminal."""
    made = Grid(title=escape(table.title), caption=escape(table.note) or None, title_justify="left", caption_justify="left")
    for index, column in enumerate(table.columns):
        wide = index == 0 or column in ("verdict", "comparison", "strategy")
        made.add_column(escape(column), justify="left" if wide else "right", overflow="fold")
    for row in table.rows:
        made.add_row(*(escape(clean(cell)) for cell in row))
    return made


def render(report: Report, console: Console) -> None:
    """Prints summary and tables."""
    for section in report.sections:
        for table in section.tables:
            console.print(grid(table))
            console.print()
    for line in report.summary:
        console.print(f"- {escape(clean(line))}")


def show(transcript: Transcript, console: Console) -> None:
    """Prints one transcript: every call, what was extracted by which rule, the target."""

    def say(label: str, text: str) -> None:
        console.print(f"[bold]{label}[/bold]", highlight=False)
        console.print(escape(clean(text)), highlight=False)
        console.print()

    say("sample", f"{transcript.task} / {transcript.strategy} / {transcript.sample_id}")
    for number, call in enumerate(transcript.calls, 1):
        say(f"prompt {number} ({call.tokens})", call.prompt)
        say(f"completion {number} (ended by {call.finish_reason})", call.completion)
    answer = "none" if transcript.answer is None else repr(transcript.answer)
    where = f", characters {transcript.span[0]} to {transcript.span[1]}" if transcript.span else ""
    say("extracted", f"{answer} (rule: {transcript.rule}{where}; {transcript.status})")
    say("target", f"{transcript.target} ({transcript.outcome})")
