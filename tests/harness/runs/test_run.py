"""What a run keeps of its engine: whether it takes messages must agree, its model's name only tells."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kshot.harness.engines.registry import NamedEngine
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal
from kshot.harness.runs.console import print_attempts, run_plan
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.read import description, find_attempts, read_run
from kshot.harness.runs.run import rescore, run_benchmark
from kshot.types import Engine, Generation, Request, UserError

BEFORE = Path(__file__).parents[2] / "before" / "run"  # of an earlier kshot
PLAN = Plan(("coin-flip",), ("zero-shot", "few-shot:k=2"), limit=4)


def reply(request: Request) -> str:
    return ("Yes.", "No.", "Who knows?")[len(request.prompt) % 3]


def echo(chat: bool) -> ScriptedEngine:
    """An engine whose id does not tell whether it takes messages."""
    return ScriptedEngine(reply, id="echo-1", chat=chat)


@pytest.mark.parametrize("chat", [True, False])
def test_a_run_of_any_engine_is_read_again(tmp_path: Path, chat: bool) -> None:
    engine = echo(chat)
    run_benchmark(load_plan(PLAN), engine, tmp_path / "r")
    assert all(isinstance(request.prompt, str) != chat for request in engine.asked)
    assert rescore(tmp_path / "r") == (8, 0)
    assert description(tmp_path / "r")["settings"]["chat"] is chat
    with pytest.raises(UserError, match=f"chat: {json.dumps(chat)} -> {json.dumps(not chat)}"):
        run_benchmark(load_plan(PLAN), echo(not chat), tmp_path / "r")
    assert rescore(tmp_path / "r") == (8, 0)


def test_a_run_from_before_goes_on_and_keeps_it_from_then_on(tmp_path: Path) -> None:
    shutil.copytree(BEFORE, tmp_path / "r")
    with Journal.read(tmp_path / "r") as journal:
        settings = journal.settings()
        assert "chat" not in settings
        count = len(list(journal.records()))
    assert rescore(tmp_path / "r") == (count, 0)  # as its prompts tell
    engine = ScriptedEngine(reply)
    run_benchmark(load_plan(Plan.of(settings)), engine, tmp_path / "r")
    assert engine.asked == []
    with Journal.read(tmp_path / "r") as journal:
        assert journal.settings() == {**settings, "chat": True}
    with pytest.raises(UserError, match="chat: true -> false"):
        run_benchmark(load_plan(Plan.of(settings)), ScriptedEngine(reply, chat=False), tmp_path / "r")


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("name", ["transformers/abc/float32/plain/decoding-2", "server/https://host/v1"])
def test_a_run_from_before_is_read_again_whatever_its_engine_was_called(name: str, chat: bool, tmp_path: Path) -> None:
    engine = ScriptedEngine(reply, id=name, chat=chat)
    run_benchmark(load_plan(PLAN), engine, tmp_path / "r")
    with Journal.open(tmp_path / "r", load_plan(PLAN).plan.settings(engine.id, chat)) as journal:
        journal.connection.execute("DELETE FROM meta WHERE name = 'setting chat'")
    assert rescore(tmp_path / "r") == (8, 0)


def test_a_setting_that_always_was_is_not_added(tmp_path: Path) -> None:
    with Journal.open(tmp_path, {"limit": 10}) as journal:
        journal.put("k", Request("p"), Generation("text", "stop"))
    with pytest.raises(UserError, match=r"other settings \(seed: not set -> 0\)"):
        Journal.open(tmp_path, {"limit": 10, "seed": 0})


@pytest.mark.parametrize(
    ("plan", "baseline", "said"),
    [
        (Plan(("coin-flop",), ("zero-shot",)), None, "coin-flip"),
        (Plan(("coin-flip",), ("zero-short",)), None, "zero-shot"),
        (Plan(("coin-flip",), ("zero-shot",)), "few-shot", "few-shot"),
        (Plan(("coin-flip",), ("zero-shot", "few-shot:k=-1")), None, "coin-flip, few-shot:k=-1, test-0-0: k is -1"),
        (Plan(("coin-flip",), ("few-shot:k=5000",)), None, "5000"),
        (Plan(("coin-flip",), ("few-shot:noise=2",)), None, "noise"),
        (Plan(("coin-flip",), ("self-consistency:n=0",)), None, "n is 0"),
    ],
)
def test_a_mistake_in_the_plan_is_told_before_an_engine_is_made(
    tmp_path: Path, plan: Plan, baseline: str | None, said: str
) -> None:
    def make(**_: Any) -> Engine:
        raise AssertionError("the engine was made")

    with pytest.raises(UserError, match=said):
        run_plan(plan, NamedEngine("boom", make, {}), tmp_path / "r", baseline)
    assert not (tmp_path / "r").exists()


def test_a_mistake_leaves_nothing_behind(tmp_path: Path) -> None:
    wrong = Plan(("coin-flip",), ("few-shot:k=-1",), limit=2)
    with pytest.raises(UserError, match="coin-flip, few-shot:k=-1, test-0-0"):
        run_benchmark(load_plan(wrong), echo(True), tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_a_corrected_command_goes_on_in_a_folder_without_answers(tmp_path: Path) -> None:
    """As an earlier kshot has left it, which kept the settings before it made a program."""
    wrong = Plan(("coin-flip",), ("few-shot:k=-1",), limit=2)
    with Journal.open(tmp_path, wrong.settings("echo-1", True)) as journal:
        journal.note("total", "2")
    (tmp_path / "run.json").write_text(json.dumps({"settings": wrong.settings("echo-1", True)}))
    run_benchmark(load_plan(PLAN), echo(True), tmp_path)
    assert description(tmp_path)["settings"]["strategies"] == ["zero-shot", "few-shot:k=2"]
    with Journal.read(tmp_path) as journal:
        assert len(list(journal.records())) == 8


@pytest.mark.parametrize("text", ["", '{"model": ', "[]", "\x00"])
def test_a_damaged_description_is_made_again_by_the_run(tmp_path: Path, text: str) -> None:
    run_benchmark(load_plan(PLAN), echo(True), tmp_path, info={"model": "m"})
    (tmp_path / "run.json").write_text(text)
    run_benchmark(load_plan(PLAN), echo(True), tmp_path, info={"model": "m"})
    assert description(tmp_path)["model"] == "m"


@pytest.mark.parametrize("changed", [{"limit": "x"}, {"only": 5}, {"strategies": [5]}, {"tasks": None}, {"data": 5}])
def test_damaged_settings_are_told(changed: dict[str, Any]) -> None:
    settings = PLAN.settings("e", True)
    assert replace(Plan.of(settings), set_aside=PLAN.set_aside, forms=PLAN.forms) == PLAN
    with pytest.raises(UserError, match="settings are damaged"):
        Plan.of({**settings, **changed})


def test_an_engine_is_closed_and_its_model_is_named(tmp_path: Path) -> None:
    made: list[ScriptedEngine] = []
    closed: list[bool] = []

    class Noted(ScriptedEngine):
        def close(self) -> None:
            closed.append(True)

    def make(*, model: str = "") -> Engine:
        made.append(Noted(reply, id="a/b/c"))
        return made[-1]

    run_plan(PLAN, NamedEngine("mine", make, {"model": "owner/name"}), tmp_path / "r")
    assert (len(made), closed) == (1, [True])
    assert description(tmp_path / "r")["model"] == "owner/name"


def test_attempts_are_found_by_what_is_asked_for(tmp_path: Path) -> None:
    run_benchmark(load_plan(PLAN), echo(True), tmp_path)
    run, journal = read_run(tmp_path)
    with journal:
        assert find_attempts(run) == run.records
        some = find_attempts(run, strategy="zero-shot", sample="test-0-1")
        assert [(record.strategy, record.sample_id) for record in some] == [("zero-shot", "test-0-1")]
        assert {record.prediction.status for record in find_attempts(run, outcome="unparsed")} == {"unparsed"}
        with pytest.raises(UserError, match="the run has no sample 'test-0-9'"):
            find_attempts(run, sample="test-0-9")
        with pytest.raises(UserError, match="no attempt of the run fits"):
            find_attempts(run, outcome="truncated")


def test_a_damaged_description_is_told(tmp_path: Path) -> None:
    assert description(tmp_path) == {}
    (tmp_path / "run.json").write_text('{"model": ')
    with pytest.raises(UserError, match=r"run\.json is damaged"):
        description(tmp_path)


def test_what_is_shown_of_a_strategy_has_its_score_beside_the_best_constant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = load_plan(Plan(("coin-flip",), ("zero-shot", "few-shot:k=2"), limit=10))
    run_benchmark(loaded, ScriptedEngine(lambda _: "No."), tmp_path / "r")
    print_attempts(tmp_path / "r", 2, None, "few-shot", None, None)
    *_, count, score, constant, level = capsys.readouterr().out.splitlines()
    assert count == "2 of 10 fitting attempts"
    assert score.startswith("few-shot on coin-flip: ")
    assert "would be the best constant answer; 1 distinct answer in 10 attempts." in score
    assert constant.startswith(
        'Take care: the same answer to everything, which shows no skill: few-shot on coin-flip ("no"'
    )
    assert level.startswith("Take care: not shown to be better on coin-flip than always answering")


OWN = """
from kshot.eval.answers import TEXT, exact
from kshot.types import Prediction, Request, Sample, Score, Task
def x(question):
    yield [Request("a")]
    return {prediction}
