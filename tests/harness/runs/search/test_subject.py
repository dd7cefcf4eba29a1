"""What a search sees of a task, and what it cannot."""

from __future__ import annotations

import gc
import math
import types
from collections.abc import Iterable
from dataclasses import replace

import pytest

from kshot.eval.tasks import get_task
from kshot.harness.runs.search.split import key_of, parts_of
from kshot.harness.runs.search.subject import searchable
from kshot.program import drive
from kshot.prompts.search import SEARCHES
from kshot.prompts.search.trials import Trials
from kshot.prompts.strategies import get_strategy
from kshot.types import Sample, Source, Split, Task, UserError
from tests.harness.runs.search import planted


def reachable(root: object) -> Iterable[object]:
    """All that can be got at from an object: its values, closures, defaults and bound arguments; not whole modules."""
    seen: dict[int, object] = {}
    left = [root]
    while left:
        one = left.pop()
        if id(one) in seen or isinstance(one, types.ModuleType | type):
            continue
        seen[id(one)] = one
        if isinstance(one, types.FunctionType):
            left += [cell for cell in one.__closure__ or ()]
            left += [one.__defaults__, one.__kwdefaults__, one.__dict__]
            continue
        left += gc.get_referents(one)
    return seen.values()


@pytest.mark.parametrize("name", ["planted", "written", "word-pairs:relation=past", "coin-flip"])
def test_no_test_sample_can_be_got_at(name: str) -> None:
    task = get_task(name)
    kept: list[Sample] = []  # as where a loader keeps what it has read, and is asked before a search

    def load(split: Split, source: Source) -> list[Sample]:
        found = list(task.load(split, source))
        kept.extend(found if split == "test" else [])
        return found

    holds = replace(task, load=load, undivided=task)
    holds.load("test", Source())
    subject = searchable(holds, Source())
    tests = {sample.id for sample in kept}
    found = [one for one in reachable(subject) if isinstance(one, Sample)]
    assert tests and len(found) >= len(subject.train) + len(subject.validation)
    assert not [one for one in found if one in kept]
    assert load not in list(reachable(subject))
    with_task = [one for one in reachable(holds) if isinstance(one, Sample) and one in kept]
    assert with_task  # so that a search that had the task itself would have been found out


def test_the_split_is_not_read_and_hangs_on_samples_and_not_on_their_places() -> None:
    task = get_task("planted")
    parts = parts_of(task, Source())
    assert set(planted.READ) == {"train"}
    assert len(parts.validation) == 60 and len(parts.train) == 60
    assert not {key_of(one) for one in parts.train} & {key_of(one) for one in parts.validation}

    def backwards(split: Split, source: Source) -> list[Sample]:
        return list(task.load(split, source))[::-1]

    other = parts_of(replace(task, load=backwards), Source())
    assert other.validation == parts.validation and other.train == parts.train
    assert other.places != parts.places
    assert parts_of(task, Source(seed=1)).validation != parts.validation


def test_what_asks_the_same_is_in_one_part_only_and_what_has_no_target_in_none() -> None:
    task = get_task("planted")

    def load(split: Split, source: Source) -> list[Sample]:
        rows = list(task.load(split, source))
        again = [replace(one, id=f"{one.id}-b", question=f"{one.question.upper()} ") for one in rows]
        return [*rows, *again, Sample("none", "what?", "")]

    parts = parts_of(replace(task, load=load), Source(), train=1000)
    asked = [key_of(sample) for sample in (*parts.train, *parts.validation)]
    assert len(asked) == len(set(asked)) == 120


@pytest.mark.parametrize(("count", "said"), [(0, "has no train samples"), (15, "has 15 train samples with a target")])
def test_too_small_a_pool_is_refused_with_what_to_do(count: int, said: str) -> None:
    with pytest.raises(UserError, match=said):
        parts_of(get_task(f"planted:train={count}"), Source())


def test_places_are_those_of_the_whole_pool() -> None:
    task = get_task("planted")
    subject = searchable(task, Source())
    spec = subject.showing([3, 0], "Look.")
    pool = task.load("train", Source())
    question = task.question(subject.validation[0], pool)
    program = get_strategy(spec)(question)
    text = planted.prompt_of(next(iter(next(program))))
    assert [one.question in text for one in subject.train[:4]] == [True, False, False, True]
    assert text.index(subject.train[3].question) < text.index(subject.train[0].question) and "Look." in text


def test_values_are_the_log_of_the_targets_share_or_of_its_tokens() -> None:
    subject = searchable(get_task("planted"), Source())
    assert subject.objective == "likelihood"
    [trial] = drive(subject.score(subject.worded(planted.WORD), subject.validation[:1]), planted.engine().answer)
    target = subject.validation[0].target
    assert trial.value == pytest.approx(math.log(trial.probabilities[target]))
    assert trial.score == float(trial.probabilities[target] > 0.5)

    written = searchable(get_task("written"), Source())
    assert written.objective == "accuracy"
    [trial] = drive(written.score(written.worded(planted.WORD), written.validation[:1]), planted.engine().answer)
    assert trial.value == trial.score

    written = searchable(get_task("written"), Source(), objective="likelihood")
    [trial] = drive(written.score(written.worded(planted.WORD), written.validation[:1]), planted.engine().answer)
    assert trial.value == pytest.approx(math.log(0.8 if trial.score else 0.3))  # of one token


def test_what_people_wrote_is_there_none_twice() -> None:
    labelled, written = (searchable(get_task(name), Source()).humans for name in ("planted", "written"))
    assert labelled[0] == "choice-logprob:wording=0" and written[0] == "instruction"
    assert len(set(labelled)) == len(labelled) == 6 and len(set(written)) == 6


def test_nothing_beyond_the_ledger_is_spent() -> None:
    subject = searchable(get_task("planted"), Source())
    trials = Trials(subject, 150, 16)
    found = drive(SEARCHES.get("asks")(subject, trials, seed=0), planted.engine().answer)
    assert found.scorings <= 150 and found.proposals <= 16
    assert len(found.candidates[found.best].trials) == len(subject.validation)


def test_a_task_that_cannot_load_is_what_a_search_has() -> None:
    subject = searchable(get_task("planted"), Source())
    [task] = {id(one): one for one in reachable(subject) if isinstance(one, Task)}.values()
    with pytest.raises(UserError, match="given no others"):
        task.load("test", Source())
