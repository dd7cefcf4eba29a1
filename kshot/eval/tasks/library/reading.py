"""Answers in a few words, from a passage or from memory: SQuAD, TriviaQA, Natural Questions, WebQuestions.

Of their test splits no answer is public, WebQuestions' apart: the validation split is asked. A reply's line is held
against every accepted answer, without case, punctuation and articles, as SQuAD's own script does.
"""

from __future__ import annotations

from dataclasses import replace

from kshot.eval.answers import LINE
from kshot.eval.metrics import scored_by
from kshot.eval.tasks.library.sets import HARNESS, POOL, Read, accepted, distinct, passage_id, public
from kshot.eval.tasks.registry import task
from kshot.eval.tasks.source.hub import HubSet
from kshot.eval.tasks.source.jsonl import Row
from kshot.eval.tasks.source.perfect import fault_of_part
from kshot.eval.tasks.source.templates import FREE
from kshot.types import Sample, Task, Template

REPLY = (
    "Answer the question in a few words.",
    "Give the answer alone, as short as it can be.",
    "Answer with a name, a date, a number or a few words.",
)
BY_WORDS, BY_MATCH = (
    scored_by("token-f1", "exact-match:normalise=words"),
    scored_by("exact-match:normalise=words", "token-f1"),
)


def short(name: str, hub: HubSet, read: Read, template: Template, *, overlap: bool = False) -> Task:
    """A set of short answers; `overlap`: reported by the words that are shared.

    An accepted answer that a reply of it would not be read as ("The answer is blowing in the wind") is left out where
    there are others.
    """

    def winnable(row: Row) -> Sample | None:
        sample = read(row)
        parts = sample.target.split("|") if sample else []
        kept = [part for part in parts if sample and fault_of_part(part, sample, LINE, BY_MATCH) is None]
        return replace(sample, target="|".join(kept)) if sample and kept else sample

    return public(
        name,
        hub,
        winnable,
        form=LINE,
        score=BY_WORDS if overlap else BY_MATCH,
        templates=distinct(template, FREE),
        instructions=REPLY,
    )


@task
def squad() -> Task:
    """Questions about a paragraph, answered in its words (Rajpurkar et al. 2016, arXiv 1606.05250); validation split."""

    def read(row: Row) -> Sample:
        about = f"Title: {row['title']}\n\nBackground: {row['context']}\n\nQuestion: {row['question']}"
        sample = accepted(about, row["answers"]["text"])
        return replace(sample, cluster=passage_id(row["context"]))

    template = Template(
        "{{ question }}\n\nAnswer: {{ answer }}",
        source=f"{HARNESS}squadv2; Brown et al. 2020, arXiv 2005.14165, appendix G",
    )
    return short("squad", HubSet("rajpurkar/squad", train=POOL, test="validation"), read, template, overlap=True)


@task
def triviaqa() -> Task:
    """Trivia from memory (Joshi et al. 2017, arXiv 1705.03551, the unfiltered questions of rc); validation split."""
    return short(
        "triviaqa",
        HubSet("mandarjoshi/trivia_qa", config="rc.nocontext", train=POOL, test="validation"),
        lambda row: accepted(row["question"], [row["answer"]["value"], *row["answer"]["aliases"]]),
        Template("Question: {{ question }}?\nAnswer: {{ answer }}", source=f"{HARNESS}triviaqa"),
    )


@task
def nq_open() -> Task:
    """What people asked a search engine, from memory (Lee et al. 2019, arXiv 1906.00300); validation split."""
    return short(
        "nq-open",
        HubSet("google-research-datasets/nq_open", train=POOL, test="validation"),
        lambda row: accepted(row["question"], row["answer"]),
        Template(
            "Q: {{ question }}?\nA: {{ answer }}",
            between="\n",
            start="Answer these questions:\n\n",
            source=f"{HARNESS}nq_open",
        ),
    )


@task
def web_questions() -> Task:
    """Questions that Freebase answers, from memory (Berant et al. 2013, aclanthology.org/D13-1160)."""
    return short(
        "web-questions",
        HubSet("stanfordnlp/web_questions", train=POOL),
        lambda row: accepted(row["question"], row["answers"]),
        Template("Question: {{ question }}\nAnswer: {{ answer }}", source=f"{HARNESS}webqs"),
    )
