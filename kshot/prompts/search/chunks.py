"""Edits of an instruction by its words or phrases: what is left out, exchanged, said twice, or said again.

Prasad et al. 2022 (arXiv 2203.07281) delete, swap, add back and paraphrase phrases of a constituency
parser. Concedes: chunks are words, or what stands between commas and stops; in place of a paraphrase, which takes a
model of its own, a chunk is said twice. Chinese, which has no blanks, is cut into pieces of two characters.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

LEVELS = ("word", "phrase")
PHRASE = re.compile(r"[^,;:.!?，；：。！？、]+[,;:.!?，；：。！？、]*\s*")
WORD = re.compile(r"[\u3400-\u9fff]{1,2}[^\w\s]*|[^\s\u3400-\u9fff]+\s*|\s+")
OPERATIONS = ("delete", "swap", "duplicate", "add-back")


@dataclass(frozen=True, slots=True)
class Edited:
    """A text after an edit, by which operation, and what has been deleted from it so far."""

    text: str
    how: str
    deleted: tuple[str, ...] = ()


def chunks_of(text: str, level: str) -> list[str]:
    """A text cut into words or phrases, each with the blank behind it; phrases are words where there is only one.

    >>> chunks_of("Read it, then answer.", "phrase")
    ['Read it, ', 'then answer.']
    """
    found = [chunk for chunk in PHRASE.findall(text) if chunk.strip()] if level == "phrase" else []
    return found if len(found) > 1 else [chunk for chunk in WORD.findall(text) if chunk.strip()]


def edited(text: str, level: str, deleted: Sequence[str], generator: random.Random) -> Edited:
    """The text after one edit, of those that can be made all operations as likely; the same text where none can."""
    chunks = chunks_of(text, level)
    possible = [
        name for name, can in zip(OPERATIONS, (len(chunks) > 1, len(chunks) > 1, chunks, deleted), strict=True) if can
    ]
    if not possible:
        return Edited(text, "none", tuple(deleted))
    how = generator.choice(possible)
    gone = tuple(deleted)
    if how == "delete":
        gone = (*gone, chunks.pop(generator.randrange(len(chunks))).strip())
    elif how == "swap":
        one, other = generator.sample(range(len(chunks)), 2)
        chunks[one], chunks[other] = chunks[other], chunks[one]
    elif how == "duplicate":
        at = generator.randrange(len(chunks))
        chunks.insert(at, chunks[at])
    else:
        back = generator.choice(gone)
        gone = tuple(one for place, one in enumerate(gone) if place != gone.index(back))
        chunks.insert(generator.randrange(len(chunks) + 1), back)
    return Edited(joined(chunks), how, gone)


def joined(chunks: Sequence[str]) -> str:
    """Chunks as one text: a blank between two that had one behind them, or that Latin letters would run together."""
    text = ""
    for chunk in chunks:
        gap = " " if text and not text[-1].isspace() and text[-1].isascii() and chunk[:1].isascii() else ""
        text += gap + chunk
    return " ".join(text.split())
