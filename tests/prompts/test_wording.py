"""Templates: what is asked and what an exemplar shows, letter for letter, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kshot.eval.answers import YES_NO, labels
from kshot.program import advance, drive
from kshot.prompts.common import in_words
from kshot.prompts.formats import formats_of, formatted
from kshot.prompts.strategies import answer_behind, get_strategy
from kshot.prompts.wording import asked_of, prompt_for, read_template, stops_of
from kshot.types import (
    AnswerFormat,
    Extraction,
    Generation,
    Message,
    Prediction,
    Question,
    Request,
    Sample,
    Template,
    UserError,
)

NAMES = ("negative", "positive")
REVIEW = Template("Review: {{ text }}\nSentiment: {{ answer }}")
POOL = (
    Sample("a", "Dull.", "negative", fields=(("title", "One"),)),
    Sample("b", "Fun!", "positive", fields=(("title", "Two"),)),
)
FILM = Question("It sings.", labels(NAMES), labels=NAMES, exemplars=POOL, templates=(REVIEW,), fields=(("title", "Z"),))


def first(spec: str, question: Question) -> list[Request]:
    asked = advance(get_strategy(spec)(question))
    assert isinstance(asked, list | tuple)
    return list(asked)


def test_an_exemplar_and_the_question_have_one_form() -> None:
    [request] = first("few-shot:k=2,template=0", FILM)
    assert request.prompt == (
        "Review: Dull.\nSentiment: negative\n\nReview: Fun!\nSentiment: positive\n\nReview: It sings.\nSentiment:"
    )
    assert request.params.stop == ("\nReview:",)


def test_labels_are_scored_behind_the_templates_blank() -> None:
    asked = first("choice-logprob:template=0", FILM)
    assert [(request.prompt, request.continuation) for request in asked] == [
        ("Review: It sings.\nSentiment:", " negative"),
        ("Review: It sings.\nSentiment:", " positive"),
    ]
    chinese = replace(FILM, templates=(Template("影评：{{ text }}\n情感：{{ answer }}"),))
    assert [request.continuation for request in first("choice-logprob:template=0", chinese)] == list(NAMES)
    below = replace(FILM, templates=(Template("{{ text }}\nSentiment:\n{{ answer }}"),))
    assert first("choice-logprob:template=0", below)[0].prompt == "It sings.\nSentiment:\n"


def test_words_are_written_and_labels_come_back() -> None:
    """The verbalizer, in exemplars, options and the wish; of several tokens or not."""
    spec = "few-shot:k=1,template=0,label_words=not so good+quite good"
    [request] = first(spec, FILM)
    assert str(request.prompt).startswith("Review: Dull.\nSentiment: not so good\n\n")
    read = drive(get_strategy(spec)(FILM), lambda _: Generation(" Quite good.", "stop"))
    assert (read.answer, read.status) == ("positive", "ok")
    asked: list[str] = []

    def scored(request: Request) -> Generation:
        asked.append(str(request.continuation))
        return Generation("", "scored", logprob=-1.0 if "not" in asked[-1] else -2.0)

    told = drive(get_strategy("choice-logprob:label_words=not so good+quite good")(FILM), scored)
    assert asked == ["not so good", "quite good"] and told.answer == "negative"
    assert set(told.probabilities) == set(NAMES)
    [plain] = first("zero-shot:label_words=bad+good", FILM)
    assert isinstance(plain.prompt, tuple) and plain.prompt[-1].content.endswith("Answer with bad or good.")


def test_an_instruction_that_names_the_labels_names_the_words() -> None:
    """It would ask for words that are not scored; one of the user's own stands as it is."""
    question = replace(FILM, instructions=("Positive or negative?", "Is it positive?", "Judge."))
    asked = [str(first(f"instruction:wording={at},label_words=bad+good", question)[0].prompt) for at in range(3)]
    assert "good or bad?" in asked[0] and "Is it positive?" in asked[1] and "Judge." in asked[2]
    own = first('instruction:text="Positive or negative?",label_words=bad+good', question)
    assert "Positive or negative?" in str(own[0].prompt)


def test_a_templates_own_words_give_way_to_those_said() -> None:
    question = replace(FILM, templates=(replace(REVIEW, words=("bad", "good")),))
    assert [request.continuation for request in first("choice-logprob:template=0", question)] == [" bad", " good"]
    said = first("choice-logprob:template=0,label_words=no+yes", question)
    assert [request.continuation for request in said] == [" no", " yes"]


