"""Metrics against those who publish them: rouge-score, sacrebleu, scikit-learn, SQuAD's rules by hand."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from kshot.eval import corpus
from kshot.eval.metrics import get_metric, scored_by
from kshot.eval.metrics.registry import Metric
from kshot.types import Prediction, Sample, UserError
from tests.places import ROOT

WORDS = (
    "the",
    "a",
    "cat",
    "dog",
    "sat",
    "on",
    "mat,",
    "quickly.",
    "Runs",
    "running",
    "house",
    "12",
    "3.5",
    "blue-green",
    "It's",
    "no",
    "的",
    "猫",
    "坐",
    "在",
    "垫子",
)


def sentence(rng: random.Random, longest: int = 14) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(1, longest)))


def pairs(count: int, references: int = 1, seed: int = 0) -> list[tuple[str, Sample]]:
    """Answers beside samples; some answers are near a target, some empty."""
    rng = random.Random(seed)
    found = []
    for number in range(count):
        targets = [sentence(rng) for _ in range(references)]
        words = targets[0].split(" ")
        kind = rng.random()
        answer = "" if kind < 0.05 else sentence(rng) if kind < 0.4 else " ".join(words[: rng.randint(1, len(words))])
        found.append((answer, Sample(str(number), "?", "|".join(targets))))
    return found


def value(metric: Metric, given: list[tuple[str, Sample]]) -> float:
    """Of a corpus, as a report computes it."""
    counts = [metric.counts(Prediction(answer or None, "ok"), sample) for answer, sample in given]
    return corpus.value_of(counts, metric.total)


@pytest.mark.parametrize("stem", [False, True])
@pytest.mark.parametrize("kind", ["1", "2", "L", "Lsum"])
def test_rouge_is_rouge_scores(kind: str, stem: bool) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    scorer, ours = RougeScorer([f"rouge{kind}"], use_stemmer=stem), get_metric(f"rouge:kind={kind},stem={stem}")
    for answer, sample in pairs(500):
        wanted = scorer.score(sample.target, answer)[f"rouge{kind}"].fmeasure
        assert ours(answer, sample) == pytest.approx(wanted, abs=1e-9)


def test_rouge_takes_the_nearest_reference() -> None:
    assert get_metric("rouge")("a cat", Sample("1", "?", "no dog|a cat")) == 1
    with pytest.raises(UserError, match="no kind '3'"):
        get_metric("rouge:kind=3")("a", Sample("1", "?", "a"))


@pytest.mark.parametrize("references", [1, 3])
@pytest.mark.parametrize("tokenize", ["13a", "zh", "intl", "char", "none"])
def test_bleu_is_sacrebleus(tokenize: str, references: int) -> None:
    from sacrebleu import corpus_bleu

    given = pairs(200, references, seed=references)
    answers = [answer for answer, _ in given]
    streams = [list(column) for column in zip(*(sample.target.split("|") for _, sample in given), strict=True)]
    wanted = corpus_bleu(answers, streams, tokenize=tokenize).score / 100
    assert value(get_metric(f"bleu:tokenize={tokenize}"), given) == pytest.approx(wanted, abs=1e-12)


def test_bleu_of_a_sentence_is_sacrebleus() -> None:
    from sacrebleu import sentence_bleu

    metric = get_metric("bleu")
    for answer, sample in pairs(100, seed=5):
        wanted = sentence_bleu(answer, [sample.target]).score / 100
        assert metric(answer, sample) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("words", [0, 2])
@pytest.mark.parametrize("references", [1, 3])
def test_chrf_is_sacrebleus(words: int, references: int) -> None:
    from sacrebleu import corpus_chrf

    given = pairs(200, references, seed=references)
    streams = [list(column) for column in zip(*(sample.target.split("|") for _, sample in given), strict=True)]
    wanted = corpus_chrf([answer for answer, _ in given], streams, word_order=words).score / 100
    assert value(get_metric(f"chrf:words={words}"), given) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("labels", [("yes", "no"), ("a", "b", "c", "d")])
@pytest.mark.parametrize("seed", range(8))
def test_f1_and_matthews_are_scikit_learns(labels: tuple[str, ...], seed: int) -> None:
    from sklearn.metrics import f1_score, matthews_corrcoef

    rng = random.Random(seed)
    targets = rng.choices(labels[: rng.randint(1, len(labels))], k=60)
    answers = [rng.choice(("", target, *labels)) for target in targets]
    given = [
        (answer, Sample(str(at), "?", target)) for at, (answer, target) in enumerate(zip(answers, targets, strict=True))
    ]
    known = sorted(({*targets} | {*answers}) - {""})
    wanted = f1_score(targets, answers, labels=known, average="macro", zero_division=0)
    assert value(get_metric("macro-f1"), given) == pytest.approx(wanted, abs=1e-12)
    assert value(get_metric("matthews"), given) == pytest.approx(matthews_corrcoef(targets, answers), abs=1e-12)
    for label in labels:
        one = f1_score(targets, answers, labels=[label], average="macro", zero_division=0)
        assert value(get_metric(f"label-f1:label={label}"), given) == pytest.approx(one, abs=1e-12)


def test_of_one_attempt_alone_label_metrics_say_whether_it_is_right() -> None:
    sample = Sample("1", "?", "yes|yeah")
    for name in ("macro-f1", "matthews", "label-f1"):
        assert [get_metric(name)(answer, sample) for answer in ("yes", "Yeah", "no", None)] == [1, 1, 0, 0]


SQUAD: list[tuple[str, str, float, float]] = [  # answer, accepted, exact match, F1: each worked out by hand
    ("Denver Broncos", "Denver Broncos", 1, 1),
    ("the Denver Broncos", "Denver Broncos", 1, 1),
    ("Denver Broncos.", "Denver Broncos", 1, 1),
    ("denver broncos", "Denver Broncos", 1, 1),
    ("Broncos", "Denver Broncos", 0, 2 / 3),
    ("The Denver Broncos of Colorado", "Denver Broncos", 0, 2 * (2 / 4) / (2 / 4 + 1)),
    ("Carolina Panthers", "Denver Broncos", 0, 0),
    ("Panthers", "Denver Broncos|Panthers", 1, 1),
    ("Santa Clara, California", "Santa Clara California", 1, 1),
    ("Santa Clara", "Santa Clara, California", 0, 2 * (2 / 3) / (2 / 3 + 1)),
    ("in Santa Clara", "Santa Clara", 0, 0.8),
    ("an apple", "apple", 1, 1),
    ("a a a apple", "apple", 1, 1),
    ("apple apple", "apple", 0, 2 / 3),
    ("apple apple", "apple apple", 1, 1),
    ("theatre", "atre", 0, 0),  # "the" within a word is no article
    ("1,000", "1000", 1, 1),
    ("10.5", "105", 1, 1),  # punctuation goes, whatever it meant
    ("U.S.", "US", 1, 1),
    ("well-known", "wellknown", 1, 1),
    ("well known", "well-known", 0, 0),
    ("  spaces   between ", "spaces between", 1, 1),
    ("the", "a", 1, 1),  # both are nothing
    ("the", "cat", 0, 0),
    ("cat", "the", 0, 0),
    ("gold silver bronze", "silver gold", 0, 0.8),
    ("silver gold", "gold silver", 0, 1),
    ("two of the three", "two three", 0, 0.8),
    ("Beyonc\u00e9", "Beyonce", 0, 0),
    ("NFL (National Football League)", "National Football League", 0, 6 / 7),
]


@pytest.mark.parametrize(("answer", "accepted", "exact", "f1"), SQUAD)
def test_squads_exact_match_and_f1(answer: str, accepted: str, exact: float, f1: float) -> None:
    score = scored_by("token-f1", "exact-match:normalise=words")(answer, Sample("1", "?", accepted))
    assert list(score.values.values()) == [pytest.approx(f1), exact]


def test_probabilities_are_held_against_scikit_learn() -> None:
    from sklearn.metrics import brier_score_loss

    rng = random.Random(1)
    shares, targets = [rng.random() for _ in range(300)], rng.choices(["yes", "no"], k=300)
    given = [
        (
            Prediction("yes" if p >= 0.5 else "no", "ok", probabilities={"yes": p, "no": 1 - p}),
            Sample(str(at), "?", target),
        )
        for at, (p, target) in enumerate(zip(shares, targets, strict=True))
    ]
    brier = get_metric("brier")
    mean = sum(brier.of(*pair) for pair in given) / len(given)
    assert mean == pytest.approx(2 * brier_score_loss([target == "yes" for target in targets], shares), abs=1e-12)

    error = get_metric("calibration-error:bins=5")
    bins: dict[int, list[tuple[float, bool]]] = {}
    for (prediction, sample), p in zip(given, shares, strict=True):
        sure = max(p, 1 - p)
        bins.setdefault(min(4, int(sure * 5)), []).append((sure, prediction.answer == sample.target))
    gaps = [abs(sum(sure for sure, _ in each) - sum(right for _, right in each)) for each in bins.values()]
    found = corpus.value_of([error.counts(*pair) for pair in given], error.total)
    assert found == pytest.approx(sum(gaps) / 300, abs=1e-12)
    for name in ("brier", "calibration-error"):
        with pytest.raises(UserError, match="choice-logprob"):
            get_metric(name).of(Prediction("yes", "ok"), Sample("1", "?", "yes"))


def test_pass_at_k_is_that_of_the_repeats() -> None:
    metric = get_metric("pass-at-k:k=2")
    counts = [metric.counts(Prediction(answer, "ok"), Sample("1", "?", "x")) for answer in "xyy"]
    assert metric.total(corpus.added(counts)) == pytest.approx(2 / 3)
    with pytest.raises(UserError, match="add --repeats 2"):
        metric.total(corpus.added(counts[:1]))


# ---------------------------------------------------------------- values of a corpus


def test_a_mean_resampled_by_counts_is_a_mean_resampled() -> None:
    from scipy import stats

    rng = random.Random(3)
    scores = [rng.random() for _ in range(80)]
    counts = [{"sum": score, "n": 1.0} for score in scores]
    found = corpus.corpus_interval(counts, lambda sums: sums["sum"] / sums["n"], draws=4000)
    half = float(stats.t.ppf(0.975, 79)) * float(stats.sem(scores))
    assert found.half_width == pytest.approx(half, rel=0.05)
    assert (found.low + found.high) / 2 == pytest.approx(sum(scores) / 80, abs=0.01)


def test_approximate_randomisation_is_near_all_swaps() -> None:
    from itertools import product

    metric = get_metric("macro-f1")
    targets = ["a", "b", "a", "b", "c", "c", "a", "b"]
    samples = [Sample(str(at), "?", target) for at, target in enumerate(targets)]
    left, right = list("abaaccab"), list("bbabcabb")
    mine, its = (
        [metric.counts(Prediction(a, "ok"), s) for a, s in zip(given, samples, strict=True)] for given in (left, right)
    )
    found = corpus.corpus_paired(mine, its, metric.total, higher=[0.0] * 8, draws=4000)

    def difference(sides: tuple[int, ...]) -> float:
        chosen = [(a, b) if side else (b, a) for side, a, b in zip(sides, mine, its, strict=True)]
        return corpus.value_of([a for a, _ in chosen], metric.total) - corpus.value_of(
            [b for _, b in chosen], metric.total
        )

    seen = difference((1,) * 8)
    swaps = [difference(sides) for sides in product((0, 1), repeat=8)]
    exact = sum(abs(each) >= abs(seen) - 1e-12 for each in swaps) / len(swaps)
    assert found.difference == pytest.approx(seen) and found.p == pytest.approx(exact, abs=0.03)


def test_equal_corpora_are_never_told_apart_and_unequal_ones_are() -> None:
    metric = get_metric("bleu")
    given = pairs(60, seed=9)
    same = [metric.counts(Prediction(answer or None, "ok"), sample) for answer, sample in given]
    perfect = [metric.counts(Prediction(sample.target, "ok"), sample) for _, sample in given]
    alike = corpus.corpus_paired(same, same, metric.total, higher=[0.0] * 60)
    assert (alike.difference, alike.p) == (0.0, 1.0)
    better = corpus.corpus_paired(perfect, same, metric.total, higher=[1.0] * 60)
    assert better.p < 0.01 and better.interval.low > 0 and better.only_a == 60


def test_clusters_stay_whole() -> None:
    counts = [{"sum": float(at < 20), "n": 1.0} for at in range(40)]

    def mean(sums: corpus.Counts) -> float:
        return sums["sum"] / sums["n"]

    alone = corpus.corpus_interval(counts, mean)
    together = corpus.corpus_interval(counts, mean, clusters=[at // 10 for at in range(40)])
    assert together.half_width > 2 * alone.half_width


# ---------------------------------------------------------------- evaluate

BLOCKED = """
import socket, sys
def refuse(*given, **named):
    raise AssertionError("a socket was opened")
