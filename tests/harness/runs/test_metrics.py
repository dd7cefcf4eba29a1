"""Runs scored by metrics of every kind: what is kept, reported, exported, viewed and scored again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from kshot.eval.metrics import get_metric
from kshot.eval.report.prompting.build import build
from kshot.eval.report.prompting.compare import compare
from kshot.eval.report.prompting.consistency import curves_of
from kshot.eval.report.prompting.measures import measure
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.runs.export import export
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.read import find_attempts, read_run
from kshot.harness.runs.run import rescore, run_benchmark
from kshot.harness.runs.view import store
from kshot.harness.runs.view.server import find_runs, make_app
from kshot.types import Generation, Prediction, Request, Sample, UserError

SUM = """question,answer
Say where the cat sat.,the cat sat on the mat
Say where the dog ran.,the dog ran to the door
Say where the bird flew.,the bird flew over a field
Say where the fish swam.,the fish swam in a pond
"""
REPLIES = ["the cat sat on a mat", "the dog ran", "nothing like it", "the fish swam in a pond"]


def reply(request: Request) -> str:
    text = str(request.prompt)
    return next(said for word, said in zip(("cat", "dog", "bird", "fish"), REPLIES, strict=True) if word in text)


def run(
    tmp_path: Path, task: str, strategy: str, engine: ScriptedEngine, metrics: tuple[str, ...] = (), score_by: str = ""
) -> Path:
    plan = Plan((task,), (strategy,), score_by=score_by)
    folder = tmp_path / "run"
    run_benchmark(load_plan(plan, metrics), engine, folder)
    return folder


@pytest.fixture
def summed(tmp_path: Path) -> Path:
    (tmp_path / "sum.csv").write_text(SUM)
    task = f"{tmp_path}/sum.csv:answer=text,exemplars=0"
    return run(tmp_path, task, "zero-shot", ScriptedEngine(reply), ("chrf", "rouge:kind=1"), "bleu")


def test_bleu_of_a_run_is_sacrebleus_and_no_mean(summed: Path) -> None:
    from sacrebleu import corpus_bleu

    data, journal = read_run(summed)
    with journal:
        [found] = measure(data).values()
        answers = {record.sample_id: record.prediction.answer for record in data.records}
        targets = {sample.id: sample.target for sample in data.samples.values()}
        wanted = corpus_bleu([answers[key] or "" for key in targets], [list(targets.values())]).score / 100
        assert found.value == pytest.approx(wanted)
        assert abs(found.value - sum(found.scores.values()) / 4) > 0.01
        said = str(build(data))
        assert "mean bleu" not in said and "Wilson" not in said and "ccuracy" not in said and "McNemar" not in said
        assert "bootstrap over samples" in said and "of 100, higher is better" in said
        assert [record.sample_id for record in find_attempts(data, outcome="right")] == ["sum-3"]
        assert find_attempts(data, outcome="partial")


def test_it_is_exported_and_viewed_as_it_is(summed: Path, tmp_path: Path) -> None:
    export(summed, tmp_path / "out", "parquet")
    rows = pq.read_table(tmp_path / "out" / "scores.parquet").to_pylist()
    assert [(row["metric"], row["better"]) for row in rows] == [
        ("bleu", "higher"), ("chrf", "higher"), ("rouge:kind=1", "higher"),
    ]  # fmt: skip
    assert rows[0]["interval"] == "95%, bootstrap over samples"
    records = pq.read_table(tmp_path / "out" / "records.parquet").to_pylist()
    assert all(set(json.loads(row["scores"])) == {"bleu", "chrf", "rouge:kind=1"} for row in records)
    with store.opened(summed) as journal:
        assert store.state_of(journal).score.startswith("bleu of a sample, on average, ")
        right, _ = store.find(journal, store.Wanted(outcome="right"), limit=9, offset=0)
        partial, _ = store.find(journal, store.Wanted(outcome="partial"), limit=9, offset=0)
    assert (right, right + partial) == (1, 4 - sum(row["outcome"] == "wrong" for row in records))


def likely(request: Request) -> Generation:
    assert request.continuation is not None
    return Generation(request.continuation, "scored", completion_tokens=4, logprob=-2.0 * len(request.continuation))


@pytest.fixture
def scored(tmp_path: Path) -> Path:
    (tmp_path / "book.txt").write_text("ab cd\n\nefgh ijkl\r\n\r\n\n  \nm\n")
    engine = ScriptedEngine(likely)
    return run(tmp_path, f"{tmp_path}/book.txt", "log-likelihood", engine)


def test_bits_per_byte_is_lower_the_better_and_none_of_it_is_right(scored: Path) -> None:
    data, journal = read_run(scored)
    with journal:
        [found] = measure(data).values()
        assert [sample.continuation for sample in data.samples.values()] == ["ab cd", "efgh ijkl", "m"]
        assert found.value == pytest.approx(2 / math.log(2))
        assert found.constant is None and found.value_answered is None
        said = str(build(data))
        for word in ("ccuracy", "Wilson", "McNemar", "higher is better", "right", "%, 95"):
            assert word not in said.replace("are right", ""), word
        assert "lower is better" in said
        assert len(find_attempts(data, outcome="scored")) == 3
    with store.opened(scored) as journal:
        assert store.state_of(journal).right == 0
        assert store.find(journal, store.Wanted(outcome="scored"), limit=9, offset=0)[0] == 3


def test_texts_are_not_asked_for_answers(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("ab cd")
    loaded = load_plan(Plan((f"{tmp_path}/book.txt",), ("zero-shot",)))
    with pytest.raises(UserError, match="texts without a question; use --strategy log-likelihood"):
        loaded.check()
    with pytest.raises(UserError, match="needs a task with texts to score"):
        load_plan(Plan(("word-pairs",), ("log-likelihood",))).check()


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "book.txt", "has no text in it"),
        (b"\xff\xfe\xff", "book.txt", "no UTF-8"),
        (b"a", "book.txt:by=page", "by=page|by='page'"),
        (b"a", "book.txt:pages=3", "pages is not known"),
        (b"a", "none.txt", "cannot be read"),
    ],
)
def test_a_text_that_cannot_be_is_told(tmp_path: Path, content: bytes, name: str, said: str) -> None:
    (tmp_path / "book.txt").write_bytes(content)
    with pytest.raises(UserError, match=said):
        load_plan(Plan((f"{tmp_path}/{name}",), ("log-likelihood",)))


def own_metric(folder: Path, compute: str, prediction: str = 'datasets.Value("string")') -> Path:
    """A module of evaluate in a folder."""
    folder.mkdir()
    (folder / f"{folder.name}.py").write_text(
        "import datasets\nimport evaluate\n\n\nclass Mine(evaluate.Metric):\n"
        "    def _info(self):\n"
        "        return evaluate.MetricInfo(description='', citation='', inputs_description='', features="
        f"datasets.Features({{'predictions': {prediction}, 'references': datasets.Value('string')}}))\n\n"
        f"    def _compute(self, predictions, references):\n        return {compute}\n"
    )
    return folder


def test_a_module_of_evaluate_scores_where_it_is_trusted(summed: Path, tmp_path: Path) -> None:
    mine = own_metric(tmp_path / "letters", "{'letters': float(len(predictions[0]))}")
    with pytest.raises(UserError, match="is code, which would be run: add --trust-code"):
        rescore(summed, [str(mine)])
    rescore(summed, [f"{mine}:better=lower"], trust_code=True)
    data, journal = read_run(summed)
    with journal:
        name = f"{mine}:better=lower"
        values = {record.prediction.answer: record.score.values[name] for record in data.records}
        assert all(value == len(answer or "") for answer, value in values.items())
        assert data.kinds[name].better == "lower"  # read without running anything
        assert f"{name}: lower is better" in str(build(data))


@pytest.mark.parametrize(
    ("compute", "spec", "said"),
    [
        ("{'a': 1.0, 'b': 2.0}", "", "gives a, b: say which"),
        ("{'a': 1.0, 'b': 2.0}", ":key=c", "gives no 'c'; it gives a, b"),
        ("1 / 0", "", "failed on the answer .*division by zero"),
        ("{'a': 'x'}", "", "gives no number"),
    ],
)
def test_a_module_that_gives_no_number_is_told(
    summed: Path, tmp_path: Path, compute: str, spec: str, said: str
) -> None:
    mine = own_metric(tmp_path / "mine", compute)
    with pytest.raises(UserError, match=said):
        rescore(summed, [f"{mine}{spec}"], trust_code=True)


def test_metrics_that_cannot_be_are_told_before_anything_is_asked(tmp_path: Path) -> None:
    for metrics, said in (
        (["./nowhere"], "it is no folder"),
        (["token-f1", "token-f1"], "given twice"),
        (["f2"], "unknown metric"),
    ):
        with pytest.raises(UserError, match=said):
            load_plan(Plan(("word-pairs",), ("zero-shot",)), metrics)
    (tmp_path / "mine.py").write_text(
        "from kshot.eval.metrics import Kind, metric\n"
        "@metric(kind=Kind(over='corpus'), total=lambda counts: 1.0)\n"
        "def mine(answer, sample):\n    return {'n': 1.0}\n"
    )
    with pytest.raises(UserError, match="counts over a corpus, and a report runs no code of yours"):
        load_plan(Plan(("word-pairs",), ("zero-shot",)), [f"{tmp_path}/mine.py:mine"])


def test_a_run_that_is_scored_by_a_users_code_is_not_scored_again_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def mine(answer, sample):\n    return 0.5\n")
    (tmp_path / "sum.csv").write_text(SUM)
    task = f"{tmp_path}/sum.csv:answer=text,exemplars=0"
    folder = run(tmp_path, task, "zero-shot", ScriptedEngine(reply), (), f"{tmp_path}/mine.py:mine")
    with pytest.raises(UserError, match="add --trust-code where you trust that file"):
        rescore(folder)
    assert rescore(folder, trust_code=True) == (4, 0)


def test_what_is_asked_of_whom_is_in_the_settings(summed: Path, tmp_path: Path) -> None:
    """A resume by another score is refused, and runs before there was one have no such setting."""
    loads: list[Callable[[], object]] = [lambda: Plan(("word-pairs",), ("zero-shot",)).settings("e")]
    assert "score_by" not in str(loads[0]())
    plan = Plan((f"{tmp_path}/sum.csv:answer=text,exemplars=0",), ("zero-shot",))
    with pytest.raises(UserError, match="score_by"):
        run_benchmark(load_plan(plan), ScriptedEngine(reply), summed)


def test_the_best_constant_is_worth_what_its_metric_gives_it(tmp_path: Path) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    (tmp_path / "sum.csv").write_text(SUM + "Say it again.,the cat sat on the mat\n")
    task = f"{tmp_path}/sum.csv:answer=whole,exemplars=0"
    folder = run(tmp_path, task, "zero-shot", ScriptedEngine(lambda _: "The Cat.\n\nTwo lines."), (), "rouge")
    data, journal = read_run(folder)
    with journal:
        [found] = measure(data).values()
        assert found.constant is not None
        scorer = RougeScorer(["rougeL"])
        common = "the cat sat on the mat"
        worth = [scorer.score(sample.target, common)["rougeL"].fmeasure for sample in data.samples.values()]
        assert (found.constant.answer, found.constant.value) == (common, pytest.approx(sum(worth) / 5))
        assert {record.prediction.answer for record in data.records} == {"The Cat.\n\nTwo lines."}  # all of a reply


def labelled(tmp_path: Path, name: str, score_by: str = "", said: str = "no", strategy: str = "zero-shot") -> Path:
    """A run of twelve questions, four of them yes."""
    rows = [f"Is it {n}?,{'yes' if n % 3 == 0 else 'no'}" for n in range(12)]
    (tmp_path / "q.csv").write_text("\n".join(["question,answer", *rows]) + "\n")
    (tmp_path / name).mkdir()
    engine = ScriptedEngine(lambda _: said)
    return run(tmp_path / name, f"{tmp_path}/q.csv:answer=label,exemplars=0", strategy, engine, (), score_by)


def test_the_best_constant_for_the_f1_of_a_rare_label_is_that_label(tmp_path: Path) -> None:
    from sklearn.metrics import f1_score

    data, journal = read_run(labelled(tmp_path, "one", "label-f1"))
    with journal:
        [found] = measure(data).values()
        assert found.constant is not None
        targets = [sample.target for sample in data.samples.values()]
        wanted = {one: f1_score(targets, [one] * 12, pos_label="yes", zero_division=0) for one in ("yes", "no")}
        assert (found.constant.answer, found.constant.value) == ("yes", pytest.approx(wanted["yes"]))
        assert found.constant.second == ("no", pytest.approx(wanted["no"]))


def test_runs_by_two_metrics_are_not_compared(tmp_path: Path) -> None:
    first, second = labelled(tmp_path, "one"), labelled(tmp_path, "two", "chrf")
    (a, one), (b, two) = read_run(first), read_run(second)
    with (
        one,
        two,
        pytest.raises(UserError, match="as it is scored by chrf in run and by accuracy"),
    ):
        compare(a, b)
    (a, one), (b, two) = read_run(first), read_run(first)
    with one, two:
        assert compare(a, b).summary


FAR = """
import math
from kshot.eval.metrics import Kind, metric

