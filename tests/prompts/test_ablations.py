"""What becomes of exemplars: labels wrong, random, flipped or renamed, inputs or labels left out or foreign."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from scipy import stats

from kshot.eval.answers import NUMBER, exact, labels
from kshot.program import advance, drive
from kshot.prompts.ablations import ABLATIONS, SYMBOLS, WORDS, deranged, words_for
from kshot.prompts.strategies import STRATEGIES, get_strategy
from kshot.registry import hyperparameters
from kshot.types import Generation, Question, Request, Sample, Template, UserError

NAMES = ("bad", "good", "so-so")
POOL = tuple(Sample(f"s{at}", f"film {at}.", NAMES[at % 3], fields=(("text", f"film {at}."),)) for at in range(60))
FORM = (Template("Review: {{ text }}\nSentiment: {{ answer }}"),)
FILM = Question(
    "film 100.",
    labels(NAMES),
    labels=NAMES,
    exemplars=POOL,
    templates=FORM,
    score=exact,
    fields=(("text", "film 100."),),
)
SHOWS = [name for name in STRATEGIES if "ablate" in hyperparameters(STRATEGIES.parse(name)[1])]


def prompt(spec: str, question: Question = FILM) -> str:
    [request, *_] = advance(get_strategy(spec)(question))
    assert isinstance(request.prompt, str)
    return request.prompt


def said(spec: str, question: Question = FILM) -> list[tuple[str, str]]:
    """The exemplars of a prompt: (text, label)."""
    *shown, _ = prompt(spec, question).split("\n\n")
    pairs = [block.split("\n") for block in shown]
    return [(a.removeprefix("Review:").strip(), b.removeprefix("Sentiment:").strip()) for a, b in pairs]


TRUE = {one.question: one.target for one in POOL}


def test_everything_that_shows_labelled_exemplars_takes_the_same_block() -> None:
    assert {"few-shot", "choice-logprob", "channel-logprob", "log-likelihood", "chain-of-thought"} <= set(SHOWS)
    for name in ("few-shot", "choice-logprob"):
        for kind in ABLATIONS:
            question = replace(FILM, foreign=lambda task: [f"{task} is it."])
            spec = f"{name}:k=6,template=0,ablate={kind},exemplar_seed=4"
            assert prompt(spec, question) == prompt(spec.replace(name, "choice-logprob"), question)
    for name in ("few-shot", "choice-logprob", "channel-logprob"):
        plain, wrong = (prompt(f"{name}:k=4,template=0{more}") for more in ("", ",ablate=wrong"))
        assert plain != wrong, name


def test_noise_is_another_word_for_wrong() -> None:
    for share in (0.25, 1.0):
        noisy = prompt(f"few-shot:k=8,template=0,noise={share}")
        assert noisy == prompt(f"few-shot:k=8,template=0,ablate=wrong,share={share}")
    with pytest.raises(UserError, match=r"noise=X is ablate=wrong,share=X"):
        prompt("few-shot:k=8,template=0,noise=0.5,ablate=random")


def test_random_keeps_the_right_label_as_often_as_any() -> None:
    drawn = [
        pair for seed in range(40) for pair in said(f"few-shot:k=50,template=0,ablate=random,exemplar_seed={seed}")
    ]
    assert len(drawn) == 2000
    kept = sum(TRUE[text] == label for text, label in drawn)
    assert stats.binomtest(kept, 2000, 1 / 3).pvalue > 1e-4
    assert abs(kept / 2000 - 1 / 3) < 4 * math.sqrt(2 / 9 / 2000)
    counts = Counter(label for _, label in drawn)
    assert stats.chisquare(list(counts.values())).pvalue > 1e-4 and set(counts) == set(NAMES)


def test_a_drawn_label_hangs_on_the_exemplar_and_the_seed_alone() -> None:
    few, many = (dict(said(f"few-shot:k={k},template=0,ablate=random,exemplar_seed=3")) for k in (5, 30))
    assert few.items() <= many.items()
    other = dict(said("few-shot:k=30,template=0,ablate=random,exemplar_seed=4"))
    assert other != many


@pytest.mark.parametrize("share", [0.0, 0.5, 0.75, 1.0])
def test_flipped_is_one_derangement_of_the_labels(share: float) -> None:
    pairs = said(f"few-shot:k=12,template=0,ablate=flipped,share={share},exemplar_seed=1")
    flip = dict(zip(NAMES, deranged(NAMES, 1), strict=True))
    assert all(label in (TRUE[text], flip[TRUE[text]]) for text, label in pairs)
    assert sum(label != TRUE[text] for text, label in pairs) == int(12 * share)


def test_derangements_are_all_as_likely() -> None:
    names = ("a", "b", "c", "d")
    drawn = Counter(tuple(deranged(names, seed)) for seed in range(1800))
    assert len(drawn) == 9 and all(a != b for one in drawn for a, b in zip(one, names, strict=True))
    assert stats.chisquare(list(drawn.values())).pvalue > 1e-4


def test_symbols_are_the_true_labels_in_other_words_and_words_are_drawn() -> None:
    named = dict(zip(NAMES, SYMBOLS, strict=False))
    assert said("few-shot:k=9,template=0,ablate=symbols") == [(one.question, named[one.target]) for one in POOL[:9]]
    drawn = words_for("words", NAMES, 2)
    pairs = said("few-shot:k=30,template=0,ablate=words,exemplar_seed=2")
    assert {label for _, label in pairs} == set(drawn) and len(set(drawn)) == 3
    true = dict(zip(NAMES, drawn, strict=True))
    assert any(true[TRUE[text]] != label for text, label in pairs)  # and at random
    assert words_for("words", NAMES, 3) != drawn
    assert len(set(WORDS)) == len(WORDS) and "apple" not in {
        words_for("words", ("Apple", "x"), s)[0] for s in range(300)
    }
    asked = advance(get_strategy("choice-logprob:k=2,template=0,ablate=symbols")(FILM))
    assert [str(request.continuation).strip() for request in asked] == list(SYMBOLS[:3])


def test_without_labels_or_without_inputs() -> None:
    bare = prompt("few-shot:k=2,template=0,ablate=no-labels")
    assert bare == "Review: film 0.\nSentiment:\n\nReview: film 1.\nSentiment:\n\nReview: film 100.\nSentiment:"
    only = prompt("few-shot:k=2,template=0,ablate=labels-only")
    assert only == "Review: \nSentiment: bad\n\nReview: \nSentiment: good\n\nReview: film 100.\nSentiment:"
    turns = advance(get_strategy("few-shot:k=2,ablate=no-labels")(FILM))[0].prompt
    assert [turn.content for turn in turns] == ["film 0.", "", "film 1.", "", "film 100."]  # type: ignore[union-attr]


def test_foreign_inputs_are_about_as_long_and_keep_the_labels() -> None:
    asked: list[str] = []

    def inputs(task: str) -> list[str]:
        asked.append(task)
        return [" ".join(["word"] * count) for count in range(1, 60)]

    pool = tuple(replace(one, question="x " * 20, fields=(("text", "x " * 20),)) for one in POOL)
    question = replace(FILM, exemplars=pool, foreign=inputs)
    pairs = said("few-shot:k=40,template=0,ablate=foreign,foreign=scan", question)
    assert [label for _, label in pairs] == [one.target for one in POOL[:40]] and set(asked) == {"scan"}
    lengths = [len(text.split()) for text, _ in pairs]
    assert set(" ".join(text for text, _ in pairs).split()) == {"word"}
    assert abs(sum(lengths) / 40 - 20) < 4 and max(lengths) < 40


# ---------------------------------------------------------------- an engine that does as the exemplars do


def oracle(request: Request) -> Generation:
    """Does what the exemplars do with a film of the same remainder: it has learnt the mapping that is shown."""
    assert isinstance(request.prompt, str)
    *shown, asked = request.prompt.split("\n\n")

    def number(block: str) -> int:
        return int(block.split("film ")[1].split(".")[0]) % 3

    learnt = {number(block): block.rpartition("Sentiment: ")[2] for block in shown}
    answer = learnt[number(asked)]
    if request.continuation is None:
        return Generation(f" {answer}", "stop")
    return Generation(
        "", "scored", logprob=0.0 if request.continuation.strip() == answer else -9.0, completion_tokens=1
    )


@pytest.mark.parametrize("name", ["few-shot", "choice-logprob"])
@pytest.mark.parametrize(("kind", "right"), [("gold", 1.0), ("symbols", 1.0), ("flipped", 0.0)])
def test_what_an_engine_that_does_as_it_is_shown_comes_to(name: str, kind: str, right: float) -> None:
    for at in range(100, 130):
        text = f"film {at}."
        question = replace(FILM, text=text, fields=(("text", text),))
        prediction = drive(get_strategy(f"{name}:k=6,template=0,ablate={kind}")(question), oracle)
        assert prediction.answer in NAMES  # mapped back
        assert float(prediction.answer == NAMES[at % 3]) == right


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ("ablate=silver", "unknown ablate 'silver'"),
        ("share=2.0,ablate=random", "share is 2.0"),
        ("share=0.5", "share is 0.5 and ablate=gold"),
        ("ablate=symbols,share=0.5", "leave share out"),
        ("foreign=scan", "add ablate=foreign"),
        ("ablate=foreign", "use it with kshot bench"),
        ("ablate=symbols,label_words=a+b+c", "ablate=symbols and label_words"),
    ],
)
def test_what_cannot_be_is_told(params: str, said: str) -> None:
    for name in ("few-shot", "choice-logprob"):
        with pytest.raises(UserError, match=said):
            prompt(f"{name}:k=2,template=0,{params}")


def test_a_task_without_labels_is_told() -> None:
    numbers: dict[str, Any] = {"exemplars": tuple(replace(one, target=str(at)) for at, one in enumerate(POOL))}
    question = Question("How many?", NUMBER, templates=FORM, **numbers)
    for kind in ("random", "flipped", "symbols", "words"):
        with pytest.raises(UserError, match=f"ablate={kind}"):
            prompt(f"few-shot:k=3,template=0,ablate={kind}", question)
    with pytest.raises(UserError, match=r"leaves no worked solution"):
        prompt("chain-of-thought:k=2,ablate=wrong", FILM)


def test_random_letters_of_a_samples_own_choices() -> None:
    pool = tuple(replace(one, choices=("x", "y", "z", "w"), target="B") for one in POOL)
    question = replace(FILM, labels=(), choices=("x", "y", "z", "w"), exemplars=pool, templates=())
    turns = advance(get_strategy("few-shot:k=40,ablate=random")(question))[0].prompt
    answered = Counter(turn.content for turn in turns if turn.role == "assistant")  # type: ignore[union-attr]
    assert set(answered) == set("ABCD")
