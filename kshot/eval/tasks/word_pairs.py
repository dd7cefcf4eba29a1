"""Word pairs: plurals, past tenses, capitals, opposites, comparatives. In-context learning at its plainest.

The facts are tab-separated files beside this one, a pair a line; where several answers are right they
stand with "|" between them, the first being the one that exemplars show.
"""

from __future__ import annotations

import random
from importlib import resources

from kshot.eval.answers import TEXT, exact, in_language
from kshot.eval.tasks.registry import task
from kshot.eval.tasks.source.generated import in_train, spread
from kshot.eval.tasks.source.language import spoken
from kshot.eval.tasks.source.templates import FREE_ZH, PAIRS
from kshot.registry import suggest
from kshot.types import Sample, Source, Split, Task, UserError

INSTRUCTIONS = {
    "plurals": (
        "Write the plural of the word.",
        "Give the form of this noun for more than one.",
        "You are given a noun in the singular; answer with its plural form.",
    ),
    "past": (
        "Write the past tense of the verb.",
        "Give the simple past of this verb.",
        "You are given a verb; answer with the form that it has in a sentence about yesterday.",
    ),
    "capitals": (
        "Name the capital of the country.",
        "Which city is the capital of this country?",
        "You are given a country; answer with its capital city.",
    ),
    "opposites": (
        "Write the opposite of the word.",
        "Give an antonym of this word.",
        "You are given a word; answer with the word that means the contrary.",
    ),
    "comparatives": (
        "Write the comparative form of the adjective.",
        "Give the form of this adjective that is used with 'than'.",
        "You are given an adjective; answer with its comparative.",
    ),
}
INSTRUCTIONS_ZH = {  # of which Chinese has something: its words have no plural, past or comparative
    "capitals": ("写出这个国家的首都。", "这个国家的首都是哪座城市？", "给你一个国家，请回答它的首都。"),
    "opposites": ("写出这个词的反义词。", "给出与这个词意思相反的词。", "给你一个词，请回答它的反义词。"),
}
TOLD = {"en": (INSTRUCTIONS, "", PAIRS), "zh": (INSTRUCTIONS_ZH, "_zh", FREE_ZH)}


def read_pairs(relation: str) -> list[tuple[str, str]]:
    """A relation's pairs, in the file's order."""
    text = resources.files("kshot.eval.tasks").joinpath(f"word_pairs_{relation}.tsv").read_text(encoding="utf-8")
    return [(left, right) for left, _, right in (line.partition("\t") for line in text.splitlines() if line)]


@task
def word_pairs(*, relation: str = "plurals", language: str = "en") -> Task:
    """A word to its counterpart; `relation` is plurals, past, capitals, opposites or comparatives.

    A fixed quarter of the pairs is the exemplar pool. In Chinese (`language=zh`) there are capitals and opposites. Raises
    UserError for another relation.
    """
    instructions, suffix, templates = spoken("word-pairs", language, TOLD)
    if relation not in instructions:
        where = f" in {language}" if relation in INSTRUCTIONS else ""
        raise UserError(f"unknown word-pairs relation {relation!r}{where}: {suggest(relation, instructions)}")

    def load(split: Split, source: Source) -> list[Sample]:
        facts = [pair for pair in read_pairs(relation + suffix) if in_train(pair[0]) == (split == "train")]
        samples = [Sample(f"{relation}-{left}", left, right) for left, right in facts]
        if split == "train":
            return random.Random(f"word-pairs {source.seed}").sample(samples, len(samples))
        return spread(samples, source.limit, source.seed)

    return Task(
        name="word-pairs",
        load=load,
        format=in_language(TEXT, language),
        score=exact,
        instructions=instructions[relation],
        templates=templates,
        language=language,
    )
