"""What hotflip asks: rows of the task's own prompts with a hole, the right answer of each, which labels are kept out.

With a real model it is tested in tests/adapters/test_discrete.py.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from kshot.program import drive
from kshot.prompts.search import SEARCHES, Trials
from kshot.prompts.search.flips import HOLE, Flips, FlipsAsked, Gradient, asked_in, reply_of
from kshot.prompts.search.hotflip import lossy, mean_losses
from kshot.prompts.strategies import get_strategy
from kshot.types import Generation, Request, UserError
from tests.prompts.search.tasks import LABELS, WORDINGS, Model, searched, task_of


def first_asked(spec: str) -> FlipsAsked:
    [request] = next(SEARCHES.get(spec)(task_of(), Trials(task_of(), 320)))
    assert isinstance(request, Flips)
    return asked_in(request)


@pytest.mark.parametrize(
    ("spec", "without"),
    [("hotflip", LABELS["en"]), ("hotflip:wording=0", ()), ("hotflip:label_words=allowed", ())],
    ids=["its own", "a wording that says them", "allowed"],
)
def test_it_lets_no_label_in_that_was_not_there(spec: str, without: tuple[str, ...]) -> None:
    asked = first_asked(spec)
    assert asked.without == without
    assert asked.text == (WORDINGS["en"][0] if "wording" in spec else "the the the the the")


def test_each_row_knows_which_answer_is_right_and_says_what_the_strategy_says() -> None:
    task = task_of()
    rows = {one.id: lossy(task, one, "Say it.") for one in task.train}
    assert {one.target for one in task.train} == set(LABELS["en"])
    for one in task.train:
        row = rows[one.id]
        assert row.continuations[row.right].strip() == one.target
        strategy = get_strategy(task.worded("Say it."))
        asked = next(strategy(replace(task.question, text=one.question)))
        assert [(each.prompt, each.continuation) for each in row.filled("Say it.")] == [
            (each.prompt, each.continuation) for each in asked
        ]


def test_a_gradient_and_its_candidates_are_of_the_same_samples() -> None:
    steps: list[tuple[set[str], set[str]]] = []
    gradients: list[set[str]] = []

    class Watching(Model):
        """Notes whose samples are asked between two gradients."""

        def __call__(self, request: Request) -> Generation:
            own = {one.question for one in task.train if one.question in str(request.prompt)}
            if isinstance(request, Flips):
                gradients.append(own)
                steps.append((own, set()))
            elif steps and own:
                steps[-1][1].update(own)
            return super().__call__(request)

    task = task_of()
    searched(SEARCHES.get("hotflip:samples=3,tries=4"), task, Watching())
    assert len(steps) > 3 and all(asked == scored for asked, scored in steps)
    assert len({tuple(sorted(own)) for own in gradients}) > 1


def test_losses_are_of_the_target_among_the_labels_or_of_each_of_its_tokens() -> None:
    task = task_of()
    row = lossy(task, task.train[0], "x")
    single = replace(row, continuations=row.continuations[:1], right=0)

    def answer(request: Request) -> Generation:
        return Generation(
            "", "scored", completion_tokens=2, logprob=-1.0 if "negative" in str(request.continuation) else -3.0
        )

    [two] = drive(mean_losses([row], ["x"]), answer)
    right = {"negative": 0.126928, "positive": 2.126928}[task.train[0].target]  # ln(1 + e^-2), and 2 more
    assert two == pytest.approx(right, abs=1e-6)
    [one] = drive(mean_losses([single], ["x"]), answer)
    assert one == pytest.approx(0.5)


def test_a_strategy_that_changes_the_words_is_refused() -> None:
    task = task_of()
    shouting = replace(task, worded=lambda text: task.worded(text.upper().replace("Ü", "U")))
    with pytest.raises(UserError, match="very words"):
        lossy(shouting, task.train[0], "say it")
    assert HOLE not in str(lossy(task, task.train[0], "x").filled("x")[0].prompt)


def test_nothing_is_kept_back_for_more_tries_than_exchanges_are_asked_for() -> None:
    many, all_of_them = (
        searched(SEARCHES.get(f"hotflip:top=4,tries={tries}"), task_of(), Model(), budget=600) for tries in (300, 4)
    )
    assert many == all_of_them


@pytest.mark.parametrize("spec", ["hotflip:tokens=41", "reinforce:positions=41"])
def test_a_text_that_is_too_long_to_be_tried_is_refused(spec: str) -> None:
    """It was searched for to the end of the budget, and then the task's first wording stood in."""
    with pytest.raises(UserError, match="is 41; it must be 40 at most"):
        searched(SEARCHES.get(spec), task_of(), Model(), budget=600)


def test_a_text_of_which_no_token_can_be_exchanged_ends_the_search_and_it_says_so() -> None:
    class Rigid(Model):
        """Has no exchange for any token."""

        def flipped(self, asked: FlipsAsked) -> Generation:
            return Generation(reply_of(Gradient(1.0, len(asked.text.split()), ())), "scored", logprob=-1.0)

    found = searched(SEARCHES.get("hotflip:tokens=3,samples=8"), task_of(), Rigid(), budget=600)
    assert [one.text for one in found.candidates] == ["the the the"]
    assert found.scorings == 3 * 8 + 10  # a gradient of each token, and the text that stands on the validation
    assert any("no token of the text can be exchanged" in note for note in found.notes)