def test_what_is_taught_is_what_would_be_right() -> None:
    strategy = get_strategy("zero-shot:template=0,label_words=bad+good")
    assert answer_behind(strategy, FILM, POOL[1]) == " good"
    assert answer_behind(get_strategy("zero-shot"), FILM, POOL[1]) == "positive"


def test_an_instruction_takes_the_place_of_the_start() -> None:
    question = replace(FILM, templates=(replace(REVIEW, start="Films.\n\n"),), instructions=("Judge.",))
    assert str(first("few-shot:k=1,template=0", question)[0].prompt).startswith("Films.\n\nReview: Dull.")
    assert str(first("instruction:template=0", question)[0].prompt) == "Judge.\n\nReview: It sings.\nSentiment:"


def test_a_chain_goes_on_behind_the_answers_place() -> None:
    asked: list[Request] = []

    def reply(request: Request) -> Generation:
        asked.append(request)
        return Generation(" It is praise." if len(asked) == 1 else " positive.", "stop")

    prediction = drive(get_strategy("zero-shot-cot:template=0")(FILM), reply)
    assert asked[0].prompt == "Review: It sings.\nSentiment: Let's think step by step."
    assert str(asked[1].prompt).startswith(str(asked[0].prompt) + " It is praise.\nTherefore, the answer")
    assert prediction.answer == "positive"


def test_choices_by_letter_or_by_their_words() -> None:
    template = Template("{{ question }}{% if options %}\n{{ options }}{% endif %}\nAnswer: {{ answer }}")
    sky = Sample("s", "Colour of the sky?", "B", choices=("red", "blue"))
    grass = Question("Of grass?", labels(("A", "B")), ("green", "pink"), exemplars=(sky,), templates=(template,))
    by_letter, by_words = (first(f"choice-logprob:k=1,template=0,score={way}", grass) for way in ("letter", "text"))
    assert by_letter[0].prompt == (
        "Colour of the sky?\n(A) red\n(B) blue\nAnswer: B\n\nOf grass?\n(A) green\n(B) pink\nAnswer:"
    )
    assert [request.continuation for request in by_letter] == [" A", " B"]
    assert by_words[0].prompt == "Colour of the sky?\nAnswer: blue\n\nOf grass?\nAnswer:"
    assert [request.continuation for request in by_words] == [" green", " pink"]


def test_a_letter_is_not_asked_for_without_its_choices() -> None:
    """The model could not know what A is: every number that comes of it would be chance."""
    grass = Question("Of grass?", labels(("A", "B")), ("green", "pink"), fields=(("A", "green"), ("B", "pink")))
    blind = Template("{{ question }}\nAnswer: {{ answer }}")
    with pytest.raises(UserError, match="shows no choices and the answer is the letter"):
        first("zero-shot:template=0", replace(grass, templates=(blind,)))
    first("choice-logprob:template=0,score=text", replace(grass, templates=(blind,)))
    for text in ("{{ question }} {{ options }} {{ answer }}", "{{ question }} {{ A }}, {{ B }}: {{ answer }}"):
        first("zero-shot:template=0", replace(grass, templates=(Template(text),)))


def test_fields_of_the_row_and_rows_own_names() -> None:
    question = replace(FILM, fields=(("title", "Z"), ("running time", "90"), ("answer", "no")))
    told = replace(question, template=Template("{{ title }} ({{ row['running time'] }}): {{ answer }}"))
    assert prompt_for(told) == "Z (90):"


def test_a_system_message_comes_first() -> None:
    [turns] = first("zero-shot:system=Be brief", FILM)
    assert isinstance(turns.prompt, tuple) and turns.prompt[0] == Message("system", "Be brief")
    assert first("zero-shot:system=Be brief,template=0", FILM)[0].prompt == (
        "Be brief\n\nReview: It sings.\nSentiment:"
    )


def test_stops_and_sampling_reach_every_request_that_draws() -> None:
    [request] = first('zero-shot:temperature=0.5,top_k=7,min_p=0.1,stop="\\n\\n"', FILM)
    assert (request.params.top_k, request.params.min_p, request.params.stop) == (7, 0.1, ("\n\n",))
    drawn = first("self-consistency:base=few-shot(k=1),n=3,top_k=5", FILM)
    assert [request.params.top_k for request in drawn] == [5, 5, 5]
    with pytest.raises(UserError, match="top_k is 7 and nothing is drawn at temperature 0"):
        first("zero-shot:top_k=7", FILM)


def test_stops_are_what_begins_another_sample() -> None:
    assert stops_of(REVIEW) == ("\nReview:",)
    assert stops_of(Template("{{ question }} -> {{ answer }}", between="\n")) == ("\n",)


