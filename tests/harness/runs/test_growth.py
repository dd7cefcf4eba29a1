"""A run takes another strategy, task, larger limit or more repeats; what it has is not asked again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kshot.eval.tasks import GROUPS, get_task
from kshot.eval.tasks.groups import group
from kshot.harness.engines.registry import NamedEngine, find_engine
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal
from kshot.harness.runs import samples
from kshot.harness.runs.console import run_plan
from kshot.harness.runs.growth import asks_of, joined
from kshot.harness.runs.names import task_name
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.read import description, read_run
from kshot.harness.runs.run import rescore, run_benchmark
from kshot.harness.runs.samples import samples_of
from kshot.types import Engine, Request, Source, UserError

BEFORE = Path(__file__).parents[2] / "before" / "run"  # of an earlier kshot
FIRST = Plan(("coin-flip",), ("zero-shot", "few-shot:k=2"), limit=4)


def reply(request: Request) -> str:
    return ("Yes.", "No.", "Who knows?")[(len(request.prompt) + request.seed) % 3]


def asked(plan: Plan, folder: Path, **settings: Any) -> int:
    """The requests that a plan makes in a folder."""
    engine = ScriptedEngine(reply, id="echo-1", chat=settings.get("chat", True))
    run_benchmark(load_plan(plan), engine, folder)
    return len(engine.asked)


def cells(folder: Path) -> dict[tuple[str, str], int]:
    """Records by task and strategy."""
    with Journal.read(folder) as journal:
        found: dict[tuple[str, str], int] = {}
        for task, strategy, _, _ in journal.attempts():
            found[task, strategy] = found.get((task, strategy), 0) + 1
    return found


def settings_of(folder: Path) -> dict[str, Any]:
    with Journal.read(folder) as journal:
        return journal.settings()


def test_another_strategy_task_limit_and_repeats_ask_only_what_is_new(tmp_path: Path) -> None:
    run = tmp_path / "r"
    assert asked(FIRST, run) == 8
    assert asked(replace(FIRST, strategies=("instruction",)), run) == 4
    assert asked(replace(FIRST, tasks=("last-letters",), strategies=("zero-shot",)), run) == 4
    assert asked(replace(FIRST, strategies=("zero-shot",), limit=10), run) == 6
    sampled = "self-consistency:base=zero-shot,n=2,temperature=1.0"
    assert asked(replace(FIRST, strategies=(sampled,)), run) == 8
    assert asked(replace(FIRST, strategies=(sampled,), repeats=3), run) == 16
    assert cells(run) == {
        ("coin-flip", "zero-shot"): 10,
        ("coin-flip", "few-shot:k=2"): 4,
        ("coin-flip", "instruction"): 4,
        ("last-letters", "zero-shot"): 4,
        ("coin-flip", sampled): 12,
    }
    for plan in (FIRST, replace(FIRST, limit=2), replace(FIRST, strategies=(sampled,), limit=1, repeats=2)):
        before = settings_of(run)
        assert asked(plan, run) == 0  # what it has, or less, is no error and changes nothing
        assert settings_of(run) == before
    assert rescore(run) == (34, 0)
    assert len(description(run)["grown"]) == 5
    with Journal.read(run) as journal:
        assert journal.noted("total") == "34"
        assert [(ask.limit, ask.repeats) for ask in asks_of(journal)] == [(4, 1), (10, 1), (4, 1), (4, 3)]


def test_what_one_command_would_have_asked_looks_like_it(tmp_path: Path) -> None:
    """A run that grew by strategies and tasks alone has the settings of one command, with `only` for the gaps."""
    asked(FIRST, tmp_path / "grown")
    asked(replace(FIRST, strategies=("instruction",)), tmp_path / "grown")
    whole = replace(FIRST, strategies=(*FIRST.strategies, "instruction"))
    asked(whole, tmp_path / "whole")
    assert settings_of(tmp_path / "grown") == settings_of(tmp_path / "whole")
    runs = []
    for name in ("grown", "whole"):
        run, journal = read_run(tmp_path / name)
        with journal:
            runs.append(([replace(record, seconds=0.0) for record in run.records], list(run.samples), run.strategies))
    assert runs[0] == runs[1]
    asked(replace(FIRST, tasks=("last-letters",), strategies=("instruction",)), tmp_path / "grown")
    assert settings_of(tmp_path / "grown")["only"] == {
        "zero-shot": ["coin-flip"],
        "few-shot:k=2": ["coin-flip"],
    }
    assert asked(replace(whole, tasks=("coin-flip", "last-letters")), tmp_path / "grown") == 8
    assert settings_of(tmp_path / "grown")["only"] == {}


def test_a_run_from_before_goes_on_and_grows(tmp_path: Path) -> None:
    run = tmp_path / "r"
    shutil.copytree(BEFORE, run)
    plan = replace(Plan.of(settings_of(run)), strategies=("zero-shot", "instruction"))

    def of_before(wanted: Plan) -> int:
        engine = ScriptedEngine(reply)
        run_benchmark(load_plan(wanted), engine, run)
        return len(engine.asked)

    count = len(cells(run))
    assert of_before(plan) == 16
    assert of_before(replace(plan, limit=10, strategies=("zero-shot",))) == 4
    assert len(cells(run)) == count + 2
    assert rescore(run)[0] == sum(cells(run).values())


@pytest.mark.parametrize(
    "task",
    ["word-pairs", "word-pairs:relation=capitals", "scan", "coin-flip", "last-letters", "word-problems"],
)
@pytest.mark.parametrize("limits", [(3, 8), (5, 20, 30), (20, 5), (9, None), (None, 30)])
def test_a_larger_limit_has_the_samples_of_a_smaller_one(task: str, limits: Sequence[int | None]) -> None:
    """Also where a task draws other ones for it, as a seeded selection does of few out of many."""
    made = get_task(task)
    before: list[Any] = []
    for count in range(1, len(limits) + 1):
        found = samples_of(made, Source(limit=None), limits[:count])
        alone = [sample.id for sample in made.load("test", Source(limit=limits[count - 1]))]
        assert len(found.asked) == len(alone)
        assert list(found.kept[: len(before)]) == before
        assert count > 1 or [one.id for one in found.asked] == alone
        assert list(found.asked) == list(found.kept[: len(alone)])
        before = list(found.kept)
    assert len({sample.id for sample in before}) == len(before)


def rows(count: int) -> str:
    return "".join(json.dumps({"question": f"What is {n} + 1?", "answer": str(n + 1)}) + "\n" for n in range(count))


def test_data_that_changed_is_told_from_a_run_that_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file, run = tmp_path / "own.jsonl", tmp_path / "r"
    file.write_text(rows(12))
    plan = Plan(("own.jsonl",), ("zero-shot",), limit=4)
    assert asked(plan, run) == 4
    file.write_text(rows(14))  # longer than before, and what was asked is the same
    assert asked(replace(plan, limit=6), run) == 2
    assert asked(replace(plan, limit=None), run) == 8
    file.write_text(rows(15))
    with pytest.raises(UserError, match="the data has changed: 'own-14' is new"):
        asked(replace(plan, limit=None), run)
    with pytest.raises(UserError, match="the data has changed: 'own-14' is new"):
        asked(plan, run)
    file.write_text("".join(rows(14).splitlines(keepends=True)[1:]))
    with pytest.raises(UserError, match="the data has changed"):
        asked(replace(plan, limit=20), run)
    file.write_text(rows(14).replace("2 + 1", "two + 1"))
    with pytest.raises(UserError, match="the data has changed: 'own-2' differs"):
        asked(replace(plan, limit=2), run)
    file.write_text(rows(14))
    assert asked(plan, run) == 0 and cells(run) == {("own", "zero-shot"): 14}


def test_rows_are_set_aside_as_they_were_when_the_run_was_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.jsonl").write_text(rows(12))

    def no_engine(**_: Any) -> Engine:
        raise AssertionError("the engine was made")

    bare, shown = Plan(("own.jsonl",), ("zero-shot",)), Plan(("own.jsonl",), ("few-shot:k=2",))
    assert asked(bare, tmp_path / "bare") == 12
    with pytest.raises(UserError, match=r"asks all rows of its data.*own.train.csv"):
        run_plan(shown, NamedEngine("boom", no_engine, {}), tmp_path / "bare")
    assert cells(tmp_path / "bare") == {("own", "zero-shot"): 12}
    scripted = NamedEngine("scripted", lambda **_: ScriptedEngine(reply, id="echo-1"), {"chat": True})
    run_plan(shown, scripted, tmp_path / "shown")
    run_plan(bare, scripted, tmp_path / "shown")
    assert cells(tmp_path / "shown") == {("own", "zero-shot"): 6, ("own", "few-shot:k=2"): 6}


def test_an_exemplar_is_never_asked_what_it_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that stands in both splits, and that the run came to later, leaves the exemplars of others be."""
    monkeypatch.setattr(samples, "SPARED", 1)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.jsonl").write_text(rows(6))
    (tmp_path / "own.train.jsonl").write_text("".join(rows(60).splitlines(keepends=True)[n] for n in (4, 50, 51, 52)))
    plan = Plan(("own.jsonl",), ("few-shot:k=3",), limit=2)
    assert asked(plan, tmp_path / "r") == 2
    assert asked(replace(plan, limit=6), tmp_path / "r") == 4
    loaded = joined(load_plan(replace(plan, limit=6)), tmp_path / "r")
    [(task, strategy)] = loaded.pairs()
    shown = [
        {one.question for one in loaded.question(task, strategy, each).exemplars} for each in loaded.samples[task.name]
    ]
    assert all(each.question not in own for each, own in zip(loaded.samples[task.name], shown, strict=True))
    assert [len(own) for own in shown] == [4, 4, 4, 4, 3, 4]


