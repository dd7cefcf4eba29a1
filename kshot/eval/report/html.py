"""A report as one HTML file that opens from disk: figures inline, transcripts to filter and read, no network.

Meets: text of models and datasets is escaped by the template engine; the Content-Security-Policy lets only
the page's own script and style run, by their hashes, and fetches nothing. Concedes: at most `MOST`
transcripts, and fewer where they are long, evenly over tasks and strategies; the page says how many of how many.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from kshot.eval.report.clean import clean
from kshot.eval.report.model import Alternatives, Call, Cell, Figure, Report, Table, Transcript, Transcripts

MOST = 2_000
ROOM = 8_000_000
"""Characters of prompts and completions that the page may hold."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A transcript with its calls read, as the template shows it."""

    item: Transcript
    calls: Sequence[Call]
    search: str  # lower-case text of all that can be searched


def write(report: Report, folder: Path) -> Path:
    """Writes report.html into the folder, and gives its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.html"
    path.write_text(page(report), encoding="utf-8")
    return path


def page(report: Report, *, most: int = MOST, room: int = ROOM) -> str:
    """The whole page."""
    from jinja2 import Environment, StrictUndefined

    from kshot.eval.report.style import svg

    files = resources.files("kshot.eval.report") / "page"
    style, script = ((files / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    items = [item for block in report.blocks() if isinstance(block, Transcripts) for item in block.items]
    shown, prompts = embedded(items, most, room)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["clean"] = clean
    environment.tests.update({
        "table": lambda block: isinstance(block, Table), "figure": lambda block: isinstance(block, Figure),
        "transcripts": lambda block: isinstance(block, Transcripts), "cell": lambda value: isinstance(value, Cell),
        "alternatives": lambda block: isinstance(block, Alternatives),
    })  # fmt: skip
    template = environment.from_string((files / "page.html").read_text(encoding="utf-8"))
    kinds = {name: list(dict.fromkeys(clean(getattr(item, name)) for item in items)) for name in ("task", "strategy")}
    kinds["outcome"] = ["right", "wrong", "unparsed", "truncated"]
    return template.render(
        report=report, style=style, script=script, policy=policy(style, script), svg=svg, shown=shown, total=len(items),
        kinds=kinds, parts=parts, prompts=embeddable(prompts), anchor=anchor,
    )  # fmt: skip


def policy(style: str, script: str) -> str:
    """The Content-Security-Policy: nothing but this style and this script."""

    def hashed(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    return (
        f"default-src 'none'; script-src 'sha256-{hashed(script)}'; style-src 'sha256-{hashed(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def embedded(items: Sequence[Transcript], most: int, room: int) -> tuple[list[Shown], list[str]]:
    """As many transcripts as there is room for, and the distinct prompt turns that they refer to.

    Turns repeat (every few-shot prompt begins with the same exemplars), so each is kept once.
    """
    turns: dict[str, int] = {}
    kept: dict[int, Shown] = {}
    for index in evenly(items)[:most]:
        item = items[index]
        calls = list(item.calls())
        new = {text for call in calls for _, text in call.prompt if text not in turns}
        size = sum(map(len, new)) + sum(len(call.completion) for call in calls) + 2 * len(item.question)
        if kept and size > room:
            continue
        room -= size
        # prompts name their turns by number; the page writes the text when the transcript is opened
        numbered = [
            Call(
                tuple((role, str(turns.setdefault(text, len(turns)))) for role, text in call.prompt),
                call.completion, call.note, call.span,
            )
            for call in calls
        ]  # fmt: skip
        words = " ".join([item.sample_id, item.question, item.target, item.answer or ""])
        kept[index] = Shown(item, numbered, clean(words).lower())
    return [kept[index] for index in sorted(kept)], [clean(text) for text in turns]


def evenly(items: Sequence[Transcript]) -> list[int]:
    """Indices in an order that takes the first of every task and strategy, then the second, and so on."""
    seen: dict[tuple[str, str], int] = {}
    ranked = []
    for index, item in enumerate(items):
        rank = seen[item.task, item.strategy] = seen.get((item.task, item.strategy), 0) + 1
        ranked.append((rank, index))
    return [index for _, index in sorted(ranked)]


def parts(call: Call) -> tuple[str, str, str]:
    """The completion before, within and after the extracted span, each fit to show."""
    start, end = call.span or (0, 0)
    text = call.completion
    return clean(text[:start]), clean(text[start:end]), clean(text[end:])


def embeddable(value: Any) -> Any:
    """JSON that no text inside can end early: it stands in a script element, which the browser never runs."""
    from markupsafe import Markup

    text = json.dumps(value, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def anchor(item: Transcript) -> str:
    """A transcript's name in a link: the same in every report of the run."""
    key = json.dumps([item.task, item.strategy, item.sample_id, item.repeat])
    return "t-" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:12]
