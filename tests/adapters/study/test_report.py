"""A study's report in words: ties, nothing right, and the same answer to everything, with nothing trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from kshot.adapters.study.read import Results, TrainingOutcome
from kshot.adapters.study.report import build
from kshot.adapters.training.recipe import Trained
from kshot.eval.metrics.kinds import Kind
from kshot.eval.report.model import Cell, Report, Table
from kshot.eval.report.prompting.run_data import RunData
from kshot.types import Generation, Prediction, Record, Request, Sample, Score

TARGETS = ["no"] * 56 + ["yes"] * 44
TRAINED = Trained(3, 1e-3, 0.5, 1.0, 1_000_000, ({"step": 1, "loss": 1.0},))
ALL, NO, NONE = [True] * 100, ["no"] * 100, ["?"] * 100


def results(
    answers: Mapping[str, Sequence[str]], parameters: Mapping[str, int], tasks: Sequence[str] = ("strategyqa",),
    metric: str = "accuracy",
) -> Results:  # fmt: skip
    """A study of strategies, and of trainings with so many parameters, by the answers that they gave on every task."""
    samples, records = {}, []
    for task in tasks:
        for i, target in enumerate(TARGETS):
            samples[task, str(i)] = Sample(str(i), f"Is it {i}?", target)
            for name, given in answers.items():
                score = Score({metric: float(given[i] == target)}, True)
                records.append(Record(task, name, str(i), 0, Prediction(given[i], "ok"), score, ("c",), 1, 0, 1))
    run = RunData("study", {}, records, samples, lambda _: (Request("Q"), Generation("A", "stop")), list(answers))
    outcomes = []
    for label, count in parameters.items():
        mean = sum(given == target for given, target in zip(answers[label], TARGETS, strict=True)) / 100
        outcomes.append(TrainingOutcome(label, label.split(":")[0], 16, 0, 16, count, 10**6, TRAINED, mean))
    return Results("study", {}, run, tuple(outcomes), ())


def words_of(report: Report) -> list[list[str]]:
    [table] = [block for block in report.blocks() if isinstance(block, Table) and block.title == "Trained and prompted"]
    return [[cell.text if isinstance(cell, Cell) else cell for cell in row] for row in table.rows]


LORA, HEAD = "lora:samples=16", "head:samples=16"


TOOK = "100.0% with 2,000 parameters (0.2%) and 16 training samples"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (
            {"zero-shot": NONE, LORA: NONE, HEAD: NONE},
            "None of 2 trained scores anything; nor does the prompt zero-shot; ",
        ),
        ({"zero-shot": NONE, LORA: NONE}, "lora does not score anything; nor does the prompt zero-shot; "),
        (
            {"zero-shot": NONE, LORA: TARGETS, HEAD: TARGETS},
            "lora and head share the highest score of 2 trained: 100.0%, head with the fewest parameters (50, 0.005%) "
            "and 16 training samples; the prompt zero-shot scores nothing; ",
        ),
        ({"zero-shot": NO, LORA: TARGETS}, f"lora, trained: {TOOK}; the prompt zero-shot has 56.0%; "),
        (
            {"zero-shot": NO, "few-shot": NO, LORA: TARGETS, HEAD: NONE},
            f"lora is the best of 2 trained: {TOOK}; of 2 prompts zero-shot and few-shot are the best with 56.0% "
            "each; ",
        ),
    ],
    ids=["nothing right", "one, nothing right", "two share", "one alone", "prompts share"],
)
def test_what_was_trained_in_words(answers: Mapping[str, Sequence[str]], said: str) -> None:
    parameters = {name: count for name, count in ((LORA, 2000), (HEAD, 50)) if name in answers}
    sentence = build(results(answers, parameters)).summary[1]
    assert sentence == f'{said}always answering "no" would have 56.0%.'


def test_the_same_answer_to_everything_is_named_in_a_study() -> None:
    report = build(results({"zero-shot": TARGETS, LORA: NO}, {LORA: 2000}))
    rows = {row[0]: row for row in words_of(report)}
    assert rows["lora"][5:9] == ["56.0%", "46.2–65.3", '56.0% "no" !', '1: "no" !']
    assert rows["zero-shot"][7:9] == ['56.0% "no"', "2"]
    assert any("the same answer to everything" in line and "lora on strategyqa" in line for line in report.cautions)


def test_of_a_distance_the_least_is_the_best_and_is_no_percentage() -> None:
    made = results({"zero-shot": NO, LORA: TARGETS, HEAD: NONE}, {LORA: 2000, HEAD: 50}, metric="far")
    kinds = {"far": Kind("letters", "lower", 0.0, math.inf, None)}
    report = build(replace(made, run=replace(made.run, kinds=kinds)))
    assert report.summary[1] == (
        "head is the best of 2 trained: mean far 0.000 with 50 parameters (0.005%) and 16 training samples; the prompt "
        "zero-shot has 0.5600."
    )
    rows = {row[0]: row for row in words_of(report)}
    assert (rows["lora"][5], rows["head"][5], rows["zero-shot"][5]) == ("1.000", "0.000", "0.5600")
    assert rows["zero-shot"][6].count(" to ") == 1


def test_over_several_tasks_too() -> None:
    made = results({"zero-shot": TARGETS, LORA: NO}, {LORA: 2000}, tasks=("a", "b"))
    report = build(made)
    rows = {row[0]: row for row in words_of(report)}
    assert rows["lora"][7:9] == ["56.0%, 2 of 2 no better !", "1 on 2 of 2 !"]
    assert "the best constant answers would have 56.0%" in report.summary[1]
    nothing = build(results({"zero-shot": NONE, LORA: NONE}, {LORA: 2000}, tasks=("a", "b"))).summary[1]
    assert nothing == "lora does not score anything over 2 tasks, zero-shot before 0.0%."


def test_the_remedy_for_answers_cut_off_names_the_strategy_that_asked() -> None:
    made = results({"instruction": NO, LORA: NO}, {LORA: 2000})
    cut = Prediction(None, "truncated")
    records = [replace(r, prediction=cut) if r.strategy == LORA else r for r in made.run.records]
    made = replace(made, run=replace(made.run, records=records), info={"strategy": "instruction:wording=1"})
    [said] = [line for line in build(made).cautions if "cut off" in line]
    assert said.endswith("100.0% of lora on strategyqa; allow more, as in instruction:max_new_tokens=256.")


def test_another_metric_goes_by_its_name_in_a_study() -> None:
    report = build(results({"zero-shot": NO, LORA: TARGETS}, {LORA: 2000}, metric="exact-match"))
    assert "exact-match 100.0%" in report.summary[1]
    titles = [block.title for block in report.blocks() if hasattr(block, "title")]
    assert "exact-match against trained parameters" in titles
    assert not [title for title in titles if "ccuracy" in title]


def test_there_is_no_level_to_reach_where_nothing_is_right() -> None:
    for answers, titles in ((NONE, []), (TARGETS, ["Samples to reach a level"])):
        made = results(
            {"zero-shot": NONE, LORA: answers, "lora:samples=32": answers}, {LORA: 50, "lora:samples=32": 50}
        )
        sizes = [replace(one, trained_on=16 * (at + 1)) for at, one in enumerate(made.outcomes)]
        blocks = build(replace(made, outcomes=tuple(sizes))).blocks()
        assert [b.title for b in blocks if isinstance(b, Table) and "level" in b.title] == titles
