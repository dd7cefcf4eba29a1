"""Winograd schemas in the form in which decaNLP publishes them: to whom or what does a pronoun refer?

The file is decaNLP's local_data/schema.txt, three lines a schema and a blank one behind it: a sentence and a question
with [this/that] in them, and the answers to the two. Meets: both sentences of a schema are a cluster and in one split;
the last 50 schemas are asked, as there. The file's very last schema has no blank line behind it, and is in none of
decaNLP's splits nor in ours. Where a line has two pairs of brackets each is read by itself, which its own reader does not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from kshot.eval.answers import LETTER, TEXT, exact
from kshot.eval.tasks.registry import task
from kshot.eval.tasks.source.templates import CHOICES, FREE
from kshot.registry import suggest
from kshot.types import Sample, Source, Split, Task, UserError

TESTED = 50  # schemas, the last ones
PAIR = re.compile(r"\[([^\[\]/]*)/([^\[\]/]*)\]")
WANTED = "winograd/schema.txt"
FORMATS = {"words": TEXT, "letter": LETTER}


def schemas_in(path: Path) -> list[tuple[int, list[str]]]:
    """The blocks of lines that end in a blank one, each with the number of its first line. Raises UserError."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as text ({error}); --data takes a folder with {WANTED}.") from None
    found: list[tuple[int, list[str]]] = []
    block: list[str] = []
    for number, line in enumerate(lines[:-1] if lines[-1] == "" else lines, 1):
        if line.strip():
            block.append(line.strip())
        elif block:
            found.append((number - len(block), block))
            block = []
    return found


def one_of_two(line: str, which: int) -> str:
    """A line with the first or the second of every [this/that].

    >>> one_of_two("her [place/education] had been [taken/managed]", 1)
    'her education had been managed'
    """
    return PAIR.sub(lambda pair: pair[which + 1], line)


def samples_of(path: Path, number: int, block: Sequence[str], letters: bool) -> list[Sample]:
    """Both samples of a schema. Raises UserError for what is none."""
    answers = [answer.strip() for answer in block[-1].split("/")]
    if len(block) != 3 or len(answers) != 2 or not all(answers) or not PAIR.search(block[0]):
        raise UserError(
            f"{path}, line {number}: three lines make a schema, a sentence with [this/that], a question, and two answers "
            "as one/other; mend it."
        )
    found = []
    for which in (0, 1):
        text, question = (one_of_two(line, which) for line in block[:2])
        asked = question if letters else f"{question} {answers[0]} or {answers[1]}?"
        found.append(
            Sample(
                f"schema-{number}-{which}",
                f"{text} {asked}",
                "AB"[which] if letters else answers[which],
                choices=tuple(answers) if letters else (),
                cluster=f"schema-{number}",
                fields=(("context", text), ("asked", asked)),
            )
        )
    return found


@task
def winograd(*, answer: str = "words") -> Task:
    """Winograd schemas as in decaNLP (Levesque et al. 2012; McCann et al. 2018, arXiv 1806.08730): 80, 82 and 100 samples.

    `answer` words asks for one of the two as decaNLP does, letter makes them choices, which can be scored. The exemplars
    are its train and validation samples. Local files only, winograd/schema.txt.
    """
    if answer not in FORMATS:
        raise UserError(f"unknown winograd answer {answer!r}: {suggest(answer, FORMATS)}")
    letters = answer == "letter"

    def load(split: Split, source: Source) -> list[Sample]:
        path = (source.data or Path()) / WANTED
        if source.data is None or not path.is_file():
            raise UserError(f"winograd needs --data DIR with {WANTED} in it (decaNLP's local_data/schema.txt).")
        listed = schemas_in(path)
        if len(listed) <= TESTED:
            raise UserError(
                f"{path} has {len(listed)} schemas and the last {TESTED} are asked; put the whole file there."
            )
        parts = listed[:-TESTED] if split == "train" else listed[-TESTED:]
        samples = [sample for number, block in parts for sample in samples_of(path, number, block, letters)]
        return samples if split == "train" else samples[: source.limit]

    return Task(
        name="winograd",
        load=load,
        format=FORMATS[answer],
        score=exact,
        instructions=(
            "Say which of the two is meant.",
            "Find out to whom or what the pronoun in the sentence refers, and answer the question.",
            "Read the sentence and answer the question with one of the two.",
        ),
        templates=CHOICES if letters else FREE,
        as_question=lambda sample: (dict(sample.fields)["context"], dict(sample.fields)["asked"]),
    )
