"""Each strategy's prompts, letter for letter, with scripted replies; the papers' own examples."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kshot.program import drive, reseed, rewrite
from kshot.prompts.strategies import get_strategy
from kshot.prompts.templates import plain
from kshot.types import (
    AnswerFormat,
    Decomposition,
    EngineError,
    Extraction,
    Generation,
    Message,
    Prediction,
    Question,
    Request,
    Sample,
    SamplingParams,
    Template,
    UserError,
)


def number(text: str, choices: tuple[str, ...]) -> Extraction:
    found = list(re.finditer(r"\d+", text))
    stated = re.search(r"is (\d+)", text)
    if stated:
        return Extraction(stated[1], "stated", stated.span(1), True)
    return Extraction(found[-1][0], "last", found[-1].span()) if found else Extraction(None)


def letter(text: str, choices: tuple[str, ...]) -> Extraction:
    found = re.search(r"[A-C]\b", text)
    return Extraction(found[0], "letter", found.span()) if found else Extraction(None)


NUMBER = AnswerFormat("number", "Answer with a number.", "Therefore, the answer is", number)
LETTER = AnswerFormat(
    "letter", "Answer with the letter.", "Among the choices, it is", letter, "The answer is ({answer})."
)
LABEL = AnswerFormat("label", "Answer with good or bad.", "So it is", lambda t, _: Extraction(t.strip() or None))
TREES = Sample("trees", "6 trees become 8. How many are new?", "2", "There are 8 - 6 = 2 new ones.")
CARS = Sample("cars", "3 cars and 2 more. How many?", "5", "3 + 2 = 5.")
SUM = Question("2 + 2?", NUMBER, exemplars=(TREES, CARS), instructions=("Work it out.", "Calculate."))
SKY = Question(
    "Colour of the sky?",
    LETTER,
    choices=("red", "blue"),
    exemplars=(Sample("grass", "Of grass?", "A", "Grass is green.", ("green", "pink", "grey")),),
)
FILM = Question("a delight", LABEL, labels=("good", "bad"), exemplars=(Sample("f", "a bore", "bad"),))


def turns(*contents: str) -> tuple[Message, ...]:
    return tuple(Message("assistant" if at % 2 else "user", text) for at, text in enumerate(contents))


def ask(
    spec: str, question: Question, reply: Callable[[Request], str | float | Generation] = lambda request: "4"
) -> tuple[list[Request], Prediction]:
    """The requests that a strategy makes of scripted replies, and what it predicts."""
    asked: list[Request] = []

    def answer(request: Request) -> Generation:
        asked.append(request)
        said = reply(request)
        if isinstance(said, Generation):
            return said
        if isinstance(said, float):
            assert request.continuation is not None
            return Generation(request.continuation, "scored", completion_tokens=len(request.continuation), logprob=said)
        return Generation(said, "stop")

    return asked, drive(get_strategy(spec)(question), answer)


@pytest.mark.parametrize(
    ("spec", "question", "prompt", "tokens"),
    [
        ("zero-shot", SUM, turns("2 + 2?\nAnswer with a number."), 32),
        (
            "zero-shot",
            SKY,
            turns("Colour of the sky?\nAnswer choices:\n(A) red\n(B) blue\nAnswer with the letter."),
            32,
        ),
        ("instruction", SUM, turns("Work it out.\n\n2 + 2?\nAnswer with a number."), 32),
        ("instruction:wording=1", SUM, turns("Calculate.\n\n2 + 2?\nAnswer with a number."), 32),
        ('instruction:text="Add, then stop."', SUM, turns("Add, then stop.\n\n2 + 2?\nAnswer with a number."), 32),
        ("few-shot:k=2", SUM, turns(TREES.question, "2", CARS.question, "5", "2 + 2?"), 32),
        ("few-shot:k=1,wording=0", SUM, turns(f"Work it out.\n\n{TREES.question}", "2", "2 + 2?"), 32),
        ("few-shot:k=2,noise=1", SUM, turns(TREES.question, "5", CARS.question, "2", "2 + 2?"), 32),
        ("few-shot:k=0", SUM, turns("2 + 2?\nAnswer with a number."), 32),
        (
            "few-shot:k=1",
            SKY,
            turns(
                "Of grass?\nAnswer choices:\n(A) green\n(B) pink\n(C) grey\nAnswer with the letter.",
                "A",
                "Colour of the sky?\nAnswer choices:\n(A) red\n(B) blue\nAnswer with the letter.",
            ),
            32,
        ),
        (
            "chain-of-thought:k=2,order=reversed",
            SUM,
            turns(
                CARS.question,
                "3 + 2 = 5. The answer is 5.",
                TREES.question,
                "There are 8 - 6 = 2 new ones. The answer is 2.",
                "2 + 2?",
            ),
            256,
        ),
        (
            "chain-of-thought:k=1",
            SKY,
            turns(
                "Of grass?\nAnswer choices:\n(A) green\n(B) pink\n(C) grey",
                "Grass is green. The answer is (A).",
                "Colour of the sky?\nAnswer choices:\n(A) red\n(B) blue",
            ),
            256,
        ),
    ],
)
def test_one_request_strategies(spec: str, question: Question, prompt: tuple[Message, ...], tokens: int) -> None:
    asked, prediction = ask(spec, question, lambda request: "B 4")
    assert asked == [Request(prompt, SamplingParams(max_new_tokens=tokens))]
    assert prediction.answer == ("B" if question is SKY else "4")


def test_sampling_parameters_reach_the_request() -> None:
    for name in ("zero-shot", "instruction", "few-shot:k=1", "chain-of-thought:k=1"):
        spec = f"{name}{',' if ':' in name else ':'}temperature=0.5,top_p=0.9,max_new_tokens=7"
        assert ask(spec, SUM)[0][0].params == SamplingParams(0.5, 0.9, 7)


# ---------------------------------------------------------------- zero-shot-cot


def test_zero_shot_cot_reads_the_answer_off_its_own_chain() -> None:
    chain = " Two and two make four."
    replies = iter([chain, " 4. Done"])
    asked, prediction = ask("zero-shot-cot:temperature=0.7", SUM, lambda request: next(replies))
    assert asked == [
        Request(turns("2 + 2?", "Let's think step by step."), SamplingParams(0.7, 1.0, 256)),
        Request(
            turns("2 + 2?", f"Let's think step by step.{chain}\nTherefore, the answer is"),
            SamplingParams(0.0, 1.0, 32),
        ),
    ]
    assert prediction == Prediction("4", "ok", "stated", (1, 2), detail={"chain_cut": False})


@pytest.mark.parametrize("chain", ["", " One.\n Two.", "\n\n", "é\x00", "ends in space "])
def test_second_prompt_extends_the_first_and_its_chain(chain: str) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Generation:
        asked.append(request)
        return Generation(chain, "stop")

    drive(rewrite(get_strategy("zero-shot-cot")(SUM), plain), answer)
    first, second = (request.prompt for request in asked)
    assert isinstance(first, str)
    assert first == "Q: 2 + 2?\nA: Let's think step by step."
    assert second == f"{first}{chain}\nTherefore, the answer is"


def test_the_triggers_own_words_are_no_answer() -> None:
    both = re.compile("yes|no", re.IGNORECASE)

    def read(text: str, choices: tuple[str, ...]) -> Extraction:
        found = list(both.finditer(text))
        return Extraction(found[-1][0].lower(), "last", found[-1].span(), True) if found else Extraction(None)

    question = Question("Is it?", AnswerFormat("yes-no", "", "The answer (Yes or No) is", read))
    assert ask("zero-shot-cot", question, lambda request: "")[1].status == "unparsed"
    assert ask("zero-shot-cot", question, lambda request: " yes")[1].answer == "yes"
    assert ask("zero-shot-cot", question, lambda request: " yes")[1].span == (1, 4)


def test_a_cut_chain_is_answered_and_said() -> None:
    replies = iter([Generation(" and so on", "length"), Generation(" 4.", "stop")])
    prediction = ask("zero-shot-cot", SUM, lambda request: next(replies))[1]
    assert (prediction.answer, prediction.detail["chain_cut"]) == ("4", True)
    cut = ask("zero-shot-cot", SUM, lambda request: Generation(" hm", "length"))[1]
    assert (cut.answer, cut.status) == (None, "truncated")


# ---------------------------------------------------------------- self-consistency


def test_self_consistency_votes_over_reseeded_draws_of_its_base() -> None:
    said = {}

    def reply(request: Request) -> str:
        return said.setdefault(request.seed, ["7", "5", "7", "nothing"][len(said)])

    asked, prediction = ask("self-consistency:base=few-shot(k=1),n=4,temperature=0.9,top_p=0.8", SUM, reply)
    assert {request.prompt for request in asked} == {turns(TREES.question, "2", "2 + 2?")}
    assert {request.params for request in asked} == {SamplingParams(0.9, 0.8, 32)}
    assert len({request.seed for request in asked}) == 4
    assert prediction.answer == "7"
    assert prediction.answers == ("7", "5", "7", None)
    assert prediction.detail["votes"] == {"7": 2, "5": 1}


def test_draws_go_side_by_side() -> None:
    program = get_strategy("self-consistency:base=zero-shot-cot,n=5")(SUM)
    assert len(next(program)) == 5
    assert len(program.send([Generation(f" {at}", "stop") for at in range(5)])) == 5


def test_draws_are_distinct_over_repeats_and_bases() -> None:
    seeds = []
    for repeat in range(6):
        program = reseed(get_strategy("self-consistency:base=few-shot(k=1),n=6")(SUM), repeat)
        seeds += [request.seed for request in next(program)]
    assert len(set(seeds)) == 36


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("self-consistency:base=choice-logprob", "cannot sample 'choice-logprob', which has no temperature"),
        ("self-consistency:n=0", "n is 0"),
        ("self-consistency:temperature=0", "draws the same chain n times"),
        ("self-consistency:base=few-shot(k=1,temperature=0.4)", "write temperature=0.4 outside its parentheses"),
        ("self-consistency:base=few-shot(k=1,top_p=0.4)", "write top_p=0.4 outside its parentheses"),
    ],
)
def test_self_consistency_refuses(spec: str, sentence: str) -> None:
    with pytest.raises(UserError, match=re.escape(sentence)):
        ask(spec, SUM)


def test_an_instruction_of_ones_own_serves_a_task_without_any_and_stands_alone() -> None:
    [asked], _ = ask("instruction:text=Add.", replace(SUM, instructions=()))
    assert asked.prompt == turns("Add.\n\n2 + 2?\nAnswer with a number.")
    with pytest.raises(UserError, match=r"wording is 1 and text is 'Add\.': both say the instruction; keep one"):
        ask("instruction:text=Add.,wording=1", SUM)


# ---------------------------------------------------------------- least-to-most (Zhou et al. 2022, section 3.1)

THINK = Decomposition(
    "think, machine, learning",
    (
        (
            "think, machine",
            'The last letter of "think" is "k". The last letter of "machine" is "e". '
            'Concatenating "k", "e" leads to "ke". So, "think, machine" outputs "ke".',
        ),
        (
            "think, machine, learning",
            '"think, machine" outputs "ke". The last letter of "learning" is "g". '
            'Concatenating "ke", "g" leads to "keg". So, "think, machine, learning" outputs "keg".',
        ),
    ),
)


def outputs(text: str, choices: tuple[str, ...]) -> Extraction:
    found = list(re.finditer(r'outputs "(\w+)"', text))
    return Extraction(found[-1][1], "outputs", found[-1].span(1), True) if found else Extraction(None)


WORDS = Question(
    "transformer, language, vision, model",
    AnswerFormat("word", "Give the letters.", "The letters are", outputs),
    decompositions=(THINK,),
)


def solver(request: Request) -> str:
    """Solves as the paper's prompt shows: it can add one word to an answer that stands in its prompt, no more."""
    assert not isinstance(request.prompt, str)
    task = request.prompt[-1].content
    if task.startswith("Break this down"):
        words = task.split(": ")[1].split(", ")
        return "\n".join(f"{at - 1}. {', '.join(words[:at])}" for at in range(2, len(words) + 1))
    words = task.split("\n\n")[-1].split(", ")
    before = "".join(words[0][-1]) if len(words) == 2 else None
    for message in request.prompt:
        found = re.search(rf'So, "{", ".join(words[:-1])}" outputs "(\w+)"', message.content)
        before = found[1] if found else before
    return f'So, "{", ".join(words)}" outputs "{before}{words[-1][-1]}".' if before else "I do not know."


