"""Tasks of lm-evaluation-harness with rows made by hand, in the columns that their data sets have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

Rows = Sequence[Mapping[str, Any]]
WORDS = ("river", "bread", "winter", "violin", "copper", "garden", "letter", "engine", "pepper", "candle")


@dataclass(frozen=True)
class Case:
    """A task of theirs, its rows by split, and how it is asked."""

    task: str
    kind: str
    splits: Mapping[str, Rows]
    k: int = 3
    given: str = ""  # what its specification says besides

    @property
    def spec(self) -> str:
        return f"lm-eval:{self.task}{self.given and ','}{self.given}"


def each(count: int, row: Any, start: int = 0) -> Rows:
    """Rows by number."""
    return [row(at, WORDS[at % 10], WORDS[(at + 3) % 10]) for at in range(start, start + count)]


def splits(row: Any, *names: str, train: int = 8, test: int = 6) -> dict[str, Rows]:
    """The same kind of row in several splits, none twice."""
    return {name: each(train if name == "train" else test, row, 20 * at) for at, name in enumerate(names)}


def gsm8k(n: int, a: str, b: str) -> dict[str, Any]:
    answer = f"First {n} and then {n + 2}, so {n} + {n + 2} = {2 * n + 2}.\n#### {2 * n + 2:,}"
    return {"question": f"A {a} costs {n} and a {b} {n + 2}. What do both cost?", "answer": answer}


def trivia(n: int, a: str, b: str) -> dict[str, Any]:
    return {
        "question": f"What is kept beside the {a} in house {n}",
        "answer": {"aliases": [f"The {b}", f"{b} | {b}s", b.upper()], "value": f"The {b}"},
    }


def nq(n: int, a: str, b: str) -> dict[str, Any]:
    return {"question": f"who made the {a} number {n}", "answer": [f"Mr {b.title()}", f"{b} & co"]}


def mmlu(n: int, a: str, b: str) -> dict[str, Any]:
    return {
        "question": f" Which {a} is number {n}? ",
        "subject": "anatomy",
        "choices": [f"a {b}", f"the {a} {n}", "both", "both of them"],
        "answer": 3 * n % 4,
    }


def arc(n: int, a: str, b: str) -> dict[str, Any]:
    labels = ["A", "B", "C", "D"] if n % 3 else ["1", "2", "3"]
    texts = [f"{a} {n}", f"a long {b} of {n} parts", "é ü", f"{b}"][: len(labels)]
    return {
        "id": f"q{n}",
        "question": f"Where is the {a} {n}?",
        "choices": {"text": texts, "label": labels},
        "answerKey": labels[n % len(labels)],
    }


def openbook(n: int, a: str, b: str) -> dict[str, Any]:
    row = arc(n, a, b)
    return {**row, "question_stem": row["question"], "answerKey": f" {row['answerKey']}"}


def piqa(n: int, a: str, b: str) -> dict[str, Any]:
    return {"goal": f"Mend a {a}.", "sol1": f"Use {n} of the 'best' {b}s.", "sol2": f'Say "{b}" twice.', "label": n % 2}


def boolq(n: int, a: str, b: str) -> dict[str, Any]:
    return {"passage": f"The {a} has {n} {b}s.\n", "question": f"is there a {b} in the {a}", "label": n % 2, "idx": n}


def sciq(n: int, a: str, b: str) -> dict[str, Any]:
    return {
        "support": f"\nA {a} is no {b}." if n % 2 else "",
        "question": f"What is {n}?",
        **{f"distractor{at}": f"{WORDS[(n + at) % 10]} {'é' * at * 3}" for at in (1, 2, 3)},
        "correct_answer": f"{a} {b}",
    }


def sst2(n: int, a: str, b: str) -> dict[str, Any]:
    return {"sentence": f"the {a} is a {b} {n} ", "label": n % 2, "idx": n}


def pair(n: int, a: str, b: str) -> dict[str, Any]:
    said, other = f"The {a} has {n}.", f"A {b} has {n}"
    return {
        **{"sentence1": said, "sentence2": other, "premise": said, "hypothesis": other},
        **{"label": n % 2, "idx": n, "start1": 4, "end1": 7},
    }


def commonsense(n: int, a: str, b: str) -> dict[str, Any]:
    return {
        "question": f"Where would one put {n} of a {a}? ",
        "choices": {"label": list("ABCDE"), "text": [a, b, f"{a} {b}", "shelf", str(n)]},
        "answerKey": "ABCDE"[n % 5],
    }


def hellaswag(n: int, a: str, b: str) -> dict[str, Any]:
    return {
        "activity_label": f"Mending {a}",
        "ctx_a": f"Someone  holds a {a} [title] {n}.",
        "ctx_b": "she" if n % 2 else "",
        "endings": [f"looks at a {b}.", f"drops [sub] the {b} {n} times.", "leaves.", f"is a {a}, though."],
        "label": str(n % 4),
    }


def copa(n: int, a: str, b: str) -> dict[str, Any]:
    return {
        "premise": f"The {a} broke.",
        "choice1": f"It fell on {n} {b}s.",
        "choice2": f"We bought a {b}.",
        "question": "cause" if n % 2 else "effect",
        "label": n // 2 % 2,
        "idx": n,
    }


def winogrande(n: int, a: str, b: str) -> dict[str, Any]:
    return {
        "sentence": f"The {a} did not fit the {b} as _ was {n} inches too large.",
        "option1": a,
        "option2": b,
        "answer": str(n % 2 + 1),
    }


def lambada(n: int, a: str, b: str) -> dict[str, Any]:
    return {"text": f"She took the {a} and he took the {b}, all {n} of them, and then she gave him the {a}"}


def asdiv(n: int, a: str, b: str) -> dict[str, Any]:
    return {"body": f"Ann has {n} {a}s.", "question": "How many?", "answer": f"{n} ({a}s)"}


def page(n: int, a: str, b: str) -> dict[str, Any]:
    return {"page": f" = {a} = \n The {a} @-@ {b} has {n} , and ( so ) it is . \n", "text": f"The {a} is {n} | {b}.\n"}


def translation(n: int, a: str, b: str) -> dict[str, Any]:
    return {"translation": {"en": f"The {a} is in the {b}.", "fr": f"Le {a} est dans le {b}, {n} fois."}}


CASES = (
    Case("gsm8k", "written", splits(gsm8k, "train", "test"), 5),
    Case("gsm8k", "written", splits(gsm8k, "train", "test"), 5, "filter=flexible-extract"),
    Case("gsm8k_cot", "written", splits(gsm8k, "test"), 8),
    Case("triviaqa", "written", splits(trivia, "train", "validation")),
    Case("nq_open", "written", splits(nq, "train", "validation")),
    Case("mmlu_flan_n_shot_generative_anatomy", "written", splits(mmlu, "dev", "test"), 3, "filter=flexible-extract"),
    Case("arc_easy", "chosen", splits(arc, "train", "validation", "test")),
    Case("openbookqa", "chosen", splits(openbook, "train", "validation", "test")),
    Case("piqa", "chosen", splits(piqa, "train", "validation")),
    Case("sciq", "chosen", splits(sciq, "train", "validation", "test")),
    Case("hellaswag", "chosen", splits(hellaswag, "train", "validation"), 3, "trust_code=true"),
    Case("copa", "chosen", splits(copa, "train", "validation"), 3, "trust_code=true"),
    Case("winogrande", "begun", splits(winogrande, "train", "validation"), 3, "trust_code=true"),
    Case("boolq", "labelled", splits(boolq, "train", "validation")),
    Case("sst2", "labelled", splits(sst2, "train", "validation")),
    Case("rte", "labelled", splits(pair, "train", "validation")),
    Case("wic", "labelled", splits(pair, "train", "validation")),
    Case("mrpc", "labelled", splits(pair, "train", "validation")),
    Case("cola", "labelled", splits(sst2, "train", "validation")),
    Case("mmlu_anatomy", "labelled", splits(mmlu, "dev", "test")),
    Case("commonsense_qa", "labelled", splits(commonsense, "train", "validation")),
    Case("lambada_openai", "scored", splits(lambada, "test")),
    Case("asdiv", "scored", splits(asdiv, "validation")),
    Case("pile_arxiv", "text", splits(page, "train", test=5), 0),
    Case("wikitext", "text", splits(page, "train", "validation", "test"), 0, "trust_code=true"),
    Case("wmt14-en-fr", "written", splits(translation, "train", "validation", "test"), 3, "metrics=bleu+chrf"),
)


@contextmanager
def stored(case: Case) -> Iterator[None]:
    """A stand-in for the hub, which has the rows of one task and tells no set from another."""
    import datasets

    whole = {name: datasets.Dataset.from_list([dict(row) for row in rows]) for name, rows in case.splits.items()}
    with patch("kshot.eval.tasks.lm_eval.documents.load_set", lambda *_, **given: datasets.DatasetDict(whole)):
        yield
