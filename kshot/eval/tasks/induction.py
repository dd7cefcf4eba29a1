"""Text to text: seventeen tasks of Honovich et al., such as words into German and sentences into the passive.

Of their 24 tasks those are here to which one answer is right: synonyms, antonyms, rhymes, common concepts, causes, degrees of
similarity and lists in any order are not. Concedes: of several accepted translations the copies known to us have the
first, so that chrF stands beside; whole sentences are right only to the letter (but for case and stops), and ROUGE-L stands
beside, which a sentence that is only copied has high.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kshot.eval.answers import LINE, NUMBER, TEXT, exact, labels, numeric
from kshot.eval.metrics import Metric, get_metric
from kshot.eval.tasks.groups import part, parts_of
from kshot.eval.tasks.registry import task
from kshot.eval.tasks.source.jsonl import Row, text_of
from kshot.eval.tasks.source.public import loader
from kshot.eval.tasks.source.templates import FREE, LABELS, PAIRS
from kshot.types import AnswerFormat, Sample, Score, Task

FOLDER = "instruction_induction"


@dataclass(frozen=True, slots=True)
class Asks:
    """How a task is told, what is asked of its input as a context, and how its answer is read."""

    told: str
    question: str
    format: AnswerFormat = TEXT
    names: tuple[str, ...] = ()  # its labels


def translates(language: str) -> Asks:
    """A word into another language."""
    return Asks(
        f"Translate the word from English to {language}.", f"What is the translation from English to {language}?"
    )


ASKED: dict[str, Asks] = {
    "active_to_passive": Asks("Write the sentence in passive voice.", "What is the sentence in passive voice?", LINE),
    "diff": Asks("Subtract the second number from the first.", "What is the first number minus the second?", NUMBER),
    "first_word_letter": Asks("Write the first letter of the word.", "What is the first letter?"),
    "informal_to_formal": Asks("Rephrase the sentence in formal language.", "How is that said formally?", LINE),
    "larger_animal": Asks("Write the larger of the two animals.", "Which animal is larger?"),
    "letters_list": Asks("Break the word into letters with blanks between them.", "Which letters is it made of?", LINE),
    "negation": Asks("Negate the sentence.", "What is the negation of the sentence?", LINE),
    "num_to_verbal": Asks("Write the number in words.", "What is the number in words?", LINE),
    "orthography_starts_with": Asks(
        "Write the words of the sentence that begin with the letter in brackets.",
        "Which words begin with the letter in brackets?",
        LINE,
    ),
    "second_word_letter": Asks("Write the second letter of the word.", "What is the second letter?"),
    "sentiment": Asks(
        "Say whether the film review is positive or negative.",
        "Is this review negative or positive?",
        names=("negative", "positive"),
    ),
    "singular_to_plural": Asks("Write the plural of the word.", "What is the plural?"),
    "sum": Asks("Add the two numbers.", "What is the sum of the numbers?", NUMBER),
    "translation_en-de": translates("German"),
    "translation_en-es": translates("Spanish"),
    "translation_en-fr": translates("French"),
    "word_in_context": Asks(
        "Say whether the word has the same meaning in both sentences: same or not the same.",
        "Is the meaning of the word same or not the same?",
        names=("same", "not the same"),
    ),
}


def exact_beside(metric: Metric) -> Callable[[str | None, Sample], Score]:
    """Right or wrong as a whole, and beside it what is shared with the target."""

    def score(answer: str | None, sample: Sample) -> Score:
        whole = exact(answer, sample)
        return Score({**whole.values, metric.name: metric(answer, sample)}, whole.answered)

    return score


@task
def induction(*, name: str = "") -> Task:
    """One of 17 tasks of instruction induction, `name` as its files (Honovich et al. 2022, arXiv 2205.10782).

    Local files only, instruction_induction/NAME.train.jsonl and NAME.test.jsonl of `input` and `output`.
    """
    name = part("induction", "name", name, list(ASKED))
    asks = ASKED[name]
    form = labels(asks.names) if asks.names else asks.format
    beside = "rouge" if form is LINE else "chrf" if name.startswith("translation") else ""
    score = numeric if form is NUMBER else exact_beside(get_metric(beside)) if beside else exact

    def read(row: Row, identifier: str) -> Sample:
        given, wanted = (text_of(row, (field,), row["path"]).strip() for field in ("input", "output"))
        return Sample(identifier, given, wanted)

    return Task(
        name="induction",
        load=loader(FOLDER, None, read, form, score, train=f"{name}.train", test=f"{name}.test"),
        format=form,
        score=score,
        labels=asks.names,
        instructions=(asks.told,),
        templates=LABELS if asks.names else PAIRS if form is TEXT else FREE,
        as_question=lambda sample: (sample.question, asks.question),
    )


parts_of("induction", "name", ASKED)
