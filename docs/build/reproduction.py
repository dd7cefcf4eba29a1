"""Judges runs of `kshot reproduce`, a run a model, and writes docs/reproduction.md with its figures.

    python docs/build/reproduction.py RUN [RUN ...] [--out docs]

Asks no model. All that the page says of a claim comes from the finding, all that it says of a model from its run: the
page is the report of `kshot reproduce report`. The last line is one JSON object: findings judged, by model.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from kshot.eval.report.markdown import escape, rendered
from kshot.eval.report.model import Figure, Report
from kshot.eval.report.style import png
from kshot.lab.report import report_of
from kshot.lab.several import Judged, between, judged_run, ordered
from kshot.types import UserError

PAGE = Path(__file__).parent.parent / "reproduction.md"
PREFIX = "reproduction-"
INTRODUCTION = (
    "By `docs/build/reproduction.py` from runs of `kshot reproduce`; nothing below is typed. How findings are asked "
    "and judged is in [reproduce.md](reproduce.md)."
)


def blocks(report: Report, pictures: Path) -> Iterator[str]:
    """The report as Markdown; its figures are written beside the page."""
    yield "\n".join(f"- {escape(line)}" for line in report.summary)
    for section in report.sections:
        yield f"## {escape(section.title)}"
        for block in section.first():
            if isinstance(block, Figure):
                block = replace(block, name=f"{PREFIX}{block.name.removeprefix('finding-')}")
                pictures.mkdir(parents=True, exist_ok=True)
                (pictures / f"{block.name}.png").write_bytes(png(block, dpi=100))
            yield rendered(block)


def write(folders: Sequence[Path], out: Path) -> list[Judged]:
    """Writes the page and its figures; gives what came of each run. Raises UserError for what is no run of findings."""
    runs = ordered([judged_run(folder) for folder in folders])
    report = report_of(runs, between(runs))
    text = "\n\n".join(["# The findings tried again", INTRODUCTION, *blocks(report, out / "figures")])
    (out / PAGE.name).write_text(f"{text}\n", encoding="utf-8")
    return runs


def main(given: Sequence[str] | None = None) -> None:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--out", type=Path, default=PAGE.parent)
    options = parser.parse_args(given)
    try:
        runs = write(options.runs, options.out)
    except UserError as error:
        raise SystemExit(f"reproduction.py: {error}") from error
    print(json.dumps({run.model: len(run.results) for run in runs}))


if __name__ == "__main__":
    main()
