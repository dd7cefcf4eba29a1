"""The policy over words: planted arms, its gradient against torch, its reward by hand, its budget."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from kshot.eval.answers import TEXT
from kshot.program import drive
from kshot.prompts.search import SEARCHES, Found, Searchable, Trial, Trials
from kshot.prompts.search.reinforce import Policy, reward, z_scored
from kshot.prompts.search.words import information, ranked_words
from kshot.spec import split_spec, write_spec
from kshot.types import Generation, Program, Question, Request, Sample, UserError

GOOD, BAD = ("glad", "warm", "fine"), ("dull", "cold", "poor")


def samples(count: int, seed: int = 0) -> tuple[Sample, ...]:
    """Reviews of two words that tell their label and of others that do not."""
    drawing = random.Random(seed)
    found = []
    for at in range(count):
        label = ("negative", "positive")[at % 2]
        words = drawing.sample(GOOD if label == "positive" else BAD, 2) + drawing.sample(("the", "film", "was", "a"), 3)
        found.append(Sample(f"s{seed}-{at}", " ".join(words), label))
    return tuple(found)


def text_of(spec: str) -> str:
    return split_spec(spec)[1]["text"]


def task_of(worth: Callable[[str, Sample], float], *, asked: list[tuple[str, str]] | None = None) -> Searchable:
    """A task on which a text gives the target that probability; every scoring is noted."""
    labels = ("negative", "positive")

    def score(spec: str, some: Sequence[Sample]) -> Program[list[Trial]]:
        yield [Request(f"{text_of(spec)} {one.question}", continuation=one.target) for one in some]
        found = []
        for one in some:
            if asked is not None:
                asked.append((spec, one.id))
            share = worth(text_of(spec), one)
            other = labels[1 - labels.index(one.target)]
            found.append(Trial(math.log(share), float(share > 0.5), {one.target: share, other: 1 - share}))
        return found

    train = samples(40)
    question = Question("", TEXT, labels=labels, exemplars=train, instructions=("Say positive or negative, quickly.",))
    return Searchable(
        "planted", question, train, samples(64, 1), "likelihood",
        lambda text: write_spec("choice-logprob", {"text": text}), lambda places, text: "",
        ("choice-logprob:wording=0",), score,
    )  # fmt: skip


def run(task: Searchable, spec: str = "reinforce", budget: int = 2048, **more: Any) -> tuple[Found, Trials]:
    trials = Trials(task, budget)
    program = SEARCHES.get(spec)(task, trials, **more)
    return drive(program, lambda request: Generation(str(request.continuation), "scored", completion_tokens=1)), trials


# ---------------------------------------------------------------- the policy


def bandit(worth: np.ndarray, seed: int, noise: float = 0.1) -> float:
    """The share of the best prompt's worth that the likeliest one has after 60 steps; `worth` is by place and word."""
    rng, policy = np.random.default_rng(seed), Policy(*worth.shape, lr=0.3, seed=seed)
    for _ in range(60):
        drawn = policy.draw(8)
        rewards = [[worth[range(5), row].sum() + rng.normal(0, noise) for _ in range(4)] for row in drawn]
        policy.learn(drawn, z_scored(rewards))
    return float(worth[range(5), policy.greedy()].sum() / worth.max(1).sum())


def test_planted_arms_are_found_in_60_steps() -> None:
    shares = []
    for seed in range(24):
        good = np.random.default_rng(seed).integers(0, 20, 5)  # one word of 20 at each of 5 places
        shares.append(bandit(np.eye(20)[good], seed))
    assert np.mean(shares) >= 0.95
    assert sum(share >= 0.95 for share in shares) >= 22


def test_of_arms_of_all_kinds_it_comes_near_the_best() -> None:
    shares = [bandit(np.random.default_rng(seed).uniform(0, 1, (5, 20)), seed) for seed in range(20)]
    assert np.mean(shares) >= 0.95  # of what is drawn at random the mean is 0.53, the best of 480 0.88