@pytest.mark.parametrize("seed", range(len(formats_of(REVIEW))))
def test_every_format_keeps_what_is_asked(seed: int) -> None:
    question = replace(FILM, template=formatted(REVIEW, seed))
    prompt = str(prompt_for(question, POOL[:1]))
    assert (
        prompt.index("Dull.") < prompt.lower().index("sentiment") < prompt.index("negative") < prompt.index("It sings.")
    )
    assert asked_of(question).gap in ("", " ")


def test_formats_differ_and_are_the_same_again() -> None:
    worded = [formatted(REVIEW, seed) for seed in range(len(formats_of(REVIEW)))]
    assert len({(each.text, each.between) for each in worded}) == 144
    assert formatted(REVIEW, 5) == worded[5]


BAD = {
    "no place": ("Review: {{ text }}", "has no {{ answer }}"),
    "two places": ("{{ answer }} {{ text }} {{ answer }}", "{{ answer }} more than once"),
    "nothing of a sample": ("Sentiment: {{ answer }}", "shows nothing of a sample"),
    "nothing before the answer": (
        "Sentiment: {{ answer }} of {{ text }}",
        "shows the sample behind the answer only",
    ),
    "no such field": ("{{ txet }}: {{ answer }}", ", line 1: 'txet' is undefined; it may use answer, choices"),
    "no Jinja": ("{{ text }: {{ answer }}", "line 1:"),
    "no block": ("{% if text %}{{ answer }}", "line 1:"),
    "an error of its own": ("{{ text / 2 }}{{ answer }}", "fails (TypeError"),
    "too much": ("{{ 'a' * 1000000000 }}{{ answer }}", "makes more than 10,000,000 characters"),
    "a power": ("{{ 9 ** 99999 }}{{ answer }}", "computes int **"),
    "a loop": ("{% for i in range(1000000000) %}x{% endfor %}{{ answer }}", "fails (OverflowError"),
    "Python's own": ("{{ ''.__class__.__mro__ }}{{ answer }}", "unsafe"),
    "a file": ("{% include '/etc/passwd' %}{{ answer }}", "line 1: it asks for another file"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_template_that_will_not_do_is_told_in_one_sentence(kind: str, tmp_path: Path) -> None:
    text, said = BAD[kind]
    path = tmp_path / "own.jinja"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        first(f"zero-shot:template={path}", FILM)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "own.jinja"
    path.write_text("\ufeffFilm: {{ text }}\nIs: {{ answer }}\n", encoding="utf-8")
    assert read_template(str(path)).text == "Film: {{ text }}\nIs: {{ answer }}"
    assert first(f"zero-shot:template={path}", FILM)[0].prompt == "Film: It sings.\nIs:"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not UTF-8"):
        first(f"zero-shot:template={path}", FILM)
    path.write_text(" \n", encoding="utf-8")
    with pytest.raises(UserError, match="is empty"):
        first(f"zero-shot:template={path}", FILM)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("zero-shot:template=1", "template is 1 and the task has templates 0 to 0"),
        ("zero-shot:template=none.jinja", "none of own, best, 0 \\(the task's own\\) and no file"),
        ("zero-shot:label_words=bad", "1 for the labels negative, positive"),
        ("zero-shot:label_words=good+Good", "the same or empty"),
        ("zero-shot:format_seed=0", "no template to format"),
        ("zero-shot:template=0,format_seed=144", "between 0 and 143"),
        ("zero-shot:template=best", "chosen before a run's first question"),
        ("self-consistency:base=few-shot(k=1,template=best)", "outside of its parentheses"),
        ("choice-logprob:calibrate=batch", "estimated before a run's first question"),
    ],
)
def test_what_cannot_be_worded_is_refused(spec: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        first(spec, FILM)


def test_yes_and_no_in_other_words() -> None:
    question = Question("Is it?", YES_NO, labels=("yes", "no"), templates=(Template("{{ text }} {{ answer }}"),))
    worded = in_words(question, {"template": "0", "label_words": ("True", "False")})
    assert worded.format.read(Generation("It is false.", "stop")) == Prediction(
        "no", "ok", "the only label named", (6, 11)
    )


def test_what_a_base_says_is_said_outside() -> None:
    """Inside and outside are one strategy, and neither goes unheard."""
    inside = get_strategy("self-consistency:base=few-shot(k=1,template=0,label_words=bad+good,system=A),n=3")
    assert inside.name == "self-consistency:base=few-shot(k=1),n=3,template=0,label_words=bad+good,system=A"
    for spec in ("base=few-shot(k=1,top_k=20),n=3,system=X", "base=few-shot(k=1,min_p=0.1,top_k=20),n=3,template=0"):
        assert {request.params.top_k for request in first(f"self-consistency:{spec}", FILM)} == {20}
    own = replace(FILM, form="0", templates=(Template("{{ text }} It was {{ answer }}", ("awful", "great")),))
    [request, _] = first("self-consistency:base=few-shot(k=1,template=own),n=2", own)
    assert request.prompt == (Message("user", "Dull."), Message("assistant", "negative"), Message("user", "It sings."))


@pytest.mark.parametrize("given", [("template", "0", "own"), ("system", "A", "B"), ("label_words", "a+b", "c+d")])
def test_what_a_base_and_the_whole_say_otherwise_is_refused(given: tuple[str, str, str]) -> None:
    name, one, other = given
    with pytest.raises(UserError, match=f"{name} is given for the base .* write it once, outside"):
        get_strategy(f"self-consistency:base=few-shot(k=1,{name}={one}),n=3,{name}={other}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ text }}\nV: {{ answer | upper }}", "changes the answer"),
        ("{{ text }}\n{% if answer == 'positive' %}:-) {% endif %}V: {{ answer }}", "changes the answer"),
        ("{{ text }}\nV: {{ ('a ' ~ answer) | title }}", "changes the answer"),
        ("{{ text }}\n{% set said = answer %}V: {{ said }}", "changes the answer"),
        ("V: {{ answer }}\n{{ text }}", "behind the answer only"),
        ("V: {{ answer }} ({{ title }})", "behind the answer only"),
    ],
)
def test_a_template_whose_exemplars_have_another_form_is_refused(text: str, said: str) -> None:
    for spec in ("few-shot:k=1,template=0", "choice-logprob:template=0"):
        with pytest.raises(UserError, match=said):
            first(spec, replace(FILM, templates=(Template(text),)))


