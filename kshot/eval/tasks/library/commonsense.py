"""What goes on, or is meant, by choice: HellaSwag, PIQA, WinoGrande, COPA, Social IQa, SWAG.

Of their test splits no label is public, so that the validation split is asked, as everybody does.
"""

from __future__ import annotations

import re

from kshot.eval.tasks.library.sets import ASKED, CONTINUED, HARNESS, POOL, choosing, chosen, index_of
from kshot.eval.tasks.registry import task
from kshot.eval.tasks.source.hub import HubSet
from kshot.eval.tasks.source.jsonl import Row
from kshot.eval.tasks.source.templates import OPTIONS
from kshot.types import Sample, Task, Template

ENDING = (
    "Which ending continues the text?",
    "Choose the most plausible continuation.",
    "Only one of the endings makes sense. Which?",
)
CONNECTED = {"cause": "because", "effect": "therefore"}


def lowered(text: str) -> str:
    """A sentence as it goes on in the midst of another."""
    return text[:1].lower() + text[1:]


def wikihow(text: str) -> str:
    """HellaSwag's text without the marks of WikiHow, as lm-evaluation-harness has it."""
    return re.sub(r"\[.*?\]", "", text.strip().replace(" [title]", ". ")).replace("  ", " ")


@task
def hellaswag() -> Task:
    """Which of four endings continues a description (Zellers et al. 2019, arXiv 1905.07830); validation split."""

    def read(row: Row) -> Sample:
        told = f"{row['activity_label']}: {row['ctx_a']} {row['ctx_b'].capitalize()}"
        return chosen(wikihow(told), [wikihow(ending) for ending in row["endings"]], index_of(row["label"], 4))

    return choosing(
        "hellaswag",
        HubSet("Rowan/hellaswag", train=POOL, test="validation"),
        read,
        Template(CONTINUED, source=f"{HARNESS}hellaswag"),
        instructions=ENDING,
    )


@task
def piqa() -> Task:
    """Which of two ways reaches a goal in the physical world (Bisk et al. 2020, arXiv 1911.11641); validation split."""
    return choosing(
        "piqa",
        HubSet("baber/piqa", train=POOL, test="validation"),
        lambda row: chosen(row["goal"], [row["sol1"], row["sol2"]], index_of(row["label"], 2)),
        Template(ASKED, source=f"{HARNESS}piqa"),
    )


@task
def winogrande() -> Task:
    """Which of two fills the blank in a sentence (Sakaguchi et al. 2019, arXiv 1907.10641); validation split.

    As published (`score=rest`) what follows the blank is scored after each choice, which is called partial evaluation
    (Trinh and Le 2018, arXiv 1806.02847): the choices themselves are never scored, so that none wins by being likely.
    """

    def read(row: Row) -> Sample:
        before, _, after = row["sentence"].partition("_")
        choices = [row["option1"], row["option2"]]
        right = index_of(row["answer"], 3) - 1  # "1" or "2"
        return chosen(row["sentence"], choices, index_of(right, 2), before=before, after=after.strip())

    blank = "{% if options %}{{ question }}\n{{ options }}\nAnswer: {{ answer }}{% else %}{{ before }}{{ answer }} {{ after }}{% endif %}"
    return choosing(
        "winogrande",
        HubSet("allenai/winogrande", config="winogrande_xl", train=POOL, test="validation"),
        read,
        Template(blank, source=f"{HARNESS}winogrande; Trinh and Le 2018, arXiv 1806.02847"),
        instructions=(
            "Which of the choices belongs in the blank?",
            "Choose what fills the blank.",
            "Only one of the choices makes sense in the blank. Which?",
        ),
    )


@task
def copa() -> Task:
    """Cause or effect of a premise, of two (Roemmele et al. 2011; SuperGLUE, arXiv 1905.00537); validation split."""
    continued = "{{ question }}{% if options %} ...\n{{ options }}\nAnswer:{% endif %}"
    return choosing(
        "copa",
        HubSet("aps/super_glue", config="copa", test="validation"),
        lambda row: chosen(
            f"{row['premise'].strip()[:-1]} {CONNECTED[row['question']]}",
            [lowered(row["choice1"]), lowered(row["choice2"])],
            index_of(row["label"], 2),
        ),
        Template(f"{continued}  {{{{ answer }}}}", source=f"{HARNESS}copa, whose choices have two blanks before them"),
        instructions=ENDING,
    )


@task
def social_iqa() -> Task:
    """What people in a situation feel, want or do (Sap et al. 2019, arXiv 1904.09728); validation split."""
    return choosing(
        "social-iqa",
        HubSet("lighteval/siqa", train=POOL, test="validation"),
        lambda row: chosen(
            f"{row['context']} {row['question']}",
            [row[f"answer{letter}"] for letter in "ABC"],
            index_of(index_of(row["label"], 4) - 1, 3),
        ),
        Template("Q: {{ question }}" + OPTIONS + "A: {{ answer }}", source=f"{HARNESS}social_iqa"),
    )


@task
def swag() -> Task:
    """Which of four endings continues a video's caption (Zellers et al. 2018, arXiv 1808.05326); validation split."""
    return choosing(
        "swag",
        HubSet("allenai/swag", config="regular", train=POOL, test="validation"),
        lambda row: chosen(row["startphrase"], [row[f"ending{n}"] for n in range(4)], index_of(row["label"], 4)),
        Template(CONTINUED, source=f"{HARNESS}swag"),
        instructions=ENDING,
    )
