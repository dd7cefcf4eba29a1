"""The report of several models: what it says is true of runs whose truth is known, and its figures hold it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from kshot.eval.report.model import Figure, Report, Table
from kshot.eval.report.prompting.by_model import build_by_model
from kshot.eval.report.prompting.contrasts import baselines, contrasts_of, gains_of, pairs_of, versus
from kshot.eval.report.prompting.model_figures import in_units, limits, places
from kshot.eval.report.prompting.model_words import HONEST
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.subjects import Subject, joined, labels_of
from kshot.types import Generation, Prediction, Record, Request, Sample, Score, UserError


def no_call(key: str) -> tuple[Request, Generation]:
    raise AssertionError(key)


def subject(
    model: str, outcomes: dict[tuple[str, str], str], size: int | None = None, total: int = 0, seed: str = ""
) -> Subject:
    """A run from outcomes by (task, strategy), one letter a sample: r(ight) or w(rong); half its targets are yes."""
    samples, records = {}, []
    for (task, strategy), letters in outcomes.items():
        for at, letter in enumerate(letters):
            target = ("yes", "no")[at % 2]
            samples[task, f"s{at}"] = Sample(f"s{at}", f"{seed}question {at}?", target)
            answer = target if letter == "r" else ("no", "yes")[at % 2]
            score = Score({"accuracy": float(letter == "r")}, answered=True)
            records.append(Record(task, strategy, f"s{at}", 0, Prediction(answer, "ok"), score, (), 10, 5, 2, 0.1))
    info: dict[str, object] = {"model": model, "seed": 0}
    kept = {"parameters": 3 * size, "embedding": 2 * size, "bytes": 6 * size, "dtype": "float16"} if size else {}
    strategies = list(dict.fromkeys(strategy for _, strategy in outcomes))
    run = RunData(
        model.replace("/", "-"), {**info, **({"size": kept} if kept else {})}, records, samples, no_call, strategies
    )
    return Subject(model, run, total)


def pair(zero: str, few: str, task: str = "t") -> dict[tuple[str, str], str]:
    return {(task, "zero-shot"): zero, (task, "few-shot:k=4"): few}


THREE = [
    subject("big", pair("r" * 20 + "w" * 20, "r" * 38 + "w" * 2), 1000),
    subject("small", pair("r" * 10 + "w" * 30, "r" * 11 + "w" * 29), 10),
    subject("middle", pair("r" * 30 + "w" * 10, "r" * 5 + "w" * 35), 100),
]


def table(report: Report, title: str) -> Table:
    return next(b for b in report.blocks() if isinstance(b, Table) and b.title == title)


def texts(found: Table) -> list[list[str]]:
    return [[cell if isinstance(cell, str) else cell.text for cell in row] for row in found.rows]


def test_the_finding_counts_models() -> None:
    report = build_by_model(THREE, "r")
    assert report.summary[0].startswith(
        "few-shot is better than zero-shot on t with 1 of 3 models (big), worse with 1 and no difference shown with 1: "
        "−62.5 to +45.0 points on 40 samples (exact McNemar, Holm over 3); 2 of 3 comparisons show a difference."
    )
    assert HONEST in report.summary
    nothing = [subject(f"m{at}", pair("rw" * 8, "wr" * 8), 10 * at) for at in (1, 2)]
    assert (
        build_by_model(nothing, "r")
        .summary[0]
        .startswith(
            "No difference from the baseline is shown for any of 2 models in 2 comparisons (exact McNemar, "
            "Holm over 2); no strategy leads its baseline with any model"
        )
    )


def test_gains_and_their_differences_are_those_of_the_samples() -> None:
    whole = joined(THREE, "r")
    assert whole.labels == ["small", "middle", "big"]  # by size
    gains = gains_of(whole, baselines(whole))
    assert {gain.label: round(40 * gain.comparison.result.difference) for gain in gains} == {
        "small": 1, "middle": -25, "big": 18,
    }  # fmt: skip
    raw = [gain.comparison.result.p for gain in gains]
    assert [gain.comparison.adjusted for gain in gains] == pytest.approx(multipletests(raw, method="holm")[1])
    contrasts = contrasts_of(whole, baselines(whole))
    assert {(c.label, c.other): round(40 * c.result.difference) for c in contrasts} == {
        ("middle", "small"): -26, ("big", "small"): 17, ("big", "middle"): 43,
    }  # fmt: skip
    top = next(c for c in contrasts if (c.label, c.other) == ("big", "small"))
    right = {
        key: np.array([x == "r" for x in letters], float)
        for each in THREE
        for key, letters in (
            ((each.model, "zero"), "".join("r" if r.score.value else "w" for r in each.run.records[:40])),
            ((each.model, "few"), "".join("r" if r.score.value else "w" for r in each.run.records[40:])),
        )
    }
    differences = right["big", "few"] - right["big", "zero"] - right["small", "few"] + right["small", "zero"]
    assert list(top.differences.values()) == differences.tolist()
    assert {(c.strategy, c.baseline) for c in versus(whole)} == set(pairs_of(whole.labels))


def test_many_models_are_held_against_the_smallest() -> None:
    assert len(pairs_of("abcd")) == 6
    assert pairs_of("abcde") == [("b", "a"), ("c", "a"), ("d", "a"), ("e", "a")]


def test_only_samples_with_the_same_text_are_compared() -> None:
    longer = subject("long", pair("r" * 60, "w" * 60), 500)
    other = subject("other", pair("r" * 40, "w" * 40), 600, seed="another ")
    report = build_by_model([THREE[0], longer], "r")
    assert {row[3] for row in texts(table(report, "Accuracy"))} == {"40"}
    assert any("only the 40 samples that all models were asked are compared; 20 others" in s for s in report.summary)
    with pytest.raises(UserError, match="share no sample of any task: big has t; other has t"):
        build_by_model([THREE[0], other], "r")


def test_what_is_not_whole_or_failed_is_named() -> None:
    stopped = replace(subject("stopped", pair("rr", "rr"), 5), total=80)
    report = build_by_model([*THREE, stopped], "r", failed={"lost": "it does not load."})
    assert all(row[1] != "stopped" for row in texts(table(report, "Accuracy")))
    assert any("stopped was stopped after 4 of 80 attempts and is left out" in line for line in report.cautions)
    assert any("lost failed and is not in this report: it does not load." in line for line in report.cautions)


def test_one_strategy_alone_compares_models() -> None:
    alone = [subject(name, {("t", "zero-shot"): letters}, size) for name, letters, size in (
        ("a", "r" * 5 + "w" * 35, 1), ("b", "r" * 35 + "w" * 5, 2),
    )]  # fmt: skip
    assert build_by_model(alone, "r").summary[0].startswith("b is better than a on t, zero-shot: +75.0 points")


def test_the_best_of_a_task_comes_first_and_sizes_are_told() -> None:
    report = build_by_model(THREE, "r")
    assert [row[1:3] for row in texts(table(report, "Accuracy"))][:2] == [["big", "few-shot"], ["middle", "zero-shot"]]
    assert texts(table(report, "Models"))[0] == ["small", "30", "10", "0", "float16", "small"]


def test_labels_tell_models_apart() -> None:
    assert labels_of(["a/x", "b/x", "c"], ["1", "2", "3"]) == ["a/x", "b/x", "c"]
    assert labels_of(["/m/x.gguf", "y.gguf"], ["1", "2"]) == ["x", "y"]
    assert labels_of(["x", "x"], ["monday", "friday"]) == ["x (monday)", "x (friday)"]
    assert len(set(labels_of(["x", "x", "x"], ["r", "r", "r"]))) == 3


def test_gains_over_several_tasks() -> None:
    two = [subject(each.model, {**pair("rw" * 20, "rr" * 20, "u"), **pair("rw" * 20, letters)}, size)
           for each, letters, size in ((THREE[0], "rr" * 20, 100), (THREE[1], "rw" * 20, 10))]  # fmt: skip
    [row] = texts(table(build_by_model(two, "r"), "Over all tasks"))
    assert row[:5] == ["few-shot", "big", "small", "2", "+25.0"]
    low, high = (float(end.replace("−", "-")) for end in row[5].split(" to "))
    assert low < 25 < high


def figures(report: Report) -> dict[str, Figure]:
    return {block.name: block for block in report.blocks() if isinstance(block, Figure)}


def test_figures_say_what_they_cannot_show() -> None:
    found = figures(build_by_model(THREE, "r"))
    assert HONEST in found["size"].caption
    assert HONEST in found["gain-by-size"].caption
    unknown = figures(build_by_model([*THREE, subject("served", pair("rw" * 20, "rw" * 20))], "r"))
    assert "Not drawn, as their size is not known: served." in unknown["size"].caption
    assert "size" not in figures(build_by_model([replace(each, run=replace(each.run, info={})) for each in THREE], "r"))


@pytest.mark.parametrize("sizes", [[10**6, 10**6], [10**8] * 20], ids=["two alike", "twenty alike"])
def test_figures_have_room_for_their_models(sizes: Sequence[int]) -> None:
    """A layout that does not fit is a warning, which is an error here; and no two texts of a panel overlap."""
    names = [f"a-model-with-a-very-long-name-of-its-own-and-more-of-it-{at}" for at in range(len(sizes))]
    subjects = [subject(name, pair("rw" * 20, "rr" * 20), size) for name, size in zip(names, sizes, strict=True)]
    found = figures(build_by_model(subjects, "r"))
    for name in ("size", "gain-by-size"):
        drawing = found[name].draw()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            drawing.draw_without_rendering()
        [axes, *_] = [each for each in drawing.axes if each.get_visible()]
        boxes = [text.get_window_extent() for text in axes.texts]
        assert all(a.x1 <= b.x0 or b.x1 <= a.x0 for at, a in enumerate(boxes) for b in boxes[at + 1 :])
        for legend in drawing.legends:
            box = legend.get_window_extent()
            assert box.x0 >= 0
            assert box.x1 <= drawing.bbox.x1


def test_models_of_one_size_stand_beside_each_other_around_it() -> None:
    found = places([8.0, 8.0, 8.0, 9.0], (7.9, 9.1))
    assert found[0] < found[1] < found[2] < found[3]
    assert found[1] == pytest.approx(8.0)
    assert found[3] == 9.0
    low, high = limits([8.0, 8.0])
    assert low < 8.0 < high
    assert in_units(999) == "999"