@pytest.mark.parametrize("entropy", [0.0, 0.7])
def test_the_gradient_is_autograds(entropy: float) -> None:
    import torch

    policy = Policy(3, 7, lr=0.1, entropy=entropy, seed=2)
    policy.logits = np.random.default_rng(5).normal(size=(3, 7))
    drawn, rewards = policy.draw(8), np.random.default_rng(6).normal(size=8)
    logits = torch.tensor(policy.logits, requires_grad=True)
    logs = logits.log_softmax(1)
    total = torch.zeros((), dtype=torch.float64)
    for at, row in enumerate(drawn):
        others = np.delete(rewards, at).mean()
        total = total + (rewards[at] - others) * sum(logs[place, word] for place, word in enumerate(row)) / 8
    total = total - entropy * (logs.exp() * logs).sum()
    total.backward()
    assert logits.grad is not None
    np.testing.assert_allclose(policy.gradient(drawn, rewards), logits.grad.numpy(), atol=1e-12)


def test_its_draws_are_its_probabilities_and_its_seeds_own() -> None:
    policy = Policy(2, 3, lr=0.1, seed=1)
    policy.logits = np.log(np.array([[0.6, 0.3, 0.1], [0.1, 0.1, 0.8]]))
    counts = Counter(map(tuple, policy.draw(20_000)))
    assert counts[0, 2] / 20_000 == pytest.approx(0.48, abs=0.015)
    assert policy.greedy() == [0, 2]
    shares = (0.6, 0.3, 0.1, 0.1, 0.1, 0.8)
    assert policy.entropy_now() == pytest.approx(-sum(share * math.log(share) for share in shares))
    assert Policy(2, 3, lr=0.1, seed=1).draw(9) == Policy(2, 3, lr=0.1, seed=1).draw(9) != Policy(2, 3, lr=0.1).draw(9)


def test_entropy_holds_it_open() -> None:
    ends = []
    for entropy in (0.0, 0.5):
        policy = Policy(2, 10, lr=0.3, entropy=entropy, seed=0)
        for _ in range(60):
            drawn = policy.draw(8)
            policy.learn(drawn, z_scored([[float(sum(row))] for row in drawn]))
        ends.append(policy.entropy_now())
    assert ends[0] < ends[1]


# ---------------------------------------------------------------- the reward


@pytest.mark.parametrize(
    ("shares", "target", "expected"),
    [
        ({"a": 0.7, "b": 0.2, "c": 0.1}, "a", 200 * 0.5),  # right: lambda 2
        ({"a": 0.7, "b": 0.2, "c": 0.1}, "b", 180 * -0.5),  # wrong: lambda 1
        ({"a": 0.7, "b": 0.2, "c": 0.1}, "c", 180 * (0.1 - 0.7)),
        ({"a": 0.4, "b": 0.4, "c": 0.2}, "a", 0.0),  # a gap of nothing is not right, and nothing either way
        ({"a": 0.5, "b": 0.4, "c": 0.1}, "b|c", 0.0),  # either is right: together
        ({}, "a", -3.5),  # what writes has no probabilities
    ],
)
def test_the_reward_is_the_papers_piecewise_gap(shares: dict[str, float], target: str, expected: float) -> None:
    assert reward(Trial(-3.5, 0.0, shares), Sample("s", "q", target)) == pytest.approx(expected)


def test_rewards_are_z_scored_for_each_sample_over_the_prompts() -> None:
    rewards = [[1.0, 100.0, 5.0], [3.0, 300.0, 5.0]]
    np.testing.assert_allclose(z_scored(rewards), [-2 / 3, 2 / 3])
    np.testing.assert_allclose(z_scored([[0.0], [-math.inf], [1.0]]), z_scored([[0.0], [0.0], [1.0]]))
    assert z_scored([[-math.inf], [-math.inf]]).tolist() == [0.0, 0.0]