def test_exemplars_are_the_same_under_any_small_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a finding, or a study, would show others when it is run alone than when a larger one went before."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.jsonl").write_text(rows(40))
    train = rows(400).splitlines(keepends=True)
    (tmp_path / "own.train.jsonl").write_text(
        "".join([train[30], *train[50:], train[5]])
    )  # two stand in the test split
    plan = Plan(("own.jsonl",), ("few-shot:k=3",))
    pools = [load_plan(replace(plan, limit=limit)).pools for limit in (1, 6, 31, 40, None)]
    assert all(pool == pools[0] for pool in pools) and len(next(iter(pools[0].values()))) == 350
    asked(replace(plan, limit=2), tmp_path / "r")
    assert joined(load_plan(replace(plan, limit=40)), tmp_path / "r").pools == pools[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 1}, "seed: 0 -> 1"),
        ({"data": Path("/")}, "data: null -> "),
        ({"score_by": "token-f1"}, "score_by: not set -> "),
    ],
)
def test_what_would_mix_is_refused_before_an_engine_is_made(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    def no_engine(**_: Any) -> Engine:
        raise AssertionError("the engine was made")

    asked(FIRST, tmp_path / "r")
    before = settings_of(tmp_path / "r")
    with pytest.raises(UserError, match=f"made with other settings .{said}"):
        run_plan(replace(FIRST, strategies=("instruction",), **change), NamedEngine("b", no_engine, {}), tmp_path / "r")
    with pytest.raises(UserError, match="chat: true -> false"):
        asked(replace(FIRST, strategies=("instruction",)), tmp_path / "r", chat=False)
    assert settings_of(tmp_path / "r") == before and cells(tmp_path / "r").keys() == {
        ("coin-flip", "zero-shot"),
        ("coin-flip", "few-shot:k=2"),
    }


def test_a_run_scored_by_a_metric_is_not_mixed_with_one_that_is_not(tmp_path: Path) -> None:
    def no_engine(**_: Any) -> Engine:
        raise AssertionError("the engine was made")

    asked(replace(FIRST, score_by="token-f1"), tmp_path / "r")
    with pytest.raises(UserError, match=r"score_by: \"token-f1\" -> not set"):
        run_plan(replace(FIRST, limit=9), NamedEngine("b", no_engine, {}), tmp_path / "r")


def test_a_run_that_is_killed_while_it_grows_is_whole(tmp_path: Path) -> None:
    class Killed(BaseException):
        """What ends a process ends this call."""

    run = tmp_path / "r"
    asked(FIRST, run)
    more = replace(FIRST, limit=9)

    def stop(_: Any) -> None:
        raise Killed

    with pytest.raises(Killed):
        run_benchmark(load_plan(more), ScriptedEngine(reply, id="echo-1", capacity=1), run, on_record=stop)
    assert asked(FIRST, run) == 0  # nothing of what there was is lost
    assert asked(replace(FIRST, tasks=("last-letters",), strategies=("zero-shot",)), run) == 4
    assert asked(more, run) > 0
    assert cells(run)["coin-flip", "zero-shot"] == cells(run)["coin-flip", "few-shot:k=2"] == 9
    assert rescore(run) == (22, 0)


def test_a_group_grows_by_its_tasks(tmp_path: Path) -> None:
    group("both", ("coin-flip", "last-letters"))
    try:
        run = tmp_path / "r"
        assert asked(FIRST, run) == 8
        assert asked(replace(FIRST, tasks=("both",)), run) == 8
        assert settings_of(run)["groups"] == {"both": ["coin-flip", "last-letters"]}
        assert settings_of(run)["only"] == {}
    finally:
        del GROUPS["both"]


SCRIPTED = NamedEngine("scripted", lambda **_: ScriptedEngine(reply, id="echo-1"), {"chat": True})


def test_a_metric_stays_with_a_run_and_one_that_comes_later_is_said_to_be_lacking(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "r"
    run_plan(FIRST, SCRIPTED, run, metrics=["token-f1"])
    run_plan(FIRST, SCRIPTED, run)  # the records are read again, and keep it
    run_plan(replace(FIRST, strategies=("instruction",)), SCRIPTED, run, metrics=["token-f1", "chrf"])
    assert "8 earlier records have no chrf: kshot rescore" in capsys.readouterr().err
    with Journal.read(run) as journal:
        found = {record.strategy: set(record.score.values) for record in journal.records()}
    assert found["zero-shot"] == {"accuracy", "token-f1"} and found["instruction"] == {"accuracy", "token-f1", "chrf"}
    rescore(run, ["chrf"])
    run_plan(replace(FIRST, strategies=("zero-shot-cot",)), SCRIPTED, run)
    with Journal.read(run) as journal:
        assert {frozenset(one.score.values) for one in journal.records() if one.strategy == "zero-shot-cot"} == {
            frozenset({"accuracy", "token-f1", "chrf"})
        }


def test_a_metric_of_ones_own_is_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text("def short(answer, sample):\n    return float(len(answer) < 4)\n")
    run_plan(FIRST, SCRIPTED, tmp_path / "r", metrics=["own.py:short"])
    with pytest.raises(UserError, match=r"is scored by own.py:short, too: give it again"):
        run_plan(replace(FIRST, strategies=("instruction",)), SCRIPTED, tmp_path / "r")
    run_plan(replace(FIRST, strategies=("instruction",)), SCRIPTED, tmp_path / "r", metrics=["own.py:short"])


def test_another_model_is_refused_before_it_is_loaded(
    tmp_path: Path, tiny_llama: Path, tiny_chat_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(("coin-flip",), ("zero-shot:max_new_tokens=2",), limit=2)
    run_plan(plan, find_engine(f"transformers:model={tiny_llama}"), tmp_path / "r")

    def loads(*_: Any, **__: Any) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("kshot.harness.models.load.load_model", loads)
    for spec, said in (
        (f"transformers:model={tiny_chat_llama}", "weights"),
        (f"transformers:model={tiny_llama},dtype=bfloat16", "dtype: float32 -> bfloat16"),
        (f"transformers:model={tiny_llama},template=chat", "template: plain -> chat"),
    ):
        with pytest.raises(UserError, match=f"answered by another engine .{said}"):
            run_plan(replace(plan, limit=4), find_engine(spec), tmp_path / "r")


@pytest.mark.parametrize(
    "spec",
    [
        *("coin-flip", "last-letters:words=4", "word-problems:steps=3", "bbh:name=navigate", "qa:task=coin-flip"),
        *("own.jsonl:answer=number", "own.jsonl", "book.txt", "book.txt:by=line"),
    ],
)
def test_a_task_is_called_without_its_data_as_it_is_with_it(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.jsonl").write_text(rows(6))
    (tmp_path / "book.txt").write_text("One.\n\nTwo.\n")
    assert task_name(spec) == get_task(spec).name
