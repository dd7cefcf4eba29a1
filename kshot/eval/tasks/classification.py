"""Classification: SST-2, TREC, AG News, RTE, CB. Exemplars come from the train split, which all of them have.

RTE and CB are asked on their validation split, whose labels are public; on the hub so is SST-2.
"""

from __future__ import annotations

from collections.abc import Callable

from kshot.eval.answers import exact, labels
from kshot.eval.tasks.registry import task
from kshot.eval.tasks.source.hub import HubSet, named
from kshot.eval.tasks.source.jsonl import Row, text_of
from kshot.eval.tasks.source.public import loader
from kshot.types import Sample, Task, UserError


def classification(
    folder: str,
    hub: HubSet,
    names: tuple[str, ...],
    text: Callable[[Row], str],
    instructions: tuple[str, ...],
    *,
    test: str = "test",
) -> Task:
    """A set of labelled texts. Raises UserError, on loading, for a label outside the set."""

    def read(row: Row, name: str) -> Sample:
        label = text_of(row, ("label",), row["path"]).strip()
        if label not in names:
            raise UserError(
                f"{row['path']}, line {row['line']}: the label {label!r} is not one of {', '.join(names)}; "
                "mend that line."
            )
        return Sample(name, text(row), label)

    form = labels(names)
    return Task(
        name=folder,
        load=loader(folder, hub, read, form, exact, train="train", test=test),
        format=form,
        score=exact,
        labels=names,
        instructions=instructions,
    )


def from_index(names: tuple[str, ...], *fields: str) -> Callable[[Row], Row]:
    """Converts hub rows whose label is a number."""
    return lambda row: {**{field: row[field] for field in fields}, "label": named(names, row["label"])}


def pair(row: Row) -> str:
    """A premise and a hypothesis, each on a line of its own."""
    first = text_of(row, ("premise", "sentence1"), row["path"])
    second = text_of(row, ("hypothesis", "sentence2"), row["path"])
    return f"Premise: {first}\nHypothesis: {second}"


def plain_text(row: Row) -> str:
    """The text as it stands."""
    return text_of(row, ("text", "sentence"), row["path"])


@task
def sst2() -> Task:
    """Film reviews, positive or negative (Socher et al. 2013)."""
    names = ("negative", "positive")
    return classification(
        "sst2",
        HubSet("stanfordnlp/sst2", from_index(names, "sentence"), test="validation"),
        names,
        plain_text,
        (
            "Is the sentiment of this film review positive or negative?",
            "Say whether the reviewer liked the film: positive or negative.",
            "Classify the text by its sentiment.",
        ),
    )


TREC = {
    "DESC": "description",
    "ENTY": "entity",
    "ABBR": "abbreviation",
    "HUM": "person",
    "NUM": "number",
    "LOC": "location",
}


@task
def trec() -> Task:
    """Questions by what they ask for, six labels (Voorhees and Tice 2000)."""
    names = tuple(TREC.values())
    shown = ", ".join(names)
    return classification(
        "trec",
        HubSet("SetFit/TREC-QC", lambda row: {"text": row["text"], "label": TREC[row["label_coarse_original"]]}),
        names,
        plain_text,
        (
            f"What does the question ask for? One of {shown}.",
            f"Classify the question as {shown}.",
            "Name the type of answer that the question wants.",
        ),
    )


@task
def agnews() -> Task:
    """News by topic, four labels (Zhang et al. 2015, arXiv 1509.01626)."""
    names = ("world", "sports", "business", "technology")
    return classification(
        "agnews",
        HubSet("fancyzhx/ag_news", from_index(names, "text")),
        names,
        plain_text,
        (
            "Which topic is the news item about: world, sports, business or technology?",
            "Classify the news item by its topic.",
            "In which section of a newspaper does this stand?",
        ),
    )


@task
def rte() -> Task:
    """Does the premise entail the hypothesis (Dagan et al. 2006; SuperGLUE, arXiv 1905.00537)."""
    names = ("entailment", "not_entailment")
    return classification(
        "rte",
        HubSet("aps/super_glue", from_index(names, "premise", "hypothesis"), "rte", test="validation"),
        names,
        pair,
        (
            "Does the premise entail the hypothesis? Answer entailment or not_entailment.",
            "Is the hypothesis true if the premise is?",
            "Decide between entailment and not_entailment.",
        ),
        test="validation",
    )


@task
def cb() -> Task:
    """Entailment, contradiction or neither (de Marneffe et al. 2019; SuperGLUE, arXiv 1905.00537)."""
    names = ("entailment", "contradiction", "neutral")
    return classification(
        "cb",
        HubSet("aps/super_glue", from_index(names, "premise", "hypothesis"), "cb", test="validation"),
        names,
        pair,
        (
            "Is the hypothesis an entailment of the premise, a contradiction of it, or neutral?",
            "How does the hypothesis relate to the premise?",
            "Decide between entailment, contradiction and neutral.",
        ),
        test="validation",
    )
