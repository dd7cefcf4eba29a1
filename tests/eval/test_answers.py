"""What a reader would say is stated, for outputs as models write them: the answer or None, and the status."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kshot.eval.answers import (
    ACTIONS,
    LETTER,
    LINE,
    NUMBER,
    TEXT,
    WORD,
    YES_NO,
    canonical_number,
    exact,
    labels,
    numeric,
)
from kshot.types import AnswerFormat, Generation, Sample, Score, UserError

ANIMALS = ("cat", "dog", "a light blue car", "blue", "none of these")
SENTIMENT = labels(("positive", "negative"))
ENTAILMENT = labels(("entailment", "not_entailment"))

STOPPED: list[tuple[AnswerFormat, str, str | None]] = [
    # money, thousands, stops, percentages, signs
    (NUMBER, "$29.00", "29"),
    (NUMBER, "1,000", "1000"),
    (NUMBER, r"\$20", "20"),
    (NUMBER, "29.", "29"),
    (NUMBER, "50%", "50"),
    (NUMBER, "The answer is 12.5%.", "12.5"),
    (NUMBER, "-5", "-5"),
    (NUMBER, "\u22125 degrees", "-5"),
    (NUMBER, "-$60.", "-60"),
    (NUMBER, "The answer is $-2.50.", "-2.5"),
    (NUMBER, "1,00,000", "100000"),
    (NUMBER, "1.5e3", "1500"),
    (NUMBER, r"The answer is 1.5 \times 10^{3}.", "1500"),
    # fractions
    (NUMBER, "3/6", "0.5"),
    (NUMBER, "The answer is 3/4.", "0.75"),
    (NUMBER, "2 1/2 cups", "2.5"),
    (NUMBER, "2½ hours", "2.5"),
    (NUMBER, r"So \boxed{\frac{3}{4}}", "0.75"),
    (NUMBER, "The answer is .25 or 1/4.", "0.25"),
    (NUMBER, "The answer is 5/0.", None),
    # units, and digits that are no numbers
    (NUMBER, "18 eggs", "18"),
    (NUMBER, "The area is 25 m2", "25"),
    (NUMBER, "The area is 25 m^2.", "25"),
    (NUMBER, "It weighs 5kg.", "5"),
    (NUMBER, "GPT-4 and COVID-19", None),
    (NUMBER, "The answer is 10:30.", None),
    (NUMBER, "He arrives at 10:30 with 4 bags.", "4"),
    (NUMBER, "On 2023-05-01 he had 4", "4"),
    # statements
    (NUMBER, "He sells 9 for 2 each. 9 * 2 = 18. #### 18", "18"),
    (NUMBER, r"$$\boxed{42}$$ which took 3 steps", "42"),
    (NUMBER, "The answer is **$18**.", "18"),
    (NUMBER, "**Answer:** 18\n\nIt took 2 steps.", "18"),
    (NUMBER, "**Final Answer: 18**", "18"),
    (NUMBER, "The answer (arabic numerals) is\n\n30%.", "30"),
    (NUMBER, "The answer is:\n$$\n29\n$$", "29"),
    (NUMBER, "Answer: 4\nWait, no.\nAnswer: 7", "7"),
    (NUMBER, "The answer is 5. I hope that answer is helpful.", "5"),
    (NUMBER, "The answer is 12 + 5 = 17", "17"),
    (NUMBER, "The answer is 12 = 5 + 7", "12"),
    (NUMBER, "The answer is 4 dozen = 48", "48"),
    (NUMBER, "The answer is 12 + 5", None),
    (NUMBER, "The answer is four hundred and six dollars.", "406"),
    (NUMBER, "The answer is one of the following.", None),
    (NUMBER, "The answer is not 5. It is 7", "7"),
    (NUMBER, "The answer is not known, there being 3 unknowns.", None),
    (NUMBER, "Answer: Tom has 5 apples and buys 3 more, so 8.", "8"),
    (NUMBER, "Answer: Tom has 5 apples.\nHe buys 3 more, which makes 8.", "8"),
    (NUMBER, "The result is 12. Then add 5 to get 17", "17"),
    # no statement
    (NUMBER, "16 eggs a day - 3 - 4 = 9 eggs. 9 * 2 = 18", "18"),
    (NUMBER, "18\n\nJanet sells 9 eggs at $2.", "18"),
    (NUMBER, "5 is the answer. I used 3 steps.", "5"),
    (NUMBER, "1. She has 5 eggs.\n2. She eats 2.\n3. So she is left with less.", "2"),
    (NUMBER, "I cannot answer that.", None),
    (NUMBER, "", None),
    # a question that the model made up and answered
    (NUMBER, "The answer is 7.\n\nQ: What is 3 * 3?\nA: The answer is 9.", "7"),
    (NUMBER, "18\n\nQ: What is 2 + 2?\nA: 4", "18"),
    # letters
    (LETTER, "(B)", "B"),
    (LETTER, "B.", "B"),
    (LETTER, "b", "B"),
    (LETTER, "B) dog", "B"),
    (LETTER, "Option B", "B"),
    (LETTER, "**B**", "B"),
    (LETTER, "Answer: B ... Answer: C", "C"),
    (LETTER, "The answer is (B).", "B"),
    (LETTER, "The correct option is B: dog.", "B"),
    (LETTER, r"\boxed{\text{C}}", "C"),
    (LETTER, "The answer is A because cats purr.", "A"),
    (LETTER, "A car is not an animal.", None),
    (LETTER, "A dog.", "B"),
    (LETTER, "The answer is a dog.", "B"),
    (LETTER, "A light blue car", "C"),
    (LETTER, "California", None),
    (LETTER, "The answer is most likely B, dog, but it could also be A, cat.", "B"),
    (LETTER, "The answer is A or D.", None),
    (LETTER, "The answer is (A) cat, (B) dog, or (D) blue.", None),
    (LETTER, "(A) cannot be. The answer is (F).", None),
    (LETTER, "(A) is too small and (C) is no animal, so I choose (B)", "B"),
    (LETTER, "None of the above", None),
    # yes and no
    (YES_NO, "yes", "yes"),
    (YES_NO, "No, it would not.", "no"),
    (YES_NO, "**No**", "no"),
    (YES_NO, "Yes, because no one knows.", "yes"),
    (YES_NO, "not known.", None),
    (YES_NO, "Therefore, the answer (Yes or No) is not known.", None),
    (YES_NO, "Therefore, the answer (Yes or No) is different for each of them.", None),
    (YES_NO, "Therefore, the answer (Yes or No) is No.", "no"),
    (YES_NO, "So the answer is no. The coin was flipped, yes.", "no"),
    (YES_NO, "The answer is yes and no.", None),
    (YES_NO, "There is no evidence that he did.", None),
    (YES_NO, "Nobody noticed yesterday.", None),
    (YES_NO, "Therefore, the answer (Yes or No) isYes.", "yes"),
    (NUMBER, "Therefore, the answer (arabic numerals) is18.", "18"),
    (NUMBER, "The answer isn't 18 but 3", "3"),
    # labels
    (SENTIMENT, "Positive.", "positive"),
    (SENTIMENT, "Sentiment: negative", "negative"),
    (SENTIMENT, "This is not positive; it is negative.", "negative"),
    (SENTIMENT, "positive or negative", None),
    (ENTAILMENT, "Not entailment.", "not_entailment"),
    (ENTAILMENT, "entailment", "entailment"),
    # words
    (TEXT, 'The plural of "child" is "children".', "children"),
    (TEXT, "Children.", "children"),
    (TEXT, "Answer: Paris", "paris"),
    (TEXT, "The capital of France is Paris, which is lovely.", "paris"),
    (TEXT, "**Paris** is the capital of France.", "paris"),
    (TEXT, "The answer is St. John's.", "st. john's"),
    (TEXT, "Sure! The plural of child is children.", "children"),
    (TEXT, "Here is the plural form:\n\nchildren", "children"),
    (TEXT, "child -> children", "children"),
    (TEXT, "...", None),
    (LINE, "The answer is ] ] >", "] ] >"),
    (LINE, "\n} )\n", "} )"),
    # last letters
    (WORD, '"n" and "k" -> "nk"', "nk"),
    (WORD, 'The answer is "n" and "k".', "nk"),
    (WORD, "n-k", "nk"),
    (WORD, "N K", "nk"),
    (WORD, 'The last letter of "Bo" is "o". Concatenating them is "yo".', "yo"),
    (WORD, 'The answer is "noë".', "noë"),
    (WORD, "I cannot do that.", None),
    # actions
    (ACTIONS, "The answer is I_TURN_LEFT I_JUMP.", "I_TURN_LEFT I_JUMP"),
    (ACTIONS, "turn left, then walk", "I_TURN_LEFT I_WALK"),
    (ACTIONS, "I_RUN I_SWIM", "I_RUN I_SWIM"),
    (ACTIONS, "The answer is turn left twice.", None),
]

CUT: list[tuple[AnswerFormat, str, str | None]] = [  # at max_new_tokens
    (NUMBER, "She sells 9 eggs for $2 each, so 9 * 2 = 18. Then she", None),
    (NUMBER, "The answer is 18. To see this, note that 16 - 3", "18"),
    (NUMBER, "The answer is 18", None),  # of 180, it may be
    (NUMBER, "The answer is 1,", None),
    (NUMBER, "18\n\nJanet sells 9 eggs", "18"),
    (NUMBER, "18\n\nQ: What is 2 + 2?\nA: The answer is", "18"),
    (NUMBER, "Answer: Tom has 5 apples and buys", None),
    (NUMBER, r"so \boxed{18} and", "18"),
    (NUMBER, "#### 18", None),
    (LETTER, "The answer is (B) because", "B"),
    (LETTER, "First, (A) is wrong since", None),
    (YES_NO, "No, since the coin", "no"),
    (YES_NO, "Let us see. If it were so, no", None),
    (TEXT, "The plural of child is child", None),
    (TEXT, "children\nThe plural of", "children"),
    (WORD, 'The last letter of "Bo" is "o". The last', None),
    (ACTIONS, "I_TURN_LEFT I_TURN", None),
    (ACTIONS, "The answer is I_RUN I_RUN.\nTo see", "I_RUN I_RUN"),
]


@pytest.mark.parametrize(("format", "text", "answer"), STOPPED)
def test_what_a_finished_text_states(format: AnswerFormat, text: str, answer: str | None) -> None:
    prediction = format.read(Generation(text, "stop"), ANIMALS if format is LETTER else ())
    assert (prediction.answer, prediction.status) == (answer, "unparsed" if answer is None else "ok"), prediction


@pytest.mark.parametrize(("format", "text", "answer"), CUT)
def test_what_a_text_that_was_cut_off_states(format: AnswerFormat, text: str, answer: str | None) -> None:
    prediction = format.read(Generation(text, "length"), ANIMALS if format is LETTER else ())
    assert (prediction.answer, prediction.status) == (answer, "truncated" if answer is None else "ok"), prediction


@pytest.mark.parametrize(
    ("format", "text", "rule", "read"),
    [
        (NUMBER, "So 3. The answer is $1,000.50.", "the answer is", "$1,000.50"),
        (NUMBER, r"\boxed{7}", "boxed", "7"),
        (NUMBER, "It is 3.\n#### 7 eggs", "####", "7"),
        (NUMBER, "The answer is about eleven.", "the answer is, in words", "eleven"),
        (NUMBER, "7\n", "number first", "7"),
        (NUMBER, "3 and then 7", "last number", "7"),
        (NUMBER, "The answer is unclear.", "declined", " unclear."),
        (LETTER, "The answer is dog.", "the answer is, by its text", "dog"),
        (LETTER, "The answer is A, B or C.", "several choices", "A, B or C"),
        (LETTER, "I think B is correct.", "is correct", "B"),
        (LETTER, "It was the dog", "the only choice named", "dog"),
        (YES_NO, "Well, yes.", "the only label named", "yes"),
        (TEXT, "The past of go is went.", "what the sentence says", "went"),
    ],
)
def test_the_rule_that_fired_and_where(format: AnswerFormat, text: str, rule: str, read: str) -> None:
    found = format.extract(text, ANIMALS if format is LETTER else ())
    assert found.rule == rule
    assert found.span is not None and text[slice(*found.span)] == read


@pytest.mark.parametrize(
    ("format", "text", "answer", "read"),
    [
        (NUMBER, "\uff35\uff33\uff24\uff1a The answer is \uff14\uff12\uff0e", "42", "\uff14\uff12"),
        (NUMBER, "<think>3</think> The answer is minus five.", "-5", "minus five"),
        (NUMBER, "e\u0301 \u7b54\u6848\u662f\uff0d\uff18\u3002", "-8", "\uff0d\uff18"),
        (NUMBER, r"\boxed{\text{ab }1{,}234}", "1234", "1{,}234"),
        (TEXT, r"The answer is \text{\textbf{Paris}}!", "paris", "Paris"),
        (TEXT, "I say:\nZu\u0308rich.", "z\u00fcrich", "Zu\u0308rich"),
        (LETTER, "\u200b\uff08\uff22\uff09", "B", "\uff22"),
        (TEXT, '{"answer": "cold"}', "cold", "cold"),
    ],
)
def test_a_span_points_into_the_text_as_it_was_written(format: AnswerFormat, text: str, answer: str, read: str) -> None:
    found = format.extract(text, ANIMALS if format is LETTER else ())
    assert found.answer == answer and found.span is not None and text[slice(*found.span)] == read


def test_a_span_counts_from_the_beginning_of_a_text_longer_than_is_read() -> None:
    text = "x " * 30_000 + "The answer is 42."
    found = NUMBER.extract(text, ())
    assert found.answer == "42" and found.span is not None and text[slice(*found.span)] == "42"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1000.0", "1000"),
        ("3,5", "3.5"),
        ("0,125", "0.125"),
        ("1,2,3", None),
        ("1.234,5", "1234.5"),
        ("2 million", "2000000"),
        ("minus 5", "-5"),
        ("007", "7"),
        ("-0", "0"),
        (".5", "0.5"),
        ("1/3", "0.3333333333"),
        ("1e-3", "0.001"),
        ("9" * 101, None),
    ],
)
def test_canonical_number(text: str, value: str | None) -> None:
    assert canonical_number(text) == value


def sample(target: str) -> Sample:
    return Sample("s", "?", target)


def test_scores() -> None:
    assert exact("Mice", sample("mouses|mice")) == Score(1.0, True)
    assert exact("mous", sample("mouses|mice")) == Score(0.0, True)
    assert exact("the beatles", sample("The Beatles.")) == Score(1.0, True)
    assert exact("caf\u00e9", sample("\u201cCafe\u0301!\u201d")) == Score(1.0, True)
    assert exact("beatles", sample("The Beatles.")) == Score(0.0, True)
    assert exact("] )", sample("] ]")) == Score(0.0, True)
    assert exact(".", sample("!")) == Score(0.0, True)
    assert exact(None, sample("mice")) == Score(0.0, False)
    assert numeric("29", sample("29.00")) == Score(1.0, True)
    assert numeric("0.6666666667", sample("0.6666666666666666")) == Score(1.0, True)
    assert numeric("29.1", sample("29")) == Score(0.0, True)
    assert numeric("0.0001", sample("0")) == Score(0.0, True)
    assert numeric(None, sample("29")) == Score(0.0, False)


def test_a_score_is_by_metric_and_the_first_is_the_tasks_own() -> None:
    assert exact("mice", sample("mice")).values == {"accuracy": 1.0}
    both = Score({"f1": 0.5, "exact": 0}, answered=True)
    assert (both.value, both.values) == (0.5, {"f1": 0.5, "exact": 0.0})
    assert Score(True, True) == Score(1, answered=True) == Score({"accuracy": 1.0}, True)
    assert replace(both, answered=False).values == both.values
    with pytest.raises(UserError, match="no metric"):
        Score({}, True)


def test_labels_have_to_be_given() -> None:
    with pytest.raises(UserError, match="labels"):
        labels(())
    assert labels(("a", "b", "c")).instruction == "Answer with a, b or c."
