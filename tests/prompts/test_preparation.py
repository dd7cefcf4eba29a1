"""What a strategy finds out beforehand: the best template on exemplars held out, the prior of labels."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kshot.eval.answers import exact, labels
from kshot.program import drive
from kshot.prompts.calibration import EMPTY, inputs_of, prior_of
from kshot.prompts.held_out import VALIDATION, Pool, divided
from kshot.prompts.strategies import get_strategy
from kshot.types import Generation, Question, Request, Sample, Template, UserError

NAMES = ("negative", "positive")
POOL = tuple(Sample(f"s{at}", f"text {at} of {at % 7}", NAMES[at % 2]) for at in range(300))
TEMPLATES = (Template("A: {{ text }}\nB: {{ answer }}"), Template("C: {{ text }}\nD: {{ answer }}"))
FILM = Question("It sings.", labels(NAMES), labels=NAMES, exemplars=POOL, templates=TEMPLATES, score=exact)


def knows(form: str) -> Any:
    """A model that is right in one form alone, and says negative in every other."""

    def answer(request: Request) -> Generation:
        text = request.prompt if isinstance(request.prompt, str) else request.prompt[-1].content
        asked = text.rpartition("text ")[2]
        target = NAMES[int(asked.split()[0]) % 2] if text.startswith(form) and asked else NAMES[0]
        return Generation("", "scored", logprob=-1.0 if str(request.continuation).strip() == target else -2.0)

    return answer


@pytest.mark.parametrize(("form", "best"), [("C:", "1"), ("A:", "0"), ("text", "own")])
def test_the_template_that_does_best_on_held_out_exemplars_is_chosen(form: str, best: str) -> None:
    strategy = get_strategy("choice-logprob:template=best")
    assert strategy.prepare is not None
    found = drive(strategy.prepare(FILM), knows(form))
    half = sum(sample.target == NAMES[0] for sample in divided(Pool(POOL))[0])
    assert found["best"] == best
    assert found["validation"] == {
        name: {"right": float(VALIDATION if name == best else half), "n": VALIDATION} for name in ("own", "0", "1")
    }
    asked: list[Request] = []

    def reply(request: Request) -> Generation:
        asked.append(request)
        return Generation("", "scored", logprob=-1.0)

    drive(strategy(replace(FILM, prepared=found)), reply)
    named = get_strategy(f"choice-logprob:template={best}" if best else "choice-logprob")
    again: list[Request] = []
    drive(named(FILM), lambda request: again.append(request) or Generation("", "scored", logprob=-1.0))
    assert asked == again


def test_of_equals_the_first_is_chosen() -> None:
    strategy = get_strategy("choice-logprob:template=best")
    assert strategy.prepare is not None
    assert drive(strategy.prepare(FILM), knows("nothing"))["best"] == "own"


def test_what_is_tried_on_is_never_an_exemplar() -> None:
    held, rest = divided(Pool(POOL))
    assert len(held) == VALIDATION and not set(held) & set(rest) and set(held) | set(rest) == set(POOL)
    assert rest[:64] == POOL[:64]  # the first exemplars stay the first
    assert divided(Pool(POOL))[0] is held
    asked: list[str] = []
    strategy = get_strategy("few-shot:k=4,select=random,template=best")
    assert strategy.prepare is not None

    def reply(request: Request) -> Generation:
        asked.append(str(request.prompt))
        return Generation("negative", "stop")

    found = drive(strategy.prepare(FILM), reply)
    asked.clear()
    drive(strategy(replace(FILM, prepared=found)), reply)
    assert not any(f"{sample.question}\\" in text or f"{sample.question}'" in text for sample in held for text in asked)


@pytest.mark.parametrize("size", [16, 40, 257, 1000])
@pytest.mark.parametrize("shares", [(1, 1), (9, 1), (5, 3, 2), (1,) * 60])
def test_labels_are_held_out_as_often_as_they_are(shares: tuple[int, ...], size: int) -> None:
    """Sorted or not, by chance they would be up to ten points off; of sixty kinds any draw will do."""
    names = [str(at) for at, share in enumerate(shares) for _ in range(share)]
    pool = tuple(
        sorted((Sample(str(at), f"t{at}", names[at % len(names)]) for at in range(size)), key=lambda s: s.target)
    )
    held, rest = divided(Pool(pool))
    assert len(held) == min(VALIDATION, size // 2) and set(held) | set(rest) == set(pool)
    assert divided(Pool(tuple(pool)))[0] == held
    left = pool[min(64, size - len(held)) :]
    if len({sample.target for sample in left}) <= len(held) // 4:
        for name in {sample.target for sample in left}:
            share = sum(sample.target == name for sample in left) / len(left)
            assert abs(sum(sample.target == name for sample in held) - share * len(held)) < 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"templates": ()}, "has none"),
        ({"exemplars": POOL[:15]}, "has 15 exemplars; it takes 16"),
        ({"exemplars": ()}, "has 0 exemplars"),
    ],
)
def test_where_nothing_can_be_chosen_it_is_said(change: dict[str, Any], said: str) -> None:
    prepare = get_strategy("choice-logprob:template=best").prepare
    assert prepare is not None
    with pytest.raises(UserError, match=said):
        drive(prepare(replace(FILM, **change)), knows("C:"))


def biased(request: Request) -> Generation:
    """A model that leans to "negative" by two nats, and knows of what was asked half a nat."""
    lean = {"negative": -0.2, "positive": -2.2}[str(request.continuation).strip()]
    text = str(request.prompt)
    number = re.search(r"text (\d+) of", text)
    knows = 0.5 * (number is not None and int(number[1]) % 2 == 1)
    return Generation("", "scored", logprob=lean + (knows if "positive" in str(request.continuation) else 0.0))


@pytest.mark.parametrize("kind", ["contextual", "domain", "batch"])
def test_a_lean_is_taken_off(kind: str) -> None:
    strategy = get_strategy(f"choice-logprob:calibrate={kind}")
    assert strategy.prepare is not None
    found = drive(strategy.prepare(FILM), biased)
    assert found["inputs"] == {"contextual": 3, "domain": 20, "batch": 32}[kind]
    right = raw = 0
    for sample in POOL[:40]:
        question = replace(FILM, text=sample.question)
        right += drive(strategy(replace(question, prepared=found)), biased).answer == sample.target
        raw += drive(get_strategy("choice-logprob")(question), biased).answer == sample.target
    assert raw == 20 and (right == 40 if kind != "domain" else right >= 20)


def test_inputs_have_no_known_label_and_are_no_exemplars() -> None:
    shown = POOL[:4]
    batch = inputs_of("batch", FILM, shown)
    assert len({one.text for one in batch}) == 32 and not {one.text for one in batch} & {s.question for s in shown}
    assert [one.text for one in inputs_of("contextual", FILM, shown)] == list(EMPTY)
    own = {word for sample in POOL for word in sample.question.split()}
    drawn = inputs_of("domain", FILM, shown)
    assert len(drawn) == 20 and all(set(one.text.split()) <= own and len(one.text.split()) == 4 for one in drawn)
    assert inputs_of("domain", FILM, shown) == drawn
    with pytest.raises(UserError, match="it has 1 beside those that are shown"):
        inputs_of("batch", replace(FILM, exemplars=POOL[:5]), shown)


def zhao(probabilities: Sequence[float], content_free: Sequence[Sequence[float]]) -> int:
    """Section 5 of Zhao et al. 2021: W = diag(p_cf)^-1, q = softmax(W p), argmax."""
    rows = np.array(content_free)
    mean = np.mean(rows / rows.sum(1, keepdims=True), axis=0)
    mean = mean / mean.sum()
    shares = np.array(probabilities) / sum(probabilities)
    return int(np.argmax(np.linalg.inv(np.diag(mean)) @ shares))


def test_it_is_the_papers_formula() -> None:
    draw = random.Random(0)
    for _ in range(1000):
        labels_ = draw.randint(2, 6)
        rows = [[draw.uniform(1e-4, 1) for _ in range(labels_)] for _ in range(3)]
        own = [draw.uniform(1e-4, 1) for _ in range(labels_)]
        prior = prior_of([[math.log(each) for each in row] for row in rows])
        scores = [math.log(each) - less for each, less in zip(own, prior, strict=True)]
        assert max(range(labels_), key=scores.__getitem__) == zhao(own, rows)


@pytest.mark.parametrize(
    ("spec", "change", "said"),
    [
        ("choice-logprob:calibrate=batch,k=2,select=bm25", {}, "not bm25"),
        ("choice-logprob:calibrate=batch", {"labels": (), "choices": ("a", "b")}, "a task with labels"),
    ],
)
def test_what_has_no_prior_is_refused(spec: str, change: dict[str, Any], said: str) -> None:
    prepare = get_strategy(spec).prepare
    assert prepare is not None
    with pytest.raises(UserError, match=said):
        drive(prepare(replace(FILM, **change)), biased)
