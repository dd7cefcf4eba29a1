"""Messages and plain text, letter for letter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kshot.prompts.templates import conversation, lettered, plain, solved
from kshot.types import AnswerFormat, Extraction, Message, Question, Request, Sample, SamplingParams, UserError

TEXT = AnswerFormat("text", "Give only the answer.", "So the answer is", lambda text, _: Extraction(text or None))
LETTER = replace(TEXT, instruction="Answer with the letter.", statement="The answer is ({answer}).")
CHILD = Sample("1", "child", "children|childs", rationale=" Child is irregular. ")
SKY = Sample("2", "Colour of the sky?", "B", choices=("red", "blue"))


def turns(*contents: str) -> tuple[Message, ...]:
    return tuple(Message("assistant" if at % 2 else "user", text) for at, text in enumerate(contents))


def test_few_shot_is_a_conversation() -> None:
    question = Question("mouse", TEXT)
    assert conversation(question, [CHILD], instruction="Write the plural.", direct=True) == turns(
        "Write the plural.\n\nchild", "children", "mouse"
    )


def test_rationale_ends_in_the_statement_and_the_lead_is_left_open() -> None:
    question = Question("mouse", TEXT)
    assert conversation(question, [CHILD], rationale=True, lead="Well,") == turns(
        "child", "Child is irregular. The answer is children.", "mouse", "Well,"
    )


def test_direct_zero_shot_says_the_form() -> None:
    assert conversation(Question("mouse", TEXT), direct=True) == turns("mouse\nGive only the answer.")
    assert conversation(Question("mouse", TEXT)) == turns("mouse")


def test_choices_are_lettered_and_answered_by_letter() -> None:
    question = Question("Colour of grass?", LETTER, choices=("green", "pink"))
    assert conversation(question, [SKY], direct=True) == turns(
        "Colour of the sky?\nAnswer choices:\n(A) red\n(B) blue\nAnswer with the letter.",
        "B",
        "Colour of grass?\nAnswer choices:\n(A) green\n(B) pink\nAnswer with the letter.",
    )
    assert conversation(question, [SKY], listed=False) == turns("Colour of the sky?", "blue", "Colour of grass?")
    assert solved(replace(SKY, rationale="Look up."), LETTER, rationale=True) == "Look up. The answer is (B)."


def test_bad_exemplars_are_named() -> None:
    with pytest.raises(UserError, match="exemplar 2 has no rationale"):
        solved(SKY, LETTER, rationale=True)
    with pytest.raises(UserError, match="target 'C'; name one of A, B"):
        solved(replace(SKY, target="C"), LETTER, listed=False)
    with pytest.raises(UserError, match="27 choices"):
        lettered("x", ["y"] * 27)


def test_a_choice_may_hold_a_bar() -> None:
    sample = Sample("3", "Absolute value of x?", "A", choices=("|x|", "x"))
    assert solved(sample, LETTER, listed=False) == "|x|"


def test_plain_text() -> None:
    prompt = (Message("system", "Be brief."), *turns("1 + 1?", "2", "2 + 2?"))
    request = plain(Request(prompt, SamplingParams(stop=("!",)), seed=7))
    assert request.prompt == "Be brief.\n\nQ: 1 + 1?\nA: 2\n\nQ: 2 + 2?\nA:"
    assert request.params.stop == ("!", "\nQ:")
    assert request.seed == 7
    assert plain(request) == request


def test_plain_open_answer_goes_on_from_its_last_character() -> None:
    first = plain(Request(turns("2 + 2?", "Let's see."))).prompt
    second = plain(Request(turns("2 + 2?", "Let's see. It is 4.\nSo the answer is"))).prompt
    assert first == "Q: 2 + 2?\nA: Let's see."
    assert second == first + " It is 4.\nSo the answer is"


def test_plain_scored_continuation_gets_a_space_and_no_stop() -> None:
    request = plain(Request(turns("Sky?"), continuation="blue"))
    assert (request.prompt, request.continuation, request.params.stop) == ("Q: Sky?\nA:", " blue", ())
    assert plain(Request(turns("Sky?"), continuation=" blue")).continuation == " blue"
    assert plain(Request("verbatim", continuation="blue")).continuation == "blue"
