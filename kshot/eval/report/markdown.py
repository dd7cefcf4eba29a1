"""A report as Markdown, its figures beside it as PNG files, and as PDF for papers.

Meets: text of models and datasets is escaped, so that it can be neither markup nor HTML.
Concedes: transcripts are too long for it; it says how many the HTML report has.
"""

from __future__ import annotations

import re
from pathlib import Path

from kshot.eval.report.model import Cell, Figure, Plain, Report, Table, Transcripts
from kshot.eval.report.safe_text import clean
from kshot.whole_file import write_whole

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!$&@])")
MARKS = {"good": "**", "bad": "**", "plain": "", "quiet": ""}


def write(report: Report, folder: Path) -> Path:
    """Writes report.md and figures/*.png and *.pdf into the folder, and gives the path of report.md."""
    from kshot.eval.report.style import pdf, png

    folder.mkdir(parents=True, exist_ok=True)
    for block in report.blocks():
        if isinstance(block, Figure):
            path = folder / "figures" / f"{file_name(block.name)}.png"
            path.parent.mkdir(exist_ok=True)
            write_whole(path, png(block), sync=False)
            write_whole(path.with_suffix(".pdf"), pdf(block), sync=False)
    path = folder / "report.md"
    write_whole(path, text(report), sync=False)
    return path


def text(report: Report) -> str:
    """The whole report as Markdown."""
    parts = [f"# {escape(report.title)}", "\n".join(f"- {escape(line)}" for line in report.summary)]
    for section in report.sections:
        parts.append(f"## {escape(section.title)}")
        parts += [rendered(block) for block in section.first()]
    return "\n\n".join(parts) + "\n"


def rendered(block: Plain) -> str:
    """One block."""
    if isinstance(block, str):
        return escape(block)
    if isinstance(block, Figure):
        return f"![{escape(block.title)}](figures/{file_name(block.name)}.png)\n\n*{escape(block.caption)}*"
    if isinstance(block, Transcripts):
        return f"{len(block.items):,} transcripts are in the HTML report."
    return table(block)


def table(block: Table) -> str:
    """A pipe table."""
    lines = [
        [escape(column.title) for column in block.columns],
        ["---:" if column.numeric else "---" for column in block.columns],
        *([cell(value) for value in row] for row in block.rows),
    ]
    drawn = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{drawn}\n\n*{escape(block.caption)}*" if block.caption else drawn


def cell(value: str | Cell) -> str:
    """One cell; what matters is bold."""
    if isinstance(value, str):
        return escape(value)
    mark = MARKS[value.tone]
    return f"{mark}{escape(value.text)}{mark}"


def escape(value: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return SPECIAL.sub(r"\\\1", " ".join(clean(value).split()))


def file_name(name: str) -> str:
    """A figure's name as a file name: letters of any script, digits, dashes and dots."""
    return re.sub(r"[^\w.-]+|_", "-", name).strip(".-") or "figure"
