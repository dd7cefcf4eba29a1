"""Strategies that are compared today: their prompts letter for letter, and what scripted models make of them."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from kshot.program import drive, reseed
from kshot.prompts.responses import heard
from kshot.prompts.strategies import get_strategy
from kshot.prompts.strategies.auto_cot import clusters
from kshot.prompts.strategies.plan_and_solve import PS, PS_PLUS
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

Reply = Callable[[Request], str | Generation]


def number(text: str, choices: tuple[str, ...]) -> Extraction:
    stated = re.search(r"is (\d+)", text)
    if stated:
        return Extraction(stated[1], "stated", stated.span(1), True)
    found = list(re.finditer(r"\d+", text))
    return Extraction(found[-1][0], "last", found[-1].span()) if found else Extraction(None)


NUMBER = AnswerFormat("number", "Answer with a number.", "Therefore, the answer is", number)
CARS = Sample("cars", "3 cars and 2 more. How many?", "5", "3 + 2 = 5.")
SUM = Question("2 + 2?", NUMBER, exemplars=(CARS,))
LEAD = "Let's think step by step."


def turns(*contents: str) -> tuple[Message, ...]:
    return tuple(Message("assistant" if at % 2 else "user", text) for at, text in enumerate(contents))


def ask(spec: str, question: Question, reply: Reply) -> tuple[list[Request], Prediction]:
    asked: list[Request] = []

    def answer(request: Request) -> Generation:
        asked.append(request)
        said = reply(request)
        return said if isinstance(said, Generation) else Generation(said, "stop")

    return asked, drive(get_strategy(spec)(question), answer)


def one_by_one(*texts: str | Generation) -> Reply:
    """A model that says these, in order."""
    left = iter(texts)
    return lambda request: next(left)


# ---------------------------------------------------------------- what a base wrote


def test_what_was_written_is_the_whole_of_the_answers_turn() -> None:
    program = heard(get_strategy("zero-shot-cot")(SUM), "zero-shot-cot")
    response = drive(program, lambda r: Generation(" 2 and 2." if r.params.max_new_tokens > 32 else " 4.", "stop"))
    assert response.text == f"{LEAD} 2 and 2.\nTherefore, the answer is 4."
    assert [reply.text for reply in response.replies] == [" 2 and 2.", " 4."]
    framed = replace(SUM, template=Template("Q: {{ question }}\nA: {{ answer }}"))
    program = heard(get_strategy("zero-shot-cot")(framed), "zero-shot-cot")
    response = drive(program, lambda r: Generation(" 2 and 2." if r.params.max_new_tokens > 32 else " 4.", "stop"))
    assert response.text == "2 and 2.\nTherefore, the answer is 4."


@pytest.mark.parametrize("name", ["complexity-based-consistency:n=2", "universal-self-consistency:n=2", "self-refine"])
def test_a_vote_is_no_one_text(name: str) -> None:
    spec = f"{name}{',' if ':' in name else ':'}base=self-consistency(base=zero-shot),temperature=0.5"
    with pytest.raises(UserError, match="asks several things at once"):
        ask(spec, SUM, one_by_one())
    with pytest.raises(UserError, match=f"{name.partition(':')[0]} cannot sample 'choice-logprob'"):
        ask(f"{name}{',' if ':' in name else ':'}base=choice-logprob", SUM, one_by_one())


# ---------------------------------------------------------------- plan-and-solve


@pytest.mark.parametrize(("spec", "lead"), [("plan-and-solve", PS["en"]), ("plan-and-solve:plus=true", PS_PLUS["en"])])
def test_plan_and_solve_is_zero_shot_cot_in_other_words(spec: str, lead: str) -> None:
    asked, prediction = ask(spec, SUM, one_by_one(" Plan: add.", " 4."))
    assert [request.prompt for request in asked] == [
        turns("2 + 2?", lead),
        turns("2 + 2?", f"{lead} Plan: add.\nTherefore, the answer is"),
    ]
    assert (prediction.answer, prediction.detail["chain_cut"]) == ("4", False)


# ---------------------------------------------------------------- complexity-based consistency


def chains(*texts: str | Generation) -> Reply:
    """A model whose draws are these, by seed in order of appearance."""
    seen: dict[int, str | Generation] = {}
    return lambda request: seen.setdefault(request.seed, texts[len(seen) % len(texts)])


SHORT, LONG, LONGER = "It is 7.", "One.\nTwo.\nIt is 4.", "One.\nTwo.\n\nThree.\nIt is 4."


def test_the_most_complex_chains_outvote_a_majority() -> None:
    spec = "complexity-based-consistency:base=chain-of-thought(k=1),n=5"
    drawn = (SHORT, LONG, SHORT, LONGER, SHORT)
    asked, prediction = ask(f"{spec},share=0.4", SUM, chains(*drawn))
    assert prediction.answer == "4" and prediction.answers == ("4", "4")
    assert (prediction.detail["steps"], prediction.detail["voters"]) == ([1, 3, 1, 4, 1], [1, 3])
    assert ask(f"{spec},share=1", SUM, chains(*drawn))[1].answer == "7"  # which is self-consistency
    theirs, _ = ask("self-consistency:base=chain-of-thought(k=1),n=5", SUM, chains(*drawn))
    assert asked == theirs  # so that both are paid for once


def test_a_chain_without_an_answer_neither_votes_nor_takes_a_place() -> None:
    cut = Generation("One.\n" * 50 + "so 9", "length")
    drawn = (cut, SHORT, LONG, "No idea.\n" * 9)
    prediction = ask("complexity-based-consistency:base=zero-shot,n=4,share=0.5", SUM, chains(*drawn))[1]
    assert (prediction.answers, prediction.answer) == (("7", "4"), "7")  # of equal counts the first drawn
    assert prediction.detail["statuses"] == ["truncated", "ok", "ok", "unparsed"]
    nothing = ask("complexity-based-consistency:base=zero-shot,n=3", SUM, chains("a", "b", "c"))[1]
    assert (nothing.answer, nothing.status, nothing.answers) == (None, "unparsed", (None,) * 3)
    few = ask("complexity-based-consistency:base=zero-shot,n=5", SUM, chains("a", SHORT, "b", SHORT, "c"))[1]
    assert few.answers == ("7", "7", None, None)  # as many in every question, for what is counted over them
    truncated = ask("complexity-based-consistency:base=zero-shot,n=3", SUM, chains(Generation("hm", "length")))[1]
    assert truncated.status == "truncated"


def test_sentences_are_counted_where_chains_are_one_line() -> None:
    drawn = ("First 2. Then 2.5 more! So it is 4.", SHORT, SHORT)
    found = ask("complexity-based-consistency:base=zero-shot,n=3,share=0.3,steps=sentences", SUM, chains(*drawn))[1]
    assert (found.detail["steps"], found.answer) == ([3, 1, 1], "4")
    assert ask("complexity-based-consistency:base=zero-shot,n=3,share=0.6", SUM, chains(*drawn))[1].detail["steps"] == [
        1, 1, 1,
    ]  # fmt: skip


def test_how_many_vote_is_the_share_rounded_up() -> None:
    for n, share, voters in ((50, "0.8", 40), (10, "0.3", 3), (10, "0.31", 4), (3, "0.1", 1)):
        spec = f"complexity-based-consistency:base=zero-shot,n={n},share={share}"
        assert len(ask(spec, SUM, chains(SHORT))[1].answers) == voters


# ---------------------------------------------------------------- universal self-consistency


def test_the_model_picks_among_its_responses() -> None:
    def reply(request: Request) -> str:
        if "Select the most" in str(request.prompt):
            return "The most consistent response is Response 2. It agrees with 0."
        return drawn(request)  # type: ignore[return-value]

    drawn = chains("It is 7.", "It is 4.", "It is 5.")
    asked, prediction = ask("universal-self-consistency:base=zero-shot,n=3", SUM, reply)
    # the paper's figure 6
    assert asked[-1].prompt == turns(
        "I have generated the following responses to the question: 2 + 2?\n\nResponse 0: It is 7.\n\n"
        "Response 1: It is 4.\n\nResponse 2: It is 5.\n\nEvaluate these responses.\nSelect the most consistent "
        'response based on majority consensus.\nStart your answer with "The most consistent response is Response X" '
        "(without quotes)."
    )
    assert (asked[-1].params.temperature, asked[-1].params.max_new_tokens) == (0.0, 64)
    assert (prediction.answer, prediction.detail["chosen"]) == ("5", 2)
    assert prediction.detail["chains"] == ["7", "4", "5"] and prediction.span is None
    assert prediction.answers == ()  # it is no vote, and no curve of votes is drawn from it


@pytest.mark.parametrize(
    ("said", "finish", "chosen"),
    [
        ("The most consistent response is Response 1", "stop", 1),
        ("**Response 0**: it is right.", "stop", 0),
        ("response #2", "stop", 2),
        ("The most consistent response is 1.", "stop", 1),
        ("Response X agrees with Response 1.", "stop", 1),
        ("All 3 responses agree.", "stop", None),
        ("Response 3", "stop", None),
        ("4", "stop", None),
        ("Response 1", "length", None),  # it may have gone on to 12
        ("Response 1 is", "length", 1),
        ("", "stop", None),
    ],
)
def test_which_response_is_picked(said: str, finish: str, chosen: int | None) -> None:
    drawn = chains("It is 7.", "It is 4.", "It is 5.")

    def reply(request: Request) -> str | Generation:
        picks = "Select the most" in str(request.prompt)
        return Generation(said, "length" if finish == "length" else "stop") if picks else drawn(request)

    prediction = ask("universal-self-consistency:base=zero-shot,n=3", SUM, reply)[1]
    assert prediction.answer == (None if chosen is None else ["7", "4", "5"][chosen])
    assert prediction.status == ("ok" if chosen is not None else "truncated" if finish == "length" else "unparsed")


def test_of_responses_that_are_the_same_none_has_to_be_picked() -> None:
    asked, prediction = ask("universal-self-consistency:base=zero-shot,n=3", SUM, chains("It is 4."))
    assert len(asked) == 3 and (prediction.answer, prediction.detail["chosen"]) == ("4", 0)


# ---------------------------------------------------------------- self-refine


def test_feedback_and_refinement_see_all_that_was_before() -> None:
    asked, prediction = ask(
        "self-refine:base=zero-shot", SUM, one_by_one("It is 5.", "5 is too much.", "It is 4.", "Now it is correct.")
    )
    feedback = (
        "There is an error in the solution above because of lack of understanding of the question. What is the error? "
        "To find the error, go through semantically complete blocks of the solution, and check if everything looks "
        'good. If there is no error, say "it is correct".'
    )
    wish = "Okay, let's use this feedback to improve the response.\nAnswer with a number."
    history = turns("2 + 2?", "It is 5.", feedback, "5 is too much.", wish, "It is 4.", feedback)
    assert [request.prompt for request in asked[1:]] == [history[:3], history[:5], history]
    assert (prediction.answer, prediction.status) == ("4", "ok")
    assert prediction.detail == {"responses": ["5", "4"], "stopped": True}


def test_it_stops_after_its_rounds_and_where_feedback_says_nothing() -> None:
    asked, prediction = ask("self-refine:base=zero-shot,rounds=2", SUM, lambda r: f"no: is {len(str(r.prompt))}")
    assert len(asked) == 5 and not prediction.detail["stopped"] and len(prediction.detail["responses"]) == 3
    asked, prediction = ask("self-refine:base=zero-shot", SUM, one_by_one("It is 4.", " \n"))
    assert len(asked) == 2 and (prediction.answer, prediction.detail["stopped"]) == ("4", True)
    asked, prediction = ask("self-refine:base=zero-shot,rounds=0", SUM, one_by_one("It is 4."))
    assert len(asked) == 1 and prediction.answer == "4"
    asked, prediction = ask("self-refine:base=zero-shot", SUM, one_by_one(""))
    assert len(asked) == 1 and prediction.status == "unparsed"


def test_the_last_response_counts_even_where_it_cannot_be_read() -> None:
    cut = Generation("well, 1", "length")
    prediction = ask("self-refine:base=zero-shot,rounds=1", SUM, one_by_one("It is 4.", "Wrong.", "I give up."))[1]
    assert (prediction.answer, prediction.status, prediction.detail["responses"]) == (None, "unparsed", ["4", None])
    prediction = ask("self-refine:base=zero-shot,rounds=1", SUM, one_by_one("It is 4.", "Wrong.", cut))[1]
    assert (prediction.answer, prediction.status, prediction.rejected) == (None, "truncated", "1")
    unsure = ask("self-refine:base=zero-shot,rounds=1", SUM, one_by_one("It is 4.", "It is not correct.", "It is 3."))
    assert unsure[1].answer == "3"


# ---------------------------------------------------------------- tree of thoughts


def test_a_strategy_of_five_and_an_answer_of_five() -> None:
    """The paper's own use for any task, appendix B.1."""
    seen: dict[str, int] = {}

    def reply(request: Request) -> str:
        text = str(request.prompt)
        seen[text] = seen.get(text, 0) + 1
        if "Given an instruction" in text:
            return 'I like the second. "The best choice is 2"'
        return f"is {seen[text]}" if "Answer:" in text[-30:] else f"Add {seen[text]}."

    asked, prediction = ask("tree-of-thoughts", SUM, reply)
    question = (
        "Answer the following question: 2 + 2?\n\nMake a strategy then write. Your output should be of the following "
        "format:\n\nStrategy:\nYour strategy about how to answer the question.\n\nAnswer:\nYour answer to the "
        'question. It should end with "The answer is X."'
    )
    vote = (
        "Given an instruction and several choices, decide which choice is most promising. Analyze each choice in "
        'detail, then conclude in the last line "The best choice is {s}", where s the integer id of the choice.\n\n'
        "2 + 2?\n\n"
    )
    assert len(asked) == 20
    assert {request.prompt for request in asked[:5]} == {turns(question, "Strategy:\n")}
    assert {request.params.stop for request in asked[:5]} == {("\nAnswer:",)}
    assert asked[5].prompt == turns(vote + "\n\n".join(f"Choice {at}:\nAdd {at}." for at in range(1, 6)))
    assert {request.prompt for request in asked[10:15]} == {turns(question, "Strategy:\nAdd 2.\nAnswer:\n")}
    assert {request.params.stop for request in asked[10:15]} == {()}
    assert asked[15].prompt == turns(vote + "\n\n".join(f"Choice {at}:\nAdd 2.\nis {at}" for at in range(1, 6)))
    assert prediction.answer == "2"
    assert prediction.detail["steps"] == [
        {"kept": ["Add 2."], "values": [5.0], "of": 5, "read": 5},
        {"kept": ["is 2"], "values": [5.0], "of": 5, "read": 5},
    ]
    for part in (asked[:5], asked[5:10], asked[10:15], asked[15:]):
        assert len({request.seed for request in part}) == 5


