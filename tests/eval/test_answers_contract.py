"""For every format: what an exemplar states comes back, and no text, however hostile, does harm."""

from __future__ import annotations

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kshot.eval.answers import ACTIONS, LETTER, LINE, NUMBER, TEXT, WORD, YES_NO, exact, labels, numeric
from kshot.types import AnswerFormat, Generation, Sample

CHOICES = tuple(f"choice number {n}" for n in range(26))
LABELS = labels(("World", "Sports", "Business", "Science and Technology", "not_entailment", "entailment"))
FORMATS = (NUMBER, LETTER, YES_NO, TEXT, LINE, WORD, ACTIONS, LABELS)
RATIONALE = 'First she had 12, then (A) no. He said yes to 3 of them, and the sports were "positive" and I_RUN. '

integers = st.integers(-(10**15), 10**15)
decimals = st.decimals(-(10**6), 10**6, places=4, allow_nan=False).map(lambda value: f"{value.normalize():f}")
words = st.text(string.ascii_lowercase, min_size=2, max_size=9).filter(
    lambda word: word not in {"is", "are", "was", "mean", "means", "become", "becomes", "ans", "answer"}
)  # those make a sentence of a few words
ANSWERS: dict[str, st.SearchStrategy[str]] = {
    "number": st.one_of(integers.map(str), integers.map("{:,}".format), decimals),
    "letter": st.sampled_from(string.ascii_uppercase),
    "yes-no": st.sampled_from(["yes", "no"]),
    "text": st.lists(words, min_size=1, max_size=6).map(" ".join),
    "line": st.lists(st.sampled_from("()[]{}<>"), min_size=1, max_size=20).map(" ".join),
    "word": st.text(string.ascii_lowercase, min_size=1, max_size=12),
    "actions": st.lists(
        st.sampled_from(["I_TURN_LEFT", "I_TURN_RIGHT", "I_WALK", "I_LOOK", "I_RUN", "I_JUMP"]), min_size=1, max_size=48
    ).map(" ".join),
    "label": st.sampled_from(["World", "Sports", "Business", "Science and Technology", "not_entailment", "entailment"]),
}


@pytest.mark.parametrize("format", FORMATS, ids=lambda format: format.name)
@given(data=st.data())
def test_a_stated_answer_comes_back(format: AnswerFormat, data: st.DataObject) -> None:
    answer = data.draw(ANSWERS[format.name])
    choices = CHOICES if format is LETTER else ()
    score = numeric if format is NUMBER else exact
    wanted = Sample("s", "?", answer)
    statement = format.statement.format(answer=answer)
    for text in (statement, RATIONALE + statement, f"{RATIONALE}\n{statement}\n\nQ: Another?\nA: 5, (C), yes."):
        prediction = format.read(Generation(text, "stop"), choices)
        assert prediction.status == "ok" and score(prediction.answer, wanted).value == 1, (text, prediction)
    cut = format.read(Generation(f"{RATIONALE}\n{statement}\nTo see this, not", "length"), choices)
    assert cut.status == "ok" and score(cut.answer, wanted).value == 1, cut
    stage = format.read(Generation(f"{format.trigger} {answer}", "stop"), choices)
    assert score(stage.answer, wanted).value == 1, stage
    assert score(format.read(Generation(answer, "stop"), choices).answer, wanted).value == 1, answer


@pytest.mark.parametrize("format", FORMATS, ids=lambda format: format.name)
@given(data=st.data())
def test_reading_an_answer_again_changes_nothing(format: AnswerFormat, data: st.DataObject) -> None:
    answer = data.draw(ANSWERS[format.name])
    choices = CHOICES if format is LETTER else ()
    first = format.extract(format.statement.format(answer=answer), choices).answer
    assert first is not None
    assert format.extract(format.statement.format(answer=first), choices).answer == first


FRAGMENTS = st.sampled_from(
    ["The answer is ", "Answer:", "####", r"\boxed{", "}", "(A)", "B", " or ", "yes", "no ", "not ", "1,000", "/", "3",
     ".", "-", "$", "=", "+", "\n", "Q:", "is", '"', "I_RUN", "½", "\0", "\u0663", "\ud7ff", "İ", "**", "e5", "^", ":"]
)  # fmt: skip


@pytest.mark.parametrize("format", FORMATS, ids=lambda format: format.name)
@given(text=st.one_of(st.text(max_size=200), st.lists(FRAGMENTS, max_size=30).map("".join)))
def test_any_text_is_read_without_an_error(format: AnswerFormat, text: str) -> None:
    choices = ("cat", "", "(B)", "3", "İ") if format is LETTER else ()
    found = format.extract(text, choices)
    assert found.answer != ""
    assert not (found.explicit and found.answer is None)
    if found.span is None:
        assert found.answer is None
    else:
        start, end = found.span
        assert 0 <= start <= end <= len(text)
    assert format.extract(text, choices) == found


HOSTILE = {
    "digits": "7", "commas": "1,", "points": "1.", "slashes": "1/", "statements": "the answer is ",
    "labels": "answer:\n",
    "parentheses": "answer (", "boxes": r"\boxed{", "braces": "{a}", "quotes": '"a ', "spaces": " ", "tabs": "\t",
    "new lines": "\n", "null bytes": "\0", "hashes": "####", "articles": "A ", "letters": "(A) ", "lists": "A or ",
    "labels named": "yes ", "either": "yes or ", "actions": "I_RUN ", "stubs": "I_", "copulas": "x is ", "stops": "a. ",
    "questions": "\nQ:", "minus": "-", "equations": "1=", "sums": "the answer is 1+", "steps": "\n1.",
    "denials": "it is not ",
    "words": "one hundred and ", "one word": "a", "stars": "**", "digits of other scripts": "\u0663",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_million_characters_take_no_time(name: str) -> None:
    unit = HOSTILE[name]
    for text in (unit * (1_000_000 // len(unit)), "The answer is " + unit * (19_000 // len(unit)) + "!"):
        for format in FORMATS:
            started = time.process_time()
            format.extract(text, CHOICES[:5] if format is LETTER else ())
            assert time.process_time() - started < 2, (name, format.name)
