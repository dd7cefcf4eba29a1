"""The form that labels are scored in where a strategy does not say: today's, and in an earlier run the run's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kshot.adapters.study.folder import as_begun
from kshot.adapters.study.plan import Study
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import rescore, run_benchmark
from kshot.harness.runs.taught import taught
from kshot.program import advance
from kshot.types import Request

REVIEW = "Review: It sings.\nSentiment:"


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "sst2"
    folder.mkdir(parents=True)
    for split in ("train", "test"):
        rows = [{"text": "It sings." if split == "test" else f"{at} stars.", "label": "positive"} for at in range(1)]
        rows += [{"text": f"Dull, {split} {at}.", "label": "negative"} for at in range(3)]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder.parent


def reply(request: Request) -> str:
    return "-1" if request.continuation is None or "pos" in request.continuation else "-2"


def plan_of(films: Path, *strategies: str, forms: dict[str, str] | None = None) -> Plan:
    return Plan(("sst2",), strategies, films, forms=forms)


def test_a_set_of_labelled_texts_is_asked_in_its_published_form(films: Path, tmp_path: Path) -> None:
    engine = ScriptedEngine(reply)
    plan = plan_of(films, "choice-logprob", "choice-logprob:template=0", "choice-logprob:template=own", "zero-shot")
    run_benchmark(load_plan(plan), engine, tmp_path / "r")
    first = [request for request in engine.asked if "It sings." in str(request.prompt)]
    assert [request.prompt for request in first if isinstance(request.prompt, str)] == [REVIEW] * 2  # asked once
    turns = [request for request in first if not isinstance(request.prompt, str)]  # scored, and written
    assert {request.continuation for request in turns} == {"negative", "positive", None}
    for request in turns:
        assert request.prompt[-1].content == "It sings.\nAnswer with negative or positive."  # type: ignore[union-attr]
    with Journal.read(tmp_path / "r") as journal:
        assert journal.settings()["default_templates"] == {"sst2": "0"}
    assert rescore(tmp_path / "r") == (16, 0)


def test_an_earlier_run_goes_on_in_the_form_that_it_was_begun_in(films: Path, tmp_path: Path) -> None:
    """A run without the setting was asked in turns."""
    before = ScriptedEngine(reply)
    run_benchmark(load_plan(plan_of(films, "choice-logprob", "few-shot:k=2", forms={})), before, tmp_path / "r")
    assert not any(isinstance(request.prompt, str) for request in before.asked)
    with Journal.read(tmp_path / "r") as journal:
        assert "default_templates" not in journal.settings()
        records = list(journal.records())
    engine = ScriptedEngine(reply)
    run_benchmark(load_plan(plan_of(films, "choice-logprob", "few-shot:k=2")), engine, tmp_path / "r")
    assert engine.asked == []
    with Journal.read(tmp_path / "r") as journal:
        assert list(journal.records()) == records
    assert rescore(tmp_path / "r") == (8, 0)


@pytest.mark.parametrize("strategy", ["zero-shot", "few-shot:k=1", "choice-logprob"])
def test_what_is_trained_on_is_asked_in_it_too(films: Path, strategy: str) -> None:
    scores = strategy == "choice-logprob"
    for forms, prompt in ((None, REVIEW if scores else "It sings."), ({}, "It sings.")):
        loaded = load_plan(plan_of(films, strategy, forms=forms))
        [task], [bound], [first, *_] = loaded.tasks, loaded.strategies, loaded.samples["sst2"]
        pool = loaded.pools["sst2"]
        request = taught(task, bound, first, pool, chat=True)
        assert request.prompt == advance(bound(task.question(first, pool)))[0].prompt  # type: ignore[index]
        assert prompt in str(request.prompt if isinstance(request.prompt, str) else request.prompt[-1].content)
        assert request.continuation == (" positive" if forms is None and scores else "positive")


def test_an_earlier_study_goes_on_in_its_own(films: Path, tmp_path: Path) -> None:
    study = Study("m", ("sst2",), ("lora",), data=films)
    assert as_begun(study, tmp_path / "new").forms == {"sst2": "0"}
    (tmp_path / "old" / "lora-n32-s0").mkdir(parents=True)
    (tmp_path / "old" / "study.json").write_text("{}")
    assert as_begun(study, tmp_path / "old").forms == {"sst2": "0"}  # nothing has come of it yet
    run_benchmark(load_plan(plan_of(films, "zero-shot", forms={})), ScriptedEngine(reply), tmp_path / "old/prompting")
    assert as_begun(study, tmp_path / "old").forms == {}
    assert "forms" not in as_begun(study, tmp_path / "old").settings()
    assert as_begun(study, tmp_path / "new").settings()["forms"] == {"sst2": "0"}
