"""A report as one HTML file that opens from disk: figures inline, transcripts to filter and read, no network.

Meets: text of models and datasets is escaped by the template engine; the Content-Security-Policy lets only
the page's own script and style run, by their hashes, and fetches nothing. Concedes: at most `MOST`
transcripts, and fewer where they are long, evenly over tasks and strategies; the page says how many of how many.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kshot.eval.report.model import (
    Alternatives,
    Call,
    Cell,
    Figure,
    Report,
    Table,
    Transcript,
    Transcripts,
    outcomes,
)
from kshot.eval.report.safe_text import clean
from kshot.whole_file import write_whole

if TYPE_CHECKING:
    from jinja2 import Environment

MOST = 2_000
SHORT = 12  # letters of a word that is not broken to make a column narrower
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
    write_whole(path, page(report), sync=False)
    return path


@dataclass(frozen=True, slots=True)
class Served:
    """What a page from a server says beside the report: the filter in force, where this piece stands, other pages."""

    home: str  # address of the list of runs
    wanted: Mapping[str, str] = field(default_factory=dict)  # the form's values
    first: int = 1  # place of the first transcript shown
    previous: str = ""  # address of the piece before, "" where there is none
    next: str = ""
    live: str = ""  # address that tells how far the run is, "" for a run at its end
    said: str = ""  # how far the run is
    beside: frozenset[str] = frozenset()  # anchors of transcripts that are here only to stand beside another


def page(report: Report, *, most: int = MOST, room: int = ROOM) -> str:
    """The whole page, for a file."""
    items = [item for block in report.blocks() if isinstance(block, Transcripts) for item in block.items]
    shown, prompts = embedded(items, most, room)
    return render(report, shown, prompts, len(items), kinds_of(items))


def kinds_of(items: Sequence[Transcript]) -> dict[str, list[str]]:
    """What a reader can choose from."""
    found = {name: list(dict.fromkeys(clean(getattr(item, name)) for item in items)) for name in ("task", "strategy")}
    seen = {item.outcome for item in items}
    return {**found, "outcome": outcomes(partial="partial" in seen, scored="scored" in seen)}


def render(
    report: Report,
    shown: Sequence[Shown],
    prompts: Sequence[str],
    total: int,
    kinds: Mapping[str, Sequence[str]],
    served: Served | None = None,
    draw: Callable[[Figure], str] | None = None,
) -> str:
    """A page of some transcripts, `total` of which there are (or, from a server, which fit its filter)."""
    from kshot.eval.report.style import svg

    files = resources.files("kshot.eval.report") / "page"
    style, script = ((files / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    environment = templates()
    template = environment.from_string((files / "page.html").read_text(encoding="utf-8"))
    return template.render(
        report=report, style=style, script=script, policy=policy(style, script, served is not None), svg=draw or svg,
        shown=shown, total=total, kinds=kinds, parts=parts, prompts=embeddable(prompts), anchor=anchor, served=served,
    )  # fmt: skip


def templates() -> Environment:
    """The template engine: escapes all that it is given."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["clean"] = clean
    environment.filters["breakable"] = breakable
    environment.tests.update({
        "table": lambda block: isinstance(block, Table), "figure": lambda block: isinstance(block, Figure),
        "transcripts": lambda block: isinstance(block, Transcripts), "cell": lambda value: isinstance(value, Cell),
        "worded": worded, "alternatives": lambda block: isinstance(block, Alternatives),
    })  # fmt: skip
    return environment


def breakable(name: str) -> Any:
    """A name that a narrow column breaks where a specification may break."""
    from markupsafe import Markup

    return Markup("<wbr>").join(re.split(r"(?<=[:,(=])(?=.)", clean(name)))


def worded(block: object, at: int) -> bool:
    """Whether a table's column has nothing but short words, which are not to be broken."""
    found = [row[at] for row in block.rows] if isinstance(block, Table) else []
    texts = [value.text if isinstance(value, Cell) else value for value in found]
    return all(len(word) <= SHORT for text in texts for word in text.replace("-", " ").split())  # "-" may end a line


def policy(style: str, script: str, served: bool = False) -> str:
    """The Content-Security-Policy: this style and this script alone; from a server its form and its state as well."""

    def hashed(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    own = "connect-src 'self'; form-action 'self'" if served else "form-action 'none'"
    return (
        f"default-src 'none'; script-src 'sha256-{hashed(script)}'; style-src 'sha256-{hashed(style)}'; "
        f"base-uri 'none'; {own}"
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
    return anchor_of(item.task, item.strategy, item.sample_id, item.repeat)


def anchor_of(task: str, strategy: str, sample_id: str, repeat: int) -> str:
    """`anchor` from what it depends on; the strategy by its short name."""
    key = json.dumps([task, strategy, sample_id, repeat])
    return "t-" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:12]
