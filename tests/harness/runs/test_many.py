"""Several models on one plan: what each is asked, where its run lies, and what a failure or a stop leaves behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kshot.cli import main
from kshot.harness.engines.registry import NamedEngine, find_engine
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal
from kshot.harness.runs import members
from kshot.harness.runs.console import run_plan
from kshot.harness.runs.many import bench_many, compare_runs, finish_many, run_many
from kshot.harness.runs.members import folders_of, is_many, one_folder, placed, read_members, safe_name
from kshot.harness.runs.plan import Plan
from kshot.harness.runs.sizes import noted_size
from kshot.types import Engine, Request, UserError

PLAN = Plan(("coin-flip",), ("zero-shot", "few-shot:k=2"), limit=4)
asked: Counter[str] = Counter()
made: Counter[str] = Counter()


def named(model: str, reply: Callable[[Request], str] = lambda request: "The answer is yes.") -> NamedEngine:
    """An engine by a model's name, which counts how often it is made and asked."""

    def function(*, model: str) -> Engine:
        made[model] += 1

        def answer(request: Request) -> str:
            asked[model] += 1
            return reply(request)

        return ScriptedEngine(answer, id=f"scripted/{model}")

    return NamedEngine(f"transformers:model={model}", function, {"model": model})


def fails(request: Request) -> str:
    raise RuntimeError("no such layer")


@pytest.fixture(autouse=True)
def counted() -> None:
    asked.clear()
    made.clear()


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn is another test's matter, and takes longest."""
    monkeypatch.setattr("kshot.eval.report.style.png", lambda figure: b"")
    monkeypatch.setattr("kshot.eval.report.style.pdf", lambda figure: b"")
    monkeypatch.setattr("kshot.eval.report.style.svg", lambda figure: "<svg/>")


def records(folder: Path) -> list[Any]:
    with Journal.read(folder) as journal:
        return list(journal.records())


def test_each_model_has_a_run_of_its_own_and_all_have_one_report(tmp_path: Path) -> None:
    bench_many(PLAN, [named("a"), named("b"), named("c")], tmp_path / "r")
    assert [path.name for path in folders_of(tmp_path / "r")] == ["a", "b", "c"]
    assert asked == {"a": 8, "b": 8, "c": 8}
    for name in "abc":
        assert len(records(tmp_path / "r" / name)) == 8
        assert (tmp_path / "r" / name / "report.html").is_file()
    text = (tmp_path / "r" / "report.md").read_text()
    assert all(f"| {name} |" in text for name in "abc")
    assert not (tmp_path / "r" / "journal.sqlite").exists()


def test_a_model_that_joins_later_asks_the_others_nothing(tmp_path: Path) -> None:
    bench_many(PLAN, [named("a"), named("b")], tmp_path / "r")
    before = dict(asked)
    bench_many(PLAN, [named("a"), named("b"), named("c")], tmp_path / "r")
    assert {name: asked[name] - before.get(name, 0) for name in asked} == {"a": 0, "b": 0, "c": 8}
    bench_many(PLAN, [named("d")], tmp_path / "r")  # alone, too: the folder is one of several
    assert [member.folder for member in read_members(tmp_path / "r")] == ["a", "b", "c", "d"]
    assert asked["d"] == 8
    assert "| d |" in (tmp_path / "r" / "report.md").read_text()


def test_one_model_in_two_spellings_is_no_two(tmp_path: Path) -> None:
    """What tells an engine from another is its id, which the weights decide, not how somebody wrote it."""

    def again(*, model: str) -> Engine:
        return ScriptedEngine(lambda request: "The answer is no.", id="scripted/a")

    twin = NamedEngine("transformers:model=./a", again, {"model": "./a"})
    with pytest.raises(UserError, match=r"\./a is the same as a \(scripted/a\): give a model once"):
        bench_many(PLAN, [named("a"), twin, named("b")], tmp_path / "r")
    report = (tmp_path / "r" / "report.md").read_text()
    assert "| a |" in report
    assert "| b |" in report
    assert "| ./a |" not in report
    assert asked == {"a": 8, "b": 8}


def test_a_run_of_one_model_stays_where_it_is_when_another_joins(tmp_path: Path) -> None:
    run_plan(PLAN, named("a"), tmp_path / "r")
    kept = records(tmp_path / "r")
    bench_many(PLAN, [named("a"), named("b")], tmp_path / "r")
    assert asked == {"a": 8, "b": 8}
    assert records(tmp_path / "r") == kept
    assert folders_of(tmp_path / "r") == [tmp_path / "r" / ".", tmp_path / "r" / "b"]
    assert one_folder(tmp_path / "r", "a") == tmp_path / "r" / "."
    bench_many(PLAN, [named("c")], tmp_path / "r")  # without being named it is there, as it stands
    assert asked == {"a": 8, "b": 8, "c": 8}
    assert "| a |" in (tmp_path / "r" / "report.md").read_text()