def test_least_to_most_on_the_papers_last_letters() -> None:
    asked, prediction = ask("least-to-most", WORDS, solver)
    head = turns(f"{THINK.question}\n\n{THINK.steps[0][0]}", THINK.steps[0][1], THINK.question, THINK.steps[1][1])
    whole = "transformer, language, vision, model"
    assert [request.prompt for request in asked] == [
        turns(
            "Break this down into simpler questions: think, machine, learning",
            "1. think, machine",
            f"Break this down into simpler questions: {whole}",
        ),
        (*head, *turns(f"{whole}\n\ntransformer, language")),
        (
            *head,
            *turns(
                f"{whole}\n\ntransformer, language",
                'So, "transformer, language" outputs "re".',
                "transformer, language, vision",
            ),
        ),
        (
            *head,
            *turns(
                f"{whole}\n\ntransformer, language",
                'So, "transformer, language" outputs "re".',
                "transformer, language, vision",
                'So, "transformer, language, vision" outputs "ren".',
                whole,
            ),
        ),
    ]
    assert prediction.answer == "renl"
    assert prediction.detail["steps"] == ["transformer, language", "transformer, language, vision"]
    assert solver(Request(turns(whole))) == "I do not know."  # the steps are what makes it work


def test_each_steps_prompt_extends_the_one_before_in_plain_text_too() -> None:
    asked: list[str] = []

    def answer(request: Request) -> Generation:
        assert isinstance(request.prompt, str)
        asked.append(request.prompt)
        return Generation(" 1. one\n2. two\n3. three\n", "stop")

    drive(rewrite(get_strategy("least-to-most")(WORDS), plain), answer)
    assert len(asked) == 5
    for before, after in itertools.pairwise(asked[1:]):
        assert after.startswith(f"{before} 1. one\n2. two\n3. three")


