"""A report as Markdown with PNG figures beside it, for a repository or a paper's draft."""

from __future__ import annotations

from pathlib import Path

from kshot.eval.report.figures import render
from kshot.eval.report.model import Report, Table
from kshot.eval.report.terminal import clean


def cell(text: str) -> str:
    """A table cell: nothing in it can end the cell or start markup."""
    return clean(text).replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;").replace("*", "\\*")


def table(value: Table) -> str:
    """A Markdown table."""
    lines = [f"**{cell(value.title)}**", "", f"| {' | '.join(map(cell, value.columns))} |", f"|{'---|' * len(value.columns)}"]
    lines += [f"| {' | '.join(map(cell, row))} |" for row in value.rows]
    return "\n".join([*lines, "", cell(value.note), ""])


def write(report: Report, folder: Path) -> Path:
    """Writes report.md, and figures/ as PNG and PDF. Returns the Markdown file's path."""
    parts = [f"# {cell(report.title)}", "", *(f"- {cell(line)}" for line in report.summary), ""]
    for section in report.sections:
        parts += [f"## {section.title}", "", *(f"- {cell(line)}" for line in section.text), ""]
        parts += [table(value) for value in section.tables]
        for figure in section.figures:
            (folder / "figures").mkdir(exist_ok=True)
            for kind in ("png", "pdf"):
                (folder / "figures" / f"{figure.name}.{kind}").write_bytes(render(figure, kind))
            parts += [f"![{figure.title}](figures/{figure.name}.png)", "", f"*{figure.caption}*", ""]
    path = folder / "report.md"
    path.write_text("\n".join(parts), encoding="utf-8")
    return path