def test_a_model_that_fails_does_not_lose_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def absent(*, model: str) -> Engine:
        raise UserError("the model is not there; fetch it.")

    lacking = NamedEngine("transformers:model=lacking", absent, {"model": "lacking"})
    with pytest.raises(UserError, match=r"2 of 4 models failed .*lacking: the model is not there") as error:
        bench_many(PLAN, [named("a"), lacking, named("broken", fails), named("b")], tmp_path / "r")
    assert "no such layer" in str(error.value)
    assert asked["a"] == asked["b"] == 8
    text = (tmp_path / "r" / "report.md").read_text()
    assert "lacking failed and is not in this report: the model is not there" in text
    assert "broken failed and is not in this report" in text
    assert {member.model: bool(member.failed) for member in read_members(tmp_path / "r")} == {
        "a": False, "lacking": True, "broken": True, "b": False,
    }  # fmt: skip
    bench_many(PLAN, [named("a"), named("lacking"), named("broken"), named("b")], tmp_path / "r")  # mended
    assert "failed" not in (tmp_path / "r" / "report.md").read_text()
    assert asked["a"] == asked["b"] == asked["lacking"] == 8


def test_where_all_fail_there_is_a_sentence_and_no_report(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="2 of 2 models failed"):
        bench_many(PLAN, [named("x", fails), named("y", fails)], tmp_path / "r")
    assert not (tmp_path / "r" / "report.md").exists()


def test_a_stop_keeps_all_and_the_same_command_goes_on(tmp_path: Path) -> None:
    def stopped(request: Request) -> str:
        if asked["b"] == 4:
            raise KeyboardInterrupt
        return "The answer is no."

    with pytest.raises(KeyboardInterrupt):
        run_many(PLAN, [named("a"), named("b", stopped), named("c")], tmp_path / "r")
    assert len(records(tmp_path / "r" / "a")) == 8
    assert asked["c"] == 0
    done = asked["b"] - 1
    bench_many(PLAN, [named("a"), named("b"), named("c")], tmp_path / "r")
    assert asked["a"] == asked["c"] == 8
    assert asked["b"] - 1 == 8 - done + done  # each answered request once, the one that was stopped twice


def test_a_mistake_in_the_plan_is_told_before_any_model_is_made(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="baseline"):
        bench_many(PLAN, [named("a"), named("b")], tmp_path / "r", "no-such")
    with pytest.raises(UserError, match="given twice"):
        bench_many(PLAN, [named("a"), named("a")], tmp_path / "r")
    assert not made
    assert not (tmp_path / "r").exists()


def test_folders_are_safe_and_tell_models_apart(tmp_path: Path) -> None:
    for given in ("one/x", "two/x"):
        (tmp_path / given).mkdir(parents=True)
    models = [
        str(tmp_path / "one/x"),
        str(tmp_path / "two/x"),
        "owner/x",
        "owner/X",
        "模型/小",
        "m" * 300 + "/" + "n" * 300,
    ]
    engines = [find_engine(f"transformers:model={model}") for model in models]
    _, mine = placed(engines, tmp_path / "r")
    folders = [member.folder for member in mine]
    assert folders[0] == "x"
    assert folders[4] == "小"
    assert len({name.casefold() for name in folders}) == len(models)
    assert all(name == safe_name(name) and len(name.encode()) < 200 for name in folders)
    again = placed([find_engine(f"transformers:model={m},batch=3") for m in models], tmp_path / "r")[1]
    assert again[0] == mine[0]  # how many rows are decoded together changes no answer
    for text in ("..", ".", "/", "a/../b", "-rf", "figures", "\x1b[2J", ""):
        name = safe_name(text)
        assert name == Path(name).name
        assert name not in ("", ".", "..", "figures")
        assert not name.startswith(("-", "."))


@pytest.mark.parametrize("folder", ["../out", "/etc", "a/b", "..", ""])
def test_an_index_of_a_stranger_leads_nowhere_else(folder: str, tmp_path: Path) -> None:
    member = members.ModelRun("m", "scripted", folder)
    members.write_members(tmp_path, [member])
    with pytest.raises(UserError, match="folder"):
        folders_of(tmp_path)
    (tmp_path / "models.json").write_text('{"models": [3]}')
    with pytest.raises(UserError, match="damaged"):
        folders_of(tmp_path)


