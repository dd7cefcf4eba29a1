"""Which exemplars a selection gives: against the definition that its paper has, worked out the slow way."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kshot.prompts.exemplars import choose
from kshot.prompts.selection import FILES, SELECTIONS, looks_at_the_question
from kshot.prompts.strategies import get_strategy
from kshot.types import AnswerFormat, Extraction, Question, Sample, UserError
from tests.places import ROOT

FORMAT = AnswerFormat("text", "", "", lambda text, _: Extraction(text))
POOL = tuple(Sample(f"s{at}", f"question {at}", "ab"[at % 2]) for at in range(30))


class Points:
    """Vectors of unit length by text, drawn."""

    def __init__(self, seed: int = 0, width: int = 3) -> None:
        rng = np.random.default_rng(seed)
        drawn = rng.normal(size=(len(POOL) + 1, width))
        texts = [*(one.question for one in POOL), "asked"]
        self.vectors = dict(zip(texts, drawn / np.linalg.norm(drawn, axis=1, keepdims=True), strict=True))
        self.calls: list[tuple[str, int, int]] = []

    def __call__(self, embed: str, some: Sequence[str], others: Sequence[str]) -> np.ndarray:
        self.calls.append((embed, len(some), len(others)))
        return np.array([[self.vectors[a] @ self.vectors[b] for b in others] for a in some])


def question(seed: int = 0) -> Question:
    return Question("asked", FORMAT, exemplars=POOL, vectors=Points(seed))


def places(samples: Sequence[Sample]) -> list[int]:
    return [int(sample.id[1:]) for sample in samples]


def cosines(asked: Question) -> np.ndarray:
    assert isinstance(asked.vectors, Points)
    texts = [one.question for one in POOL]
    return asked.vectors("", texts, texts)


def to_question(asked: Question) -> np.ndarray:
    assert isinstance(asked.vectors, Points)
    return asked.vectors("", ["asked"], [one.question for one in POOL])[0]


def test_every_file_of_the_folder_is_named_and_registered() -> None:
    there = {path.stem for path in (ROOT / "kshot/prompts/selection").glob("*.py")} - {
        "__init__",
        "registry",
        "vectors",
    }
    assert set(FILES) == there == set(SELECTIONS)


@pytest.mark.parametrize("name", sorted(FILES))
def test_k_of_the_pool_each_once_and_the_same_again(name: str) -> None:
    for k in (1, 7, 30):
        drawn = choose(question(), k=k, select=name, seed=3)
        assert len({one.id for one in drawn}) == k and set(drawn) <= set(POOL)
        assert drawn == choose(question(), k=k, select=name, seed=3)
    own = replace(question(), text="question 4")
    assert POOL[4] not in choose(own, k=29, select=name)


@pytest.mark.parametrize("name", sorted(FILES))
def test_it_looks_at_the_question_where_it_says_so(name: str) -> None:
    one, other = question(), question()
    assert isinstance(other.vectors, Points)
    other.vectors.vectors["asked"] = -other.vectors.vectors["asked"]
    other = replace(other, text="question 4 5 and asked")
    other.vectors.vectors[other.text] = other.vectors.vectors["asked"]
    same = choose(one, k=5, select=name) == choose(other, k=5, select=name)
    assert same != looks_at_the_question(name)


@settings(max_examples=25)
@given(st.integers(0, 200), st.integers(1, 12))
def test_knn_is_the_order_of_the_cosines_nearest_last(seed: int, k: int) -> None:
    asked = question(seed)
    expected = sorted(range(30), key=lambda at: (-to_question(asked)[at], at))[:k]
    assert places(choose(asked, k=k, select="knn")) == expected[::-1]
    assert choose(asked, k=k, select="mmr(lam=1.0)") == choose(asked, k=k, select="knn")


@settings(max_examples=25)
@given(st.integers(0, 200), st.integers(1, 8), st.sampled_from([0.0, 0.3, 0.5, 0.9]))
def test_mmr_is_carbonell_and_goldsteins_formula(seed: int, k: int, lam: float) -> None:
    asked = question(seed)
    near, between = to_question(asked), cosines(asked)
    chosen: list[int] = []
    while len(chosen) < k:
        left = [at for at in range(30) if at not in chosen]
        marginal = {
            at: lam * near[at] - ((1 - lam) * max(between[at][other] for other in chosen) if chosen else 0.0)
            for at in left
        }
        chosen.append(max(left, key=lambda at: (marginal[at], -at)))
    assert places(choose(asked, k=k, select=f"mmr(lam={lam})")) == chosen[::-1]


@settings(max_examples=25)
@given(st.integers(0, 200), st.integers(1, 10), st.sampled_from([1, 3, 10]))
def test_votek_is_su_et_als_discounted_vote(seed: int, k: int, neighbours: int) -> None:
    asked = question(seed)
    between = cosines(asked)
    edges = {
        at: sorted((o for o in range(30) if o != at), key=lambda o, at=at: -between[at][o])[:neighbours]
        for at in range(30)
    }
    chosen: list[int] = []
    while len(chosen) < k:
        scores = {}
        for at in (at for at in range(30) if at not in chosen):
            voters = [v for v in range(30) if v not in chosen and at in edges[v]]
            scores[at] = sum(10.0 ** -sum(other in edges[v] for other in chosen) for v in voters)
        chosen.append(max(scores, key=lambda at: (round(scores[at], 12), -at)))
    found = places(choose(asked, k=k, select=f"votek(neighbours={neighbours})"))
    assert found == chosen


def test_spread_takes_the_farthest_or_draws_by_squared_distance() -> None:
    asked = question(1)
    between = cosines(asked)
    found = places(choose(asked, k=6, select="spread(farthest=yes)"))
    for count in range(1, 6):
        apart = [min(2 - 2 * between[at][other] for other in found[:count]) for at in range(30)]
        assert apart[found[count]] == pytest.approx(max(apart))
    pairs = [places(choose(asked, k=2, select="spread", seed=seed)) for seed in range(3000)]
    mean = np.mean([2 - 2 * between[one][other] for one, other in pairs])
    squares = 2 - 2 * between
    expected = np.mean((squares**2).sum(1) / squares.sum(1))  # by k-means++'s weights
    assert abs(mean - expected) < 5 * np.std(squares) / np.sqrt(3000)
    assert expected - squares.mean() > 0.3  # a uniform draw would be told apart


def test_two_of_the_same_text_are_no_trouble() -> None:
    twins = tuple(replace(one, question="question 1") for one in POOL)
    for name in ("spread", "spread(farthest=yes)", "votek", "mmr", "knn"):
        assert len(set(places(choose(replace(question(), exemplars=twins), k=9, select=name)))) == 9


def test_the_neighbours_of_an_annotated_few() -> None:
    asked = question(2)
    few = set(places(choose(asked, k=10, select="votek")))
    found = places(choose(asked, k=4, select="knn(among=votek,size=10)"))
    assert found == sorted(few, key=lambda at: -to_question(asked)[at])[:4][::-1]
    assert looks_at_the_question("knn(among=votek)")


@pytest.mark.parametrize(
    ("select", "said"),
    [
        ("knn(size=0)", "size is 0"),
        ("knn(among=votek,size=2)", "size is 2 and 3 exemplars"),
        ("knn(among=nothing)", "unknown select 'nothing'"),
        ("mmr(lam=2)", "lam is 2"),
        ("votek(neighbours=0)", "neighbours are 0"),
        ("knn(embedder=x)", "no parameter 'embedder': did you mean embed"),
        ("nearest", "unknown select 'nearest'"),
    ],
)
def test_what_cannot_be_is_told(select: str, said: str) -> None:
    with pytest.raises(UserError, match=said.replace("(", r"\(")):
        choose(question(), k=3, select=select)


@pytest.mark.parametrize("select", ["knn", "mmr", "votek", "spread"])
def test_without_vectors_the_remedy_is_told(select: str) -> None:
    with pytest.raises(UserError, match=r"use it with kshot bench, or select=bm25"):
        choose(replace(question(), vectors=None), k=1, select=select)


def test_what_does_not_look_at_the_question_is_worked_out_once() -> None:
    asked = question(5)
    assert isinstance(asked.vectors, Points)
    for name in ("votek", "spread"):
        choose(asked, k=3, select=name)
        count = len(asked.vectors.calls)
        for text in ("one", "two"):
            choose(replace(asked, text=text), k=3, select=name)
        assert len(asked.vectors.calls) == count


OWN = """
def longest(question, pool, k, generator, *, shortest: bool = False):
    return sorted(pool, key=lambda one: len(one.question), reverse=not shortest)[:k]


