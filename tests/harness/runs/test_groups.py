"""A group of tasks: expanded in the plan, kept with the run, averaged in its report."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from kshot.cli.main import main
from kshot.eval.metrics.registry import kind_of
from kshot.eval.report.model import Table
from kshot.eval.report.numbers import points
from kshot.eval.report.prompting.build import build
from kshot.eval.report.prompting.groups import averages, group_sentences, in_group
from kshot.eval.report.prompting.measures import Measure
from kshot.eval.report.prompting.scale import Scale
from kshot.eval.statistics import Interval, wilson
from kshot.eval.tasks import GROUPS, get_task
from kshot.eval.tasks.groups import group
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.read import read_run
from kshot.harness.runs.run import rescore, run_benchmark
from kshot.types import Request, UserError
from tests.eval.tasks.library.copies import local_data

MEMBERS = ("coin-flip", "coin-flip:flips=4")
PLAN = Plan(("coins", "last-letters"), ("zero-shot", "few-shot:k=2"), limit=12)


@pytest.fixture(autouse=True)
def coins() -> object:
    group("coins", MEMBERS)
    yield None
    del GROUPS["coins"]


def reply(request: Request) -> str:
    return "Yes." if len(str(request.prompt)) % 5 else "No."


def groups_table(folder: Path) -> Table | None:
    run, journal = read_run(folder)
    with journal:
        blocks = build(run, baseline="zero-shot").blocks()
    return next((block for block in blocks if isinstance(block, Table) and block.title == "Groups"), None)


def test_a_group_is_its_tasks_and_its_limit_is_of_each() -> None:
    loaded = load_plan(PLAN)
    assert [task.name for task in loaded.tasks] == [*MEMBERS, "last-letters"]
    assert loaded.plan.groups == {"coins": MEMBERS}
    assert {name: len(samples) for name, samples in loaded.samples.items()} == dict.fromkeys(
        (*MEMBERS, "last-letters"), 12
    )
    settings = loaded.settings("e")
    assert settings["tasks"] == [*MEMBERS, "last-letters"] and settings["groups"] == {"coins": list(MEMBERS)}
    assert Plan.of(settings).groups == {"coins": MEMBERS}
    assert "groups" not in load_plan(Plan(("coin-flip",), ("zero-shot",))).settings("e")
    only = load_plan(Plan(("coins", "last-letters"), ("zero-shot", "few-shot"), only={"few-shot": ("coins",)}))
    assert [(task.name, strategy.name) for task, strategy in only.pairs()][-1] == ("last-letters", "zero-shot")
    assert len(list(only.pairs())) == 5


def test_a_task_beside_its_group_is_given_twice() -> None:
    with pytest.raises(UserError, match="'coin-flip' is given twice"):
        load_plan(Plan(("coins", "coin-flip"), ("zero-shot",)))


def test_the_report_has_the_macro_average_and_the_difference(tmp_path: Path) -> None:
    run_benchmark(load_plan(PLAN), ScriptedEngine(reply), tmp_path / "r")
    table = groups_table(tmp_path / "r")
    assert table is not None
    rows = [dict(zip([column.title for column in table.columns], row, strict=False)) for row in table.rows]
    run, journal = read_run(tmp_path / "r")
    with journal:
        shares = {
            (task, strategy): [
                record.score.value for record in run.records if (record.task, record.strategy) == (task, strategy)
            ]
            for task in MEMBERS
            for strategy in ("zero-shot", "few-shot:k=2")
        }
    means = {key: sum(values) / len(values) for key, values in shares.items()}
    for row, strategy in zip(rows, ("zero-shot", "few-shot:k=2"), strict=True):
        macro = sum(means[task, strategy] for task in MEMBERS) / 2
        ends = [wilson(sum(shares[task, strategy]), 12) for task in MEMBERS]
        low = macro - sum((means[t, strategy] - end.low) ** 2 for t, end in zip(MEMBERS, ends, strict=True)) ** 0.5 / 2
        assert (row["group"], row["tasks"], row["samples"]) == ("coins", "2", "24")
        assert row["macro mean"] == row["micro mean"] == f"{100 * macro:.1f}%"
        assert str(table.rows[rows.index(row)][5]).startswith(f"{100 * low:.1f}–")
    gap = sum(means[t, "few-shot:k=2"] - means[t, "zero-shot"] for t in MEMBERS) / 2
    assert gap and table.rows[0][7] == "–" and table.rows[1][7] == points(gap)
    assert "Macro" in table.caption and "micro" in table.caption and "Zou and Donner" in table.caption
    assert rescore(tmp_path / "r")[1] == 0
    engine = ScriptedEngine(reply)
    run_benchmark(load_plan(PLAN), engine, tmp_path / "r")  # the same again resumes it
    assert engine.asked == []


def test_a_large_group_is_told_in_one_sentence(tmp_path: Path) -> None:
    members = tuple(f"word-problems:steps={n}" for n in (1, 2, 4, 5, 6))
    group("stories", members)
    try:
        run_benchmark(load_plan(Plan(("stories",), PLAN.strategies, limit=3)), ScriptedEngine(reply), tmp_path / "r")
        run, journal = read_run(tmp_path / "r")
        with journal:
            summary = build(run).summary
        assert sum(line.startswith("stories, 5 tasks: ") for line in summary) == 1
        assert not any(line.startswith("word-problems:steps=1: ") for line in summary)
    finally:
        del GROUPS["stories"]


def test_tasks_count_alike_whatever_their_size(tmp_path: Path) -> None:
    """Of a group whose tasks differ in size the two means are others, and the table has both."""
    group("odd", ("coin-flip", "sst2"))
    try:
        rows = [f'{{"text": "text {n}", "label": "positive"}}' for n in range(3)]
        (tmp_path / "sst2").mkdir()
        for name in ("test", "train"):
            (tmp_path / "sst2" / f"{name}.jsonl").write_text("\n".join(rows))
        engine = ScriptedEngine(lambda request: "positive" if "text" in str(request.prompt) else "hm")
        run_benchmark(load_plan(Plan(("odd",), ("zero-shot",), data=tmp_path, limit=9)), engine, tmp_path / "r")
        table = groups_table(tmp_path / "r")
        assert table is not None and list(table.rows[0][:5]) == ["odd", "zero-shot", "2", "12", "50.0%"]
        assert table.rows[0][6] == "25.0%"
    finally:
        del GROUPS["odd"]


def test_metrics_of_several_kinds_are_averaged_only_where_that_means_something(tmp_path: Path) -> None:
    """As GLUE's own average has Matthews' r beside accuracy; a perplexity has no mean with a share."""
    group("pairs", ("cola", "mrpc"))
    group("odd", ("wikitext", "coin-flip"))
    try:
        plan = Plan(("pairs",), ("choice-logprob", "zero-shot"), data=local_data())
        engine = ScriptedEngine(lambda request: "yes" if request.continuation is None else "-1.0")
        run_benchmark(load_plan(plan), engine, tmp_path / "pairs")
        table = groups_table(tmp_path / "pairs")
        assert table is not None and "Scored by matthews, accuracy." in table.caption
        assert [list(row[2:5]) for row in table.rows] == [["2", "4", "25.0%"]] * 2  # r = 0, and one of two right
        assert {row[6] for row in table.rows} == {"–"}
        only = {"log-likelihood": ("wikitext",), "zero-shot": ("coin-flip",)}
        plan = Plan(("odd",), tuple(only), data=local_data(), only=only, limit=2)
        run_benchmark(load_plan(plan), ScriptedEngine(lambda request: "-9.0"), tmp_path / "odd")
        table = groups_table(tmp_path / "odd")
        assert table is not None and [row[1] for row in table.rows] == ["zero-shot"]
    finally:
        del GROUPS["pairs"], GROUPS["odd"]


def test_a_group_that_is_not_whole_yet_says_so(tmp_path: Path) -> None:
    loaded = load_plan(PLAN)
    run_benchmark(loaded, ScriptedEngine(reply), tmp_path / "r")
    with Journal.open(tmp_path / "r", loaded.settings("scripted", True)) as journal:
        journal.connection.execute("DELETE FROM records WHERE task = ?", (MEMBERS[1],))
    table = groups_table(tmp_path / "r")
    assert table is not None and getattr(table.rows[0][2], "text", "") == "1 of 2 !"


def test_a_run_without_a_group_has_no_such_table(tmp_path: Path) -> None:
    run_benchmark(load_plan(Plan(("coin-flip",), ("zero-shot",), limit=4)), ScriptedEngine(reply), tmp_path / "r")
    assert groups_table(tmp_path / "r") is None


def test_bbh_is_all_of_its_tasks_and_a_part_goes_by_its_old_name() -> None:
    assert len(GROUPS["bbh"]) == 27 and GROUPS["bbh"][-1] == "bbh:name=word_sorting"
    with pytest.raises(UserError, match="bbh is 27 tasks, all of which `kshot bench --task bbh` asks"):
        get_task("bbh")
    with pytest.raises(UserError, match="mmlu:subject=SUBJECT"):
        get_task("mmlu")


def test_a_group_from_the_command_line(tmp_path: Path) -> None:
    words = ["bench", "--task", "math", "--strategy", "zero-shot", "--engine", "scripted", "--data", str(local_data())]
    result = CliRunner().invoke(main, [*words, "--runs", str(tmp_path)])
    assert result.exit_code == 2 and "math/counting_and_probability/test.jsonl" in result.output
    words[2] = "coins"
    result = CliRunner().invoke(main, [*words, "--limit", "3", "--runs", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "coins--scripted").is_dir() and "Groups" in result.output
    listed = CliRunner().invoke(main, ["list", "tasks"]).output
    assert "groups of tasks" in listed and "57 tasks and their macro average" in listed


def measure_of(task: str, strategy: str, value: float, metric: str = "accuracy") -> Measure:
    """Ten samples with a value and an interval about it."""
    scale = Scale(metric, metric == "accuracy", kind_of(metric))
    return Measure(task, strategy, (), dict.fromkeys(map(str, range(10)), value),
                   value, Interval(value - 0.1, value + 0.1), scale=scale)  # fmt: skip


def test_a_mean_over_fewer_tasks_is_not_called_the_highest() -> None:
    given = [("a", "one", 0.4), ("b", "one", 0.2), ("a", "two", 0.9)]
    listed = averages(
        {(task, name): measure_of(task, name, value) for task, name, value in given}, [], {"g": ("a", "b")}
    )
    assert group_sentences(listed, "one") == ["g, 2 tasks: one has the highest macro mean, 30.0% (22.9–37.1%)."]


def test_correlations_may_be_below_chance_and_perplexities_are_told_one_by_one() -> None:
    groups = {"g": tuple("abcde")}
    found = {(task, "one"): measure_of(task, "one", -0.5, "matthews") for task in groups["g"]}
    [mean] = averages(found, [], groups)
    assert mean.range == "-54.5–-45.5" and in_group("a", groups, [mean])
    found = {(task, "one"): measure_of(task, "one", 9.0, "perplexity") for task in groups["g"]}
    assert averages(found, [], groups) == [] and not in_group("a", groups, [])


def test_equal_means_share_the_highest() -> None:
    given = [(task, name, value) for name, value in (("one", 0.3), ("two", 0.3), ("three", 0.1)) for task in "ab"]
    listed = averages(
        {(task, name): measure_of(task, name, value) for task, name, value in given}, [], {"g": ("a", "b")}
    )
    [said] = group_sentences(listed, "one")
    assert said == "g, 2 tasks: 2 of 3 strategies share the highest macro mean, 30.0% (22.9–37.1%)."