@metric(kind=Kind(unit="letters", better="lower", high=math.inf, right={right}))
def far(answer, sample):
    return float({least} + abs(len(answer) - len(sample.target)))
"""


def test_a_distance_without_bound_is_found_by_its_outcome(tmp_path: Path) -> None:
    (tmp_path / "far.py").write_text(FAR.format(right="0.0", least=0))
    with store.opened(labelled(tmp_path, "one", f"{tmp_path}/far.py:far")) as journal:
        counts = {
            name: store.find(journal, store.Wanted(outcome=name), limit=1, offset=0)[0]
            for name in ("right", "wrong", "partial", "scored")
        }
        assert counts == {"right": 8, "wrong": 0, "partial": 4, "scored": 0}
        assert store.state_of(journal).right == 8
    client = TestClient(make_app(find_runs([tmp_path / "one" / "run"]), "t"), base_url="http://127.0.0.1")
    assert client.get("/t/run/0/state").json()["right"] == 8


def test_a_distance_of_one_is_no_chain_that_is_right(tmp_path: Path) -> None:
    (tmp_path / "far.py").write_text(FAR.format(right=None, least=1))
    strategy = "self-consistency:base=zero-shot,n=3"
    data, journal = read_run(labelled(tmp_path, "one", f"{tmp_path}/far.py:far", strategy=strategy))
    with journal:
        [curve] = curves_of(data)
        assert curve.accuracy == pytest.approx([8 / 12] * 3)


def test_a_metric_that_needs_more_repeats_says_so_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs 3 attempts at each sample and has 1: add --repeats 3"):
        load_plan(Plan(("coin-flip",), ("zero-shot",), limit=4, score_by="pass-at-k:k=3"))
    assert load_plan(Plan(("coin-flip",), ("zero-shot",), limit=4, repeats=3, score_by="pass-at-k:k=3"))


def test_a_function_s_number_is_not_added_up_as_kshot_s_metric_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("def results(doc, found):\n    return {'bleu': 0.5, 'acc': 1.0}\n")
    (tmp_path / "rows.jsonl").write_text('{"q": "Say a.", "a": "a"}\n{"q": "Say b.", "a": "b"}\n')
    (tmp_path / "mine.yaml").write_text(
        "task: mine\ndataset_path: json\ndataset_kwargs: {data_files: {test: rows.jsonl}}\ntest_split: test\n"
        "output_type: generate_until\ndoc_to_text: q\ndoc_to_target: a\nprocess_results: !function own.results\n"
        "metric_list: [{metric: bleu}, {metric: acc}]\n"
    )
    task = f"{tmp_path}/mine.yaml:trust_code=true"
    data, journal = read_run(run(tmp_path, task, "zero-shot", ScriptedEngine(lambda _: "a")))
    with journal:
        [found] = measure(data).values()
        assert (found.scale.metric, found.value, found.scale.kind.plain) == ("bleu_of_task", 0.5, True)
        assert list(data.records[0].score.values) == ["bleu_of_task", "acc"]


@pytest.mark.parametrize(("metric", "answer"), [("rouge", "东京"), ("bleu", "Paris"), ("label-f1:label=maybe", "no")])
def test_a_metric_that_is_blind_to_the_targets_says_so(tmp_path: Path, metric: str, answer: str) -> None:
    (tmp_path / "q.csv").write_text(f"question,answer\nWhich?,{answer}\nAnd which?,{answer}\n")
    plan = Plan((f"{tmp_path}/q.csv:answer=text,exemplars=0",), ("zero-shot",))
    with pytest.raises(UserError, match="gives nothing for the very targets of q"):
        load_plan(plan, (metric,))
    assert load_plan(plan, ("chrf",))


@pytest.mark.parametrize(
    ("metric", "said"), [("pass-at-k:k=0", "k=0; it must be at least 1"), ("chrf:words=-1", "it must be at least 0")]
)
def test_numbers_that_metrics_cannot_have_are_a_sentence(metric: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        load_plan(Plan(("coin-flip",), ("zero-shot",), limit=4), (metric,))


def test_no_best_constant_is_told_of_a_metric_that_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from kshot.eval.metrics import metric\n@metric\ndef low(answer, sample):\n    return 0.25\n"
    )
    data, journal = read_run(labelled(tmp_path, "one", f"{tmp_path}/own.py:low"))
    with journal:
        [found] = measure(data).values()
        assert (found.value, found.constant, found.no_better) == (0.25, None, False)


@pytest.mark.parametrize(
    "damaged",
    [{"logprob": "abc"}, {"logprob": math.nan}, {"bytes": 0}, {"bytes": [1]}, {"logprob": -1e308}, {"bytes": -4}],
    ids=str,
)
def test_a_likelihood_that_cannot_be_is_a_sentence(scored: Path, damaged: dict[str, object]) -> None:
    data, journal = read_run(scored)
    with journal:
        records = [
            replace(one, prediction=replace(one.prediction, detail={**one.prediction.detail, **damaged}))
            for one in data.records
        ]
        with pytest.raises(UserError, match="is no likelihood of a text"):
            measure(replace(data, records=records))


@pytest.mark.parametrize("odd", [math.nan, -3.0, 1e308])
@pytest.mark.parametrize("name", ["brier", "calibration-error"])
def test_a_probability_that_cannot_be_is_a_sentence(name: str, odd: float) -> None:
    prediction = Prediction("yes", "ok", probabilities={"yes": odd, "no": 0.5})
    with pytest.raises(UserError, match="is no probability of an answer"):
        get_metric(name).of(prediction, Sample("1", "Is it?", "yes"))


def test_a_value_of_ones_own_is_not_taken_for_a_corpus_metric(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from kshot.eval.answers import LINE\nfrom kshot.types import Sample, Score, Task\n\n\n"
        "def load(split, source):\n    return [Sample('1', 'Where?', 'here')] if split == 'test' else []\n\n\n"
        "mine = Task('mine', load, LINE, lambda answer, sample: Score({NAME: float(answer == 'here')}, True))\n"
    )
    text = (tmp_path / "mine.py").read_text()
    (tmp_path / "mine.py").write_text(text.replace("NAME", "'bleu'"))
    with pytest.raises(UserError, match="a value named bleu, which is kshot's own metric over a corpus"):
        run(tmp_path, f"{tmp_path}/mine.py:mine", "zero-shot", ScriptedEngine(lambda _: "here"))
    (tmp_path / "other.py").write_text(text.replace("NAME", "'my-bleu'"))
    (tmp_path / "there").mkdir()
    run(tmp_path / "there", f"{tmp_path}/other.py:mine", "zero-shot", ScriptedEngine(lambda _: "here"))


def test_leads_in_several_units_are_not_ranked_with_each_other(tmp_path: Path) -> None:
    from kshot.eval.report.prompting.comparisons import Comparison
    from kshot.eval.report.prompting.scale import scale_at
    from kshot.eval.report.prompting.words import largest
    from kshot.eval.statistics import Interval, Paired

    def one(task: str, metric: str, difference: float) -> Comparison:
        result = Paired(9, difference, Interval(-1.0, 1.0), 0.9, 1, 1)
        return Comparison(task, "few-shot", "zero-shot", result, 0.5, adjusted=0.9, scale=scale_at(metric, False))

    something: Any = SimpleNamespace(value=0.5, scale=scale_at("token-f1", False))
    family = [one("texts", "perplexity", -40.0), one("answers", "token-f1", 0.02)]
    said = largest({("answers", "few-shot"): something}, family)
    assert said.startswith("the largest lead is few-shot over zero-shot on answers, +2.0 points")


@pytest.mark.parametrize(
    ("metric", "strategy", "said"),
    [
        ("brier", "zero-shot", "brier is of probabilities that zero-shot does not give: use --strategy choice-logprob"),
        ("perplexity", "few-shot:k=2", "of likelihood that few-shot does not give: use --strategy log-likelihood"),
    ],
)
def test_a_metric_that_a_strategy_gives_nothing_for_is_told_before_a_model_is_loaded(
    metric: str, strategy: str, said: str
) -> None:
    for loaded in (
        load_plan(Plan(("coin-flip",), (strategy,)), [metric]),
        load_plan(Plan(("coin-flip",), (strategy,), score_by=metric)),
    ):
        with pytest.raises(UserError, match=said):
            loaded.check()
    load_plan(Plan(("coin-flip",), ("choice-logprob",)), ["brier"]).check()
