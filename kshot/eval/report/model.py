"""One Report for every half of kshot: text, tables, figures, transcripts. Renderers turn it into pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under columns; `note` says how to read them."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture, drawn when it is needed: `draw` gets a matplotlib Figure of `size` inches."""

    name: str
    title: str
    caption: str
    draw: Callable[[Any], None]
    size: tuple[float, float] = (7.5, 4.0)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands under it."""

    title: str
    text: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """One request as text, and what came back."""

    prompt: str
    completion: str
    finish_reason: str
    tokens: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """One attempt at one sample, with every call in order."""

    task: str
    strategy: str
    sample_id: str
    question: str
    target: str
    answer: str | None
    status: str
    outcome: str  # right, wrong, unparsed, truncated
    rule: str
    span: tuple[int, int] | None  # in the last call's completion
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All that a run has to say. `summary` answers the reader's question in words, most important first."""

    title: str
    summary: tuple[str, ...]
    sections: tuple[Section, ...]
    transcripts: Sequence[Transcript] = field(default_factory=tuple)
    note: str = ""  # on the transcripts, where not all are there