@pytest.mark.parametrize(
    ("plan", "steps"),
    [
        ("", []),
        ("I cannot.", []),
        ("1. one\n2) two\n- three\n* four", ["one", "two", "three", "four"]),
        ("1. one\n2. One \n3. one", ["one"]),
        ("1. one\n2. Transformer,  language, vision, MODEL", ["one"]),
        ("1.\n2. \n3.5 x\n4. y", ["5 x", "y"]),
        ("\n" * 5000 + "1. late", []),
        ("\n".join(f"{at}. step {at}" for at in range(99)), [f"step {at}" for at in range(8)]),
    ],
)
def test_plans_are_read_robustly(plan: str, steps: list[str]) -> None:
    def reply(request: Request) -> str:
        assert not isinstance(request.prompt, str)
        return plan if request.prompt[-1].content.startswith("Break") else 'outputs "x"'

    asked, prediction = ask("least-to-most", WORDS, reply)
    assert prediction.detail["steps"] == steps
    assert len(asked) == len(steps) + 2
    assert prediction.answer == "x"


def test_a_cut_plan_loses_its_last_line() -> None:
    prediction = ask("least-to-most", WORDS, lambda request: Generation("1. one\n2. tw", "length"))[1]
    assert prediction.detail["steps"] == ["one"]
    assert ask("least-to-most", WORDS, lambda r: Generation("1. on", "length"))[1].detail["steps"] == []


