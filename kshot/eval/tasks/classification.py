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
from kshot.types import Sample, Task, Template, UserError

ZHAO = "Zhao et al. 2021, arXiv 2102.09690, github.com/tonyzhaozh/few-shot-learning, data_utils.py"
FORM = f"{ZHAO}: its lines, with the labels as they stand in the data"


def classification(
    folder: str,
    hub: HubSet,
    names: tuple[str, ...],
    text: Callable[[Row], str],
    instructions: tuple[str, ...],
    templates: tuple[Template, ...],
    *,
    test: str = "test",
    fields: tuple[str, ...] = (),
    as_question: Callable[[Sample], tuple[str, str]] | None = None,
) -> Task:
    """A set of labelled texts; templates may show its `fields`. Raises UserError, on loading, for a label outside the set."""

    def read(row: Row, name: str) -> Sample:
        label = text_of(row, ("label",), row["path"]).strip()
        if label not in names:
            raise UserError(
                f"{row['path']}, line {row['line']}: the label {label!r} is not one of {', '.join(names)}; "
                "mend that line."
            )
        shown = tuple((field, text_of(row, PARTS[field], row["path"])) for field in fields)
        return Sample(name, text(row), label, fields=shown)

    form = labels(names)
    return Task(
        name=folder,
        load=loader(folder, hub, read, form, exact, train="train", test=test),
        format=form,
        score=exact,
        labels=names,
        instructions=instructions,
        templates=templates,
        as_question=as_question,
        form="0",  # told apart far better than in turns, by base models and by chat models: docs/templates.md
        note=f"{folder}: labels are scored in its template 0 where choice-logprob does not say how (template=own: in turns, "
        "or as Q: and A:).",
    )


def from_index(names: tuple[str, ...], *fields: str) -> Callable[[Row], Row]:
    """Converts hub rows whose label is a number."""
    return lambda row: {**{field: row[field] for field in fields}, "label": named(names, row["label"])}


PARTS = {"premise": ("premise", "sentence1"), "hypothesis": ("hypothesis", "sentence2")}


def pair(row: Row) -> str:
    """A premise and a hypothesis, each on a line of its own."""
    first, second = (text_of(row, names, row["path"]) for names in PARTS.values())
    return f"Premise: {first}\nHypothesis: {second}"


def plain_text(row: Row) -> str:
    """The text as it stands."""
    return text_of(row, ("text", "sentence"), row["path"])


def entails(labels: str) -> Callable[[Sample], tuple[str, str]]:
    """A pair as decaNLP asks MultiNLI: the premise is the context, the hypothesis the question."""

    def parts(sample: Sample) -> tuple[str, str]:
        shown = dict(sample.fields)
        return f'Premise: "{shown["premise"]}"', f'Hypothesis: "{shown["hypothesis"]}" -- {labels}?'

    return parts


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
        (
            Template("Review: {{ text }}\nSentiment: {{ answer }}", source=FORM),
            Template("Review: {{ text }}\nSentiment: {{ answer }}", ("Negative", "Positive"), source=ZHAO),
            Template("Text: {{ text }}\nLabel: {{ answer }}"),
            Template("{{ text }} All in all, the film was {{ answer }}", ("terrible", "great")),
        ),
        as_question=lambda sample: (sample.question, "Is this review negative or positive?"),  # decaNLP's of SST
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
        (
            Template("Question: {{ text }}\nAnswer Type: {{ answer }}", source=FORM),
            Template(
                "Question: {{ text }}\nAnswer Type: {{ answer }}",
                ("Description", "Entity", "Ab", "Person", "Number", "Location"),
                start="Classify the questions based on whether their answer type is a Number, Location, Person, "
                "Description, Entity, or Abbreviation.\n\n",
                source=ZHAO,
            ),
            Template("Question: {{ text }}\nLabel: {{ answer }}"),
            Template("{{ text }}\nThis question asks for a kind of {{ answer }}"),
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
        (
            Template("Article: {{ text }}\nAnswer: {{ answer }}", source=FORM),
            Template(
                "Article: {{ text }}\nAnswer: {{ answer }}",
                ("World", "Sports", "Business", "Technology"),
                start="Classify the news articles into the categories of World, Sports, Business, and Technology.\n\n",
                source=ZHAO,
            ),
            Template("Text: {{ text }}\nTopic: {{ answer }}"),
            Template("News: {{ text }}\nSection: {{ answer }}", ("World", "Sports", "Business", "Technology")),
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
        (
            Template(
                " {{ premise }}\nquestion: {{ hypothesis }} True or False?\nanswer: {{ answer }}",
                ("True", "False"),
                source=ZHAO,
            ),
            Template(
                "{{ premise }}\nQuestion: {{ hypothesis }} Yes or no?\nAnswer: {{ answer }}",
                ("yes", "no"),
            ),
            Template("Premise: {{ premise }}\nHypothesis: {{ hypothesis }}\nLabel: {{ answer }}"),
            Template("{{ premise }}\nDoes it follow that {{ hypothesis }}\n{{ answer }}", ("Yes", "No")),
        ),
        test="validation",
        fields=("premise", "hypothesis"),
        as_question=entails("entailment or not_entailment"),
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
        (
            Template(
                "{{ premise }}\nquestion: {{ hypothesis }}. true, false, or neither?\nanswer: {{ answer }}",
                ("true", "false", "neither"),
                source=ZHAO,
            ),
            Template(
                "{{ premise }}\nQuestion: {{ hypothesis }}. Yes, no, or maybe?\nAnswer: {{ answer }}",
                ("yes", "no", "maybe"),
            ),
            Template("Premise: {{ premise }}\nHypothesis: {{ hypothesis }}\nLabel: {{ answer }}"),
            Template("{{ premise }}\nDoes it follow that {{ hypothesis }}?\n{{ answer }}", ("Yes", "No", "Maybe")),
        ),
        test="validation",
        fields=("premise", "hypothesis"),
        as_question=entails("entailment, neutral, or contradiction"),
    )
