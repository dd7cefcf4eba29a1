"""The ledger: what is asked once, on the same samples, within the budget; and what is written is read."""

from __future__ import annotations

import pytest

from kshot.program import drive
from kshot.prompts.search import Proposal, Trials
from kshot.prompts.search.trials import GIVEN_UP
from kshot.types import Generation, Request, SamplingParams
from tests.prompts.search.tasks import Model, task_of


def filled(validation: int = 10, budget: int = 1000, count: int = 8) -> tuple[Trials, list[int]]:
    """A ledger with so many candidates."""
    trials = Trials(task_of(validation=validation), budget)
    numbers = [trials.add_text(f"Say number {at} of them.", "test") for at in range(count)]
    assert numbers == list(range(count))
    return trials, list(range(count))


def asked_in(model: Model) -> dict[str, list[str]]:
    """By instruction, the samples that were scored, in order."""
    found: dict[str, list[str]] = {}
    for prompt in model.scored:
        instruction, _, sample = prompt.removeprefix("Q: ").partition("\n\n")
        samples = found.setdefault(instruction, [])
        if sample not in samples:
            samples.append(sample)
    return found


def test_scores_are_asked_once_and_a_mean_is_that_of_the_first_samples() -> None:
    trials, numbers = filled()
    model = Model()
    first = drive(trials.score(numbers[:2], 4), model)
    assert trials.spent == 8 and len(model.scored) == 16
    again = drive(trials.score([1, 0, 1], 4), model)
    assert again == [first[1], first[0], first[1]] and trials.spent == 8 and len(model.scored) == 16
    whole = drive(trials.score([0]), model)
    assert trials.spent == 14 and len(trials.candidates[0].trials) == 10
    values = [one.value for one in trials.candidates[0].trials]
    assert whole == [pytest.approx(sum(values) / 10)] and first[0] == pytest.approx(sum(values[:4]) / 4)
    assert (trials.mean(1), trials.mean(1, 4), trials.mean(1, 5), trials.mean(2)) == (
        first[1],
        first[1],
        GIVEN_UP,
        GIVEN_UP,
    )
    assert [one.born for one in trials.candidates[:2]] == [0, 4]


def test_what_the_budget_does_not_pay_for_is_not_begun() -> None:
    trials, numbers = filled(budget=24)
    means = drive(trials.score(numbers), Model())
    assert [mean == GIVEN_UP for mean in means] == [False, False, *[True] * 6]
    assert trials.spent == 20 and trials.left == 4 and not trials.candidates[2].trials
    found = trials.found()
    assert [one.text for one in found.candidates] == ["Say number 0 of them.", "Say number 1 of them."]
    assert found.notes == ("the budget did not pay for 6 of the candidates.", "4 of 24 scorings were not spent.")


def test_halving_tries_all_of_a_rung_on_the_same_samples() -> None:
    trials, numbers = filled(validation=64, count=9)
    model = Model()
    order = drive(trials.halving(numbers), model)
    assert sorted(len(one.trials) for one in trials.candidates) == [16] * 4 + [32] * 2 + [64] * 3
    assert trials.spent == 9 * 16 + 5 * 16 + 3 * 32
    samples = [sample.question for sample in trials.task.validation]
    for asked in asked_in(model).values():
        assert [next(at for at, text in enumerate(samples) if f"{text}\n" in one) for one in asked] == list(
            range(len(asked))
        )
    means = [trials.mean(number) for number in order]
    assert means == sorted(means, reverse=True) and all(len(trials.candidates[one].trials) == 64 for one in order)
    at_16 = [trials.mean(number, 16) for number in numbers]
    assert min(at_16[one] for one in numbers if len(trials.candidates[one].trials) > 16) >= max(
        at_16[one] for one in numbers if len(trials.candidates[one].trials) == 16
    )


@pytest.mark.parametrize(("budget", "tried"), [(2048, 64), (1024, 32), (300, 8), (64, 1)])
def test_halving_begins_with_as_many_as_it_can_end_with(budget: int, tried: int) -> None:
    trials, numbers = filled(validation=64, budget=budget, count=70)
    assert trials.affords(70) == (tried if budget > 64 else 1)
    left = drive(trials.halving(numbers), Model())
    assert len(trials.candidates[left[0]].trials) == 64
    assert trials.spent <= budget
    assert sum(bool(one.trials) for one in trials.candidates) >= tried


def test_a_candidate_is_the_same_but_for_case_and_blanks() -> None:
    trials = Trials(task_of(), 100)
    assert trials.add_text("Say  what it is.", "test") == 0
    assert trials.add_text('"say what IT is."', "test") is None
    assert trials.add_text("", "test") is None
    assert trials.add_text("word " + " ".join(f"w{at}" for at in range(50)), "test") is None
    assert trials.unusable == 3 and trials.spent == 0
    assert trials.number(trials.task.worded("SAY what it is.")) == 0 and trials.number("zero-shot") is None
    assert trials.add("zero-shot", "", "human", checked=False) == 1
    assert trials.add("zero-shot:wording=1", "", "test") is None


def test_texts_are_written_with_seeds_of_their_own_and_never_too_many() -> None:
    trials = Trials(task_of(), 100, proposals=3)
    asked: list[Request] = []

    def answer(request: Request) -> Generation:
        asked.append(request)
        return Generation(f"text {len(asked)}", "stop")

    assert drive(trials.write(["p", "p"], temperature=0.5, max_new_tokens=7, seed=4), answer) == ["text 1", "text 2"]
    assert drive(trials.write(["p", "q"], seed=4), answer) == ["text 3"]
    assert drive(trials.write(["q"], seed=4), answer) == []
    assert (trials.written, trials.writes_left) == (3, 0)
    assert all(type(request) is Proposal for request in asked)
    assert asked[0].params == SamplingParams(0.5, 1.0, 7)
    assert len({request.seed for request in asked}) == 3


def test_what_is_no_number_is_never_the_best() -> None:
    trials, _ = filled(count=2)
    model = Model(likes=lambda prompt, label: float("nan") if "number 0" in prompt else -1.0)
    with pytest.raises(Exception, match="no finite number"):
        drive(trials.score([0]), model)


def test_a_search_that_found_nothing_ends_with_what_people_wrote() -> None:
    trials = Trials(task_of(), 100)
    found = drive(trials.concluded(["nothing was written."]), Model())
    assert [one.spec for one in found.candidates] == ["choice-logprob"] and found.scorings == 10
    assert found.notes[:2] == (
        "nothing was written.",
        "nothing was found that could be tried to the end; the task's first wording stands in.",
    )
    with pytest.raises(ValueError, match="one candidate at least"):
        Trials(task_of(), 100).found()