def test_least_to_most_needs_decompositions() -> None:
    with pytest.raises(UserError, match="needs decomposition exemplars"):
        ask("least-to-most", SUM)
    with pytest.raises(UserError, match="max_steps is 0"):
        ask("least-to-most:max_steps=0", WORDS)


# ---------------------------------------------------------------- choice-logprob


def scorer(scores: dict[str, float]) -> Callable[[Request], float]:
    return lambda request: scores[str(request.continuation)]


def test_choices_by_letter() -> None:
    asked, prediction = ask("choice-logprob", SKY, scorer({"A": -2.0, "B": -1.0}))
    prompt = turns("Colour of the sky?\nAnswer choices:\n(A) red\n(B) blue\nAnswer with the letter.")
    assert asked == [Request(prompt, continuation="A"), Request(prompt, continuation="B")]
    assert (prediction.answer, prediction.status) == ("B", "ok")
    assert prediction.detail["logprobs"] == {"A": -2.0, "B": -1.0}
    assert prediction.probabilities == pytest.approx({"A": 1 / (1 + math.e), "B": math.e / (1 + math.e)})


def test_choices_by_text_are_not_listed() -> None:
    asked, prediction = ask("choice-logprob:score=text,k=1", SKY, scorer({"red": -2.0, "blue": -1.0}))
    prompt = turns("Of grass?", "green", "Colour of the sky?")
    assert asked == [Request(prompt, continuation="red"), Request(prompt, continuation="blue")]
    assert prediction.answer == "B"


