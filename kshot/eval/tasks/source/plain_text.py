"""A task of texts whose likelihood is asked: a .txt file, by paragraphs, lines or as a whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from kshot.eval.answers import LINE
from kshot.eval.metrics import scored_by
from kshot.spec import split_spec, write_spec
from kshot.types import Sample, Source, Split, Task, UserError

PARTS = {"paragraph": re.compile(r"(?:\r?\n[ \t]*){2,}"), "line": re.compile(r"\r?\n"), "file": re.compile(r"\Z")}


def is_text_file(spec: str) -> bool:
    """Whether a specification names a .txt file."""
    return spec.partition(":")[0].strip().lower().endswith(".txt")


def from_text(spec: str) -> Task:
    """`book.txt`, or `book.txt:by=line`: each paragraph is a sample, scored by bits per byte and perplexity.

    Blanks around a part are left out, and parts that are blank. Raises UserError for a file that cannot be read or is
    no UTF-8, and for a way of cutting that is not known.
    """
    name, given = split_spec(spec)
    by = given.pop("by", "paragraph")
    if given or by not in PARTS:
        wrong = f"by={by!r}" if by not in PARTS else next(iter(given))
        raise UserError(f"{name}: {wrong} is not known; a text is cut by=paragraph, by=line or by=file.")
    path = Path(name).expanduser()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no UTF-8 (byte {error.start:,}): save it as UTF-8.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}): give another file.") from error
    parts = [part.strip() for part in PARTS[by].split(text)]
    samples = [
        Sample(f"{path.stem}-{number}", "", "", continuation=part) for number, part in enumerate(filter(None, parts), 1)
    ]
    if not samples:
        raise UserError(f"{path} has no text in it; give another file.")

    def load(split: Split, source: Source) -> Sequence[Sample]:
        return [] if split == "train" else samples[: source.limit]

    return Task(
        name=write_spec(name, {} if by == "paragraph" else {"by": by}),
        load=load,
        format=LINE,
        score=scored_by("bits-per-byte", "perplexity"),
        note=f"{path}: {len(samples):,} texts, whose likelihood is asked (--strategy log-likelihood).",
    )