def test_a_model_whose_run_is_whole_is_not_loaded(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = find_engine(f"transformers:model={tiny_folder}")
    few = Plan(("coin-flip",), ("zero-shot:max_new_tokens=4",), limit=3)
    bench_many(few, [tiny, named("b")], tmp_path / "r")
    loads: list[str] = []

    def refused(*args: Any, **options: Any) -> Engine:
        loads.append("tiny")
        raise UserError("loaded after all.")

    monkeypatch.setattr("kshot.harness.models.load.load_model", refused)
    bench_many(few, [tiny, named("b"), named("c")], tmp_path / "r")
    assert not loads
    other = find_engine(f"transformers:model={tiny_folder},dtype=bfloat16")  # another engine, and so another run
    with pytest.raises(UserError, match="loaded after all"):
        bench_many(few, [other], tmp_path / "r")
    assert loads == ["tiny"]


def test_the_bundled_model_and_a_tiny_one_end_to_end(bundled_model: Any, tiny_folder: Path, tmp_path: Path) -> None:
    words = ["bench", "-t", "word-pairs", "-s", "zero-shot:max_new_tokens=3", "-s", "few-shot:k=2,max_new_tokens=3"]
    words += ["-n", "3", "--runs", str(tmp_path), "--model", bundled_model.name, "--model", str(tiny_folder)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    [folder] = tmp_path.iterdir()
    assert folder.name == "word-pairs--models"
    sizes = {}
    for run in folders_of(folder):
        with Journal.read(run) as journal:
            sizes[run.name] = noted_size(journal)["size"]["parameters"]
    assert sizes == {"smollm2-135m": 134_515_008, tiny_folder.name: sizes[tiny_folder.name]}
    text = (folder / "report.md").read_text()
    assert "Accuracy against size" in text
    assert "Gain over zero-shot against size" in text


def test_commands_on_a_folder_of_several(tmp_path: Path) -> None:
    def kshot(*words: str) -> Any:
        return CliRunner().invoke(main, list(words))

    folder = tmp_path / "r"
    bench_many(PLAN, [named("a"), named("b"), named("c")], folder)
    (folder / "report.md").unlink()
    assert kshot("report", str(folder)).exit_code == 0
    assert "| c |" in (folder / "report.md").read_text()
    shown = kshot("show", str(folder))
    assert shown.exit_code == 2
    assert "--model (a, b, c)" in shown.output
    assert "coin-flip" in kshot("show", str(folder), "--model", "b").output
    assert "no run of 'x'" in kshot("show", str(folder), "--model", "x").output
    result = kshot("export", str(folder), "--format", "csv", "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    assert len((tmp_path / "out" / "b" / "records.csv").read_text().splitlines()) == 9
    again = kshot("rescore", str(folder))
    assert again.exit_code == 0, again.output
    assert "c: 8 records read again, 0 changed" in again.output
    result = kshot("compare", str(folder), "--out", str(tmp_path / "cmp"))
    assert result.exit_code == 0, result.output
    assert "| c |" in (tmp_path / "cmp" / "report.md").read_text()
    two = kshot("compare", str(folder / "a"), str(folder / "b"))
    assert "b against a" in two.output
    assert kshot("compare", str(folder / "a")).exit_code == 2

    from kshot.harness.runs.view.server import find_runs

    assert find_runs([folder]) == find_runs([tmp_path]) == [folder / name for name in "abc"]


def test_runs_of_other_samples_are_compared_on_those_they_share(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, limit in (("a", 4), ("b", 6), ("c", 5)):
        run_plan(Plan(PLAN.tasks, PLAN.strategies, limit=limit), named(name), tmp_path / name)
    compare_runs([tmp_path / name for name in "abc"], out=tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text()
    assert "only the 4 samples that all models were asked are compared; 2 others are left out" in text
    assert "the runs differ in their limit (4: a; 6: b; 5: c)" in text
    run_plan(Plan(PLAN.tasks, PLAN.strategies, limit=4, seed=7), named("d"), tmp_path / "d")
    with pytest.raises(UserError, match="share no sample"):
        compare_runs([tmp_path / name for name in "abd"])


def test_a_run_that_is_not_whole_is_left_out_by_name(tmp_path: Path) -> None:
    def stopped(request: Request) -> str:
        if asked["b"] == 4:
            raise KeyboardInterrupt
        return "The answer is no."

    with pytest.raises(KeyboardInterrupt):
        run_many(PLAN, [named("a"), named("c")], tmp_path / "r")
        run_many(PLAN, [named("b", stopped)], tmp_path / "r")
    finish_many(tmp_path / "r")
    assert is_many(tmp_path / "r")
    text = (tmp_path / "r" / "report.md").read_text()
    assert "b was stopped after" in text
    assert "| b |" not in text


def test_an_adapter_belongs_to_one_model(tmp_path: Path) -> None:
    words = ["bench", "-t", "coin-flip", "-s", "zero-shot", "--model", "a", "--model", "b", "--runs", str(tmp_path)]
    result = CliRunner().invoke(main, [*words, "--adapter", "x"])
    assert result.exit_code == 2
    assert "was trained on one model" in result.output
    result = CliRunner().invoke(main, [*words, "--revision", "v1"])
    assert result.exit_code == 2
    assert "2 models" in result.output
