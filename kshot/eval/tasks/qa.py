"""Any task asked as decaNLP asks all of its ten: a context, a question about it, and its answer.

Meets: samples, targets, choices and clusters are the other task's own, under its own ids, so that a run with both
compares the two forms sample by sample (`kshot.eval.report.prompting.asked`); exemplars are worded alike. Concedes:
decaNLP's questions where it has one (`Task.as_question`), and otherwise the task's first instruction as the question
about its whole text; worked decompositions are in the other form and left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from kshot.eval.tasks.registry import task
from kshot.registry import words_of
from kshot.spec import nested, opened, write_spec
from kshot.types import ASKED, Sample, Source, Split, Task, Template, UserError

DECANLP = "McCann et al. 2018, arXiv 1806.08730"
T5 = "after Raffel et al. 2020, arXiv 1910.10683, appendix D, its SQuAD"
CONTEXT = "context"  # the field that a template shows beside the question
WORDS = {"en": ("Context: ", "Question: ", "Answer: "), "zh": ("背景：", "问题：", "答案：")}
OPTIONS = "{% if options %}\n{{ options }}{% endif %}"


@task
def qa(*, task: str = "", wording: int = -1) -> Task:
    """Another task as context, question and answer (McCann et al. 2018, arXiv 1806.08730), as in `qa:task=sst2`.

    `wording` -1 asks the task's own question; 0, 1 ... one of its instructions, about its whole text. Strategies that
    write are asked in this form as those that score are. Raises UserError where there is no such task or instruction.
    """
    from kshot.eval.tasks import get_task  # which names this task, too

    if not task:
        raise UserError("qa asks another task as a question; name it, as in qa:task=sst2 or qa:task=bbh(name=snarks).")
    inner = get_task(opened(task))
    if inner.name.partition(":")[0] == "qa":
        raise UserError(f"{inner.name} is asked as a question already; name the task within it.")
    if wording < -1 or wording >= max(1, len(inner.instructions)):
        have = f"wordings 0 to {len(inner.instructions) - 1}" if inner.instructions else "no instruction"
        raise UserError(f"qa: wording is {wording} and {inner.name} has {have}; wording=-1 asks its own question.")
    said = {"task": inside(inner.name), **({} if wording < 0 else {"wording": wording})}
    return asked(inner, wording, write_spec("qa", said))


def inside(name: str) -> str:
    """A task's name as it stands inside another's; one that is no specification, such as a file's, as it is."""
    try:
        return nested(name)
    except UserError:
        return name


def asked(inner: Task, wording: int, name: str) -> Task:
    """The task with every sample asked as a question."""

    def load(split: Split, source: Source) -> Sequence[Sample]:
        return [as_asked(inner, sample, wording) for sample in inner.load(split, source)]

    return replace(
        inner,
        name=name,
        load=load,
        instructions=(),  # the question says it
        decompositions=(),
        exemplars=tuple(as_asked(inner, sample, wording) for sample in inner.exemplars),
        templates=templates_in(inner.language),
        form="0",
        in_writing=True,
        as_question=None,
        note="" if inner.form else inner.note,  # which says in which template of its own it is asked
        undivided=None if inner.undivided is None else asked(inner.undivided, wording, name),
    )


def as_asked(inner: Task, sample: Sample, wording: int) -> Sample:
    """A sample as a question about its context; both are fields as well, for templates."""
    context, question = parts_of(inner, sample, wording)
    begins, asks, _ = WORDS.get(inner.language, WORDS["en"])
    fields = tuple(field for field in sample.fields if field[0] not in (CONTEXT, ASKED))
    return replace(
        sample,
        question=f"{begins}{context}\n{asks}{question}",
        fields=(*fields, (CONTEXT, context), (ASKED, question)),
    )


def parts_of(inner: Task, sample: Sample, wording: int) -> tuple[str, str]:
    """(context, question). Raises UserError where nothing is asked, or the task's own function gives no two texts."""
    if not sample.question.strip():
        raise UserError(f"{inner.name}, sample {sample.id!r} asks nothing that could be worded as a question.")
    if wording >= 0 or inner.as_question is None:
        row = dict(sample.fields)
        context, question = row.get(CONTEXT, ""), row.get("question", "")
        if wording < 0 and context.strip() and question.strip():  # a user's data in the form of SQuAD
            return context, naming_labels(inner, question)
        return sample.question, question_of(inner, max(wording, 0))
    try:
        context, question = inner.as_question(sample)
        if not (context.strip() and question.strip()):
            raise ValueError(f"it gave {(context, question)!r:.80}")
    except (AttributeError, TypeError, ValueError) as error:
        raise UserError(
            f"{inner.name}, sample {sample.id!r}: as_question has to give a context and a question, two texts that are "
            f"not blank ({words_of(error)}); mend the task."
        ) from error
    return context, naming_labels(inner, question)


def question_of(inner: Task, wording: int) -> str:
    """One of a task's instructions; which labels there are is said, as no other word of the prompt does.

    >>> from kshot.eval.tasks import get_task
    >>> question_of(get_task("coin-flip"), 0)
    'Is the coin heads up at the end? Answer yes or no.'
    """
    said = inner.instructions[wording] if inner.instructions else inner.format.instruction
    return naming_labels(inner, said)


def naming_labels(inner: Task, question: str) -> str:
    """A question with the labels that there are said in it, or behind it."""
    named = all(re.search(rf"(?<!\w){re.escape(label)}(?!\w)", question, re.IGNORECASE) for label in inner.labels)
    return question if named else f"{question} {inner.format.instruction}"


def templates_in(language: str) -> tuple[Template, ...]:
    """The form in a language, and others of its parts."""
    context, asks, answer = WORDS.get(language, WORDS["en"])
    shown, question = "{{ " + CONTEXT + " }}", "{{ " + ASKED + " }}" + OPTIONS
    return (
        Template(f"{context}{shown}\n{asks}{question}\n{answer}{{{{ answer }}}}", source=DECANLP),
        Template(f"{asks}{question}\n{context}{shown}\n{answer}{{{{ answer }}}}", source=T5),
        Template(f"{shown}\n\n{question}\n{answer}{{{{ answer }}}}"),
    )