def test_draws_differ_between_repeats() -> None:
    seeds = []
    for repeat in range(5):
        program = reseed(get_strategy("tree-of-thoughts")(SUM), repeat)
        seeds += [request.seed for request in next(program)]
    assert len(set(seeds)) == 25


def reaches(numbers: list[float]) -> bool:
    """Whether numbers can be made 24, by trying everything."""
    if len(numbers) == 1:
        return abs(numbers[0] - 24) < 1e-6
    return any(reaches(left) for _, left in moves(numbers))


def moves(numbers: list[float]) -> list[tuple[str, list[float]]]:
    found = []
    for a, b in itertools.permutations(range(len(numbers)), 2):
        x, y = numbers[a], numbers[b]
        rest = [numbers[at] for at in range(len(numbers)) if at not in (a, b)]
        results = {"+": x + y, "-": x - y, "*": x * y, **({"/": x / y} if y else {})}
        for sign, value in results.items():
            if value >= 0:
                left = [*rest, value]
                found.append((f"{x:g} {sign} {y:g} = {value:g} (left: {' '.join(f'{n:g}' for n in left)})", left))
    return found


def left_in(text: str) -> list[float]:
    found = re.findall(r"left: ([\d. e+-]+)\)", text)
    return [float(each) for each in (found[-1].split() if found else re.findall(r"\d+", text.split("\n")[0]))]


