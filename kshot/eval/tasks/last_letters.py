"""Last-letter concatenation, as in Wei et al. 2022 (arXiv 2201.11903, section 5 and appendix D).

Questions and rationales in the paper's words; names are drawn from lists of ours, not from the paper's
census lists. Test questions may have more words than the exemplars, as in the paper's out-of-domain setting.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from kshot.eval.answers import WORD, exact
from kshot.eval.tasks.drawing import check_at_least, draw
from kshot.eval.tasks.names import FIRST, LAST
from kshot.eval.tasks.registry import TASKS
from kshot.types import Decomposition, Sample, Source, Split, Task

INSTRUCTIONS = (
    "Take the last letter of each word and concatenate the letters.",
    "Write down the final letter of every word, in order, as one string.",
    "Form a new string from the last letters of the given words.",
)


@TASKS.add("last-letters")
def last_letters(*, words: int = 2, exemplar_words: int = 2) -> Task:
    """Concatenate the last letters of the words of some names (Wei et al. 2022, section 5)."""
    check_at_least("last-letters", "words", words, 1, 50)
    check_at_least("last-letters", "exemplar_words", exemplar_words, 1, 50)

    def load(split: Split, source: Source) -> Sequence[Sample]:
        count = words if split == "test" else exemplar_words
        return draw(f"last-letters {count}", lambda generator: make(generator, count), split, source)

    lists = (("think", "machine", "learning"), ("transformer", "language", "vision", "reasoning"))
    return Task(
        "last-letters", load, WORD, exact, instructions=INSTRUCTIONS, decompositions=tuple(map(decomposition, lists))
    )


def asked(words: Sequence[str]) -> str:
    """The question for some words, in the paper's words."""
    return f'Take the last letters of the words in "{" ".join(words)}" and concatenate them.'


def last(words: Sequence[str]) -> str:
    """The words' last letters, lower case."""
    return "".join(word[-1] for word in words).lower()


def make(generator: random.Random, count: int) -> Sample:
    """A question about `count` words: first names and surnames in turn."""
    words = [generator.choice(FIRST if index % 2 == 0 else LAST) for index in range(count)]
    parts = [f'The last letter of "{word}" is "{word[-1].lower()}".' for word in words]
    rationale = " ".join([*parts, f'Concatenating them is "{last(words)}".'])
    return Sample("", asked(words), last(words), rationale)


def decomposition(words: tuple[str, ...]) -> Decomposition:
    """A list of words taken apart into its beginnings, as in Zhou et al. 2022 (arXiv 2205.10625, section 3.1)."""
    first, second = words[:2]
    steps = [
        (
            asked(words[:2]),
            f'The last letter of "{first}" is "{first[-1]}". The last letter of "{second}" is "{second[-1]}". '
            f'Concatenating "{first[-1]}" and "{second[-1]}" leads to "{last(words[:2])}". '
            f'The answer is "{last(words[:2])}".',
        )
    ]
    for count in range(3, len(words) + 1):
        before, word = words[: count - 1], words[count - 1]
        steps.append(
            (
                asked(words[:count]),
                f'"{" ".join(before)}" gives "{last(before)}". The last letter of "{word}" is "{word[-1]}". '
                f'Concatenating "{last(before)}" and "{word[-1]}" leads to "{last(words[:count])}". '
                f'The answer is "{last(words[:count])}".',
            )
        )
    return Decomposition(asked(words), tuple(steps))
