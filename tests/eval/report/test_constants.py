"""A score is never shown without what the same answer to everything would have, and ties are called ties."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from scipy import stats

from kshot.eval.report import html, markdown, terminal
from kshot.eval.report.model import CARE, Cell, Report, Table
from kshot.eval.report.prompting.build import build, main_finding
from kshot.eval.report.prompting.compare import compare
from kshot.eval.report.prompting.constant import answers_of, best_constant
from kshot.eval.report.prompting.measures import measure
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.publish import publish
from kshot.types import Generation, Prediction, Record, Request, Sample, Score

TARGETS = ["no"] * 56 + ["yes"] * 44


def run_of(
    answers: Mapping[str, Sequence[str | None]], targets: Sequence[str] = TARGETS, name: str = "made"
) -> RunData:
    """A run on one task from each strategy's answers; as few samples as it has."""
    samples = {("strategyqa", str(i)): Sample(str(i), f"Is it {i}?", target) for i, target in enumerate(targets)}
    records = []
    for strategy, given in answers.items():
        for i, answer in enumerate(given):
            prediction = Prediction(answer, "unparsed" if answer is None else "ok")
            right = Score(float(answer in targets[i].split("|")), answer is not None)
            records.append(Record("strategyqa", strategy, str(i), 0, prediction, right, ("c",), 1, 0, 1))
    call = (Request("Q"), Generation("A", "stop"))
    return RunData(name, {}, records, samples, lambda _: call)


def skilled(right: int) -> list[str]:
    """Answers that are right on so many of every hundred."""
    return [t if i * 37 % 100 < right else ("yes", "no")[t == "yes"] for i, t in enumerate(TARGETS)]


def rows(report: Report, title: str) -> list[dict[str, str]]:
    """A table's rows by column."""
    [found] = [block for block in report.blocks() if isinstance(block, Table) and block.title == title]
    heads = [column.title for column in found.columns]
    return [dict(zip(heads, [c.text if isinstance(c, Cell) else c for c in row], strict=True)) for row in found.rows]


def test_the_same_answer_to_everything_is_named_wherever_its_accuracy_stands() -> None:
    run = run_of({"zero-shot": skilled(50), "few-shot": ["no"] * 100, "chain-of-thought": skilled(90)})
    report = build(run)
    shown = {row["strategy"]: row for row in rows(report, "Accuracy")}
    assert (shown["few-shot"]["accuracy"], shown["few-shot"]["best constant"]) == ("56.0%", '56.0% "no" !')
    assert shown["few-shot"]["distinct answers"] == '1: "no" !'
    assert shown["chain-of-thought"]["best constant"] == '56.0% "no"'  # nothing to beware of
    assert shown["chain-of-thought"]["distinct answers"] == "2"
    [constant, level] = report.cautions
    assert constant == (
        f'{CARE}the same answer to everything, which shows no skill: few-shot on strategyqa ("no" in 100 of 100, '
        '56.0%; always "yes" would have 44.0%).'
    )
    assert level == (
        f'{CARE}not shown to be better on strategyqa than always answering "no" (56.0%): zero-shot 50.0%, '
        "few-shot 56.0%."
    )
    console = Console(file=io.StringIO(), width=200)
    terminal.render(report, console)
    for said in (html.page(report), markdown.text(report).replace("\\", ""), console.file.getvalue()):  # type: ignore[attr-defined]
        plain = said.replace("&#34;", '"').replace("\n", " ")
        assert "the same answer to everything" in plain
        assert '56.0% "no" !' in plain


def test_strategies_that_gave_the_same_one_answer_are_named_together() -> None:
    none = {f"few-shot:k={k}": ["no"] * 100 for k in range(1, 6)}
    [constant, _] = build(run_of({"zero-shot": skilled(90), "instruction": ["yes"] * 100, **none})).cautions
    assert constant == (
        f'{CARE}the same answer to everything, which shows no skill: instruction on strategyqa ("yes" in 100 of 100, '
        '44.0%; always "no" would have 56.0%), few-shot:k=1, few-shot:k=2, few-shot:k=3, few-shot:k=4 and few-shot:k=5 '
        'on strategyqa ("no" in 100 of 100, 56.0%; always "yes" would have 44.0%).'
    )


