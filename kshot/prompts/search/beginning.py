"""What searches begin with: counts that are checked, the first wording, and some samples as input and output."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

from kshot.prompts.exemplars import check_name
from kshot.prompts.phrases import said_in
from kshot.prompts.search.proposals import HAN, WORDS, label_words_of, names_a_label
from kshot.prompts.search.searchable import Searchable
from kshot.prompts.templates import lettered, target_text
from kshot.types import Message, Sample, UserError

LABEL_WORDS = ("allowed", "filtered")
LONGEST = 60  # words of a sample's text that are shown to a model that writes: with more, contexts would not last
PAIRS: Mapping[str, str] = {"en": "Input: {input}\nOutput: {output}", "zh": "输入：{input}\n输出：{output}"}


def check_counts(**counts: int) -> None:
    """Raises UserError for a hyperparameter that counts something and is below 1."""
    for name, value in counts.items():
        if value < 1:
            raise UserError(f"{name} is {value}; it must be at least 1.")


def check_length(**counts: int) -> None:
    """Raises UserError for a hyperparameter that is the length of a text, and longer than what is tried."""
    for name, value in counts.items():
        if value > WORDS:
            raise UserError(f"{name} is {value}; it must be {WORDS} at most: no longer text is tried as a prompt.")


def is_filtered(label_words: str) -> bool:
    """Whether prompts with a label in them are left out. Raises UserError for a word that there is not."""
    check_name("label_words", label_words, LABEL_WORDS)
    return label_words == "filtered"


def first_wording(task: Searchable, *, filtered: bool = False) -> str:
    """The task's first instruction; of a task without any, how its format asks.

    `filtered`: the first one that names no label; where all do, the first with its labels taken out.
    """
    wordings = (*task.question.instructions, task.question.format.instruction or "Answer.")
    if not filtered:
        return wordings[0]
    labels = label_words_of(task)
    free = next((one for one in wordings if not names_a_label(one, labels)), None)
    return without_labels(wordings[0], labels) if free is None else free


def without_labels(text: str, labels: Sequence[str]) -> str:
    """A text without its labels' words; what is left stands together."""
    for label in sorted(labels, key=len, reverse=True):
        around = ("", "") if HAN.search(label) else (r"(?<!\w)", r"(?!\w)")
        text = re.sub(f"{around[0]}{re.escape(label)}{around[1]}", "", text, flags=re.IGNORECASE)
    return " ".join(text.split())


def demonstrations(task: Searchable, count: int, generator: random.Random) -> str:
    """So many samples of train, drawn, as pairs of input and output with an empty line between them."""
    drawn = generator.sample(task.train, min(count, len(task.train)))
    return "\n\n".join(pair_of(task, sample) for sample in drawn)


def pair_of(task: Searchable, sample: Sample) -> str:
    """A sample as an input and an output."""
    pair = said_in(task.question.language, PAIRS)
    return pair.format(input=input_of(task, sample), output=target_text(sample))


def input_of(task: Searchable, sample: Sample) -> str:
    """What a sample asks, with its choices; of a long one its beginning."""
    text = sample.question
    if len(text) > 4 * LONGEST:
        words = text.split()
        text = f"{' '.join(words[:LONGEST])} ..." if len(words) > LONGEST else text
        text = f"{text[: 12 * LONGEST]} ..." if len(text) > 12 * LONGEST else text
    return lettered(text, sample.choices, task.question.language)


def asked_to_go_on(said: str, lead: str) -> tuple[Message, ...]:
    """A prompt whose answer has begun with the lead, to be continued."""
    return (Message("user", said), Message("assistant", lead))
