"""Which exemplars are chosen, in which order, with which targets."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pytest

from kshot.eval.answers import exact
from kshot.prompts.exemplars import choose
from kshot.prompts.held_out import without_validation
from kshot.prompts.selection.bm25 import words
from kshot.types import AnswerFormat, Extraction, Question, Sample, Task, UserError

FORMAT = AnswerFormat("text", "", "", lambda text, _: Extraction(text))
POOL = tuple(Sample(f"s{at}", f"question {at}", f"target {at}", rationale=f"because {at}") for at in range(20))
QUESTION = Question("asked", FORMAT, exemplars=POOL)
LABELLED = replace(
    QUESTION,
    labels=("bad", "good", "so-so"),
    exemplars=tuple(replace(s, target="good" if at < 15 else "bad") for at, s in enumerate(POOL)),
)


def ids(samples: tuple[Sample, ...]) -> list[str]:
    return [sample.id for sample in samples]


def test_first_keeps_the_tasks_order() -> None:
    assert choose(QUESTION, k=3) == POOL[:3]
    assert choose(QUESTION, k=3, order="reversed") == POOL[2::-1]
    assert choose(QUESTION, k=0) == ()
    assert choose(replace(QUESTION, exemplars=()), k=0, select="bm25") == ()


def test_a_tasks_own_choice_is_the_first() -> None:
    own = replace(QUESTION, shots=lambda k: POOL[10 : 10 + k])
    assert choose(own, k=2) == POOL[10:12] and choose(own, k=2, order="reversed") == POOL[11:9:-1]
    assert choose(own, k=2, select="random") == choose(QUESTION, k=2, select="random")
    assert choose(own, k=2, rationale=True) == POOL[:2] == choose(replace(QUESTION, shots=lambda k: None), k=2)
    task = Task("t", lambda split, source: [], FORMAT, exact, shots=lambda sample, k: [sample] * k)
    assert choose(task.question(POOL[3], POOL), k=2) == (POOL[3], POOL[3])
    assert choose(without_validation(replace(own, exemplars=POOL)), k=2) == POOL[:2]


@pytest.mark.parametrize("select", ["first", "random", "balanced", "bm25"])
@pytest.mark.parametrize("order", ["drawn", "reversed", "shuffled"])
def test_same_seed_same_exemplars(select: str, order: str) -> None:
    drawn = choose(QUESTION, k=7, select=select, order=order, noise=0.5, seed=3)
    assert drawn == choose(QUESTION, k=7, select=select, order=order, noise=0.5, seed=3)
    assert len(set(ids(drawn))) == 7


def test_seeds_matter_where_something_is_drawn() -> None:
    assert len({tuple(ids(choose(QUESTION, k=4, select="random", seed=seed))) for seed in range(20)}) > 15
    orders = {tuple(ids(choose(QUESTION, k=4, order="shuffled", seed=seed))) for seed in range(60)}
    assert all(sorted(order) == ["s0", "s1", "s2", "s3"] for order in orders)
    assert len(orders) > 15


def test_random_is_fair() -> None:
    counts = Counter(name for seed in range(2000) for name in ids(choose(QUESTION, k=5, select="random", seed=seed)))
    # each of 20 is drawn with probability 1/4: 500 of 2000, standard deviation 19
    assert all(abs(counts[sample.id] - 500) < 5 * math.sqrt(2000 / 4 * 3 / 4) for sample in POOL)


def test_balanced_evens_out_targets_as_far_as_the_pool_allows() -> None:
    assert Counter(s.target for s in choose(LABELLED, k=8, select="balanced", seed=1)) == {"good": 4, "bad": 4}
    assert Counter(s.target for s in choose(LABELLED, k=16, select="balanced")) == {"good": 11, "bad": 5}
    odd = Counter(sum(s.target == "bad" for s in choose(LABELLED, k=3, select="balanced", seed=i)) for i in range(40))
    assert set(odd) == {1, 2}  # the odd one out falls to either


def test_bm25_ranks_as_the_formula_says_nearest_last() -> None:
    texts = ["a red fox ran", "the red red fox", "a dog", "one fox and one dog and one cow", "7 cows", "!!!", "red"]
    pool = tuple(Sample(str(at), text, "t") for at, text in enumerate(texts))
    question = Question("Red fox, 7 cows?", FORMAT, exemplars=pool)
    documents = [words(text) for text in texts]
    mean = sum(map(len, documents)) / len(documents)

    def score(document: list[str]) -> float:  # Lucene's BM25 with k1 = 1.5, b = 0.75
        total = 0.0
        for word in words(question.text):
            held, times = sum(word in other for other in documents), document.count(word)
            rarity = math.log(1 + (len(documents) - held + 0.5) / (held + 0.5))
            total += rarity * times / (times + 1.5 * (1 - 0.75 + 0.75 * len(document) / mean))
        return total

    expected = sorted(range(len(pool)), key=lambda at: (-score(documents[at]), at))
    for k in range(1, len(pool) + 1):
        assert ids(choose(question, k=k, select="bm25")) == [str(at) for at in reversed(expected[:k])]


@pytest.mark.parametrize("text", ["", "!?", "unknown words", "\x00" * 1000])
def test_bm25_without_a_common_word_takes_the_first(text: str) -> None:
    assert ids(choose(replace(QUESTION, text=text), k=2, select="bm25")) == ["s1", "s0"]
    silent = tuple(replace(s, question="." * (at + 1)) for at, s in enumerate(POOL))
    assert ids(choose(Question(text, FORMAT, exemplars=silent), k=2, select="bm25")) == ["s1", "s0"]


def test_the_question_itself_is_never_an_exemplar() -> None:
    for select in ("first", "random", "balanced", "bm25"):
        drawn = choose(replace(QUESTION, text="question 0"), k=19, select=select)
        assert "s0" not in ids(drawn)
    with pytest.raises(UserError, match="has 19 exemplars and 20 are asked for"):
        choose(replace(QUESTION, text="question 0"), k=20)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("k", [2, 3, 8, 20])
def test_full_noise_shuffles_free_targets_so_that_none_stays(k: int, seed: int) -> None:
    noisy = choose(QUESTION, k=k, noise=1.0, seed=seed)
    assert ids(noisy) == ids(POOL[:k])
    assert sorted(s.target for s in noisy) == sorted(s.target for s in POOL[:k])
    assert all(a.target != b.target for a, b in zip(noisy, POOL, strict=False))
    assert all(not s.rationale for s in noisy)


def test_full_noise_differs_by_seed() -> None:
    assert len({tuple(s.target for s in choose(QUESTION, k=8, noise=1.0, seed=seed)) for seed in range(20)}) > 15


@pytest.mark.parametrize(("noise", "wrong"), [(0.0, 0), (0.25, 2), (0.5, 4), (0.0625, 1), (0.1, 1), (1.0, 8)])
def test_noise_is_the_share_of_wrong_targets(noise: float, wrong: int) -> None:
    noisy = choose(QUESTION, k=8, noise=noise)
    assert sum(a.target != b.target for a, b in zip(noisy, POOL, strict=False)) == wrong
    assert sum(not s.rationale for s in noisy) == wrong


def test_noise_on_labels_and_choices_stays_within_them() -> None:
    noisy = choose(LABELLED, k=15, noise=1.0)
    assert {s.target for s in noisy} == {"bad", "so-so"}  # all 15 are good, and any other label may come
    choices = tuple(replace(s, choices=("x", "y", "z"), target="B") for s in POOL)
    assert {s.target for s in choose(replace(QUESTION, exemplars=choices), k=20, noise=1.0)} == {"A", "C"}


def test_noise_among_many_equal_targets() -> None:
    pool = tuple(replace(s, target="same" if at < 6 else f"other {at}") for at, s in enumerate(POOL))
    noisy = choose(replace(QUESTION, exemplars=pool), k=8, noise=1.0)
    assert all(a.target != b.target for a, b in zip(noisy, pool, strict=False))
    with pytest.raises(UserError, match="all exemplars have the same target"):
        choose(replace(QUESTION, exemplars=pool), k=4, noise=0.5)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"k": -1}, "k is -1"),
        ({"k": 21}, "has 20 exemplars and 21 are asked for; lower k"),
        ({"k": 1, "noise": 1.5}, "noise is 1.5"),
        ({"k": 1, "noise": float("nan")}, "noise is nan"),
        ({"k": 1, "select": "bm2"}, "unknown select 'bm2': did you mean bm25"),
        ({"k": 1, "order": "reverse"}, "unknown order 'reverse': did you mean reversed"),
    ],
)
def test_mistakes_get_a_sentence(arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        choose(QUESTION, **arguments)  # type: ignore[arg-type]


def test_empty_pool_and_missing_rationales() -> None:
    with pytest.raises(UserError, match="no exemplars and 1 are asked for"):
        choose(Question("q", FORMAT), k=1)
    some = tuple(replace(s, rationale="" if at % 2 else "why") for at, s in enumerate(POOL))
    assert ids(choose(replace(QUESTION, exemplars=some), k=2, rationale=True)) == ["s0", "s2"]
    with pytest.raises(UserError, match="only 10 of the task's exemplars have a rationale and 11 are asked for"):
        choose(replace(QUESTION, exemplars=some), k=11, rationale=True)
    with pytest.raises(UserError, match="none of the task's exemplars have a rationale"):
        choose(replace(QUESTION, exemplars=tuple(replace(s, rationale=" ") for s in POOL)), k=1, rationale=True)


@pytest.mark.parametrize("select", ["first", "random", "balanced", "bm25"])
def test_the_question_in_other_blanks_case_or_order_of_choices_is_no_exemplar(select: str) -> None:
    pool = (Sample("a", " What  IS it? ", "A", choices=("y", "x")), Sample("b", "What else?", "B", choices=("x", "y")))
    question = replace(QUESTION, text="What is it?", choices=("x", "y"), exemplars=pool)
    assert ids(choose(question, k=1, select=select)) == ["b"]
    with pytest.raises(UserError, match="has 1 exemplars and 2 are asked for"):
        choose(question, k=2, select=select)
    assert len(choose(replace(question, choices=("x", "z")), k=2, select=select)) == 2