def test_a_template_may_join_the_answer_and_end_behind_it() -> None:
    for text in ("{{ text }}\n{{ 'V: ' ~ answer }}", "{{ text }}\nV: {{ answer }} of {{ title }}."):
        [request] = first("few-shot:k=1,template=0", replace(FILM, templates=(Template(text),)))
        assert str(request.prompt).endswith("It sings.\nV:")


@pytest.mark.parametrize("name", ["zero-shot", "zero-shot-cot", "instruction:text=Say it."])
def test_a_first_empty_line_ends_no_reply_where_no_exemplar_has_shown_it(name: str) -> None:
    """Chat models begin a reply to bare text with one, and all replies would be empty."""
    bare = replace(FILM, templates=(Template("{{ text }}\nIt was {{ answer }}"),))
    joined = name.replace(":", "(") + ")" if ":" in name else name
    for spec in (f"{name}{',' if ':' in name else ':'}template=0", f"self-consistency:base={joined},n=2,template=0"):
        assert {request.params.stop for request in first(spec, bare)} == {()}
    [request] = first("few-shot:k=1,template=0", bare)
    assert request.params.stop == ("\n\n",)
    named = replace(FILM, templates=(REVIEW,))
    assert first("zero-shot:template=0", named)[0].params.stop == ("\nReview:",)


def test_a_gap_of_its_own_is_the_answers_to_the_character() -> None:
    own = Template("{{ text }} {{ gap }}{{ answer }}", between="\n#\n", gap=":\n", stop=("#", "\n\n"))
    question = replace(FILM, templates=(own,))
    [request] = first("few-shot:k=2,template=0", question)
    assert request.prompt == "Dull. :\nnegative\n#\nFun! :\npositive\n#\nIt sings. "
    assert request.params.stop == ("#", "\n\n")
    assert first("zero-shot:template=0", question)[0].params.stop == ("#", "\n\n")
    scored = first("choice-logprob:k=1,template=0", question)
    assert [(one.prompt, one.continuation) for one in scored] == [
        ("Dull. :\nnegative\n#\nIt sings. ", f":\n{name}") for name in NAMES
    ]
    other = replace(question, templates=(replace(own, scored_gap=" "),))
    assert [one.continuation for one in first("choice-logprob:k=1,template=0", other)] == [" negative", " positive"]


def test_a_bar_is_a_sign_where_a_format_says_so() -> None:
    sample = Sample("a", "Which?", "one | two")
    for bars, shown in ((True, "one "), (False, "one | two")):
        form = AnswerFormat("text", "", "", lambda text, _: Extraction(text), bars=bars)
        question = Question("What?", form, exemplars=(sample,), templates=(Template("{{ text }} {{ answer }}"),))
        [request] = first("few-shot:k=1,template=0", question)
        assert request.prompt == f"Which? {shown}\n\nWhat?"
