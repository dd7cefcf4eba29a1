"""The report of a run: what it says, against a run whose truth is known."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import pytest
from rich.console import Console
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from kshot.eval.report import terminal
from kshot.eval.report.model import Cell, Column, Figure, Report, Table, Transcripts
from kshot.eval.report.numbers import points
from kshot.eval.report.prompting.build import build, check_baseline, main_finding
from kshot.eval.report.prompting.compare import compare
from kshot.eval.report.prompting.comparisons import against_baseline, baseline_of
from kshot.eval.report.prompting.consistency import curves_of
from kshot.eval.report.prompting.figures import frontier
from kshot.eval.report.prompting.measures import measure
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.short_names import resolve, short_names
from kshot.eval.report.prompting.tables import flattened
from kshot.eval.report.prompting.transcripts import note_of, transcript
from kshot.eval.report.style import png, short
from kshot.types import (
    Generation,
    Message,
    Prediction,
    Record,
    Request,
    Sample,
    SamplingParams,
    Score,
    Status,
    UserError,
)  # fmt: skip

TEXT = "Let me see. The answer is {answer}."


def make_run(
    outcomes: dict[tuple[str, str], Sequence[str]],
    *,
    name: str = "try",
    clusters: int = 0,
    answers: dict[tuple[str, str], list[list[str | None]]] | None = None,
    strategies: Sequence[str] = (),
) -> RunData:
    """A run from outcomes by (task, strategy), one letter a sample: r(ight), w(rong), u(nparsed), t(runcated)."""
    statuses: dict[str, Status] = {"r": "ok", "w": "ok", "u": "unparsed", "t": "truncated"}
    samples, records, calls = {}, [], {}
    for (task, strategy), letters in outcomes.items():
        for i, letter in enumerate(letters):
            cluster = f"c{i % clusters}" if clusters else None
            samples[task, str(i)] = Sample(str(i), f"What is {i}?", str(i), cluster=cluster)
            status = statuses[letter]
            answer = (str(i) if letter == "r" else str(i + 1)) if status == "ok" else None
            text = TEXT.format(answer=answer) if answer else "Well,"
            start = text.index(answer) if answer else 0
            span = (start, start + len(answer)) if answer else None
            prediction = Prediction(answer, status, "stated", span)
            if answers and (task, strategy) in answers:
                prediction = Prediction(answer, status, "majority", answers=tuple(answers[task, strategy][i]))
            key = f"{task}/{strategy}/{i}"
            prompt = (Message("user", f"What is {i}?"),)
            reason = "length" if status == "truncated" else "stop"
            calls[key] = (Request(prompt, SamplingParams()), Generation(text, reason, 100, 60, 20))
            score = Score(float(letter == "r"), answer is not None)
            records.append(Record(task, strategy, str(i), 0, prediction, score, (key,), 100, 60, 20, 0.5))
    return RunData(name, {"model": "tiny", "versions": {"kshot": "1"}}, records, samples, calls.__getitem__, strategies)


def tables(report: Report) -> dict[str, list[list[str]]]:
    return {
        block.title: [[cell.text if isinstance(cell, Cell) else cell for cell in row] for row in block.rows]
        for block in report.blocks()
        if isinstance(block, Table)
    }


@pytest.fixture
def run() -> RunData:
    rng = random.Random(3)
    return make_run({
        ("sums", "zero-shot"): [rng.choice("rwwwu") for _ in range(50)],
        ("sums", "few-shot"): [rng.choice("rrrrw") for _ in range(50)],
        ("sums", "instruction"): [rng.choice("rwwww") for _ in range(50)],
        ("words", "zero-shot"): "w" * 30 + "u" * 20,
        ("words", "few-shot"): "r" * 25 + "w" * 25,
    })  # fmt: skip


def test_every_comparison_equals_statsmodels_over_the_whole_family(run: RunData) -> None:
    family = against_baseline(measure(run), run.samples)
    assert [(c.task, c.strategy) for c in family] == [
        ("sums", "few-shot"), ("sums", "instruction"), ("words", "few-shot"),
    ]  # fmt: skip
    raw = []
    for comparison in family:

        def right(strategy: str, task: str = comparison.task) -> list[bool]:
            return [r.score.value == 1 for r in run.records if (r.task, r.strategy) == (task, strategy)]

        pairs = list(zip(right(comparison.strategy), right("zero-shot"), strict=True))
        table = [[pairs.count((x, y)) for y in (True, False)] for x in (True, False)]
        raw.append(float(mcnemar(table, exact=True).pvalue))
    assert [c.result.p for c in family] == pytest.approx(raw, abs=1e-12)
    assert [c.adjusted for c in family] == pytest.approx(list(multipletests(raw, method="holm")[1]), abs=1e-12)


def test_the_accuracy_table_counts_apart_what_has_no_answer() -> None:
    run = make_run({("t", "zero-shot"): "rrrwwuut"})
    [row] = tables(build(run))["Accuracy"]
    low, high = (100 * x for x in stats.binomtest(3, 8).proportion_ci(0.95, "wilson"))
    held = ['12.5% "0" !', "5"]  # the best constant answer, and how many were given
    assert row == ["t", "zero-shot", "8", "37.5%", f"{low:.1f}–{high:.1f}", *held, "60.0%", "25.0% !", "12.5%"]


def test_the_summary_answers_which_by_how_much_is_it_real_and_at_what_cost(run: RunData) -> None:
    report = build(run)
    first, sums, words, *care = report.summary
    assert first == main_finding(run)
    assert first.startswith("few-shot is better than zero-shot on sums: ")
    assert "p < 0.001" in first
    assert sums.startswith("sums: few-shot has the highest accuracy")
    assert "the difference is real" in sums
    assert "+50.0 points on zero-shot" in words
    assert "20 generated tokens a sample against 20." in words
    assert len(care) == 2
    assert 'on words than always answering "0" (3.3%): zero-shot 0.0%' in care[0].replace("2.0%", "3.3%")
    assert "40.0% of zero-shot on words" in care[1]


def test_no_difference_says_what_could_have_been_seen() -> None:
    finding = main_finding(make_run({("t", "zero-shot"): "rw" * 20, ("t", "few-shot"): "rw" * 19 + "rr"}))
    assert finding.startswith(
        "No difference is shown in 1 comparison; the largest lead is few-shot over zero-shot on t,"
    )
    assert "40 samples would show" in finding
    alone = main_finding(make_run({("t", "zero-shot"): "rw"}))
    assert alone == "zero-shot on t: 50.0% (9.5–90.5%) of 2 samples right; nothing to compare it with."


def test_worse_is_said_to_be_worse() -> None:
    run = make_run({("t", "zero-shot"): "r" * 40, ("t", "few-shot"): "w" * 40})
    assert main_finding(run).startswith("few-shot is worse than zero-shot on t: 0.0% against 100.0%")
    assert tables(build(run))["Differences"][0][-3] == "worse"
    swapped = build(run, baseline="few-shot")
    assert tables(swapped)["Differences"][0][-3] == "better"


def test_the_baseline_is_zero_shot_or_the_one_named() -> None:
    assert baseline_of([("t", "few-shot"), ("t", "zero-shot")]) == "zero-shot"
    assert baseline_of([("t", "few-shot"), ("t", "zero-shot-cot")]) == "few-shot"
    with pytest.raises(UserError, match=r"'few-shto' is not among the strategies: did you mean few-shot\?"):
        build(make_run({("t", "few-shot"): "rw"}), baseline="few-shto")
    with pytest.raises(UserError, match="no records yet"):
        build(make_run({}))


def test_repeats_are_averaged_before_pairing() -> None:
    run = make_run({("t", "zero-shot"): "w" * 12, ("t", "few-shot"): "r" * 12})
    again = [
        Record(r.task, r.strategy, r.sample_id, 1, Prediction("?", "ok"), Score(0.0, True), r.calls)
        for r in run.records
    ]
    twice = RunData("twice", {}, [*run.records, *again], run.samples, run.call)
    found = measure(twice)["t", "few-shot"]
    assert (found.n, found.value, len(found.records)) == (12, 0.5, 24)
    [comparison] = against_baseline(measure(twice), twice.samples)
    assert (comparison.result.n, comparison.result.difference) == (12, 0.5)


def test_clusters_are_resampled_whole_where_there_are_enough() -> None:
    outcomes = {("t", "zero-shot"): "w" * 60, ("t", "few-shot"): ("r" * 8 + "w" * 7) * 4}
    many, few = make_run(outcomes, clusters=15), make_run(outcomes, clusters=3)
    [clustered], [plain] = (against_baseline(measure(r), r.samples) for r in (many, few))
    assert (clustered.result.clusters, plain.result.clusters) == (15, None)
    assert clustered.result.p > 100 * plain.result.p  # 8 clusters against 32 samples
    assert "Whole clusters were resampled on t" in " ".join(b for b in build(many).blocks() if isinstance(b, str))
    assert "Too few clusters to resample" in " ".join(b for b in build(few).blocks() if isinstance(b, str))


def test_accuracy_against_n_comes_from_each_chains_answer() -> None:
    name = "self-consistency:n=4"
    chains: list[list[str | None]] = [["0", "0", "9", None], ["9", "9", "1", None]]
    run = make_run({("t", name): "rw"}, answers={("t", name): chains})
    [curve] = curves_of(run)
    assert list(curve.ns) == [1, 2, 3, 4]
    # of one: (2/4 + 1/4) / 2; of all four: the first is right, the second is not
    assert (curve.accuracy[0], curve.accuracy[-1]) == (pytest.approx(0.375), 0.5)
    assert all(value in interval for value, interval in zip(curve.accuracy, curve.intervals, strict=True))


def test_runs_are_compared_on_the_samples_that_are_the_same() -> None:
    a = make_run({("t", "zero-shot"): "w" * 20, ("only-a", "zero-shot"): "r"}, name="a")
    b = make_run({("t", "zero-shot"): "r" * 20, ("t", "few-shot"): "r" * 20}, name="b")
    other = {**b.samples, ("t", "0"): Sample("0", "Something else?", "0")}
    changed = RunData("b", {"model": "bigger"}, b.records, other, b.call)
    report = compare(a, changed)
    [row] = tables(report)["Differences"]
    assert row[:3] == ["t", "zero-shot", "19"]
    assert row[3] == "+100.0"
    assert report.summary[0].startswith("b against a: 1 of 1 comparisons better")
    assert "1 samples have the same id and another text" in " ".join(b for b in report.blocks() if isinstance(b, str))
    assert ["model", "tiny", "bigger"] in tables(report)["Settings"]
    with pytest.raises(UserError, match="share no samples"):
        compare(a, make_run({("x", "zero-shot"): "r"}))


def test_strategies_stand_in_the_runs_order() -> None:
    outcomes = {("t", "b"): "rw", ("t", "a"): "rw"}
    assert [key[1] for key in measure(make_run(outcomes, strategies=["a", "b"]))] == ["a", "b"]
    assert [key[1] for key in measure(make_run(outcomes))] == ["b", "a"]


def test_every_figure_can_be_drawn_and_is_the_same_twice(run: RunData) -> None:
    from kshot.eval.report.style import svg

    figures = [block for block in build(run).blocks() if isinstance(block, Figure)]
    assert [figure.name for figure in figures] == ["accuracy", "differences", "cost"]
    for figure in figures:
        assert png(figure, dpi=50).startswith(b"\x89PNG")
        drawn = svg(figure)
        assert drawn == svg(figure)
        assert "style=" not in drawn
        assert "<style" not in drawn


def test_the_frontier_holds_what_nothing_cheaper_beats() -> None:
    assert frontier([(3, 9), (1, 5), (2, 4), (4, 9), (1, 2)]) == [(1, 5), (3, 9)]


def test_long_names_are_broken_where_they_may_be() -> None:
    name = "self-consistency:base=few-shot,n=10,temperature=0.7"
    assert short(name).replace("\n", "") == name
    assert max(map(len, short(name).split("\n"))) <= 28
    assert len(short("x" * 500).split("\n")) <= 3
    assert max(map(len, short(f"{'x' * 90}:{'y' * 90},{'z' * 90},k=1").split("\n"))) <= 28


def test_numbers_are_written_with_their_sign() -> None:
    assert [points(x) for x in (0.123, -0.05, 0.0, -0.0001)] == ["+12.3", "−5.0", "±0.0", "±0.0"]


def test_a_table_refuses_ragged_rows() -> None:
    with pytest.raises(ValueError, match="a row of 1 under 2 columns"):
        Table("t", [Column("a"), Column("b")], [["1"]])


def test_transcripts_read_their_calls_only_when_asked(run: RunData) -> None:
    asked: list[str] = []

    def call(key: str) -> tuple[Request, Generation]:
        asked.append(key)
        return run.call(key)

    report = build(RunData(run.name, run.info, run.records, run.samples, call))
    [block] = [block for block in report.blocks() if isinstance(block, Transcripts)]
    assert len(block.items) == len(run.records)
    assert asked == []
    item = next(item for item in block.items if item.outcome == "right")
    [made] = item.calls()
    assert made.span is not None
    assert made.completion[slice(*made.span)] == item.answer == item.target
    assert len(asked) == 1


def test_importing_the_report_imports_nothing_heavy() -> None:
    names = ("numpy", "scipy", "statsmodels", "matplotlib", "rich", "jinja2", "torch")
    modules = ", ".join(f"kshot.eval.report.{name}" for name in ("prompting", "terminal", "markdown", "html"))
    code = f"import sys, json, {modules}; print(json.dumps([m for m in {names} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_long_texts_and_paths_are_cut_in_short_names_and_told_apart() -> None:
    text = "Think about what the review says, and about what it does not say."
    specs = [f'zero-shot:system="{text} {end}"' for end in ("Once.", "Twice.")]
    specs += ["zero-shot", "few-shot:template=/home/someone/with/a/long/path/of/theirs/form.jinja", "few-shot:k=2"]
    specs += ["self-consistency:base=few-shot(k=2,order=reversed,max_new_tokens=96),n=5", "self-consistency:n=5"]
    names = short_names(specs)
    assert [names[spec] for spec in specs] == [
        'zero-shot:system="Think about what the review says, and a…" #1',
        'zero-shot:system="Think about what the review says, and a…" #2',
        "zero-shot",
        "few-shot:template=…e/with/a/long/path/of/theirs/form.jinja",
        "few-shot:k=2",
        "self-consistency:base=few-shot(k=2,order=reversed,max_new_tokens=96)",
        "self-consistency",
    ]
    assert resolve(specs[1], names) == names[specs[1]]


def test_strategies_go_by_short_names_and_the_whole_ones_are_listed() -> None:
    specs = ["zero-shot:max_new_tokens=8", "few-shot:k=4,max_new_tokens=8", "few-shot:k=8,max_new_tokens=8"]
    run = make_run({("t", spec): "rw" * 4 for spec in specs})
    report = build(run, baseline=specs[1])
    assert {row[1] for row in tables(report)["Accuracy"]} == {"zero-shot", "few-shot:k=4", "few-shot:k=8"}
    assert sorted(row[1] for row in tables(report)["Strategies"]) == sorted(specs)
    assert main_finding(run, specs[1]) == main_finding(run, "few-shot:k=4")
    assert {t.strategy for b in report.blocks() if isinstance(b, Transcripts) for t in b.items} == {
        "zero-shot", "few-shot:k=4", "few-shot:k=8"}  # fmt: skip
    check_baseline(specs, "few-shot:k=8")
    with pytest.raises(UserError, match="did you mean few-shot:k=8"):
        check_baseline(specs, "few-shot:k=9")


def test_names_that_are_whole_are_not_listed_again_and_a_command_can_be_pasted() -> None:
    assert "Strategies" not in tables(build(make_run({("t", "zero-shot"): "rw"})))
    info = {
        "command": ["kshot", "bench", "-s", 'instruction:text="Is it?"'],
        "memory": 25276502016,
        "tasks": ["a", "b"],
    }
    assert flattened(info) == [
        ("command", "kshot bench -s 'instruction:text=\"Is it?\"'"),
        ("memory", "25,276,502,016 bytes"),
        ("tasks", "a, b"),
    ]  # fmt: skip


def test_what_a_strategy_kept_is_shown_with_as_many_digits_as_are_read() -> None:
    kept = {"prior": {"no": -0.8301924453479045, "yes": 3}, "note": "0.123456789"}
    run = make_run({("t", "zero-shot"): "r"})
    record = replace(run.records[0], prediction=Prediction("yes", "ok", "some rule", detail=kept))
    out = io.StringIO()
    terminal.show(transcript(run, record), Console(file=out, width=80, color_system=None))
    assert 'prior\n{"no": -0.8302, "yes": 3}\n' in out.getvalue()
    assert "note\n0.123456789\n" in out.getvalue()


def test_runs_with_other_parameters_are_not_taken_for_the_same() -> None:
    a = make_run({("t", "few-shot:k=4"): "rw", ("t", "zero-shot"): "rw"})
    b = make_run({("t", "few-shot:k=8"): "rw", ("t", "zero-shot"): "rr"})
    [row] = tables(compare(a, b))["Differences"]
    assert row[1] == "zero-shot"


@pytest.mark.parametrize("width", [80, 160])
def test_a_terminal_of_80_columns_shows_whole_names(width: int) -> None:
    names = ["zero-shot", "self-consistency:n=5", "few-shot:noise=1.0", "chain-of-thought"]
    run = make_run({("word-pairs:relation=opposites", name): "rwrwwwrwru" for name in names})
    out = io.StringIO()
    terminal.render(build(run), Console(file=out, width=width, color_system=None))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    for name in ("self-consistency", "few-shot:noise=1.0"[:8], "chain-of-thought"):
        assert sum(line.startswith(f"  {name} ") for line in lines) >= 2, out.getvalue()
    assert any("truncated" in line for line in lines)
    assert any("verdict" in line for line in lines)
    assert any("verdict" in line and "show" in line.split("verdict")[1] for line in lines) == (width == 160)
    said = " ".join(out.getvalue().split())
    for explained in ("Would show: the smallest", "Would take: the samples", "'Of answered' leaves out"):
        assert (explained in said) == (width == 160)  # a column that is not there needs no explanation
    assert "Truncated: cut off before one." in said and "has right." in said


def test_a_transcript_says_how_its_reply_was_drawn() -> None:
    drawn = SamplingParams(temperature=0.7, top_k=20, top_p=0.8, min_p=0.05)
    reply = Generation("x", "stop", prompt_tokens=3, completion_tokens=1)
    said = note_of(Request("q", drawn, seed=4), reply)
    assert said.startswith("temperature 0.7, top_k 20, min_p 0.05, top_p 0.8, seed 4; 3 prompt tokens")
    assert note_of(Request("q", SamplingParams(temperature=1.0)), reply).startswith("temperature 1, seed 0; ")
    assert note_of(Request("q", SamplingParams(top_k=5)), reply).startswith("greedy; ")