def test_labels_are_scored_by_their_words() -> None:
    asked, prediction = ask("choice-logprob", FILM, scorer({"good": -0.5, "bad": -1.5}))
    prompt = turns("a delight\nAnswer with good or bad.")
    assert asked == [Request(prompt, continuation="good"), Request(prompt, continuation="bad")]
    assert prediction.answer == "good"


def test_a_base_model_scores_the_option_after_a_space() -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Generation:
        asked.append(request)
        return Generation("", "scored", logprob=-1.0)

    drive(rewrite(get_strategy("choice-logprob")(FILM), plain), answer)
    assert [(r.prompt, r.continuation) for r in asked] == [
        ("Q: a delight\nAnswer with good or bad.\nA:", " good"),
        ("Q: a delight\nAnswer with good or bad.\nA:", " bad"),
    ]


@pytest.mark.parametrize(
    ("normalise", "answer", "rule"),
    [
        # log-likelihoods -6, -6.6, -8, -12; tokens 3, 6, 4, 7; characters 3, 4, 14, 9; bytes 3, 4, 16, 27
        ("none", "A", "highest log-likelihood"),
        ("length", "B", "highest log-likelihood per token"),
        ("characters", "C", "highest log-likelihood per character"),
        ("bytes", "D", "highest log-likelihood per byte"),
    ],
)
def test_normalisation(normalise: str, answer: str, rule: str) -> None:
    table: dict[str, tuple[float, int]] = {"red": (-6.0, 3), "blue": (-6.6, 6), "überaus gräulich"[:14]: (-8.0, 4)}
    table["蓝得让人说不出话来"] = (-12.0, 7)
    question = replace(SKY, choices=tuple(table))

    def reply(request: Request) -> Generation:
        logprob, tokens = table[str(request.continuation)]
        return Generation("", "scored", completion_tokens=tokens, logprob=logprob)

    prediction = ask(f"choice-logprob:score=text,normalise={normalise}", question, reply)[1]
    assert (prediction.answer, prediction.rule) == (answer, rule)
    assert prediction.detail["logprobs"] == {"A": -6.0, "B": -6.6, "C": -8.0, "D": -12.0}
    assert sum(prediction.probabilities.values()) == pytest.approx(1)


BLANK = Question(
    "The cup did not fit the case as the _ was big.",
    LETTER,
    choices=("cup", "case"),
    fields=(("before", "The cup did not fit the case as the "), ("after", "was big.")),
    exemplars=(
        Sample("e", "Bea thanked Ann, as _ had helped.", "B", choices=("Bea", "Ann"),
               fields=(("before", "Bea thanked Ann, as "), ("after", "had helped."))),
    ),
    template=Template("{% if options %}{{ question }}\n{{ options }}\n{% endif %}{{ before }}{{ answer }} {{ after }}"),
)  # fmt: skip


def test_the_rest_of_a_sentence_is_scored_after_each_choice() -> None:
    """Partial evaluation (Trinh and Le 2018, section 3.1): the same words, given the sentence with either choice."""

    def reply(request: Request) -> Generation:
        likely = str(request.prompt).endswith("as the case")
        return Generation("", "scored", completion_tokens=2, logprob=-3.0 if likely else -4.0)

    asked, prediction = ask("choice-logprob:score=rest,k=1", BLANK, reply)
    start = "Bea thanked Ann, as Ann had helped.\n\nThe cup did not fit the case as the"
    assert [(request.prompt, request.continuation) for request in asked] == [
        (f"{start} cup", " was big."),
        (f"{start} case", " was big."),
    ]
    assert prediction.answer == "B" and prediction.detail["logprobs"] == {"A": -4.0, "B": -3.0}
    assert ask("choice-logprob:score=rest,normalise=characters", BLANK, reply)[1].answer == "B"


def test_what_cannot_be_scored_around_an_answer_is_told() -> None:
    for question, spec, said in (
        (BLANK, "choice-logprob:score=text", "goes on behind .* score=rest"),
        (replace(BLANK, template=None), "choice-logprob:score=rest", "give template=0"),
        (
            replace(BLANK, template=Template("{{ question }} {{ answer }}")),
            "choice-logprob:score=rest",
            "nothing behind",
        ),
        (FILM, "choice-logprob:score=rest", "no choices"),
    ):
        with pytest.raises(UserError, match=said):
            ask(spec, question, lambda request: -1.0)


