"""Sweeps, sensitivity, repeats, confusion and calibration in the report, on runs whose truth is known."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kshot.eval.report import html, markdown
from kshot.eval.report.model import Figure, Report, Section, Table
from kshot.eval.report.prompting.build import build
from kshot.eval.report.prompting.confusion import table_of
from kshot.eval.report.prompting.measures import measure
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.sweeps import spaced, sweeps_of
from kshot.eval.report.prompting.trust import probability_of, stated_by
from kshot.eval.report.style import colour_bar, png, small_multiples, styled, svg, tiles
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.read import read_run
from kshot.harness.runs.run import run_benchmark
from kshot.types import Generation, Prediction, Record, Request, Sample, SamplingParams, Score

CALL = (Request("Q", SamplingParams()), Generation("A", "stop", 1, 0, 1))


def run_of(
    scores: Mapping[tuple[str, str], Sequence[Sequence[float]]],
    *,
    targets: Sequence[str] = (),
    answers: Sequence[str | None] = (),
    params: Mapping[str, Mapping[str, object]] | None = None,
    probabilities: Sequence[Mapping[str, float]] = (),
) -> RunData:
    """A run from scores [sample][repeat] by (task, strategy)."""
    records, samples = [], {}
    for (task, strategy), table in scores.items():
        for i, repeats in enumerate(table):
            samples[task, str(i)] = Sample(str(i), f"question {i}", targets[i] if targets else f"target {i}")
            for repeat, score in enumerate(repeats):
                answer = answers[i] if answers else "x"
                status = "unparsed" if answer is None else "ok"
                prediction = Prediction(answer, status, "r", probabilities=probabilities[i] if probabilities else {})
                records.append(
                    Record(
                        task, strategy, str(i), repeat, prediction, Score(score, answer is not None), ("c",), 1, 0, 1
                    )
                )
    return RunData("made", {}, records, samples, lambda _: CALL, params=params or {})


def parts(report: Report) -> tuple[dict[str, Figure], dict[str, Table]]:
    figures = {block.name: block for block in report.blocks() if isinstance(block, Figure)}
    return figures, {block.title: block for block in report.blocks() if isinstance(block, Table)}


def once(right: int, n: int = 20) -> list[list[float]]:
    return [[float(i < right)] for i in range(n)]


def test_strategies_that_differ_in_a_number_are_a_curve() -> None:
    specs = {"few-shot": 8, "few-shot:k=2": 2, "few-shot:k=16": 16}
    params = {spec: {"k": k, "order": "drawn"} for spec, k in specs.items()}
    scores = {("t", spec): once(k) for spec, k in specs.items()}
    run = run_of({**scores, ("t", "zero-shot"): once(1)}, params=params)
    [sweep] = sweeps_of(list(measure(run).values()), params)
    assert (sweep.over, sweep.panel, sweep.line) == ("k", "t", "few-shot")
    found = [(value, m.value) for value, m in sweep.points]
    assert found == [(0, 0.05), (2, 0.1), (8, 0.4), (16, 0.8)]  # zero-shot has few-shot's prompt without exemplars
    figures, _ = parts(build(run))
    axes = figures["against-k"].draw().axes[0]
    [line] = axes.containers[0].lines[:1]
    assert list(line.get_xdata()) == [0, 2, 8, 16]
    assert list(line.get_ydata()) == pytest.approx([5, 10, 40, 80])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "2", "8", "16"]
    places = [axes.transData.transform((x, 0))[0] for x in (0, 2, 8, 16)]
    assert np.diff(places) / (places[1] - places[0]) == pytest.approx([1, 2, 1])  # a doubling is as long everywhere
    assert "k = 0 is zero-shot" in figures["against-k"].caption
    assert png(figures["against-k"])[:4] == b"\x89PNG"


def test_zero_shot_is_no_point_of_a_curve_whose_prompt_has_more_than_it() -> None:
    names = ("few-shot:k=2,wording=0", "few-shot:k=8,wording=0")
    params: dict[str, dict[str, object]] = {name: {"k": k, "wording": 0} for name, k in zip(names, (2, 8), strict=True)}
    run = run_of({("t", name): once(4) for name in (*names, "zero-shot")})
    [sweep] = sweeps_of(list(measure(run).values()), params)
    assert [value for value, _ in sweep.points] == [2, 8]
    plain = {name: {"k": k, "template": "0"} for name, k in (("few-shot:k=2", 2), ("few-shot:k=8", 8))}
    run = run_of({("t", name): once(4) for name in (*plain, "zero-shot")})
    [sweep] = sweeps_of(list(measure(run).values()), {**plain, "zero-shot": {"template": ""}})
    assert [value for value, _ in sweep.points] == [2, 8]  # another template


def test_what_differs_in_two_hyperparameters_is_no_curve() -> None:
    run = run_of({("t", "few-shot:k=2,noise=0.5"): once(3), ("t", "few-shot:k=4,noise=1"): once(5)})
    assert sweeps_of(list(measure(run).values()), {}) == []
    assert not [name for name in parts(build(run))[0] if name.startswith("against")]


def test_a_tasks_own_hyperparameter_is_a_curve_of_each_strategy() -> None:
    scores = {
        (f"word-problems:steps={steps}", name): once(right - 3 * steps)
        for steps in (1, 2, 4)
        for name, right in (("zero-shot", 13), ("least-to-most", 19))
    }
    found = sweeps_of(list(measure(run_of(scores)).values()), {})
    assert {(s.over, s.panel, s.line) for s in found} == {
        ("steps", "word-problems", "zero-shot"),
        ("steps", "word-problems", "least-to-most"),
    }
    assert [value for value, _ in found[0].points] == [1, 2, 4]
    figures, _ = parts(build(run_of(scores)))
    assert figures["against-steps"].draw().axes[0].get_title() == "word-problems"


def test_repeats_give_pass_at_k_and_the_parts_of_the_variance() -> None:
    draw = random.Random(0)
    table = [[float(draw.random() < (0.9 if i % 2 else 0.2)) for _ in range(4)] for i in range(40)]
    [row] = parts(build(run_of({("t", "few-shot"): table})))[1]["Repeats"].rows
    assert row[2:5] == ["40", "1", "4"]
    assert row[5] == f"{100 * sum(map(sum, table)) / 160:.1f}%"
    assert row[6] == f"{100 * sum(map(any, table)) / 40:.1f}% (k = 4)"
    assert float(str(row[7])) > float(str(row[9])) / 4  # samples that differ this much bring most of it
    assert "Repeats" not in parts(build(run_of({("t", "few-shot"): once(3)})))[1]


def test_what_another_report_adds_stands_before_the_cost_and_its_repeats_are_its_own() -> None:
    run = run_of({("t", "few-shot"): [[1.0, 0.0]] * 20, ("t", "zero-shot"): [[0.0, 0.0]] * 20})
    plain = [section.title for section in build(run).sections]
    told = [section.title for section in build(run, extra=[Section("Trained", [])], repeats=False).sections]
    assert plain[:4] == ["Accuracy", "Paired comparisons", "Cost", "Repeats"]
    assert told == ["Accuracy", "Paired comparisons", "Trained", "Cost", *plain[4:]]


def test_seeds_are_told_apart_from_draws() -> None:
    noisy, steady = [[1.0, 0.0]] * 20, [[1.0, 1.0]] * 20
    names = ("few-shot:exemplar_seed=1", "few-shot:exemplar_seed=2")
    [row] = parts(build(run_of({("t", names[0]): noisy, ("t", names[1]): steady})))[1]["Repeats"].rows
    assert row[3:5] == ["2", "2"]
    assert float(str(row[9])) > 0  # draws differ under the first seed


def test_confusion_counts_targets_against_answers() -> None:
    targets = ["yes", "no", "no"] * 4
    answers: list[str | None] = ["yes", "yes", None] * 4
    answers[0] = "perhaps"
    scores = {("coins", "zero-shot"): [[float(a == t)] for a, t in zip(answers, targets, strict=True)]}
    run = run_of(scores, targets=targets, answers=answers)
    samples = {key: sample for (_, key), sample in run.samples.items()}
    columns, table = table_of(measure(run)["coins", "zero-shot"], ["no", "yes"], samples)
    assert columns == ["no", "yes", "other", "no answer"]
    assert table == [[0, 4, 0, 4], [0, 3, 1, 0]]
    figures, _ = parts(build(run))
    written = {text.get_text() for text in figures["confusion-coins"].draw().axes[0].texts}
    assert written == {"4", "3", "1"}
    free = run_of({("words", "zero-shot"): once(3)})
    assert not [name for name in parts(build(free))[0] if name.startswith("confusion")]


def test_reliability_of_choices_and_of_votes() -> None:
    stated = [{"x": 0.25 if i % 2 else 0.75, "y": 0.1} for i in range(40)]
    scores = [[float(i % 4 != 1) if i % 2 == 0 else float(i % 8 == 1)] for i in range(40)]
    run = run_of({("t", "choice-logprob"): scores}, probabilities=stated)
    [one] = stated_by(list(measure(run).values()))
    assert [(bin_.n, bin_.probability) for bin_ in one.bins] == [(20, 0.25), (20, 0.75)]
    assert [bin_.frequency for bin_ in one.bins] == pytest.approx([0.25, 1.0])
    [row] = parts(build(run))[1]["Calibration"].rows
    assert row[6] == "0.125"  # |0.25 - 0.25| and |0.75 - 1|, half each
    vote = Record("t", "s", "0", 0, Prediction("x", "ok", answers=("x", "x", None, "y")), Score(1, True), ())
    assert probability_of(vote) == ("share of chains", 0.5)
    assert probability_of(replace(vote, prediction=Prediction("x", "ok"))) is None


def test_a_real_run_knows_the_defaults(tmp_path: Path) -> None:
    plan = Plan(("coin-flip",), ("few-shot", "few-shot:k=2", "few-shot:exemplar_seed=3,select=random"), limit=6)
    run_benchmark(load_plan(plan), ScriptedEngine(lambda request: " yes"), tmp_path / "run")
    run, journal = read_run(tmp_path / "run")
    with journal:
        assert run.params["few-shot:k=2"]["k"] == 2
        report = build(run)
        figures, _ = parts(report)
        assert "confusion-coin-flip" in figures
        assert "against-k" in figures
        assert html.write(report, tmp_path).is_file()
        markdown.write(report, tmp_path)
    made = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert "against-k.png" in made
    assert "against-k.pdf" in made


@pytest.mark.usefixtures("fonts_in_pdfs")
def test_pictures_for_papers_are_vectors_and_repeatable(tmp_path: Path) -> None:
    report = build(run_of({("t", "zero-shot"): once(3), ("t", "few-shot"): once(12)}))
    for folder in ("a", "b"):
        markdown.write(report, tmp_path / folder)
    for path in sorted((tmp_path / "a" / "figures").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / "figures" / path.name).read_bytes(), path.name
        if path.suffix == ".pdf":
            content = path.read_bytes()
            assert content.startswith(b"%PDF")
            assert b"/FontFile2" in content  # TrueType, as journals ask
            assert b"/Type3" not in content


def test_labels_on_an_axis_have_room() -> None:
    assert spaced([0, 1, 2, 4, 8, 16, 32]) == [0, 4, 8, 16, 32]
    assert spaced([1, 2, 3]) == [1, 2, 3]
    assert spaced([5]) == [5]


def test_heat_maps_are_shapes_and_a_bitmap_is_refused() -> None:
    def drawn(bitmap: bool) -> Figure:
        def draw() -> Any:
            with styled():
                drawing, (axes,) = small_multiples(1, width=4)
                shown = axes.imshow([[0, 1], [1, 0]]) if bitmap else tiles(axes, [[0, 1], [1, 0]])
                colour_bar(drawing, shown, ax=axes)
                return drawing

        return Figure("heat", "heat", "a heat map", draw)

    page = svg(drawn(bitmap=False))
    assert "<image" not in page
    assert 'class="narrow"' in page
    with pytest.raises(AssertionError, match=r"heat holds a bitmap; draw it with style\.tiles"):
        svg(drawn(bitmap=True))


def test_the_tasks_own_room_for_a_reply_is_no_point_of_a_curve() -> None:
    names = ("few-shot", "few-shot:max_new_tokens=64", "few-shot:max_new_tokens=128")
    params = {name: {"max_new_tokens": tokens} for name, tokens in zip(names, (-1, 64, 128), strict=True)}
    [sweep] = sweeps_of(list(measure(run_of({("t", name): once(4) for name in names})).values()), params)
    assert [value for value, _ in sweep.points] == [64, 128]
