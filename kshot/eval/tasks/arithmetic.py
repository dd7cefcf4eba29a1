"""Arithmetic word problems: GSM8K, SVAMP, MultiArith, AddSub, SingleEq.

All have the eight exemplars of Wei et al. 2022 (table 20 of the paper serves them all), so that every test
row is asked; only GSM8K has a train split of worked solutions besides.
"""

from __future__ import annotations

from kshot.eval.answers import NUMBER, in_language, numeric
from kshot.eval.tasks.registry import task
from kshot.eval.tasks.source import wei2022_zh
from kshot.eval.tasks.source.hub import HubSet
from kshot.eval.tasks.source.jsonl import Row, text_of, worked
from kshot.eval.tasks.source.language import spoken
from kshot.eval.tasks.source.public import loader
from kshot.eval.tasks.source.stories import last_sentence_asks
from kshot.eval.tasks.source.templates import FREE, FREE_ZH
from kshot.eval.tasks.source.told import number_of
from kshot.eval.tasks.source.wei2022 import DECOMPOSITIONS, EXEMPLARS
from kshot.types import Sample, Task, UserError

REPLY_TOKENS = 256  # a chat model works a story out although it was asked for the number alone
INSTRUCTIONS = (
    "Solve the arithmetic problem.",
    "Read the story and work out the number it asks for.",
    "Calculate the result of this word problem.",
)
INSTRUCTIONS_ZH = ("解答下面的算术应用题。", "读题，算出题目所问的数。", "计算这道应用题的结果。")
TOLD = {
    "en": (INSTRUCTIONS, FREE, DECOMPOSITIONS, EXEMPLARS),
    "zh": (INSTRUCTIONS_ZH, FREE_ZH, wei2022_zh.DECOMPOSITIONS, wei2022_zh.EXEMPLARS),
}


def read(row: Row, name: str) -> Sample:
    """A question with a number; GSM8K's worked solution, without its calculator marks, is the rationale."""
    rationale, final = worked(text_of(row, ("answer",), row["path"]))
    target = number_of(final)
    if target is None:
        raise UserError(f"{row['path']}, line {row['line']}: the answer {final[:40]!r} is no number; mend that line.")
    return Sample(name, text_of(row, ("question",), row["path"]), target, rationale)


def arithmetic(folder: str, hub: HubSet | None, *, train: str | None = None, language: str = "en") -> Task:
    """A set of word problems; the exemplars of Wei et al. 2022 come first in its pool."""
    instructions, templates, decompositions, exemplars = spoken("gsm8k", language, TOLD)
    form = in_language(NUMBER, language)
    return Task(
        name=folder,
        load=loader(folder, hub, read, form, numeric, train=train, pool=False),
        format=form,
        score=numeric,
        instructions=instructions,
        templates=templates,
        decompositions=decompositions,
        exemplars=exemplars,
        reply_tokens=REPLY_TOKENS,
        language=language,
        as_question=last_sentence_asks(instructions[0]),
    )


@task
def gsm8k(*, language: str = "en") -> Task:
    """Grade-school word problems (Cobbe et al. 2021, arXiv 2110.14168), with the 8 exemplars of Wei et al. 2022.

    In Chinese (`language=zh`) local files only, gsm8k-zh/test.jsonl, such as MGSM's (Shi et al. 2022, arXiv 2210.03057),
    and the eight exemplars translated.
    """
    if language != "en":
        return arithmetic(f"gsm8k-{language}", None, language=language)
    hub = HubSet("openai/gsm8k", lambda row: {"question": row["question"], "answer": row["answer"]}, "main")
    return arithmetic("gsm8k", hub, train="train")


@task
def svamp() -> Task:
    """Word problems with varied structure (Patel et al. 2021, arXiv 2103.07191); on the hub, its 300 test rows."""

    def convert(row: Row) -> Row:
        body = row["Body"].strip()
        end = "" if body[-1:] in ".?!," else "."
        return {"question": f"{body}{end} {row['Question'].strip()}", "answer": row["Answer"]}

    return arithmetic("svamp", HubSet("ChilleD/SVAMP", convert))


@task
def multiarith() -> Task:
    """Word problems of several steps (Roy and Roth 2015, arXiv 1608.01413); on the hub, 180 test rows."""
    hub = HubSet("ChilleD/MultiArith", lambda row: {"question": row["question"].strip(), "answer": row["final_ans"]})
    return arithmetic("multiarith", hub)


@task
def addsub() -> Task:
    """Addition and subtraction stories (Hosseini et al. 2014). Local files only: no hub copy loads without a script."""
    return arithmetic("addsub", None)


@task
def singleeq() -> Task:
    """Stories that one equation solves (Koncel-Kedziorski et al. 2015). Local files only, as for addsub."""
    return arithmetic("singleeq", None)