def test_equal_options_go_to_the_first_and_a_broken_score_is_never_graded() -> None:
    assert ask("choice-logprob", SKY, lambda request: -1.0)[1].answer == "A"
    for broken in (math.nan, math.inf, -math.inf):
        with pytest.raises(EngineError, match="no finite number"):
            ask("choice-logprob", SKY, scorer({"A": broken, "B": -1.0}))


def test_choice_logprob_needs_options() -> None:
    with pytest.raises(UserError, match="needs a task with choices or labels"):
        ask("choice-logprob", SUM)


# ---------------------------------------------------------------- specifications


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("few-shot", "few-shot"),
        ("few-shot:k=8", "few-shot"),
        ("few-shot:order=reversed,k=4", "few-shot:k=4,order=reversed"),
        ("few-shot(k=4)", "few-shot:k=4"),
        ("self-consistency:base=few-shot(k=4),n=10", "self-consistency:base=few-shot(k=4),n=10"),
        ("self-consistency:base=few-shot:k=4,n=10", "self-consistency:base=few-shot(k=4),n=10"),
        (
            "self-consistency:n=10,base=few-shot(order=shuffled,k=8)",
            "self-consistency:base=few-shot(order=shuffled),n=10",
        ),
        ("self-consistency:base=chain-of-thought(k=8)", "self-consistency"),
        ("zero-shot-cot:lead=auto", "zero-shot-cot"),
        ('zero-shot-cot:lead="First, (as \\"ever\\") x=1:"', 'zero-shot-cot:lead="First, (as \\"ever\\") x=1:"'),
        (
            'self-consistency:base=zero-shot-cot(lead="One, two",answer_tokens=8)',
            'self-consistency:base=zero-shot-cot(lead="One, two",answer_tokens=8)',
        ),
    ],
)
def test_names_are_canonical_and_make_the_strategy_again(spec: str, name: str) -> None:
    strategy = get_strategy(spec)
    assert strategy.name == name
    assert get_strategy(name) == strategy


def test_a_quoted_value_is_what_it_holds() -> None:
    lead = get_strategy('zero-shot-cot:lead="First, (as \\"ever\\") x=1:"').params["lead"]
    assert lead == 'First, (as "ever") x=1:'
    inner: Any = get_strategy('self-consistency:base=zero-shot-cot(lead="One, two")').params["base"]
    assert get_strategy(inner).params["lead"] == "One, two"


def test_unknown_names_suggest() -> None:
    with pytest.raises(UserError, match="unknown strategy 'few-shots': did you mean few-shot"):
        get_strategy("few-shots")
    with pytest.raises(UserError, match="unknown strategy 'chain-of-thougt'"):
        get_strategy("self-consistency:base=chain-of-thougt")
    with pytest.raises(UserError, match="'few-shot' has no parameter 'shots'"):
        get_strategy("few-shot:shots=3")


OWN = """
import sys
from kshot.types import Message, Prediction, Request
def none(question): return None
def number(question): yield 5
def text(question): yield "abc"
def numbers(question): yield [1, 2]
def odd(question): yield [Request(5)]
def listed(question): yield [Request([Message("user", "a")])]
def silent(question): yield []
def word(question):
    yield [Request("a")]
    return "four"
def placeless(): yield []
def needy(question, sample): yield []
def good(question, *, k: int = 2):
    [reply] = yield (Request("a"),)
    return Prediction(reply.text, "ok")
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none", "gave None in place of a program"),
        ("number", "yielded 5 in place of a list of Requests"),
        ("text", "yielded 'abc' in place"),
        ("numbers", r"yielded \[1, 2\] in place"),
        ("odd", r"yielded \[Request\(prompt=5"),
        ("listed", r"yielded \[Request\(prompt=\[Message"),
        ("silent", "returned None in place of a Prediction"),
        ("word", "returned 'four' in place of a Prediction"),
        ("placeless", "cannot be a strategy: too many positional arguments"),
        ("needy", "cannot be a strategy: missing a required argument: 'sample'"),
    ],
)
def test_a_users_own_strategy_that_is_no_program_is_named(tmp_path: Path, name: str, said: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(OWN)
    question = Question("a", "?", (), AnswerFormat("x", "", "", number))
    with pytest.raises(UserError, match=said):
        drive(get_strategy(f"{file}:{name}")(question), lambda request: Generation("4", "stop"))
    good = drive(get_strategy(f"{file}:good")(question), lambda request: Generation("4", "stop"))
    assert good.answer == "4" and get_strategy(f"{file}:good:k=2").name == f"{file}:good"
