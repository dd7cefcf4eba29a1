"""Exemplars named by their places in the pool, and an instruction of one's own beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kshot.eval.answers import exact, labels
from kshot.harness.runs.plan import Plan, load_plan
from kshot.program import advance
from kshot.prompts.common import common_of
from kshot.prompts.held_out import without_validation
from kshot.prompts.picks import places_of
from kshot.prompts.strategies import STRATEGIES, get_strategy
from kshot.prompts.templates import plain
from kshot.registry import hyperparameters
from kshot.types import Question, Request, Sample, Template, UserError

LABELS = ("bad", "good")
POOL = tuple(Sample(f"s{at}", f"text {at}", LABELS[at % 2], rationale=f"since {at}") for at in range(40))
TEMPLATES = (Template("Review: {{ question }}\nIt is {{ answer }}", start="Reviews.\n\n"),)
QUESTION = Question(
    *("asked", labels(LABELS)),
    labels=LABELS,
    exemplars=POOL,
    instructions=("Good or bad?",),
    templates=TEMPLATES,
    score=exact,
)
SHOW = [name for name in STRATEGIES if "picks" in common_of(hyperparameters(STRATEGIES.find(name)))]


def prompt_of(spec: str, question: Question = QUESTION) -> str:
    step = advance(get_strategy(spec)(question))
    assert isinstance(step, list)
    prompt = plain(step[0]).prompt
    assert isinstance(prompt, str)
    return prompt


def shown_by(spec: str, question: Question = QUESTION) -> list[int]:
    """The places of the texts of the pool in a prompt, in their order."""
    words = prompt_of(spec, question).split("text ")[1:]
    return [int(word.split()[0]) for word in words]


def test_few_shot_and_all_that_shows_exemplars_take_picks() -> None:
    assert {"few-shot", "choice-logprob", "chain-of-thought", "channel-logprob", "log-likelihood"} == set(SHOW)


@pytest.mark.parametrize("name", ["few-shot", "choice-logprob", "chain-of-thought", "channel-logprob"])
def test_picks_are_shown_in_their_order(name: str) -> None:
    assert shown_by(f"{name}:picks=17+3+28") == [17, 3, 28]
    assert shown_by(f"{name}:k=3,picks=17+3+28") == [17, 3, 28]


def test_k_is_their_number_and_goes_without_saying() -> None:
    for spec in ("few-shot:picks=17+3", "few-shot:k=2,picks=17+3"):
        strategy = get_strategy(spec)
        assert strategy.name == "few-shot:picks=17+3" and strategy.params["k"] == 2
        assert get_strategy(strategy.name) == strategy
    inner = get_strategy("self-consistency:base=few-shot(k=2,picks=17+3),n=2")
    assert inner.name == "self-consistency:base=few-shot(picks=17+3),n=2"
    assert shown_by(inner.name) == [17, 3]
    assert get_strategy("few-shot:picks=").name == "few-shot"


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("few-shot:picks=3+40", "picks has 40 in it and the task's pool has places 0 to 39"),
        ("few-shot:picks=3+5+3", "picks has 3 twice"),
        ("few-shot:picks=three", "picks has 'three' in it"),
        ("few-shot:k=8,picks=3+5", "k is 8 and picks names 2 exemplars"),
        ("few-shot:picks=3+5,order=reversed", "order is reversed and picks says"),
        ("choice-logprob:select=first,picks=3", "select is first and picks says"),
        ("few-shot:picks=3+5,permutation=1", "permutation is 1 and order is drawn"),
        ("choice-logprob:text=Well?,wording=0", "wording is 0 and text is 'Well?': both say the instruction"),
        ("few-shot:text=Well?,wording=0", "wording is 0 and text is 'Well?': both say the instruction"),
        ('choice-logprob:text=" "', "text is ' ', which says nothing"),
        ("instruction:text=Well?,wording=1", "wording is 1 and text is 'Well?': both say the instruction"),
    ],
)
def test_what_contradicts_itself_is_refused_in_a_sentence(spec: str, says: str) -> None:
    with pytest.raises(UserError, match=r"^[^\n]*$") as caught:
        prompt_of(spec)
    assert says in str(caught.value)


def test_picks_that_another_calls_the_function_with_are_held_to_the_same() -> None:
    with pytest.raises(UserError, match="picks names 2 exemplars in their order"):
        next(get_strategy("few-shot:picks=3+5")(QUESTION, order="reversed"))
    with pytest.raises(UserError, match="no exemplars at all"):
        prompt_of("few-shot:picks=0", replace(QUESTION, exemplars=()))


def test_a_pick_that_asks_the_very_question_is_left_out() -> None:
    asking = replace(QUESTION, text=" Text  3")
    assert shown_by("choice-logprob:picks=17+3+28", asking) == [17, 28]
    assert shown_by("choice-logprob:picks=3", asking) == []


def test_picks_go_with_ablations_and_label_words() -> None:
    prompt = prompt_of("choice-logprob:picks=17+3,ablate=flipped")
    assert prompt.index("text 17\nA: bad") < prompt.index("text 3\nA: bad")  # both are good
    assert "text 17\nA: plus" in prompt_of("few-shot:picks=17+3,label_words=minus+plus")


def test_places_are_those_of_the_whole_pool_where_some_is_held_out() -> None:
    held = without_validation(QUESTION)
    assert len(held.exemplars) < len(POOL) and held.whole == POOL
    assert POOL[39] not in held.exemplars and places_of(held, [POOL[39]]) == [39]
    assert shown_by("few-shot:picks=39+0+21", held) == [39, 0, 21]
    assert places_of(QUESTION, [POOL[9], POOL[2]]) == [9, 2]
    with pytest.raises(ValueError, match="no sample of the pool"):
        places_of(QUESTION, [Sample("s1", "text 1", "good")])


def test_calibration_is_estimated_behind_the_picks() -> None:
    strategy = get_strategy("choice-logprob:picks=17+3,text=Judge.,calibrate=contextual")
    assert strategy.prepare is not None
    step = advance(strategy.prepare(QUESTION))
    assert isinstance(step, list) and all(isinstance(request, Request) for request in step)
    prompts = [str(plain(request).prompt) for request in step]
    assert all(prompt.startswith("Q: Judge.\n\ntext 17\nA: good\n\nQ: text 3\nA: good") for prompt in prompts)


def test_a_text_of_ones_own_stands_where_the_tasks_wording_would() -> None:
    for name in ("choice-logprob", "few-shot"):
        own = prompt_of(f'{name}:text="Good or bad?",picks=1')
        assert own == prompt_of(f"{name}:wording=0,picks=1")
        assert prompt_of(f"{name}:text=Judge.,template=0,picks=2").startswith("Judge.\n\nReview: text 2")
    assert get_strategy('few-shot:text="a, b",picks=1').name == 'few-shot:text="a, b",picks=1'


def test_a_run_counts_places_in_the_pool_that_the_test_takes_nothing_out_of(tmp_path: Path) -> None:
    """What the test asks too is no exemplar, under any limit; the places count it."""
    rows = [f'{{"question": "text {at}", "answer": "{LABELS[at % 2]}"}}\n' for at in range(12)]
    (tmp_path / "own.train.jsonl").write_text("".join(rows), encoding="utf-8")
    (tmp_path / "own.jsonl").write_text("".join(rows[at] for at in (10, 1, 4)), encoding="utf-8")
    shown = []
    for limit in (1, 3):
        loaded = load_plan(Plan((str(tmp_path / "own.jsonl"),), ("few-shot:picks=5+2",), limit=limit))
        [(task, strategy)] = loaded.pairs()
        question = loaded.question(task, strategy, loaded.samples[task.name][0])
        assert len(question.exemplars) == 12 - 3
        shown.append(shown_by(strategy.name, question))
    assert shown == [[5, 2, 10], [5, 2, 10]]
