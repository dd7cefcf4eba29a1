"""Multiple choice and yes or no: AQuA, CommonsenseQA, date understanding, shuffled objects, StrategyQA.

Only CommonsenseQA is given with a train split; of the others a fixed quarter of the test rows is the
exemplar pool and is never evaluated.
"""

from __future__ import annotations

import re

from kshot.eval.answers import LETTER, YES_NO, exact
from kshot.eval.tasks.registry import task
from kshot.eval.tasks.source.choosing import choices_of, letter_of
from kshot.eval.tasks.source.hub import HubSet
from kshot.eval.tasks.source.jsonl import Row, text_of
from kshot.eval.tasks.source.public import loader
from kshot.eval.tasks.source.stories import last_sentence_asks
from kshot.eval.tasks.source.templates import CHOICES, FREE
from kshot.types import Sample, Task, UserError

CHOOSE = (
    "Choose the right answer.",
    "Read the question and pick the choice that answers it best.",
    "Only one of the choices is right. Which?",
)


def multiple_choice(
    folder: str,
    hub: HubSet,
    *,
    train: str | None = None,
    test: str = "test",
    passage: str | None = None,
    instructions: tuple[str, ...] = CHOOSE,
) -> Task:
    """A multiple-choice set, answered by letter; the questions that share what stands before `passage` are a cluster."""

    def read(row: Row, name: str) -> Sample:
        choices = choices_of(row, row["path"])
        if not choices:
            raise UserError(f"{row['path']}, line {row['line']}: the field 'choices' is missing; add it to that line.")
        question = text_of(row, ("question",), row["path"]).strip()
        answer = letter_of(row, text_of(row, ("answer",), row["path"]), choices, row["path"])
        shared = question.split(passage)[0].strip() if passage and passage in question else None
        return Sample(name, question, answer, choices=choices, cluster=shared)

    load = loader(folder, hub, read, LETTER, exact, train=train, test=test)
    return Task(
        name=folder,
        load=load,
        format=LETTER,
        score=exact,
        instructions=instructions,
        templates=CHOICES,
        as_question=last_sentence_asks(instructions[0]) if passage else None,
    )


def from_bigbench(row: Row) -> Row:
    """A row of BIG-bench: the text before the choices, the choices, and the letter of the one that scores 1."""
    question = re.split(r"\n[ .]*choice:|\nA:\s*$", row["inputs"].removeprefix("Q:"))[0]
    return {
        "question": question.strip(),
        "choices": list(row["multiple_choice_targets"]),
        "answer": chr(65 + list(row["multiple_choice_scores"]).index(1)),
    }


@task
def aqua() -> Task:
    """Algebra with five choices (Ling et al. 2017, arXiv 1705.04146)."""
    hub = HubSet(
        "deepmind/aqua_rat",
        lambda row: {
            "question": row["question"],
            "choices": [re.sub(r"^[A-E]\)\s*", "", option) for option in row["options"]],
            "answer": row["correct"],
        },
        "raw",
        train=None,
    )
    return multiple_choice("aqua", hub)


@task
def commonsenseqa() -> Task:
    """Common-sense questions with five choices (Talmor et al. 2019, arXiv 1811.00937); its validation split is asked."""
    hub = HubSet(
        "tau/commonsense_qa",
        lambda row: {"question": row["question"], "choices": list(row["choices"]["text"]), "answer": row["answerKey"]},
        test="validation",
    )
    return multiple_choice("commonsenseqa", hub, train="train", test="validation")


@task
def date_understanding() -> Task:
    """Dates from a description, up to six choices (BIG-bench, arXiv 2206.04615); on the hub, its train part."""
    hub = HubSet("tasksource/bigbench", from_bigbench, "date_understanding", train=None, test="train")
    instructions = ("Work out the date.", "Which of the dates does the question ask for?", *CHOOSE[:1])
    return multiple_choice("date_understanding", hub, passage="What is the date", instructions=instructions)


@task
def shuffled_objects() -> Task:
    """Who holds what after swaps (BIG-bench, arXiv 2206.04615); three people locally, 3, 5 or 7 on the hub (train part)."""
    hub = HubSet("tasksource/bigbench", from_bigbench, "tracking_shuffled_objects", train=None, test="train")
    instructions = ("Follow the swaps and complete the last sentence.", "Who ends up with what?", *CHOOSE[:1])
    return multiple_choice("shuffled_objects", hub, passage="At the end", instructions=instructions)


@task
def strategyqa() -> Task:
    """Yes-or-no questions that need implicit steps (Geva et al. 2021, arXiv 2101.02235)."""

    def read(row: Row, name: str) -> Sample:
        answer = text_of(row, ("answer",), row["path"]).strip().lower()
        if answer not in ("yes", "no"):
            raise UserError(
                f"{row['path']}, line {row['line']}: the answer {answer!r} is not yes or no; mend that line."
            )
        return Sample(name, text_of(row, ("question",), row["path"]), answer)

    hub = HubSet("ChilleD/StrategyQA", lambda row: {"question": row["question"], "answer": row["answer"]}, train=None)
    return Task(
        name="strategyqa",
        load=loader("strategyqa", hub, read, YES_NO, exact),
        format=YES_NO,
        score=exact,
        labels=("yes", "no"),
        templates=FREE,
        instructions=(
            "Answer yes or no.",
            "Is it so? Think of the facts it hangs on.",
            "Decide whether the answer to the question is yes or no.",
        ),
    )