socket.socket.connect = refuse
socket.create_connection = refuse
"""


def run(code: str, *arguments: str) -> str:
    """What a fresh interpreter prints that may open no socket."""
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED + code, *arguments], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def test_each_is_a_metric_of_evaluate_without_a_hub(tmp_path: Path) -> None:
    said = run(
        """
import evaluate
from kshot.eval.metrics import METRICS
from kshot.eval.metrics.evaluated import as_evaluate, comparison
for name in METRICS:
    assert isinstance(as_evaluate(name), evaluate.Metric), name
f1 = as_evaluate("token-f1")
print(f1.compute(predictions=["the cat", "dog", ""], references=[["a cat", "x"], ["cat"], ["cow"]]))
print(f1.compute(predictions=["the cat"], references=["a cat"])["token_f1"])
both = evaluate.combine([f1, as_evaluate("exact-match"), as_evaluate("rouge:kind=L")])
found = both.compute(predictions=["a cat", "a dog"], references=["a cat", "cat"])
print({name: value for name, value in found.items() if "scores" not in name})
likely = as_evaluate("perplexity")
likely.add(predictions={"logprob": -2.0, "tokens": 2, "words": 1, "bytes": 4}, references="x")
print(round(likely.compute()["perplexity"], 4))
sure = as_evaluate("brier").compute(
    predictions=[{"labels": ["a", "b"], "probabilities": [0.75, 0.25]}], references=["a"])