# ---------------------------------------------------------------- the words


def test_words_are_ranked_by_what_they_tell_of_a_label_and_no_label_is_one() -> None:
    task = task_of(lambda text, one: 0.5)
    words = ranked_words(task, 8, True)
    assert words[:2] == ["say", "or"]  # a wording's: a quarter at most
    assert set(words[2:]) == {*GOOD, *BAD}
    assert not {"positive", "negative"} & set(ranked_words(task, 100, True))
    assert {"positive", "negative"} <= set(ranked_words(task, 100, False))
    assert len(set(ranked_words(task, 100, False))) == len(ranked_words(task, 100, False))


def test_information_is_the_logarithm_of_how_much_likelier_they_stand_together() -> None:
    # 20 samples of 2 labels, a word in 8 of them, 8 of these of one label that 10 have: cells 8+1, 0+1, 2+1, 10+1
    assert information(8, 8, 10, 20, 2) == pytest.approx(math.log((9 / 24) / ((10 / 24) * (12 / 24))))


def test_a_task_that_writes_has_its_words_by_how_often_they_come() -> None:
    task = task_of(lambda text, one: 0.5)
    without = type(task)(**{
        **{name: getattr(task, name) for name in task.__dataclass_fields__},
        "question": Question("", TEXT, exemplars=task.train),
    })  # fmt: skip
    often = Counter(word for one in task.train for word in set(one.question.split()))
    ranked = ranked_words(without, 10, True)
    assert [often[word] for word in ranked] == sorted(often.values(), reverse=True)


# ---------------------------------------------------------------- the search


def planted(text: str, one: Sample) -> float:
    """Each "glad" in a text makes the target likelier."""
    return 0.2 + 0.15 * text.split().count("glad")


@pytest.mark.parametrize("seed", range(3))
def test_a_planted_word_takes_the_prompt_over(seed: int) -> None:
    found, trials = run(task_of(planted), "reinforce:words=20", seed=seed)
    best = found.candidates[found.best]
    print(best.text)
    assert best.text.split().count("glad") >= 4
    assert len(best.trials) == 64
    assert trials.left >= 0


def test_every_scoring_is_paid_for_and_none_is_asked_twice() -> None:
    asked: list[tuple[str, str]] = []
    found, trials = run(task_of(planted, asked=asked), budget=900)
    assert len(asked) == len(set(asked)) == found.scorings == trials.spent <= 900
    assert trials.left < 64  # settled: one more of the last prompts would take more
    of_train = {one.id for one in trials.task.train}
    assert {id for spec, id in asked} <= of_train | {one.id for one in trials.task.validation}
    assert any("steps of 8 prompts on 4 train samples" in note for note in found.notes)


@pytest.mark.parametrize("budget", [300, 777, 2048])
def test_a_budget_is_spent_but_for_what_pays_for_no_step(budget: int) -> None:
    found, trials = run(task_of(lambda text, one: 0.3 + hash_of(text + one.id) / 3), budget=budget)
    assert found.scorings == trials.spent and trials.left < 8


def hash_of(text: str) -> float:
    """A number from 0 to 1 that hangs on the text alone."""
    return random.Random(text).random()


def test_the_same_seed_draws_the_same_and_another_one_others() -> None:
    ends = [run(task_of(planted), budget=600, seed=seed)[0] for seed in (3, 3, 4)]
    assert ends[0] == ends[1] != ends[2]


def test_a_budget_for_one_prompt_tries_one() -> None:
    found, trials = run(task_of(planted), budget=64)
    assert [len(one.trials) for one in found.candidates] == [64]
    assert trials.left == 0


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("reinforce:samples=0", "samples is 0"),
        ("reinforce:lr=0", "lr is 0"),
        ("reinforce:label_words=no", "unknown label_words 'no'"),
        ("reinforce:entropy=-1", "entropy -1"),
    ],
)
def test_what_cannot_be_is_said(spec: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        run(task_of(planted), spec)
