"""For every format: what an exemplar states comes back, and no text, however hostile, does harm."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kshot.eval.answers import (
    ACTIONS,
    EXPRESSION,
    LETTER,
    LINE,
    NUMBER,
    TEXT,
    WORD,
    YES_NO,
    exact,
    labels,
    numeric,
    read_target,
)
from kshot.types import AnswerFormat, Generation, Sample

CHOICES = tuple(f"choice number {n}" for n in range(26))
LABELS = labels(("World", "Sports", "Business", "Science and Technology", "not_entailment", "entailment"))
RATING = labels(("-1", "0", "1"))
FORMATS = (NUMBER, LETTER, YES_NO, TEXT, LINE, WORD, ACTIONS, LABELS, EXPRESSION)
RATIONALE = 'First she had 12, then (A) no. He said yes to 3 of them, and the sports were "positive" and I_RUN. '

integers = st.integers(-(10**15), 10**15)
decimals = st.decimals(-(10**6), 10**6, places=4, allow_nan=False).map(lambda value: f"{value.normalize():f}")
words = st.text(string.ascii_lowercase, min_size=2, max_size=9).filter(
    lambda word: (
        word not in {"is", "are", "was", "mean", "means", "become", "becomes", "ans", "answer", "idk", "unknown"}
    )
)  # those make a sentence of a few words, or say that there is no answer
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
    "expression": st.sampled_from([r"\frac{1}{2}", r"2\sqrt{3}", "x^2 + 1", "[2,5)", r"\text{even}", "-7"]),
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


TARGETS = """The Beatles.|U.S.A.|Washington, D.C.|Yahoo!|"Help!"|Mr. T.|What is love?|Help (film)|No. 5 Chanel|a: b
x -> y|To be is to do|Ok. Computer|St. Louis|Who's Who?|C++|C#|O'Brien|Guns N' Roses
Star Wars: A New Hope|Dr. No|[sic]|f(x)
The World Is Not Enough|All you need is love|Paris is the capital of France|Not guilty|Nothing|Ready or Not|A.I.|3.14
Kill Bill: Vol. 2|Men, Not Gods|2001: A Space Odyssey|Answer: 5|The answer is 42|Sure, why not|(a) and (b)|$5|1,000|-5
\u5df4\u9ece\u3002|\u300a\u7ea2\u697c\u300b|cafe\u0301|\u201cquoted\u201d|don\u2019t|Ｐａｒｉｓ|\\text{Paris}|I|a|etc.|Yes."""
STATED = ("{}", "{}.", "The answer is {}.", "The answer is {}", "Answer: {}", "<answer>{}</answer>")
FIELD = '{{"answer": "{}"}}'


@pytest.mark.parametrize("target", TARGETS.replace("\n", "|").split("|"))
def test_a_perfect_reply_scores_1_in_whatever_form(target: str) -> None:
    read = read_target(TEXT, target)
    assert read is not None and read_target(TEXT, read) == read
    for form in STATED if '"' in target else (*STATED, FIELD):
        reply = TEXT.extract(form.format(target), ()).answer
        assert reply == read, form
        assert exact(reply, Sample("s", "?", read)).value == 1
    assert exact(TEXT.extract("Something else", ()).answer, Sample("s", "?", read)).value == 0


@given(st.text("abAB .,!?:;'\"()-\u3002\u662f0", min_size=1, max_size=30))
def test_a_target_is_read_to_one_form_or_refused(target: str) -> None:
    read = read_target(TEXT, target)
    if read is not None:
        for text in (target, TEXT.statement.format(answer=target)):
            assert exact(TEXT.extract(text, ()).answer, Sample("s", "?", read)).value == 1, text


@pytest.mark.parametrize(
    ("format", "target", "choices", "read"),
    [
        (NUMBER, "1,000", (), "1000"),
        (NUMBER, "3,5", (), "3.5"),
        (NUMBER, "5 or 6", (), None),
        (NUMBER, "So 3. #### 3", (), "3"),
        (YES_NO, "Yes", (), "yes"),
        (YES_NO, "maybe", (), None),
        (LETTER, "b", ("cat", "dog"), "B"),
        (LETTER, "dog", ("cat", "dog"), "B"),
        (LETTER, "C", ("cat", "dog"), None),
        (LABELS, "not entailment", (), "not_entailment"),
        (RATING, "+1", (), "1"),
        (TEXT, "mouses|Mice.", (), "mouses|mice"),
        (TEXT, "I don't know", (), None),
        (TEXT, "...", (), None),
        (WORD, "N K", (), "nk"),
        (LINE, "} )", (), "} )"),
    ],
)
def test_targets_of_every_format(format: AnswerFormat, target: str, choices: tuple[str, ...], read: str | None) -> None:
    assert read_target(format, target, choices) == read


FRAGMENTS = st.sampled_from(
    ["The answer is ", "Answer:", "####", r"\boxed{", "}", "(A)", "B", " or ", "yes", "no ", "not ", "1,000", "/", "3",
     ".", "-", "$", "=", "+", "\n", "Q:", "is", '"', "I_RUN", "½", "\0", "\u0663", "\ud7ff", "İ", "**", "e5", "^", ":",
     "<think>", "</think>", "<answer>", "</answer>", '{"answer": ', r"\frac{", r"\text{", r"\,", "minus ", "million",
     "half", "\u0301", "\uff18", "\u200b", "\u7b54\u6848\u662f", "\u4e0d\u662f", "\u516b", "not an ", "rules out ",
     " is wrong", "->", "(", "'"]
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
    "denials": "it is not ", "denied numbers": "not 1 or 2, ", "denied labels": "not an entailment, ",
    "doubts": "I doubt ", "blocks opened": "<think>", "blocks closed": "</think>", "blocks": "<think>a</think>",
    "channels": "<|channel|>analysis", "signs less": "<", "ends of texts": "</s>", "tags": "<answer>1</answer>",
    "tags opened": "<answer>", "fields": '{"answer": "a"} ', "fields opened": '{"answer": "', "backslashes": "\\",
    "fractions": r"\frac{1}{2} ", "fractions opened": r"\frac{1}", "wrappers": r"\text{", "thin blanks": r"1\,",
    "accents": "\u0301", "accented": "e\u0301", "full-width": "\uff18", "zero-width": "\u200b", "Chinese": "\u662f",
    "units in digits": "1\u4e072\u5343", "parts in digits": "1\u53c8", "wide commas": "1\uff0c", "German": "antwort: ",
    "Chinese denials": "\u4e0d\u662f", "Chinese statements": "\u7b54\u6848\u662f", "Chinese numbers": "\u4e00\u767e",
    "signs in words": "minus 5 ", "magnitudes": "1 million ", "groups": "1 000 ", "groups of points": "1.000",
    "ratings": "1 out of 5 ", "asides": "$1 for ", "brackets": "((((", "halves": "one and a half ",
    "relations": "the plural of ", "labels of lines": "plural: ", "openers": "sure! ", "arrows": "a -> ",
    "choices denied": "A is wrong ", "choices taken": "I choose A ",
    "words": "one hundred and ", "one word": "a", "stars": "**", "digits of other scripts": "\u0663",
}  # fmt: skip


@pytest.mark.timeout(300)  # what grows with the square of the length takes hours
@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_is_so_long_that_reading_it_does_not_end(name: str) -> None:
    unit = HOSTILE[name]
    for text in (unit * (100_000 // len(unit)), "The answer is " + unit * (19_000 // len(unit)) + "!"):
        for format in (*FORMATS, RATING):
            format.extract(text, CHOICES[:5] if format is LETTER else ())
