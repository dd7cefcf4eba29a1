"""Searches run, stopped and resumed; the test split read at the end; the folder that is left."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kshot.eval.report.searching.outcomes import SearchOutcome
from kshot.harness.engines.registry import NamedEngine, find_engine
from kshot.harness.journal import Journal
from kshot.harness.keys import request_key
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.read import read_run
from kshot.harness.runs.run import run_benchmark
from kshot.harness.runs.search.bench import bench_plan
from kshot.harness.runs.search.console import finish, run_search
from kshot.harness.runs.search.engines import TwoEngines
from kshot.harness.runs.search.found import FOUND, outcome_of, read_found
from kshot.harness.runs.search.plan import CONTROLS, SearchPlan, load_searches
from kshot.harness.runs.search.run import Searched, run_searches
from kshot.harness.runs.view.server import find_runs
from kshot.prompts.search.trials import Proposal
from kshot.types import Engine, Generation, Request, UserError
from tests.harness.runs.search import planted

ASKS = "asks:n=4"
SMALL = SearchPlan(("planted",), (ASKS,), seeds=1, budget=100, proposals=8, validation=16, limit=10)
PLAN = replace(SMALL, tasks=("planted", "written"), methods=(ASKS, "shows"), seeds=2, limit=20)


class Stops(Exception):
    """As a kill would."""


class CutOff:
    """An engine that ends after so many answers, in the middle of what it was asked."""

    def __init__(self, answers: int | None = None, order: str = "fifo", seed: int = 0) -> None:
        self.inner = planted.engine(order=order, seed=seed)
        self.id, self.chat, self.capacity = self.inner.id, self.inner.chat, 7
        self.left = answers

    def submit(self, ticket: int, request: Request) -> None:
        self.inner.submit(ticket, request)

    def collect(self) -> list[tuple[int, Generation]]:
        if self.left == 0:
            raise Stops
        self.left = None if self.left is None else self.left - 1
        return self.inner.collect()

    def close(self) -> None:
        self.inner.close()


def named(id: str = "planted") -> NamedEngine:
    return NamedEngine(f"scripted:reply={id}", lambda: planted.engine(id), {})


def outcomes(folder: Path, plan: SearchPlan, engine: Engine, asked: list[str] | None = None) -> list[SearchOutcome]:
    loaded = load_searches(plan)
    ended = run_searches(loaded, engine, folder, on_ask=None if asked is None else asked.append)
    return [outcome_of(loaded, one) for one in ended]


def test_all_methods_have_the_same_budget_and_nothing_of_the_test_is_read(tmp_path: Path) -> None:
    found = outcomes(tmp_path, PLAN, planted.engine())
    assert set(planted.READ) == {"train"}
    assert [(one.task, one.method, one.seed) for one in found] == list(load_searches(PLAN).keys)
    assert {one.method for one in found} == {*CONTROLS, ASKS, "shows"}
    for one in found:
        assert one.scorings <= one.budget == 100
        assert one.winner.samples == one.validation == 16
        assert one.trajectory[-1] == (one.scorings, one.winner.score)
        assert all(before <= after for before, after in zip(one.trajectory, one.trajectory[1:], strict=False))
    assert all(one.proposing.requests == one.proposals for one in found)
    assert next(one for one in found if one.method == ASKS).proposals == 8


def test_seeds_differ_and_the_same_seed_is_the_same_whatever_the_order_of_answers(tmp_path: Path) -> None:
    first = outcomes(tmp_path / "a", PLAN, planted.engine())
    again = outcomes(tmp_path / "b", PLAN, planted.engine(order="random", seed=3))
    assert first == again
    asks = [one for one in first if (one.task, one.method) == ("planted", ASKS)]
    assert [each.text for each in asks[0].tried] != [each.text for each in asks[1].tried]


@pytest.mark.parametrize("every", [1, 9, 40])
def test_cut_off_at_every_kth_answer_it_comes_to_the_same_and_asks_nothing_twice(tmp_path: Path, every: int) -> None:
    plan = replace(SMALL, budget=20, validation=8) if every == 1 else replace(SMALL, budget=48, validation=12)
    whole: list[str] = []
    undisturbed = outcomes(tmp_path / "whole", plan, planted.engine(), whole)
    asked: list[str] = []
    lost = 0
    for attempt in range(10_000):
        engine = CutOff(every, "random", attempt)
        try:
            resumed = outcomes(tmp_path / "broken", plan, engine, asked)
            break
        except Stops:
            lost += len(engine.inner.waiting)
    assert resumed == undisturbed
    with Journal.read(tmp_path / "broken" / "search") as journal:
        kept = {key for key, _, _ in journal.calls()}
    assert set(asked) == set(whole) == kept and attempt >= 2
    assert len(asked) - len(whole) == lost  # only what was with the engine when it ended is asked again


def test_a_finished_search_asks_nothing_when_it_is_given_again(tmp_path: Path) -> None:
    outcomes(tmp_path, SMALL, planted.engine())
    engine = planted.engine()
    outcomes(tmp_path, SMALL, engine)
    assert engine.asked == []


def test_more_methods_ask_only_what_is_new_and_another_protocol_is_refused(tmp_path: Path) -> None:
    outcomes(tmp_path, SMALL, planted.engine())
    engine = planted.engine()
    outcomes(tmp_path, replace(SMALL, methods=(ASKS, "shows")), engine)
    assert engine.asked and not any(isinstance(request, Proposal) for request in engine.asked)
    with pytest.raises(UserError, match="made with other settings"):
        outcomes(tmp_path, replace(SMALL, budget=90), planted.engine())
    with pytest.raises(UserError, match="made with other settings"):
        outcomes(tmp_path, SMALL, planted.engine("another"))


def test_proposals_go_to_the_other_engine_and_by_its_id(tmp_path: Path) -> None:
    scores, proposes = planted.engine("scores", chat=False), planted.engine("proposes")
    found = outcomes(tmp_path, SMALL, TwoEngines(scores, proposes))
    assert {isinstance(request, Proposal) for request in proposes.asked} == {True}
    assert {isinstance(request, Proposal) for request in scores.asked} == {False}
    assert all(isinstance(request.prompt, str) for request in scores.asked)
    with Journal.read(tmp_path / "search") as journal:
        kept = {key for key, _, _ in journal.calls()}
    assert {request_key("proposes", request) for request in proposes.asked} <= kept
    assert {request_key("scores", request) for request in scores.asked} <= kept
    again = TwoEngines(planted.engine("scores", chat=False), planted.engine("proposes"))
    assert outcomes(tmp_path, SMALL, again) == found
    assert again.scores.asked == again.proposes.asked == []  # type: ignore[attr-defined]
    with pytest.raises(UserError, match="proposer"):
        outcomes(tmp_path, SMALL, planted.engine("scores", chat=False))


def test_two_searches_that_ask_the_same_pay_once_and_cost_what_they_would_alone(tmp_path: Path) -> None:
    engine = planted.engine()
    found = outcomes(tmp_path, replace(SMALL, seeds=2), engine)
    keys = Counter(request_key("planted", request) for request in engine.asked)
    assert set(keys.values()) == {1}
    alone = outcomes(tmp_path / "alone", SMALL, planted.engine())
    assert [one.scoring for one in found if one.seed == 0] == [one.scoring for one in alone]


# ---------------------------------------------------------------- the test, and the folder


def test_the_whole_command_leaves_a_run_that_all_others_take(
    tmp_path: Path, no_pictures: None, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "runs" / "s"
    run_search(replace(PLAN, top=2), named(), folder, transfer=named("other"))
    until = planted.READ.index("test")
    assert set(planted.READ[:until]) == {"train"}
    finish(folder)
    said = capsys.readouterr().out
    assert "Chosen, corrected, tested" in said and planted.WORD in said

    found = read_found(folder)
    run, journal = read_run(folder)
    with journal:
        tested = {(record.task, record.strategy) for record in run.records}
        for one in found.outcomes:
            assert {(one.task, spec) for spec in one.tested} <= tested
            assert one.spec == one.tested[0] and len(one.tested) == 2
        assert ("planted", "choice-logprob:k=8,template=best") in tested
        assert ("written", "few-shot:template=best") in tested
        assert {(task, spec) for task, spec in tested if "calibrate=domain" in spec and task == "written"} == set()
        assert {record.sample_id.partition("-")[0] for record in run.records} == {"test"}
    assert [path.name for path in find_runs([folder])] == ["s"]
    assert [path.name for path in find_runs([tmp_path / "runs"])] == ["s"]
    with pytest.raises(UserError, match="what searches for prompts asked"):
        read_run(folder / "search")

    text, page = (folder / "report.md").read_text(), (folder / "report.html").read_text()
    for one in found.outcomes:
        assert one.winner.text in text and one.winner.text in page
    results = json.loads((folder / "results.json").read_text())
    assert {one["method"] for one in results["searches"]} == {*CONTROLS, ASKS, "shows"}
    for one in results["searches"]:
        mine = [r.score.value for r in run.records if (r.task, r.strategy) == (one["task"], one["strategy"])]
        assert one["test"] == pytest.approx(sum(mine) / len(mine)) and one["samples"] == len(mine) == 20
    with_it = [one for one in results["searches"] if one["method"] == ASKS]
    assert all(planted.WORD in one["text"] for one in with_it)  # what is planted is found
    assert {one["against"] for one in results["verdicts"]} == {"best-human", "few-shot", "random"}


def test_a_found_specification_means_the_same_to_an_ordinary_run(tmp_path: Path) -> None:
    """Its score on the validation samples, asked again by a run whose test these are, is what the search saw."""
    [one] = [
        each
        for each in outcomes(tmp_path, replace(SMALL, methods=("shows",)), planted.engine())
        if each.method == "shows"
    ]
    loaded = load_plan(Plan(("planted",), (one.spec,)))
    subject = load_searches(SMALL).subjects["planted"]
    loaded = replace(loaded, samples={"planted": list(subject.validation)})
    records: list[Any] = []
    run_benchmark(loaded, planted.engine(), tmp_path / "again", on_record=records.append)
    assert sum(record.score.value for record in records) / len(records) == pytest.approx(one.winner.score)


def test_what_is_damaged_is_named_and_made_anew(tmp_path: Path, no_pictures: None) -> None:
    folder = tmp_path / "s"
    run_search(SMALL, named(), folder)
    whole = read_found(folder)
    for text in ("{", '{"searches": 3}', '{"searches": [{"task": 1}], "few_shot": {}, "calibrated": {}, "notes": []}'):
        (folder / FOUND).write_text(text)
        with pytest.raises(UserError, match=r"found\.json is damaged.*same kshot search command"):
            read_found(folder)
    run_search(SMALL, named(), folder)  # which makes it anew
    said = json.loads((folder / FOUND).read_text())
    for wrong in (float("nan"), "0.5", True):
        said["searches"][0]["tried"][0]["score"] = wrong
        (folder / FOUND).write_text(json.dumps(said))
        with pytest.raises(UserError, match=r"found\.json is damaged"):
            finish(folder)
    run_search(SMALL, named(), folder)
    said = json.loads((folder / FOUND).read_text())
    few_shot = next(iter(said["few_shot"].values()))
    for change in ({"budget": 10**40}, {"scorings": 10**400}, {"tested": [few_shot]}, {"tested": []}):
        (folder / FOUND).write_text(json.dumps({**said, "searches": [{**said["searches"][0], **change}]}))
        with pytest.raises(UserError, match=r"found\.json is damaged"):
            finish(folder)
    run_search(SMALL, named(), folder)
    assert read_found(folder).outcomes == whole.outcomes


def test_a_later_command_adds_to_what_was_found(tmp_path: Path, no_pictures: None) -> None:
    run_search(SMALL, named(), tmp_path)
    before = read_found(tmp_path).outcomes
    run_search(replace(SMALL, methods=("shows",)), named(), tmp_path)
    after = read_found(tmp_path).outcomes
    assert {one.method for one in after} == {*CONTROLS, ASKS, "shows"}
    assert set(before) <= set(after)
    finish(tmp_path)


def test_seeds_stand_in_their_order_whenever_they_were_searched(tmp_path: Path, no_pictures: None) -> None:
    run_search(replace(SMALL, seeds=3), named(), tmp_path)
    run_search(replace(SMALL, seeds=2, methods=("shows",)), named(), tmp_path)
    found = read_found(tmp_path).outcomes
    assert [one.seed for one in found if one.method == "random"] == [0, 1, 2]  # the last was kept, the others made anew


def test_other_train_samples_are_refused_before_anything_is_searched(
    tmp_path: Path, no_pictures: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_search(SMALL, named(), tmp_path)
    before = (tmp_path / FOUND).read_bytes()
    monkeypatch.setattr(
        planted, "item", lambda split, at, writes, real=planted.item: real(split, at + 1, writes=writes)
    )
    with pytest.raises(UserError, match=r"train samples of planted are not those .* another --run name"):
        run_search(replace(SMALL, methods=("shows",)), named(), tmp_path)
    assert (tmp_path / FOUND).read_bytes() == before


def test_what_was_found_before_train_samples_were_hashed_is_still_read(tmp_path: Path, no_pictures: None) -> None:
    run_search(SMALL, named(), tmp_path)
    said = json.loads((tmp_path / FOUND).read_text())
    del said["pools"]
    (tmp_path / FOUND).write_text(json.dumps(said))
    run_search(replace(SMALL, methods=("shows",)), named(), tmp_path)
    assert {one.method for one in read_found(tmp_path).outcomes} == {*CONTROLS, ASKS, "shows"}
    assert set(read_found(tmp_path).pools) == {"planted"}


@pytest.mark.parametrize("other", ["proposer", "transfer"])
def test_a_model_that_is_not_there_is_told_before_anything_is_searched(tmp_path: Path, other: str) -> None:
    with pytest.raises(UserError, match="unknown model 'nix'"):
        run_search(SMALL, named(), tmp_path, **{other: find_engine("transformers:model=nix")})
    assert not (tmp_path / "search").exists()


def test_a_run_whose_searches_have_not_ended_says_how_it_goes_on(tmp_path: Path) -> None:
    with pytest.raises(Stops):
        outcomes(tmp_path, SMALL, CutOff(20))
    with pytest.raises(UserError, match="give the same kshot search command again"):
        read_run(tmp_path)


def test_samples_in_both_splits_are_told(tmp_path: Path, no_pictures: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planted, "item", lambda split, at, writes, real=planted.item: real("train", at, writes=writes))
    run_search(SMALL, named(), tmp_path)
    assert any("10 of the 120 samples" in note for note in read_found(tmp_path).notes)


def test_the_smallest_pool_can_be_tested_to_the_end(tmp_path: Path, no_pictures: None) -> None:
    run_search(replace(SMALL, tasks=("planted:train=16",), validation=64), named(), tmp_path)
    found = read_found(tmp_path)
    assert "k=6" in next(iter(found.few_shot.values()))  # of 8 that choose no template 2 are left for the labels' prior
    assert any("calibrate=domain" in calibrated for calibrated in found.calibrated.values())


def test_the_folder_of_another_command_is_refused(tmp_path: Path) -> None:
    run_benchmark(load_plan(Plan(("planted",), ("zero-shot",))), planted.engine(), tmp_path)
    with pytest.raises(UserError, match="a run of `kshot bench`"):
        run_search(SMALL, named(), tmp_path)


def test_winners_are_tested_on_their_own_tasks_alone(tmp_path: Path) -> None:
    loaded = load_searches(PLAN)
    ended = run_searches(loaded, planted.engine(), tmp_path)
    found = [outcome_of(loaded, one) for one in ended]
    plan = bench_plan(loaded, found, {"planted": "choice-logprob:k=8"}, {})
    assert plan.only["choice-logprob:k=8"] == ("planted",) and plan.set_aside
    for one in found:
        assert one.task in plan.only[one.spec]
    assert isinstance(ended[0], Searched)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"methods": ("aks",)}, "unknown search 'aks': did you mean asks"),
        ({"methods": ("asks:seed=1",)}, "--seeds"),
        ({"budget": 15}, "raise it"),
        ({"train": 0}, "--train is 0"),
        ({"train": -5}, "--train is -5"),
        ({"validation": 4}, "--validation is 4"),
        ({"tasks": ()}, "no task"),
        ({"seeds": 0}, "--seeds is 0"),
        ({"tasks": ("planted", "planted")}, "given twice"),
        ({"tasks": ("planted:train=0",)}, "has no train samples"),
        ({"tasks": ("planted:train=9",)}, "has 9 train samples"),
        ({"objective": "acc"}, "did you mean accuracy"),
        ({"top": 0}, "--top is 0"),
    ],
)
def test_mistakes_are_told_before_a_model_is_made(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    def made() -> Engine:
        raise AssertionError("the engine was made")

    with pytest.raises(UserError, match=said):
        run_search(replace(SMALL, **changes), NamedEngine("scripted", made, {}), tmp_path)
    assert planted.READ.count("test") == 0