print(sure["brier"])
mcnemar = comparison("exact-match")
assert isinstance(mcnemar, evaluate.Comparison)
print(mcnemar.compute(predictions1=list("aaaaaaaa"), predictions2=list("abbbbbbb"), references=["a"] * 8))
print(comparison("bleu").compute(predictions1=["a b c d"], predictions2=["a b"], references=[["a b c d"]])["test"])
"""
    ).splitlines()
    assert said[0] == "{'token_f1': 0.3333333333333333, 'scores': [1.0, 0.0, 0.0]}"
    assert said[1] == "1.0"
    assert said[2] == "{'token_f1': 0.5, 'exact_match': 0.5, 'rouge': 0.5}"
    assert said[3:5] == ["2.7183", "0.125"]
    assert "'p': 0.015625, 'test': 'exact McNemar', 'only_first': 7, 'only_second': 0}" in said[5]
    assert said[6] == "approximate randomisation"


def test_accuracy_alone_needs_neither_evaluate_nor_pandas(tmp_path: Path) -> None:
    said = run(
        """
from kshot.cli import main
try:
    main(["bench", "--task", "word-pairs", "--strategy", "zero-shot", "--limit", "4", "--engine", "scripted",
          "--runs", sys.argv[1]])
except SystemExit as end:
    assert not end.code, end.code
print(sorted({"evaluate", "pandas", "rouge_score", "sacrebleu", "nltk"} & set(sys.modules)))
""",
        str(tmp_path),
    )
    assert said.splitlines()[-1] == "[]"


def test_counts_are_those_of_counters() -> None:
    assert corpus.added([{"a": 1.0}, {"a": 2.0, "b": 1.0}]) == dict(Counter(a=3, b=1))
