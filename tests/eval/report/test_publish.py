"""A report on its way out: what is printed, and what lies in the folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from kshot.eval.report.model import Report, Section
from kshot.eval.report.publish import announce, publish

LONG = "few-shot is better than zero-shot " * 8


def test_a_report_is_printed_written_and_found_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = Report("a title", [f"{LONG}[bold]by far\x1b[31m", "second", "third"], [Section("One", ["a paragraph"])])
    publish(report, tmp_path / "run", findings=2)
    printed = capsys.readouterr().out
    page = tmp_path / "run" / "report.html"
    assert "a paragraph" in printed
    assert printed.endswith(f"\n\nreport: {page}  (and report.md, figures/)\n{LONG}[bold]by far\nsecond\n")
    assert page.is_file()
    assert (tmp_path / "run" / "report.md").is_file()


def test_a_long_path_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    page = Path("/folder" * 40) / "report.html"
    announce(page, "report of all")
    assert capsys.readouterr().out == f"\nreport of all: {page}  (and report.md, figures/)\n"