def short(question, pool, k, generator):
    return pool[:1]


def made(question, pool, k, generator):
    return ["text"] * k
"""


def test_a_users_own_selection(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    asked = question()
    assert places(choose(asked, k=2, select=f"{tmp_path}/own.py:longest")) == [10, 11]
    strategy = get_strategy(f"few-shot:k=2,select={tmp_path}/own.py:longest(shortest=yes)")
    assert get_strategy(strategy.name) == strategy
    assert places(choose(asked, k=2, select=strategy.params["select"])) == [0, 1]
    assert looks_at_the_question(f"{tmp_path}/own.py:longest")  # unless it says otherwise
    for name, said in (("short", "gave 1 samples, 2 different"), ("made", "in place of a list of samples")):
        with pytest.raises(UserError, match=said):
            choose(asked, k=2, select=f"{tmp_path}/own.py:{name}")


def test_random_is_what_it_was() -> None:
    generator = random.Random("exemplars 7")
    assert list(choose(question(), k=4, select="random", seed=7)) == generator.sample(POOL, 4)


def test_labelled_gives_each_place_its_label_and_the_same_set_in_either_order() -> None:
    asked = replace(question(), labels=("a", "b"))

    def shown(places: str, seed: int) -> list[Sample]:
        return list(choose(asked, k=4, select=f"labelled(places={places})", seed=seed))

    for seed in range(20):
        for places in ("1110", "0011", "1100", "0010", "0000"):
            assert [one.target for one in shown(places, seed)] == ["ab"[int(digit)] for digit in places]
        assert {one.id for one in shown("0011", seed)} == {one.id for one in shown("1100", seed)}
        assert shown("0011", seed)[2:] == shown("1100", seed)[:2]
        assert shown("1110", seed)[2:] == shown("0010", seed)[2:]
    assert len({tuple(one.id for one in shown("1110", seed)) for seed in range(20)}) > 15
    assert [one.target for one in choose(asked, k=5, select="labelled")] == ["a", "b", "a", "b", "a"]


@pytest.mark.parametrize(
    ("places", "k", "said"),
    [
        ("012", 3, "'2' is none of the labels 0 to 1"),
        ("0x", 2, "'x' is none"),
        ("01", 3, "for 3 exemplars; give as many, or k=2"),
        ("1" * 16, 16, "takes more exemplars of b than there are"),
    ],
)
def test_places_that_cannot_be(places: str, k: int, said: str) -> None:
    with pytest.raises(UserError, match=said):
        choose(replace(question(), labels=("a", "b")), k=k, select=f"labelled(places={places})")
