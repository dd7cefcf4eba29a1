"""Forms of a prompt in the report: which belong together, how far apart they are, and what was chosen on validation."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console
from statsmodels.stats.contingency_tables import cochrans_q
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from kshot.eval.report import html, markdown, terminal
from kshot.eval.report.model import Cell, Figure, Report, Table
from kshot.eval.report.prompting.build import build
from kshot.eval.report.prompting.forms import variations
from kshot.eval.report.prompting.measures import measure
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.transcripts import transcript
from kshot.spec import convert, split_spec
from kshot.types import Generation, Prediction, Record, Request, Sample, SamplingParams, Score, Template

CALL = (Request("Q", SamplingParams()), Generation("A", "stop", 1, 0, 1))
PLAIN: dict[str, object] = {"template": "", "label_words": (), "format_seed": -1, "k": 0}


def scores(right: int, n: int = 40, start: int = 0) -> list[float]:
    return [float(start <= i < start + right) for i in range(n)]


def run_of(
    found: Mapping[tuple[str, str], Sequence[float]],
    *,
    prepared: Mapping[tuple[str, str], Mapping[str, Any]] | None = None,
    templates: Mapping[str, Mapping[str, Template]] | None = None,
    wording: int | None = None,
) -> RunData:
    """A run from scores by (task, strategy); hyperparameters are those given, the rest as in `PLAIN`."""
    records, samples, params = [], {}, {}
    for (task, strategy), values in found.items():
        given: dict[str, object] = {**PLAIN, **({} if wording is None else {"wording": wording})}
        for key, value in split_spec(strategy)[1].items():
            given[key] = convert(value, given.get(key, 0), key)
        params[strategy] = given
        for i, score in enumerate(values):
            samples[task, str(i)] = Sample(str(i), f"question {i}", "yes" if i % 2 else "no")
            records.append(
                Record(task, strategy, str(i), 0, Prediction("x", "ok"), Score(score, True), ("c",), 1, 0, 1)
            )
    order = list(dict.fromkeys(strategy for _, strategy in found))
    return RunData("r", {}, records, samples, lambda _: CALL, order, params, prepared or {}, templates or {})


def rows(report: Report, title: str) -> list[list[str]]:
    found = [block for block in report.blocks() if isinstance(block, Table) and block.title == title]
    return [[cell.text if isinstance(cell, Cell) else cell for cell in row] for table in found for row in table.rows]


def groups(run: RunData) -> list[tuple[str, str, list[str]]]:
    found = variations(list(measure(run).values()), run)
    return [(one.line, one.over, [name for name, _ in one.points]) for one in found]


ENDS = ("", ":template=0")
NAMES = ("c", "c:template=0", "c:template=1", "c:template=1,format_seed=3", "c:template=1,format_seed=4")


def test_strategies_that_are_equal_but_for_their_form_belong_together() -> None:
    run = run_of({("t", name): scores(9) for name in (*NAMES, "c:k=4,template=0", "c:k=4,label_words=bad+good", "d")})
    joint = ["own", *(f"template {name}" for name in ("0", "1", "1, format 3", "1, format 4"))]
    assert groups(run) == [
        ("c", "template, format seed", joint),
        ("c", "template", ["own", "0", "1"]),
        ("c:template=1", "format seed", ["as written", "3", "4"]),
        ("c:k=4", "template, label words", ["template 0", "words bad+good"]),
    ]  # fmt: skip
    assert not [section for section in build(run).sections if section.title.startswith("Accuracy against template")]


def test_the_best_template_is_no_form_of_its_own_but_marks_the_one_it_chose() -> None:
    names = ("c", "c:template=0", "c:template=best")
    prepared = {("t", "c:template=best"): {"best": "0"}}
    run = run_of({("t", name): scores(9 + at) for at, name in enumerate(names)}, prepared=prepared)
    [one] = variations(list(measure(run).values()), run)
    assert ([name for name, _ in one.points], one.chosen, one.own) == (["own", "0"], 1, {0})
    assert one.points[1][1].strategy == "c:template=0"  # its exemplars are all, not those that validation leaves
    alone = run_of({("t", name): scores(9) for name in names[::2]}, prepared=prepared)  # it stands for what it chose
    [one] = variations(list(measure(alone).values()), alone)
    assert ([name for name, _ in one.points], one.chosen) == (["own", "0"], 1)
    assert groups(run_of({("t", name): scores(9) for name in names[::2]})) == []  # what it chose is not known


def test_a_spread_is_its_figures_beside_what_chance_gives_and_cochrans_q() -> None:
    table = {"c": scores(12), "c:template=0": scores(30), "c:template=1": scores(24, start=4)}
    more = {"d": scores(20), "d:template=0": scores(20, start=1)}
    report = build(run_of({("t", name): values for name, values in {**table, **more}.items()}))
    first, second = rows(report, "Prompt sensitivity")
    assert first[:10] == ["t", "c", "template", "3", "30.0%", "own", "60.0%", "75.0%", "0", "45.0"]
    assert first[12] == f"55.0%, {100 * np.std([0.3, 0.75, 0.6], ddof=1):.1f}"
    raw = [float(cochrans_q(np.array(list(table.values())).T).pvalue), 1.0]  # the other two differ on two samples
    assert multipletests(raw, method="holm")[1][0] < 0.001
    assert first[11] == "< 0.001"
    assert (second[4], second[5], second[11]) == ("50.0%", "2 of 2 alike", "1")
    assert 5 < float(first[10]) < 20
    said = [line for line in report.summary if line.startswith("The prompt's form matters")]
    assert said == [
        "The prompt's form matters: c on t has between 30.0% (own) and 75.0% (0) accuracy over 3 values of template, a "
        f"range of 45.0 points where chance alone would give {first[10]} (p < 0.001)."
    ]


def test_p_is_corrected_over_all_spreads_of_the_report() -> None:
    tables = {name: [scores(20), scores(right, start=4)] for name, right in (("c", 28), ("d", 30), ("e", 26))}
    found = {("t", name + end): values for name, both in tables.items() for end, values in zip(ENDS, both, strict=True)}
    raw = [float(cochrans_q(np.array(both).T).pvalue) for both in tables.values()]
    expected = multipletests(raw, method="holm")[1]
    assert max(abs(expected - raw)) > 0.03
    shown = [row[11] for row in rows(build(run_of(found)), "Prompt sensitivity")]
    assert shown == [f"{p:.3f}" for p in expected]


def test_other_choices_that_should_not_matter_stand_in_the_same_table() -> None:
    run = run_of({("t", f"c:wording={at}"): scores(right, 10) for at, right in enumerate((2, 5, 8))}, wording=0)
    [row] = rows(build(run), "Prompt sensitivity")
    assert row[1:10] == ["c", "wording", "3", "20.0%", "0", "50.0%", "80.0%", "2", "60.0"]
    run = run_of({("t", f"c:k={k}"): scores(9) for k in (1, 2)})
    orders = replace(run, params={name: {"order": at} for at, name in enumerate(("c:k=1", "c:k=2"))})
    assert [row[2] for row in rows(build(orders), "Prompt sensitivity")] == ["order"]
    assert "sensitivity" not in [block.name for block in build(run).blocks() if isinstance(block, Figure)]


def test_the_figure_marks_kshots_own_form_the_chosen_one_and_the_range_of_chance() -> None:
    found = {("t", "c"): scores(12), ("t", "c:template=0"): scores(30), ("t", "c:template=best"): scores(30)}
    report = build(run_of(found, prepared={("t", "c:template=best"): {"best": "0"}}))
    [figure] = [block for block in report.blocks() if isinstance(block, Figure) and block.name == "sensitivity"]
    axes = figure.draw().axes[0]
    marked = {line.get_marker(): list(line.get_xdata()) for line in axes.lines if line.get_marker() not in ("None", "")}
    assert marked == {"s": [30.0], "D": [75.0]}
    assert len(axes.collections) == 1  # the band
    words = [text.get_text() for text in axes.figure.legends[0].get_texts()]
    assert words == ["a value", "kshot's own form", "chosen on validation", "range by chance (95%)"]


VALIDATION = {"0": {"right": 51, "n": 64}, "1": {"right": 40, "n": 64}, "2": {"right": "?", "n": 64}}


def chosen_run() -> RunData:
    found = {
        ("t", "c"): scores(12), ("t", "c:template=0"): scores(28), ("t", "c:template=1"): scores(32),
        ("t", "c:template=best"): scores(28),
    }  # fmt: skip
    prepared = {
        ("t", "c:template=best"): {
            "best": "0", "validation": VALIDATION, "calls": 512, "prompt_tokens": 31000,
            "completion_tokens": 512, "seconds": 12.3,
        },
        ("t", "c"): {"prior": {"yes": 0.5}, "inputs": 32, "calls": 64, "prompt_tokens": 900},
    }  # fmt: skip
    templates = {
        "t": {"0": Template("Review: {{ text }}\nSentiment: {{ answer }}", ("bad", "good"), source="Zhao 2021")}
    }
    return run_of(found, prepared=prepared, templates=templates)


def test_the_template_chosen_on_validation_is_the_baseline_and_the_best_on_test_is_none() -> None:
    report = build(chosen_run())
    [row] = rows(report, "Best human template")
    low, high = (100 * end for end in proportion_confint(51, 64, method="wilson"))
    assert row[:6] == ["t", "c:template=best", "0", f"51 of 64, 79.7% ({low:.1f}–{high:.1f})", "40", "70.0%"]
    assert row[7] == "1: 80.0%"
    assert row[8].startswith("+10.0 (")
    candidates = rows(report, "Templates on validation")
    assert [(each[2], each[3], each[7], each[8]) for each in candidates] == [
        ("0", "51", "70.0%", "chosen"), ("1", "40", "80.0%", ""),
    ]  # fmt: skip
    assert [line for line in report.summary if "best human template" in line] == [
        "The best human template chosen on validation, the baseline that a search or an adapter has to beat: on t "
        f"c:template=best (template 0) with 70.0% ({row[6]}%) of 40 test samples."
    ]
    assert rows(report, "What the templates say") == [
        ["t", "0 (chosen)", "Review: {{ text }} ↵ Sentiment: {{ answer }}", "bad + good", "Zhao 2021"]
    ]


def test_what_preparation_cost_is_told_apart_from_what_a_sample_costs() -> None:
    assert rows(build(chosen_run()), "Preparation") == [
        ["t", "c:template=best", "the best of 3 templates by 64 samples", "512", "31,000", "512", "12.3"],
        ["t", "c", "the labels' prior by 32 inputs", "64", "900", "–", "–"],
    ]
    assert rows(build(run_of({("t", "c"): scores(9)})), "Preparation") == []


def test_where_no_template_was_chosen_the_report_says_how() -> None:
    report = build(run_of({("t", f"c:k=4,template={at}"): scores(9 + at) for at in range(2)}))
    advice = [block for block in report.blocks() if isinstance(block, str) and "validation" in block]
    assert len(advice) == 1
    assert "give --strategy c:k=4,template=best as well, which chooses one" in advice[0]
    assert not [block for block in build(chosen_run()).blocks() if isinstance(block, str) and "chooses one" in block]


@pytest.mark.parametrize(
    "said", [{}, {"best": True}, {"best": "7"}, {"best": "0", "validation": 3, "calls": "many"},
             {"best": "0", "validation": {"0": 3, "1": {"right": 9, "n": 4}, "2": {"right": 0, "n": 0}}}],
)  # fmt: skip
def test_a_strangers_preparation_breaks_nothing(said: Mapping[str, Any]) -> None:
    run = run_of(
        {("t", name): scores(9) for name in ("c", "c:template=0", "c:template=best")},
        prepared={("t", "c:template=best"): said},
    )
    assert html.page(build(run))


def test_a_transcript_shows_the_template_that_worded_it() -> None:
    run = chosen_run()
    shown = {}
    for record in run.records:
        console = Console(file=io.StringIO(), width=90)
        terminal.show(transcript(run, record), console)
        shown[record.strategy] = console.file.getvalue()  # type: ignore[attr-defined]
    assert "template 0\nReview: {{ text }}\nSentiment: {{ answer }}\n(labels as bad + good)" in shown["c:template=0"]
    assert "template 0, chosen on validation\nReview:" in shown["c:template=best"]
    assert "not kept in this run" in shown["c:template=1"]
    assert "template" not in shown["c"]
    formatted = run_of({("t", "c:template=1,format_seed=3"): scores(9)})
    said = transcript(formatted, formatted.records[0]).template
    assert said is not None
    assert said[0] == "1, before its format 3"
    assert "<dt>template 0, chosen on validation</dt>" in html.page(build(run))


@pytest.mark.parametrize("width", [40, 60, 80, 119, 150])
def test_a_terminal_of_any_width_cuts_nothing_off_in_any_script(width: int) -> None:
    run = chosen_run()
    task = "情感分类:来源=评论"
    report = build(
        replace(
            run,
            records=[replace(record, task=task) for record in run.records],
            samples={(task, key): sample for (_, key), sample in run.samples.items()},
            prepared={(task, name): found for (_, name), found in run.prepared.items()},
            templates={task: run.templates["t"]},
        )
    )
    assert task in markdown.text(report).replace("\\", "")
    for table in (block for block in report.blocks() if isinstance(block, Table)):
        console = Console(file=io.StringIO(), width=width)
        terminal.print_table(replace(table, caption=""), console)
        printed = console.file.getvalue()  # type: ignore[attr-defined]
        kept = [at for at, head in enumerate(table.columns) if width >= terminal.WIDE or not head.wide_only]
        cells = [row[at].text if isinstance(row[at], Cell) else row[at] for row in table.rows for at in kept if at]  # type: ignore[union-attr]
        lost = Counter("".join("".join(map(str, cells)).split())) - Counter(printed)
        assert not lost, (table.title, lost)
        assert max(cell_len(line) for line in printed.splitlines()) <= width


def test_a_task_that_is_asked_in_a_template_of_its_own_accord_says_so() -> None:
    """A run keeps what a strategy that gives no template was asked in; own is kshot's form by name."""
    head = "choice-logprob"
    names = (head, f"{head}:template=own", f"{head}:template=1")
    run = replace(
        run_of({("t", name): scores(9 + at) for at, name in enumerate(names)}), info={"default_templates": {"t": "0"}}
    )
    [one] = variations(list(measure(run).values()), run)
    assert [(name, each.strategy) for name, each in one.points] == [
        ("0", names[0]), ("own", names[1]), ("1", names[2]),
    ]  # fmt: skip
    assert one.own == {1}
    prepared = {("t", "c:template=best"): {"best": "own", "validation": {"own": {"right": 3, "n": 4}}}}
    chosen = run_of({("t", name): scores(9) for name in ("c:template=own", "c:template=best")}, prepared=prepared)
    assert rows(build(chosen), "Best human template")[0][2] == "own"
