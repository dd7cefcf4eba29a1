"""From what a model wrote to an instruction that can be tried, or to nothing.

A small model writes anything: nothing at all, the demonstrations again, one word without end, a list, quotes, half a
character. What comes out of `cleaned` is one line that a specification can hold; `is_unusable` says of it whether it is
worth a scoring.
"""

from __future__ import annotations

import re
import unicodedata

from kshot.prompts.exemplars import plain_words
from kshot.prompts.search.searchable import Searchable

WORDS = 40  # more than that is no instruction but a text that runs on
COPIED = 5  # words: a question as long as that stands in no instruction by chance
HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U000323af]")
BEGINS = re.compile(
    r"^(?:[-*•#>]+\s+|\(?\d{1,2}[.):、]\s*|(?:the\s+)?(?:new\s+)?(?:instruction|prompt|text)s?(?:\s+(?:was|is))?\s*:\s*"
    r"|(?:指令|提示|说明)(?:是)?\s*[:：]\s*)",
    re.IGNORECASE,
)
MARKS = re.compile(r"</?\s*(?:ins|instruction|prompt|text|start|end|s)\s*/?>", re.IGNORECASE)
QUOTES = (('"', '"'), ("“", "”"), ("'", "'"), ("‘", "’"), ("「", "」"), ("`", "`"), ("[", "]"), ("**", "**"))
SHOWN = re.compile(r"\b(?:input|output|score)\s*:|^\s*[qa]\s*:|(?:输入|输出|得分|问|答)\s*[:：]", re.IGNORECASE)


def cleaned(text: str) -> str:
    """The first line that says something, in one line, without what a model puts around it; "" where there is none.

    >>> cleaned(' 1. "Say whether it is good."\\n2. "Say it."')
    'Say whether it is good.'
    """
    for line in MARKS.sub("\n", text).splitlines():
        said = one_line(line)
        for _ in range(4):  # a number before a quote before a name
            bare = unquoted(BEGINS.sub("", said).strip())
            if bare == said:
                break
            said = bare
        if any(character.isalnum() for character in said):
            return without_repetition(said)
    return ""


def one_line(text: str) -> str:
    """A text without control characters, private ones and halves of characters; blanks are single."""
    kept = "".join(
        " " if unicodedata.category(one) == "Cc" else "" if unicodedata.category(one)[0] == "C" else one for one in text
    )
    return " ".join(kept.split())


def unquoted(text: str) -> str:
    """A text without the quotes that stand around all of it, or that are opened and never closed."""
    for left, right in QUOTES:
        if text.startswith(left) and text.endswith(right) and len(text) >= len(left) + len(right):
            inner = text[len(left) : -len(right)]
            if left not in inner and right not in inner:
                return inner.strip()
        if left == '"' and text.count('"') == 1:
            return text.replace('"', "").strip()
    return text


def without_repetition(text: str) -> str:
    """A text up to where it says for the second time in a row what it has just said, of one word or several.

    >>> without_repetition("Name the topic. Name the topic. Name the topic.")
    'Name the topic.'
    """
    words = text.split()[: 4 * WORDS]  # what has more is too long, repeated or not
    for start in range(len(words)):
        for size in range(1, (len(words) - start) // 2 + 1):
            again = words[start : start + size]
            least = 3 if size < 3 else 2  # "very, very" is said by people
            if words[start : start + least * size] == again * least:
                return " ".join(words[: start + size])
    return text


def words_in(text: str) -> int:
    """How many words a text has; of Chinese, which has no blanks, three characters count as two words."""
    han = len(HAN.findall(text))
    return len(HAN.sub(" ", text).split()) + (2 * han + 2) // 3


def is_unusable(text: str, task: Searchable, *, filtered: bool = False) -> bool:
    """Whether a text is no instruction to try: empty, too long, a copied sample, or with a label where none may be."""
    said, length = plain_words(text), words_in(text)
    if not any(character.isalnum() for character in said) or length > WORDS or SHOWN.search(text):
        return True
    for sample in task.train:
        question = plain_words(sample.question)
        copied = words_in(question) >= COPIED and (question in said or (length >= COPIED and said in question))
        if copied or said == question:
            return True
    return filtered and names_a_label(text, label_words_of(task))


def label_words_of(task: Searchable) -> tuple[str, ...]:
    """What no filtered prompt says: the labels, in the task's words too."""
    return tuple(word for word in dict.fromkeys((*task.question.labels, *task.question.words)) if word.strip())


def names_a_label(text: str, labels: tuple[str, ...]) -> bool:
    """Whether a text has a label in it as a word, whatever its case."""
    return any(
        re.search(
            rf"(?<!\w){re.escape(label)}(?!\w)" if not HAN.search(label) else re.escape(label), text, re.IGNORECASE
        )
        for label in labels
        if label
    )