def player(sees: bool) -> Reply:
    """Plays Game of 24: proposes moves in no clever order, and rates by search (or does not see a thing)."""

    def reply(request: Request) -> str:
        assert isinstance(request.prompt, tuple)
        text = request.prompt[-1].content
        if text.startswith("Evaluate"):
            left = left_in(text.split("\n", 1)[1])
            return f"Let me see.\n{'sure' if reaches(left) else 'impossible'}" if sees else "hm"
        if text.endswith("Possible next steps:"):
            proposed = [move for move, _ in moves(left_in(text))]
            return "\n".join(f"- {move}" for move in proposed[:: max(1, len(proposed) // 20)])
        return f"The answer is {left_in(text)[0]:g}."

    return reply


@pytest.mark.parametrize("numbers", ["4 9 10 13", "4 4 6 8", "2 9 10 12"])  # of the authors' prompt
def test_game_of_24_is_won_where_states_are_rated_and_lost_where_not(numbers: str) -> None:
    question = Question(numbers, NUMBER)
    spec = "tree-of-thoughts:generate=propose,evaluate=value,depth=4,breadth=3,n=30,votes=1"
    asked, prediction = ask(spec, question, player(sees=True))
    assert prediction.answer == "24"
    assert all(step["values"][0] == 20.0 for step in prediction.detail["steps"][:3])
    assert any(request.prompt[-1].content == f"{numbers}\nStrategy:\nPossible next steps:" for request in asked)  # type: ignore[union-attr]
    blind = ask(spec, question, player(sees=False))[1]
    assert blind.answer != "24" and [step["read"] for step in blind.detail["steps"]] == [0, 0, 0, 0]


def test_ratings_are_read_off_the_last_line() -> None:
    said = {"sure": 20.0, "Likely.": 1.0, "impossible": 0.001, "not sure": None, "unlikely": None, "sure\nhm": None}
    for text, value in said.items():
        spec = "tree-of-thoughts:evaluate=value,depth=1,n=1,votes=1,temperature=0"
        reply = one_by_one("is 4", text)
        [step] = ask(spec, SUM, reply)[1].detail["steps"]
        assert (step["values"], step["read"]) == ([value or 0.0], int(value is not None)), text


def test_a_state_that_was_there_before_is_rated_once_and_does_not_go_on_twice() -> None:
    asked, prediction = ask(
        "tree-of-thoughts:evaluate=value,depth=1,n=3,votes=2,breadth=2",
        SUM,
        lambda request: "sure" if "Evaluate" in str(request.prompt) else "is 4",
    )
    assert len(asked) == 3 + 2
    assert prediction.detail["steps"][0]["values"] == [40.0, 0.0]


def test_votes_that_name_no_state_count_for_nothing() -> None:
    cut = Generation("The best choice is 1", "length")  # it may have gone on to 12
    said: list[str | Generation] = ["The best choice is 9", "The best choice is", "none", cut, "best choice is: 2."]
    votes = iter(said)

    def reply(request: Request) -> str | Generation:
        return next(votes) if "Given an" in str(request.prompt) else f"is {request.seed % 1000}"

    [step] = ask("tree-of-thoughts:depth=1", SUM, reply)[1].detail["steps"]
    assert (step["values"], step["read"]) == ([1.0], 1)


# ---------------------------------------------------------------- auto-cot

KINDS = ("apples and pears in a basket", "trains and cars on a railway", "books and pages in a library")
POOL = tuple(
    Sample(f"s{at}", f"{at + 10} {KINDS[at % 3]}, and {at % 4 + 1} more. How many?", str(at + 10 + at % 4 + 1))
    for at in range(30)
)
STORIES = Question("5 apples and pears. How many?", NUMBER, exemplars=POOL)


def solver(request: Request) -> str:
    """Adds what a story tells; asked for the answer, says it."""
    assert isinstance(request.prompt, tuple)
    story = request.prompt[-2].content
    total = sum(map(int, re.findall(r"\d+", story)))
    return f" {total}." if request.prompt[-1].content.endswith("is") else f" We add up.\nThat makes {total}."


def prepared(spec: str, question: Question, reply: Reply) -> tuple[list[Request], dict[str, object]]:
    asked: list[Request] = []

    def answer(request: Request) -> Generation:
        asked.append(request)
        said = reply(request)
        return said if isinstance(said, Generation) else Generation(said, "stop")

    prepare = get_strategy(spec).prepare
    assert prepare is not None
    return asked, json.loads(json.dumps(drive(prepare(question), answer)))


def test_a_chain_of_each_kind_of_question_is_shown() -> None:
    asked, found = prepared("auto-cot:k=3", STORIES, solver)
    demos = found["demonstrations"]
    assert isinstance(demos, list) and found["tried"] == 3 and len(asked) == 6
    assert {kind for kind in KINDS if any(kind in demo["question"] for demo in demos)} == set(KINDS)
    targets = {sample.id: sample.target for sample in POOL}
    assert all(demo["target"] == targets[demo["id"]] for demo in demos)  # found out, not looked up
    asked, prediction = ask("auto-cot:k=3", replace(STORIES, prepared=found), one_by_one(" So it is 5."))
    said = "{lead} We add up. That makes {at}. The answer is {at}."
    shown = [text for d in demos for text in (d["question"], said.format(lead=LEAD, at=d["target"]))]
    assert [request.prompt for request in asked] == [turns(*shown, STORIES.text, LEAD)]
    assert (prediction.answer, prediction.detail["demonstrations"]) == ("5", 3)


def test_no_target_of_the_pool_is_used() -> None:
    other = replace(STORIES, exemplars=tuple(replace(sample, target="XYZZY", rationale="XYZZY") for sample in POOL))
    asked, found = prepared("auto-cot:k=3", other, solver)
    assert "XYZZY" not in str(asked) + str(found)
    assert asked == prepared("auto-cot:k=3", STORIES, solver)[0]


@pytest.mark.parametrize(
    ("chain", "keeps"),
    [
        (" We add up.\nThat makes {}.", True),
        (" a.\nb.\nc.\nd.\nIt makes {}.", True),
        (" a.\nb.\nc.\nd.\ne.\nIt makes {}.", False),  # six lines
        (" That makes {}", False),  # no full stop
        (" That makes many.", False),  # the answer is not in it
        ("", False),
    ],
)
def test_the_papers_rules(chain: str, keeps: bool) -> None:
    def reply(request: Request) -> str:
        said = solver(request)
        return said if "makes" not in said else chain.format(re.findall(r"\d+", said)[-1])

    if not keeps:
        with pytest.raises(UserError, match=r"found no chain among 6 that keeps to its rules"):
            prepared("auto-cot:k=3,tries=2", STORIES, reply)
        return
    assert prepared("auto-cot:k=3", STORIES, reply)[1]["tried"] == 3


def test_a_bad_chain_gives_way_to_the_next_question_of_its_kind() -> None:
    ranked = clusters([sample.question for sample in POOL], 3)
    bad = {POOL[some[0]].question for some in ranked[:2]}

    def reply(request: Request) -> str | Generation:
        assert isinstance(request.prompt, tuple)
        cut = request.prompt[-2].content in bad and not request.prompt[-1].content.endswith("is")
        return Generation(" That makes 5.", "length") if cut else solver(request)

    found = prepared("auto-cot:k=3", STORIES, reply)[1]
    assert found["tried"] == 5
    assert [demo["id"] for demo in found["demonstrations"]] == [  # type: ignore[attr-defined]
        POOL[ranked[0][1]].id, POOL[ranked[1][1]].id, POOL[ranked[2][0]].id,
    ]  # fmt: skip


def test_long_questions_are_no_exemplars() -> None:
    wordy = tuple(replace(sample, question=f"{sample.question} {'so ' * 60}") for sample in POOL)
    with pytest.raises(UserError, match="found no chain"):
        prepared("auto-cot:k=3", replace(STORIES, exemplars=wordy), solver)


def test_the_question_itself_is_never_shown() -> None:
    found = prepared("auto-cot:k=3", STORIES, solver)[1]
    own = found["demonstrations"][0]["question"]  # type: ignore[index]
    asked, prediction = ask("auto-cot:k=3", replace(STORIES, text=own, prepared=found), one_by_one("is 5"))
    assert str(asked[0].prompt).count(own) == 1 and prediction.detail["demonstrations"] == 2


def test_auto_cot_has_to_be_prepared_and_needs_questions() -> None:
    with pytest.raises(UserError, match="run it with kshot bench"):
        ask("auto-cot:k=3", STORIES, one_by_one())
    with pytest.raises(UserError, match="k is 31 and the task has 30 questions"):
        prepared("auto-cot:k=31", STORIES, solver)
    with pytest.raises(UserError, match="has to find something out beforehand"):
        get_strategy("self-consistency:base=auto-cot")


@pytest.mark.parametrize("damage", [{"target": 5}, {"fields": ["x"]}, {"choices": None}, {"question": None}])
def test_damaged_exemplars_are_told(damage: dict[str, object]) -> None:
    found = prepared("auto-cot:k=3", STORIES, solver)[1]
    found["demonstrations"][0].update(damage)  # type: ignore[index]
    with pytest.raises(UserError, match="exemplars of auto-cot are damaged"):
        ask("auto-cot:k=3", replace(STORIES, prepared=found), one_by_one("is 5"))


def test_clusters_are_scikit_learns_and_hold_every_question_once() -> None:
    questions = [sample.question for sample in POOL]
    ranked = clusters(questions, 3)
    assert sorted(at for some in ranked for at in some) == list(range(30))
    assert {frozenset(at % 3 for at in some) for some in ranked} == {frozenset({0}), frozenset({1}), frozenset({2})}
    assert clusters(["same"] * 5, 2) == [[0, 2, 4], [1, 3]]
    assert clusters(["?", "!", "..."], 2) == [[0, 2], [1]]
