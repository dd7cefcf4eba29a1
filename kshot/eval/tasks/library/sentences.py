"""What a passage, or two sentences, say of each other: BoolQ, WiC, CoLA, MRPC, QQP, QNLI, MNLI, ANLI.

Of their test splits, but for ANLI's, no label is public, so that the validation split is asked. GLUE is Wang et al.
2019 (arXiv 1804.07461), SuperGLUE Wang et al. 2019 (arXiv 1905.00537).
"""

from __future__ import annotations

from collections.abc import Callable

from kshot.eval.answers import exact
from kshot.eval.metrics import scored_by
from kshot.eval.tasks.groups import group, one_of
from kshot.eval.tasks.library.sets import HARNESS, POOL, labelled
from kshot.eval.tasks.registry import task
from kshot.eval.tasks.source.hub import HubSet
from kshot.eval.tasks.source.jsonl import Row
from kshot.eval.tasks.source.perfect import Scoring
from kshot.types import Task

NO_YES, YES_NO = ("no", "yes"), ("yes", "no")
ENTAILED = ("True", "Neither", "False")
JUDGE = ("Answer the question.", "Is it so? Answer yes or no.", "Read it carefully, then answer yes or no.")
FOLLOWS = (
    "Does the statement follow from the text? Answer True, Neither or False.",
    "Given the text, is the statement True, False, or can it not be told (Neither)?",
    "Decide between True, Neither and False.",
)


def of_glue(name: str, ask: Callable[[Row], str], names: tuple[str, ...] = NO_YES, score: Scoring = exact) -> Task:
    """A set of GLUE with a question of yes or no; `names` in the order of its labels."""
    hub = HubSet("nyu-mll/glue", config=name, train=POOL, test="validation")
    return labelled(name, hub, ask, names, f"{HARNESS}{name}", instructions=JUDGE, score=score)


def two(row: Row, kind: str = "Sentence") -> str:
    """Two sentences, or questions, under their names."""
    return f"{kind} 1: {row[f'{kind.lower()}1']}\n{kind} 2: {row[f'{kind.lower()}2']}"


@task
def boolq() -> Task:
    """Yes-or-no questions about a passage (Clark et al. 2019, arXiv 1905.10044); validation split."""
    return labelled(
        "boolq",
        HubSet("aps/super_glue", config="boolq", train=POOL, test="validation"),
        lambda row: f"{row['passage']}\nQuestion: {row['question']}?",
        NO_YES,
        f"{HARNESS}boolq; Brown et al. 2020, arXiv 2005.14165, appendix G",
        instructions=JUDGE,
    )


@task
def wic() -> Task:
    """Is a word meant alike in two sentences (Pilehvar and Camacho-Collados 2019, arXiv 1808.09121); validation split."""
    same = "Question: Is the word '{}' used in the same way in the two sentences above?"
    return labelled(
        "wic",
        HubSet("aps/super_glue", config="wic", train=POOL, test="validation"),
        lambda row: f"{two(row)}\n{same.format(row['sentence1'][row['start1'] : row['end1']])}",
        NO_YES,
        f"{HARNESS}wic",
        instructions=JUDGE,
    )


@task
def cola() -> Task:
    """Is a sentence acceptable English (Warstadt et al. 2019, arXiv 1805.12471); validation split, by Matthews' r."""
    score = scored_by("matthews", "exact-match")
    return of_glue("cola", lambda row: f"{row['sentence']}\nQuestion: Does this sentence make sense?", score=score)


@task
def mrpc() -> Task:
    """Do two sentences of the news mean the same (Dolan and Brockett 2005); validation split."""
    return of_glue("mrpc", lambda row: f"{two(row)}\nQuestion: Do both sentences mean the same thing?")


@task
def qqp() -> Task:
    """Do two questions of Quora ask the same (Iyer et al. 2017); validation split."""
    return of_glue("qqp", lambda row: f"{two(row, 'Question')}\nQuestion: Do both questions ask the same thing?")


@task
def qnli() -> Task:
    """Does a sentence answer a question (Wang et al. 2019, arXiv 1804.07461, of SQuAD); validation split."""
    asked = "{question}\n{sentence}\nQuestion: Does this response answer the question?"
    return of_glue("qnli", lambda row: asked.format(question=row["question"], sentence=row["sentence"]), YES_NO)


def stopped(text: str) -> str:
    """A statement with a stop at its end."""
    return text.strip() + ("" if text.strip().endswith(".") else ".")


@task
def mnli(*, split: str = "matched") -> Task:
    """Does a statement follow, or its opposite (Williams et al. 2018, arXiv 1704.05426); validation split, matched or mismatched."""
    one_of("mnli", "split", split, ("matched", "mismatched"))
    return labelled(
        "mnli",
        HubSet("nyu-mll/glue", config="mnli", train=POOL, test=f"validation_{split}"),
        lambda row: f"{row['premise']}\nQuestion: {stopped(row['hypothesis'])} True, False or Neither?",
        ENTAILED,
        f"{HARNESS}mnli",
        instructions=FOLLOWS,
    )


@task
def anli(*, round: int = 1) -> Task:
    """Does a statement follow, written against models in rounds 1 to 3 (Nie et al. 2020, arXiv 1910.14599)."""
    one_of("anli", "round", str(round), ("1", "2", "3"))
    return labelled(
        "anli",
        HubSet("facebook/anli", train=f"train_r{round}[:1000]", test=f"test_r{round}"),
        lambda row: f"{row['premise']}\nQuestion: {row['hypothesis']} True, False, or Neither?",
        ENTAILED,
        f"{HARNESS}anli_r{round}; Brown et al. 2020, arXiv 2005.14165, appendix G",
        instructions=FOLLOWS,
    )


group("glue", ("cola", "sst2", "mrpc", "qqp", "mnli", "mnli:split=mismatched", "qnli", "rte"))