def test_what_bench_says_last_are_the_cautions(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    report = build(run_of({"zero-shot": skilled(90), "few-shot": ["no"] * 100}))
    publish(report, tmp_path, findings=1)
    last = capsys.readouterr().out.splitlines()[-3:]
    assert last == [report.summary[0], *report.cautions]


def test_a_comparison_of_runs_names_it_too() -> None:
    a, b = run_of({"few-shot": ["no"] * 100}, name="a"), run_of({"few-shot": skilled(90)}, name="b")
    assert f"{CARE}in a, the same answer to everything" in " ".join(compare(a, b).summary)
    assert "in b, " not in " ".join(compare(a, b).cautions)


def test_runs_that_are_alike_are_said_to_be() -> None:
    a, b = (run_of({"few-shot": skilled(90)}, name=name) for name in "ab")
    assert "strategyqa, few-shot: the same score on each of 100 samples." in compare(a, b).summary


def test_above_the_constant_is_the_paired_test_after_holm() -> None:
    run = run_of({"zero-shot": skilled(90), "few-shot": skilled(72)})
    found = measure(run)
    raw = []
    for strategy in ("zero-shot", "few-shot"):
        mine = [record.score.value for record in run.records if record.strategy == strategy]
        won, lost = (
            sum(m == x and t == y for m, t in zip(mine, TARGETS, strict=True)) for x, y in ((1, "yes"), (0, "no"))
        )
        raw.append(float(stats.binomtest(won, won + lost).pvalue))
    adjusted = {"zero-shot": max(2 * min(raw), raw[0]) if raw[0] < raw[1] else raw[0], "few-shot": max(raw)}
    for strategy, p in adjusted.items():
        assert found["strategyqa", strategy].above_constant == pytest.approx(p, abs=1e-12)


def test_answers_that_could_not_be_read_are_no_answer_of_their_own() -> None:
    run = run_of({"few-shot": ["no", None] * 50})
    assert rows(build(run), "Accuracy")[0]["distinct answers"] == '1: "no" !'
    assert '"no" in 50 of 100' in build(run).cautions[0]
    silent = run_of({"few-shot": [None] * 100})
    assert rows(build(silent), "Accuracy")[0]["distinct answers"] == "0"
    assert answers_of(silent.records).commonest is None


@pytest.mark.parametrize(
    ("targets", "answer", "share", "second"),
    [
        (["3", "7", "7", "12"], "7", 0.5, ("12", 0.25)),  # of numbers the commonest target; of equals the first
        (["a|b", "b|c", "d"], "b", 2 / 3, ("a", 1 / 3)),  # any of the accepted ones counts
        (["x|x", "y"], "x", 0.5, ("y", 0.5)),
        (["yes"], "yes", 1.0, None),
    ],
)
def test_the_best_constant_is_the_commonest_target(
    targets: list[str], answer: str, share: float, second: tuple[str, float] | None
) -> None:
    run = run_of({"s": targets}, targets)
    found = best_constant(run.samples, "strategyqa", [str(i) for i in range(len(targets))])
    assert found is not None
    assert (found.answer, found.value, found.second) == (answer, pytest.approx(share), second)
    assert best_constant({}, "strategyqa", ["0"]) is None


def test_a_long_answer_does_not_fill_the_table() -> None:
    long = "the quick brown fox jumps over the lazy dog " * 4
    [row] = rows(build(run_of({"s": [long] * 3}, [long] * 3)), "Accuracy")
    assert len(row["best constant"]) < 45


@pytest.mark.parametrize(
    ("answers", "first", "task"),
    [
        (
            {"zero-shot": ["?"] * 100, "few-shot": ["?"] * 100},
            "No difference is shown in 1 comparison; no strategy scores anything on any task.",
            "strategyqa: none of 2 strategies scores anything.",
        ),
        (
            {"zero-shot": skilled(90), "few-shot": skilled(90)},
            "No difference is shown in 1 comparison; every strategy has the very score of its baseline.",
            "strategyqa: both strategies have the same accuracy, 90.0% (82.6–94.5%) of 100 samples.",
        ),
        (
            {"zero-shot": skilled(90), "few-shot": skilled(88)},
            "No difference is shown in 1 comparison; no strategy leads its baseline, and the farthest behind is "
            "few-shot against zero-shot on strategyqa, −2.0 points (95% interval",
            "strategyqa: zero-shot has the highest accuracy, 90.0% (82.6–94.5%) of 100 samples; it is the baseline, "
            "and 0 of 1 others are shown to be worse.",
        ),
        (
            {"zero-shot": skilled(90), "few-shot": skilled(90), "instruction": skilled(60)},
            "instruction is worse than zero-shot on strategyqa: 60.0% against 90.0% of 100 samples",
            "strategyqa: zero-shot and few-shot share the highest accuracy, 90.0% (82.6–94.5%) of 100 samples; one of "
            "them is the baseline, and 1 of 2 others are shown to be worse.",
        ),
        (
            {"zero-shot": skilled(90)},
            "zero-shot on strategyqa: 90.0% (82.6–94.5%) of 100 samples right; nothing to compare it with.",
            "strategyqa: zero-shot alone was run; 90.0% (82.6–94.5%) of 100 samples right.",
        ),
    ],
    ids=["nothing right", "all the same", "the baseline leads", "two share", "one alone"],
)
def test_ties_are_called_ties(answers: Mapping[str, Sequence[str]], first: str, task: str) -> None:
    run = run_of(answers)
    assert main_finding(run).startswith(first)
    assert build(run).summary[1] == task
    assert "±0.0 points" not in " ".join(build(run).summary)


def test_what_is_cut_off_is_said_with_the_remedy() -> None:
    run = run_of({"zero-shot": TARGETS, "few-shot": TARGETS})
    cut = [
        replace(r, prediction=Prediction(None, "truncated"), score=Score(0.0, False))
        if r.strategy == "few-shot" and int(r.sample_id) % 4
        else r
        for r in run.records
    ]
    said = build(replace(run, records=cut)).cautions[-1]
    assert said == (
        f"{CARE}the text was cut off before an answer in 75.0% of few-shot on strategyqa; allow more, as in "
        "few-shot:max_new_tokens=256."
    )
