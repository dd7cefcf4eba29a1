"""What a language brings to the reading of answers: the words that state one, deny one, or say that there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

InWords = Callable[[str], tuple[Fraction, int, int] | None]
"""A number in words near a text's beginning: (value, start, end)."""

Says = Callable[[str], tuple[int, int] | None]
"""The part of a sentence that answers what it is about: (start, end)."""


@dataclass(frozen=True, slots=True)
class Language:
    """Patterns that ignore case, bounded so that no text makes them slow. Each is tried beside the other languages'."""

    name: str
    stated: str  # "the answer is", up to where the answer begins
    stated_line: str  # its plainest forms, where an answer is signs that may begin in any way
    chosen: str  # "I would pick", where the question has choices or labels
    doubted: str  # ends where a statement begins: "I do not think that"
    declined: str  # begins what is stated: "not known", "it depends"
    refused: str  # begins a text that gives no answer: "I don't know", "N/A"
    denied: str  # ends where what is denied begins: "not", "rather than"
    denied_clause: str  # the same with words of the clause between: "I don't think this is"
    denied_after: str  # begins where what is denied ends: "is wrong"
    contrast: str  # ", not" and what follows
    instead: str  # "not X but", up to where what is meant begins
    question: str  # begins the next question, before its colon; here case counts
    is_the_answer: str  # begins where the answer ends: "is the answer"
    is_correct: str  # the same of a choice: "is correct"
    article: str  # after the letter A: what makes it an article and no choice
    subject: str  # after a letter: what makes it the first of several gone through
    joins: str  # between two of a list: "or", "and"
    either_of: str  # between two numbers that are not both meant: "or", "to"
    between: str  # ends where a range begins: "between"
    date: str  # a day or a time, of which no number is one; here case counts
    operator: str  # between numbers that are still to be worked out: "minus"
    results: str  # after an expression, where what it comes to begins: "which is"
    equals: str  # the same as "="
    aside: str  # ends where a number begins that a sentence does not come to: "for" in "$12 for 3 books"
    bound: str  # ends where a number begins that is only a bound: "more than"
    bound_after: str  # begins where such a number ends: "5个以上"
    comes_to: str  # begins a text and ends where its number in words begins, if that is all it says: "一共有"
    reason: str  # begins where a choice ends that is then argued for: ", because"
    minus: str  # before a number: "minus", "negative"
    before_minus: str  # words that such a minus may follow
    minus_ends: str  # the last letters of those
    multiples: Mapping[str, int]  # after one, with what they are worth: "million"
    multiple: str  # the pattern of those
    dozen: str  # after one whose answer is stated; elsewhere it is a unit
    part: str  # after one, a part that comes on top: "and a half"
    hedges: str  # may stand before the answer of a statement: "about", "probably"
    yes: tuple[str, ...]  # other ways of saying so, as patterns
    no: tuple[str, ...]
    it_is: str  # begins a claim that is then contrasted: "it is X, not Y"
    lead_in: str  # may stand before yes and no, without a blank
    opener: str  # begins a reply, and says nothing: "Sure!"
    label: str  # begins a line: "Plural:"
    in_words: InWords
    says: Says
