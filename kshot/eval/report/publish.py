"""A report on its way out: printed, and left in a folder as a page, as Markdown and as figures."""

from __future__ import annotations

import json
from pathlib import Path

from kshot.eval.report import html, markdown, terminal
from kshot.eval.report.model import Report
from kshot.eval.report.safe_text import clean
from kshot.types import UserError
from kshot.whole_file import write_whole

RESULTS = "results.json"


def publish(report: Report, folder: Path, *, findings: int = 0, as_json: bool = False) -> None:
    """Prints the report, writes it and says where it is; then of its summary, now far above, `findings` sentences
    and all that nobody may overlook. With `as_json` its results are all that is printed."""
    from rich.console import Console

    if as_json:
        write(report, folder)
        print_json(report)
        return
    terminal.render(report, Console())
    announce(write(report, folder))
    for sentence in dict.fromkeys([*report.summary[:findings], *report.cautions]):
        say(sentence)


def write(report: Report, folder: Path) -> Path:
    """Leaves report.md, figures/, results.json and report.html in the folder, and gives the path of the last.

    A folder may be a stranger's: its links are not followed. Raises UserError where it cannot be written.
    """
    try:
        if (folder / "figures").is_symlink():
            raise UserError(f"{folder / 'figures'} is a link, through which no report is written: remove it.")
        markdown.write(report, folder)
        if report.results is not None:
            write_whole(folder / RESULTS, f"{as_text(report)}\n", sync=False)
        return html.write(report, folder)
    except OSError as error:
        raise UserError(
            f"the report cannot be written into {folder} ({error.strerror or error}): make it again with `kshot report "
            "RUN --out FOLDER`, into a folder that can be, on a disk with room."
        ) from error


def as_text(report: Report) -> str:
    """A report's results as JSON."""
    return json.dumps(report.results, indent=1, allow_nan=False)


def print_json(report: Report) -> None:
    """Prints a report's results, and nothing else."""
    print(as_text(report))


def announce(page: Path, named: str = "report") -> None:
    """Says where a report is."""
    say(f"\n{named}: {page}  (and report.md, figures/)")


def say(sentence: str) -> None:
    """A sentence on a line of its own, however long, with nothing in it that could steer the terminal."""
    from rich.console import Console
    from rich.text import Text

    Console().print(Text(clean(sentence)), soft_wrap=True)
