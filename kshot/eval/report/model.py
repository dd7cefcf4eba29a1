"""One report, whoever fills it and whichever way it is shown: summary, tables, figures, text, transcripts.

Meets: values only; the three renderers (terminal, markdown, html) know these types and nothing of prompts,
classifiers or adapters. Concedes: cells are text already formatted by whoever fills the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

CARE = "Take care: "
"""How a sentence of a summary begins that nobody may overlook."""

Tone = Literal["plain", "good", "bad", "quiet"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A table's cell where more than its text matters."""

    text: str
    tone: Tone = "plain"  # good and bad are never told by colour alone: the text says it too


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column: heading, whether its cells are numbers (set flush right), whether only wide screens show it."""

    title: str
    numeric: bool = False
    wide_only: bool = False


def columns(*titles: str) -> list[Column]:
    """Columns by their titles; one that ends in # is of numbers.

    >>> columns("task", "samples#")[1]
    Column(title='samples', numeric=True, wide_only=False)
    """
    return [Column(title.removesuffix("#"), numeric=title.endswith("#")) for title in titles]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under columns, as many in each row as there are columns."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str | Cell]]
    caption: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"table {self.title!r}: a row of {len(row)} under {len(self.columns)} columns")


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture, drawn when a renderer asks for it. `name` is its file name without the ending."""

    name: str
    title: str
    caption: str
    draw: Callable[[], Drawing]


Outcome = Literal["right", "partial", "wrong", "scored", "unparsed", "truncated"]
"""partial: more than nothing and less than the full score; scored: by a metric of which no value is right."""


def outcomes(*, partial: bool, scored: bool = False) -> list[str]:
    """What an attempt can come to: `partial` where a metric gives parts of a score, `scored` where none is right."""
    left_out = {*(() if partial else ("partial",)), *(() if scored else ("scored",))}
    return [outcome for outcome in get_args(Outcome) if outcome not in left_out]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a model: what it was sent, turn by turn, and what it wrote."""

    prompt: tuple[tuple[str, str], ...]  # (role, text); role "text" for a prompt that went in verbatim
    completion: str
    note: str  # "stop, 120 tokens"
    span: tuple[int, int] | None = None  # the characters of the completion that were read as the answer


@dataclass(frozen=True, slots=True)
class Transcript:
    """All that happened on one sample: the question, every call in order, what was read, the target."""

    task: str
    strategy: str
    sample_id: str
    repeat: int
    outcome: Outcome
    question: str
    choices: tuple[str, ...]
    target: str
    answer: str | None
    rejected: str | None  # an answer that was seen in a cut-off text and not counted
    rule: str
    detail: tuple[tuple[str, str], ...]  # what else the strategy kept, as (name, text)
    calls: Callable[[], Sequence[Call]]  # read from the journal only when shown
    score: str = ""  # by its metrics, where it is more than right or wrong: "token-f1 0.4"
    template: tuple[str, str] | None = None  # (what the template is called, its text), where one worded it


@dataclass(frozen=True, slots=True)
class Transcripts:
    """Transcripts to read. A renderer may show fewer, evenly over tasks and strategies, and says so."""

    items: Sequence[Transcript]


@dataclass(frozen=True, slots=True)
class Alternatives:
    """The same evidence from several sides, such as against each baseline. A page lets its reader choose; the other
    renderers show the first."""

    label: str
    options: Sequence[tuple[str, Sequence[str | Table | Figure]]]

    def __post_init__(self) -> None:
        if not self.options:
            raise ValueError(f"{self.label!r} has no alternatives")


Plain = str | Table | Figure | Transcripts
"""A str is a paragraph."""

Block = Plain | Alternatives


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: Sequence[Block]
    background: bool = False  # how it was run rather than what came of it: not for a terminal

    def first(self) -> list[Plain]:
        """The blocks in order, of alternatives the first."""
        found: list[Plain] = []
        for block in self.blocks:
            found.extend(block.options[0][1] if isinstance(block, Alternatives) else [block])
        return found


@dataclass(frozen=True, slots=True)
class Report:
    """What a run showed. `summary` answers in sentences; the first one is the main finding."""

    title: str
    summary: Sequence[str]
    sections: Sequence[Section]
    results: Mapping[str, Any] | None = None  # the same as values that JSON has, for results.json

    @property
    def cautions(self) -> list[str]:
        """The sentences of the summary that nobody may overlook."""
        return [line for line in self.summary if line.startswith(CARE)]

    def blocks(self) -> list[Plain]:
        """All blocks in order, of alternatives the first."""
        return [block for section in self.sections for block in section.first()]