t = Task("t", lambda *_: [Sample("1", "q", "a")], TEXT, {score})
"""


@pytest.mark.parametrize(
    ("prediction", "score", "said"),
    [
        ("Prediction(4, 'ok')", "exact", "answer is 4"),
        ("Prediction('a', 'fine')", "exact", "status is 'fine'"),
        ("Prediction('a', 'ok', detail={'a': {1, 2}})", "exact", "not JSON serializable"),
        ("Prediction('a', 'ok', span='ab')", "exact", "span is 'ab'"),
        ("Prediction('a', 'ok', probabilities={'a': 'x'})", "exact", "probabilities is {'a': 'x'}"),
        (
            "Prediction('b', 'ok')",
            "lambda a, s: Score({'b': 7}.get(a, 1.0), True)",
            "accuracy is .*it lies between 0 and 1",
        ),
        (
            "Prediction('b', 'ok')",
            "lambda a, s: Score({'b': -1}.get(a, 1.0), True)",
            "accuracy is .*it lies between 0 and 1",
        ),
        (
            "Prediction('b', 'ok')",
            "lambda a, s: Score({'b': float('nan')}.get(a, 1.0), True)",
            "accuracy is .*it lies between 0 and 1",
        ),
    ],
)
def test_what_cannot_be_kept_is_refused_and_the_run_is_whole(
    tmp_path: Path, prediction: str, score: str, said: str
) -> None:
    def run(prediction: str, score: str, name: str) -> None:
        (tmp_path / name).write_text(OWN.format(prediction=prediction, score=score))
        plan = Plan((f"{tmp_path}/{name}:t",), (f"{tmp_path}/{name}:x",))
        run_benchmark(load_plan(plan), ScriptedEngine(lambda _: "a"), tmp_path / name.removesuffix(".py"))

    with pytest.raises(UserError, match=said):
        run(prediction, score, "bad.py")
    with Journal.read(tmp_path / "bad") as journal:
        assert list(journal.records()) == []
    run("Prediction('a', 'ok', span=(0, 1), answers=('a', None), detail={'a': [1]})", "exact", "good.py")
    with Journal.read(tmp_path / "good") as journal:
        assert [record.score.value for record in journal.records()] == [1.0]
