r"""Problems whose answer is a number or an expression: MATH, MATH-500, MGSM."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from kshot.eval.answers import EXPRESSION, NUMBER, in_language, numeric
from kshot.eval.answers.as_written import boxed_in
from kshot.eval.tasks.groups import one_of, part, parts_of
from kshot.eval.tasks.library.equivalence import BAR, check_there, same_expression
from kshot.eval.tasks.library.sets import HARNESS, public
from kshot.eval.tasks.registry import task
from kshot.eval.tasks.source.hub import HubSet
from kshot.eval.tasks.source.jsonl import Row
from kshot.eval.tasks.source.templates import FREE, FREE_ZH
from kshot.types import Sample, Source, Split, Task, Template

SUBJECTS = (
    *("algebra", "counting_and_probability", "geometry", "intermediate_algebra", "number_theory"),
    *("prealgebra", "precalculus"),
)
SOLVE = (
    "Solve the problem.",
    "Work out the answer to the problem, step by step.",
    "Solve the problem and give the answer in its simplest form.",
)
SOLVED = (
    Template("Problem: {{ question }}\nAnswer: {{ answer }}", source=f"{HARNESS}hendrycks_math"),
    Template(
        "Problem:\n{{ question }}\n\nSolution: {{ answer }}",
        source=f"{HARNESS}minerva_math; Lewkowycz et al. 2022, arXiv 2206.14858, appendix D",
    ),
)


def competition(name: str, hub: HubSet) -> Task:
    """Problems with a worked solution, whose last box has the answer."""

    def read(row: Row) -> Sample:
        answer = row.get("answer") or boxed_in(row["solution"])
        target = " ".join(answer.replace("|", BAR).split())
        return Sample("", row["problem"], target, rationale=row["solution"].strip())

    made = public(
        name,
        hub,
        read,
        form=EXPRESSION,
        score=same_expression,
        templates=(*SOLVED, *FREE[1:]),
        instructions=SOLVE,
        own_ids=False,
    )

    return checked(made)


def checked(task: Task) -> Task:
    """A task that says before a run what it cannot do without."""

    def load(split: Split, source: Source) -> Sequence[Sample]:
        check_there()
        return task.load(split, source)

    vars(load).update(vars(task.load))
    return replace(task, load=load, undivided=checked(task.undivided) if task.undivided else None)


@task
def math(*, subject: str = "") -> Task:
    """Competition problems in 7 subjects, a task each (Hendrycks et al. 2021, arXiv 2103.03874); needs kshot[math]."""
    subject = part("math", "subject", subject, SUBJECTS)
    return competition(f"math/{subject}", HubSet("EleutherAI/hendrycks_math", config=subject))


parts_of("math", "subject", SUBJECTS)


@task
def math500() -> Task:
    """500 problems of MATH (Lightman et al. 2023, arXiv 2305.20050); needs kshot[math]."""
    return competition("math500", HubSet("HuggingFaceH4/MATH-500", train=None))


TOLD = {  # how a language writes "Question: ", "Step-by-Step Answer: " and the last sentence, as the set has them
    "en": ("Question: ", "Step-by-Step Answer: ", "The answer is", "Question: {}\nAnswer: {}"),
    "zh": ("问题：", "逐步解答：", "答案是", "问题： {}\nAnswer:{}"),
    "de": ("Frage: ", "Schritt-für-Schritt-Antwort: ", "Die Antwort ist", "Frage: {}\nAntwort: {}"),
    "es": ("Pregunta: ", "Respuesta paso a paso: ", "La respuesta es", "Pregunta: {}\nRespuesta: {}"),
    "fr": ("Question : ", "Réponse étape par étape : ", "La réponse est", "Question : {}\nRéponse : {}"),
}


@task
def mgsm(*, language: str = "en") -> Task:
    """Grade-school problems in several languages (Shi et al. 2022, arXiv 2210.03057); `language` en, zh, de, es or fr.

    Its eight worked exemplars are the set's own, in that language.
    """
    one_of("mgsm", "language", language, list(TOLD))
    asks, works, states, form = TOLD[language]

    def read(row: Row) -> Sample:
        question = row["question"].strip().removeprefix(asks.strip()).strip()
        worked = (row["answer"] or "").strip().removeprefix(works.strip()).strip()
        rationale = re.split(rf"\s*{states}(?!.*{states})", worked, flags=re.DOTALL)[0]
        return Sample("", question, str(row["answer_number"]), rationale=rationale)

    asked = Template(form.format("{{ question }}", "{{ answer }}"), source=f"{HARNESS}mgsm_direct_{language}")
    chained = {
        "zh": "问题： {{ question }}\n逐步解答: {{ answer }}",
        "en": "Question: {{ question }}\nStep-by-Step Answer: {{ answer }}",
    }
    native = (
        (Template(chained[language], source=f"{HARNESS}mgsm_native_cot_{language}"),) if language in chained else ()
    )
    made = public(
        f"mgsm/{language}",
        HubSet("juletxara/mgsm", config=language),
        read,
        form=in_language(NUMBER, language),
        score=numeric,
        templates=(asked, *native, *(FREE_ZH if language == "zh" else FREE[1:])),
        instructions=SOLVE
        if language != "zh"
        else ("解答下面的应用题。", "一步一步地解题，给出答案。", "读题，算出题目所问的数。"),
        language="zh" if language == "zh" else "en",
    )
    return replace(made, reply_tokens=256)
