"""BIG-Bench Hard: 27 tasks, each read in its own form. A fixed quarter of each is the exemplar pool, never evaluated."""

from __future__ import annotations

import re

from kshot.eval.answers import LETTER, LINE, NUMBER, TEXT, YES_NO, exact, labels, numeric
from kshot.eval.tasks.groups import part, parts_of
from kshot.eval.tasks.multiple_choice import CHOOSE
from kshot.eval.tasks.registry import task
from kshot.eval.tasks.source.hub import HubSet
from kshot.eval.tasks.source.jsonl import Row, text_of
from kshot.eval.tasks.source.public import loader
from kshot.eval.tasks.source.templates import CHOICES, FREE
from kshot.types import AnswerFormat, Sample, Task

LISTED = """
boolean_expressions causal_judgement date_understanding disambiguation_qa dyck_languages formal_fallacies
geometric_shapes hyperbaton logical_deduction_five_objects logical_deduction_seven_objects
logical_deduction_three_objects movie_recommendation multistep_arithmetic_two navigate object_counting
penguins_in_a_table reasoning_about_colored_objects ruin_names salient_translation_error_detection snarks
sports_understanding temporal_sequences tracking_shuffled_objects_five_objects
tracking_shuffled_objects_seven_objects tracking_shuffled_objects_three_objects web_of_lies word_sorting
"""
NAMES = LISTED.split()
LABELS = {"boolean_expressions": ("True", "False"), "formal_fallacies": ("valid", "invalid")}
FORMATS: dict[str, AnswerFormat] = {  # all others are multiple choice
    **dict.fromkeys(("causal_judgement", "navigate", "sports_understanding", "web_of_lies"), YES_NO),
    **dict.fromkeys(("multistep_arithmetic_two", "object_counting"), NUMBER),
    "word_sorting": TEXT,
    "dyck_languages": LINE,
    **{task: labels(names) for task, names in LABELS.items()},
}


@task
def bbh(*, name: str = "") -> Task:
    """BIG-Bench Hard, 27 tasks, `name` as its file (Suzgun et al. 2022, arXiv 2210.09261); `bbh` is the group of all."""
    part("bbh", "name", name, NAMES)
    form = FORMATS.get(name, LETTER)

    def read(row: Row, identifier: str) -> Sample | None:
        question = text_of(row, ("question", "input"), row["path"])
        answer = text_of(row, ("answer", "target"), row["path"]).strip()
        if form is not LETTER:
            return Sample(identifier, question, answer.lower() if form is YES_NO else answer)
        listed = re.findall(r"^\(([A-Z])\) (.*)$", question, re.MULTILINE)
        if not listed or not re.fullmatch(r"\([A-Z]\)", answer):
            return None  # one published row of ruin_names has neither options nor a letter
        stem = re.split(r"\n?Options:\n", question)[0]
        return Sample(identifier, stem, answer.strip("()"), choices=tuple(text for _, text in listed))

    score = numeric if form is NUMBER else exact
    hub = HubSet("SaylorTwift/bbh", lambda row: {"question": row["input"], "answer": row["target"]}, name, train=None)
    return Task(
        name="bbh",
        load=loader("bbh", hub, read, form, score, test=name),
        format=form,
        score=score,
        templates=CHOICES if form is LETTER else FREE,
        labels=("yes", "no") if form is YES_NO else LABELS.get(name, ()),
        instructions=CHOOSE
        if form is LETTER
        else ("Answer the question.", "Do as the question says.", form.instruction),
    )


parts_of("bbh", "name", NAMES)
