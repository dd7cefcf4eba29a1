"""Permutations by number, and the one that leaves the model least sure of one label."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from kshot.eval.answers import exact, labels
from kshot.program import advance, drive
from kshot.prompts.calibration import softmax
from kshot.prompts.exemplars import choose, permuted
from kshot.prompts.orders import candidates, global_entropy, local_entropy
from kshot.prompts.strategies import get_strategy
from kshot.types import Generation, Question, Request, Sample, Template, UserError

NAMES = ("very bad", "very good")  # of two words, which are read whole
POOL = tuple(Sample(f"s{at}", f"film {at}.", NAMES[at % 2], fields=(("text", f"film {at}."),)) for at in range(8))
FORM = (Template("Review: {{ text }}\nSentiment: {{ answer }}"),)
FILM = Question(
    "Asked.", labels(NAMES), labels=NAMES, exemplars=POOL, templates=FORM, score=exact, fields=(("text", "Asked."),)
)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_permutations_are_itertools_own_in_its_order(k: int) -> None:
    expected = list(itertools.permutations(POOL[:k]))
    assert [tuple(permuted(POOL[:k], place)) for place in range(math.factorial(k))] == expected
    chosen = [choose(replace(FILM, showing={"permutation": at}), k=k, order="perm") for at in range(math.factorial(k))]
    assert chosen == expected


def test_a_number_beyond_the_last_is_told() -> None:
    assert choose(replace(FILM, showing={"permutation": math.factorial(8) - 1}), k=8, order="perm") == POOL[::-1]
    with pytest.raises(UserError, match="permutation is 24; 4 exemplars have the permutations 0 to 23"):
        advance(get_strategy("few-shot:k=4,order=perm,permutation=24")(FILM))
    with pytest.raises(UserError, match="permutation is 3 and order is drawn"):
        advance(get_strategy("few-shot:k=4,permutation=3")(FILM))


def test_candidates_are_all_or_24() -> None:
    assert candidates(4, 0) == list(range(24)) and candidates(2, 5) == [0, 1]
    drawn = candidates(32, 1)
    assert len(set(drawn)) == 24 and max(drawn) < math.factorial(32) and drawn == candidates(32, 1) != candidates(32, 2)


def test_entropies_are_scipys() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        rows = rng.dirichlet(np.ones(4), size=7)
        assert local_entropy(rows.tolist()) == pytest.approx(np.mean(stats.entropy(rows, axis=1)))
        answered = np.bincount(rows.argmax(1), minlength=4) / 7
        assert global_entropy(rows.tolist()) == pytest.approx(stats.entropy(answered))


def model(request: Request) -> Generation:
    """Writes films by seed; how sure it is of "very good" hangs on which exemplar stands last."""
    assert isinstance(request.prompt, str)
    if request.continuation is None:
        assert request.params.temperature > 0 and "\n" in request.params.stop
        return Generation(f" a film {request.seed} of its own ", "stop")
    blocks = request.prompt.split("\n\n")
    number = int(blocks[-1].split("a film ")[1].split()[0])
    last = int(blocks[-2].split("film ")[1].split(".")[0])
    sure = {0: 4.0, 1: 3.0, 2: 0.2, 3: 6.0}[last] * (1 if last != 3 or number % 2 else -1)
    good = str(request.continuation) == " very good"
    return Generation("", "scored", logprob=sure if good else 0.0, completion_tokens=2)


def by_hand(order: str) -> int:
    """The permutation of the highest entropy, worked out from what the model is."""
    found = []
    for chosen in itertools.permutations(range(4)):
        rows = [
            softmax([0.0, {0: 4.0, 1: 3.0, 2: 0.2, 3: 6.0}[chosen[-1]] * (1 if chosen[-1] != 3 or n % 2 else -1)])
            for n in range(1, 25)
        ]
        if order == "locale":
            found.append(np.mean(stats.entropy(rows, axis=1)))
        else:
            found.append(stats.entropy(np.bincount(np.argmax(rows, axis=1), minlength=2)))
    return int(np.argmax(np.round(found, 12)))


@pytest.mark.parametrize(("order", "last"), [("globale", 3), ("locale", 2)])
@pytest.mark.parametrize("name", ["choice-logprob", "few-shot"])
def test_the_order_of_the_highest_entropy_is_found_and_shown(name: str, order: str, last: int) -> None:
    strategy = get_strategy(f"{name}:k=4,template=0,order={order}")
    assert strategy.prepare is not None
    found = drive(strategy.prepare(FILM), model)
    assert found["permutation"] == by_hand(order) and found["orders"] == found["probes"] == 24
    [request, *_] = advance(strategy(replace(FILM, prepared=found)))
    expected = [f"film {at}." for at in list(itertools.permutations(range(4)))[found["permutation"]]]
    assert expected[-1] == f"film {last}."
    assert [
        block.split("\n")[0].removeprefix("Review: ") for block in str(request.prompt).split("\n\n")[:-1]
    ] == expected


def test_in_turns_the_probes_are_asked_as_text_and_the_labels_as_turns() -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Generation:
        asked.append(request)
        return Generation("a film", "stop") if request.continuation is None else Generation("", "scored", logprob=-1.0)

    strategy = get_strategy("few-shot:k=2,order=locale")
    assert strategy.prepare is not None
    drive(strategy.prepare(FILM), answer)
    probes = [request.prompt for request in asked if request.continuation is None]
    assert probes == [
        "Q: film 0.\nA: very bad\n\nQ: film 1.\nA: very good\n\nQ:",
        "Q: film 1.\nA: very good\n\nQ: film 0.\nA: very bad\n\nQ:",
    ]
    assert all(request.params.stop == ("\n", "\nA:") for request in asked if request.continuation is None)
    scored = [request for request in asked if request.continuation is not None]
    assert len(scored) == 2 * 1 * 2 and all(not isinstance(request.prompt, str) for request in scored)


def test_a_sample_of_several_texts_is_written_text_by_text() -> None:
    form = (Template("{{ premise }}\nQuestion: {{ hypothesis }}?\nAnswer: {{ answer }}"),)
    pool = tuple(
        replace(one, fields=(("premise", f"premise {one.id}"), ("hypothesis", f"hypothesis {one.id}"))) for one in POOL
    )
    question = replace(FILM, templates=form, exemplars=pool, fields=(("premise", "p"), ("hypothesis", "h")))
    asked: list[str] = []

    def answer(request: Request) -> Generation:
        if request.continuation is None:
            asked.append(str(request.prompt).split("\n\n")[-1])
            return Generation("It rains." if asked[-1] == "" else "Is it wet", "stop")
        asked.append(str(request.prompt).split("\n\n")[-1])
        return Generation("", "scored", logprob=-1.0)

    strategy = get_strategy("choice-logprob:k=2,template=0,order=globale")
    assert strategy.prepare is not None
    drive(strategy.prepare(question), answer)
    assert asked[:4] == ["", "", "It rains.\nQuestion:", "It rains.\nQuestion:"]
    assert set(asked[4:]) == {"It rains.\nQuestion: Is it wet?\nAnswer:"}


@pytest.mark.parametrize(
    ("question", "spec", "said"),
    [
        (replace(FILM, labels=()), "few-shot:k=4,order=globale", "needs a task with labels"),
        (replace(FILM, shots=lambda k: POOL[:k]), "few-shot:k=4,order=locale", "the same exemplars for all questions"),
        (FILM, "few-shot:k=4,order=locale,select=bm25", "the same exemplars for all questions, not bm25"),
    ],
)
def test_what_cannot_be_ordered_is_told(question: Question, spec: str, said: str) -> None:
    strategy = get_strategy(spec)
    assert strategy.prepare is not None
    with pytest.raises(UserError, match=said):
        drive(strategy.prepare(question), model)
    with pytest.raises(UserError, match="run it with kshot bench"):
        advance(get_strategy("few-shot:k=4,order=globale")(FILM))


def test_a_model_that_writes_nothing_is_told_and_one_exemplar_has_one_order() -> None:
    strategy = get_strategy("few-shot:k=3,order=globale,template=0")
    assert strategy.prepare is not None
    with pytest.raises(UserError, match="written no probing sample"):
        drive(strategy.prepare(FILM), lambda request: Generation(" ", "stop"))
    assert get_strategy("few-shot:k=1,order=globale").prepare is None
    assert isinstance(advance(get_strategy("few-shot:k=1,order=globale")(FILM)), Sequence)
