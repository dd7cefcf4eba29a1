"""A report as one HTML file that opens offline. Model text is untrusted: escaped, under a strict content policy."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from pathlib import Path

from kshot.eval.report.figures import render
from kshot.eval.report.model import Report

WIDE = ("strategy", "comparison", "verdict", "task")


def page(report: Report) -> str:
    """The page's source."""
    import jinja2
    from markupsafe import Markup

    folder = resources.files("kshot.eval.report")
    script = folder.joinpath("page.js").read_text(encoding="utf-8")
    pictures = {}
    for section in report.sections:
        for figure in section.figures:
            svg = render(figure, "svg").decode()
            # each picture's ids get its name, so that two on one page do not share them; the XML prologue goes
            svg = svg[svg.index("<svg") :].replace('id="', f'id="{figure.name}-').replace("url(#", f"url(#{figure.name}-")
            pictures[figure.name] = Markup(svg.replace('href="#', f'href="#{figure.name}-'))
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string(folder.joinpath("page.html").read_text(encoding="utf-8"))
    text = template.render(
        report=report,
        pictures=pictures,
        wide=WIDE,
        tasks=list(dict.fromkeys(item.task for item in report.transcripts)),
        strategies=list(dict.fromkeys(item.strategy for item in report.transcripts)),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    return text.replace("\x00", "\ufffd")


def write(report: Report, folder: Path) -> Path:
    """Writes report.html and returns its path."""
    path = folder / "report.html"
    path.write_text(page(report), encoding="utf-8", errors="replace")
    return path
