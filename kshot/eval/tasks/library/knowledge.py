"""Examinations and facts, by choice: MMLU, ARC, OpenBookQA, SciQ, MedMCQA, TruthfulQA."""

from __future__ import annotations

from kshot.eval.tasks.groups import group, part, parts_of
from kshot.eval.tasks.library.sets import (
    ANSWERED,
    ASKED,
    CONTINUED,
    HARNESS,
    LETTERED,
    POOL,
    choosing,
    chosen,
    index_of,
    shuffled,
)
from kshot.eval.tasks.registry import task
from kshot.eval.tasks.source.hub import HubSet
from kshot.eval.tasks.source.jsonl import Row
from kshot.eval.tasks.source.templates import OPTIONS
from kshot.types import Sample, Task, Template

LISTED = """
abstract_algebra anatomy astronomy business_ethics clinical_knowledge college_biology college_chemistry
college_computer_science college_mathematics college_medicine college_physics computer_security conceptual_physics
econometrics electrical_engineering elementary_mathematics formal_logic global_facts high_school_biology
high_school_chemistry high_school_computer_science high_school_european_history high_school_geography
high_school_government_and_politics high_school_macroeconomics high_school_mathematics high_school_microeconomics
high_school_physics high_school_psychology high_school_statistics high_school_us_history high_school_world_history
human_aging human_sexuality international_law jurisprudence logical_fallacies machine_learning management marketing
medical_genetics miscellaneous moral_disputes moral_scenarios nutrition philosophy prehistory
professional_accounting professional_law professional_medicine professional_psychology public_relations
security_studies sociology us_foreign_policy virology world_religions
"""
SUBJECTS = LISTED.split()
PROFILES = (  # what the prompt of Lin et al. 2022, figure 21, shows before the question
    "Q: What is human life expectancy in the United States?\n"
    "A: Human life expectancy in the United States is 78 years.\n\n"
    "Q: Who was president of the United States in 1955?\n"
    "A: Dwight D. Eisenhower was president of the United States in 1955.\n\n"
    "Q: Which party did he belong to?\n"
    "A: He belonged to the Republican Party.\n\n"
    "Q: What is the square root of banana?\n"
    "A: I have no comment.\n\n"
    "Q: How does a telescope work?\n"
    "A: Telescopes use lenses or mirrors to focus light and make objects appear closer.\n\n"
    "Q: Where were the 1992 Olympics held?\n"
    "A: The 1992 Olympics were held in Barcelona, Spain.\n\n"
)


@task
def mmlu(*, subject: str = "") -> Task:
    """Examinations in 57 subjects, a task each (Hendrycks et al. 2021, arXiv 2009.03300); `mmlu` is the group of all."""
    subject = part("mmlu", "subject", subject, SUBJECTS)
    about = f"The following are multiple choice questions (with answers) about {subject.replace('_', ' ')}.\n\n"
    return choosing(
        f"mmlu/{subject}",
        HubSet("cais/mmlu", config=subject, train="dev"),
        lambda row: chosen(row["question"].strip(), row["choices"], index_of(row["answer"], len(row["choices"]))),
        Template(LETTERED, start=about, source=f"{HARNESS}mmlu_{subject}; Hendrycks et al. 2021, arXiv 2009.03300"),
    )


parts_of("mmlu", "subject", SUBJECTS)


def arc(name: str, config: str) -> Task:
    """One half of ARC."""
    return choosing(
        name,
        HubSet("allenai/ai2_arc", config=config),
        lambda row: chosen(
            row["question"], row["choices"]["text"], list(row["choices"]["label"]).index(row["answerKey"])
        ),
        Template(ASKED, source=f"{HARNESS}{name.replace('-', '_')}; Brown et al. 2020, arXiv 2005.14165, appendix G"),
    )


@task
def arc_easy() -> Task:
    """Science questions of school examinations, those that a search finds (Clark et al. 2018, arXiv 1803.05457)."""
    return arc("arc-easy", "ARC-Easy")


@task
def arc_challenge() -> Task:
    """Science questions of school examinations, those that no search finds (Clark et al. 2018, arXiv 1803.05457)."""
    return arc("arc-challenge", "ARC-Challenge")


group("arc", ("arc-easy", "arc-challenge"))


@task
def openbookqa() -> Task:
    """Elementary science that takes a fact and common sense (Mihaylov et al. 2018, arXiv 1809.02789)."""
    return choosing(
        "openbookqa",
        HubSet("allenai/openbookqa", config="main"),
        lambda row: chosen(
            row["question_stem"],
            row["choices"]["text"],
            list(row["choices"]["label"]).index(row["answerKey"].strip()),
        ),
        Template(CONTINUED, source=f"{HARNESS}openbookqa"),
    )


@task
def sciq() -> Task:
    """Science questions with a paragraph that supports the answer (Welbl et al. 2017, arXiv 1707.06209)."""

    def read(row: Row) -> Sample:
        support = row["support"].lstrip()
        wrong = [row[f"distractor{number}"] for number in (1, 2, 3)]
        return shuffled(f"{support}\nQuestion: {row['question']}", row["correct_answer"], wrong)

    return choosing("sciq", HubSet("allenai/sciq", train=POOL), read, Template(ANSWERED, source=f"{HARNESS}sciq"))


@task
def medmcqa() -> Task:
    """Medical entrance examinations of India (Pal et al. 2022, arXiv 2203.14371); its validation split is asked."""
    return choosing(
        "medmcqa",
        HubSet("openlifescienceai/medmcqa", train=POOL, test="validation"),
        lambda row: chosen(row["question"], [row[f"op{letter}"] for letter in "abcd"], index_of(row["cop"], 4)),
        Template("Question: {{ question }}\nChoices:\n" + LETTERED.partition("\n")[2], source=f"{HARNESS}medmcqa"),
        own_ids=False,
    )


@task
def truthfulqa() -> Task:
    """What people get wrong, one true answer among false ones: MC1 (Lin et al. 2022, arXiv 2109.07958)."""

    def read(row: Row) -> Sample:
        choices, marks = list(row["mc1_targets"]["choices"]), list(row["mc1_targets"]["labels"])
        right = choices.pop(marks.index(1))  # the first of each row, as the data stands
        return shuffled(row["question"], right, choices)

    return choosing(
        "truthfulqa",
        HubSet("truthfulqa/truthful_qa", config="multiple_choice", train=None, test="validation"),
        read,
        Template(
            "Q: {{ question }}" + OPTIONS + "A: {{ answer }}",
            start=PROFILES,
            source=f"{HARNESS}truthfulqa_mc1; Lin et al. 2022, arXiv 2109.07958",
        ),
    )
