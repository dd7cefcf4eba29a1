"""Calibration against Zhao et al.'s formula, PMI against Holtzman et al.'s, and the channel model's requests."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kshot.eval.answers import exact, labels
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import run_benchmark
from kshot.program import advance, drive
from kshot.prompts.calibration import prior_of
from kshot.prompts.strategies import get_strategy
from kshot.types import Generation, Question, Request, Sample, Template, UserError

NAMES = ("not entailment", "entailment", "neither of them")  # of more tokens than one, and not of as many
POOL = tuple(Sample(f"s{at}", f"text {at} x", NAMES[at % 3], fields=(("text", f"text {at} x"),)) for at in range(60))
FORM = (Template("Text: {{ text }}\nIs it: {{ answer }}"),)
TEXT = Question(
    "It.", labels(NAMES), labels=NAMES, exemplars=POOL, templates=FORM, score=exact, fields=(("text", "It."),)
)


def zhao(raw: np.ndarray, content_free: np.ndarray) -> int:
    """Zhao et al. 2021, section 5: q = W p + b, W = diag(p_cf)^-1, b = 0, of normalised probabilities; its argmax."""
    p = np.exp(raw - raw.max())
    p /= p.sum()
    free = np.exp(content_free - content_free.max(axis=1, keepdims=True))
    p_cf = (free / free.sum(axis=1, keepdims=True)).mean(axis=0)
    p_cf /= p_cf.sum()
    q = np.diag(1 / p_cf) @ p
    return int(np.argmax(np.round(q / q.sum(), 9)))


def test_the_prediction_is_zhao_et_als_on_a_thousand_tables_ties_among_them() -> None:
    rng = np.random.default_rng(0)
    ties = 0
    for at in range(1000):
        count = int(rng.integers(1, 6))
        raw, free = rng.normal(scale=3, size=3), rng.normal(scale=3, size=(count, 3))
        if at % 4 == 0:  # the first two tie, before and after
            raw[1], free[:, 1] = raw[0], free[:, 0]
            ties += 1
        if at % 8 == 1:  # calibrated, the last two tie
            prior = prior_of(free.tolist())
            raw[2] = raw[1] - prior[1] + prior[2]
        table = dict(zip(NAMES, raw.tolist(), strict=True))
        question = replace(TEXT, prepared={"prior": dict(zip(NAMES, prior_of(free.tolist()), strict=True))})

        def scored(request: Request, table: dict[str, float] = table) -> Generation:
            return Generation("", "scored", logprob=table[str(request.continuation)], completion_tokens=2)

        prediction = drive(get_strategy("choice-logprob:calibrate=contextual")(question), scored)
        expected = zhao(raw, free)
        if at % 8 == 1:  # equal but for rounding: either of the two
            best = sorted(prediction.probabilities.values())
            assert prediction.answer == NAMES[expected] or best[-1] - best[-2] < 1e-9
        else:
            assert prediction.answer == NAMES[expected], at
        assert prediction.detail["logprobs"] == pytest.approx(table)
    assert ties == 250


def test_pmi_is_the_log_ratio_to_the_premise() -> None:
    given = {"Text: It.\nIs it:": (-1.0, -2.0, -3.0), "Is it:": (-0.1, -4.0, -2.5)}

    def scored(request: Request) -> Generation:
        at = NAMES.index(str(request.continuation).strip())
        return Generation("", "scored", logprob=given[str(request.prompt)][at], completion_tokens=at + 1)

    strategy = get_strategy("choice-logprob:template=0,calibrate=pmi")
    assert strategy.prepare is not None
    found = drive(strategy.prepare(TEXT), scored)
    assert found == {"prior": dict(zip(NAMES, given["Is it:"], strict=True)), "inputs": 1}
    prediction = drive(strategy(replace(TEXT, prepared=found)), scored)
    ratios = [a - b for a, b in zip(*given.values(), strict=True)]
    assert prediction.answer == NAMES[int(np.argmax(ratios))] == "entailment"
    weights = np.exp(ratios) / np.exp(ratios).sum()
    assert list(prediction.probabilities.values()) == pytest.approx(list(weights))
    assert prediction.detail["logprobs"] == dict(zip(NAMES, given["Text: It.\nIs it:"], strict=True))


def test_pmi_of_choices_is_asked_beside_each_question() -> None:
    asked: list[Request] = []
    free = {"north": -1.0, "a very long way south": -30.0}
    behind = {"north": -2.0, "a very long way south": -25.0}

    def scored(request: Request) -> Generation:
        asked.append(request)
        assert not isinstance(request.prompt, str)
        table = free if request.prompt[-1].content == "The answer is:" else behind
        return Generation("", "scored", logprob=table[str(request.continuation)], completion_tokens=3)

    question = replace(TEXT, labels=(), choices=("north", "a very long way south"), templates=())
    raw = drive(get_strategy("choice-logprob:score=text")(question), scored)
    assert raw.answer == "A"
    asked.clear()
    prediction = drive(get_strategy("choice-logprob:score=text,calibrate=pmi")(question), scored)
    assert prediction.answer == "B" and len(asked) == 4
    assert prediction.detail["prior"] == {"A": -1.0, "B": -30.0}
    own = advance(get_strategy('choice-logprob:score=text,calibrate=pmi,premise="It goes"')(question))
    assert own[-1].prompt[-1].content == "It goes"  # type: ignore[union-attr]
    with pytest.raises(UserError, match="add score=text"):
        advance(get_strategy("choice-logprob:calibrate=pmi")(question))
    with pytest.raises(UserError, match="add calibrate=pmi"):
        advance(get_strategy('choice-logprob:premise="It goes"')(question))


@pytest.mark.parametrize(("kind", "inputs"), [("contextual", 3), ("domain", 20), ("batch", 32), ("pmi", 1)])
def test_a_prior_is_asked_once_and_not_once_a_question(kind: str, inputs: int, tmp_path: Path) -> None:
    def reply(request: Request) -> Generation:
        return Generation("", "scored", logprob=-float(len(str(request.prompt)) % 7) - len(str(request.continuation)))

    counts = {}
    for name in ("choice-logprob", f"choice-logprob:calibrate={kind}"):
        engine = ScriptedEngine(reply)
        run_benchmark(load_plan(Plan(("coin-flip",), (name,), limit=128)), engine, tmp_path / str(len(counts)))
        counts[name] = len({(request.prompt, request.continuation) for request in engine.asked})
        assert len(engine.asked) == counts[name]  # nothing twice
    raw, calibrated = counts.values()
    assert raw == 128 * 2 and calibrated - raw == 2 * inputs
    with Journal.read(tmp_path / "1") as journal:
        details = [record.prediction.detail for record in journal.records()]
    assert len(details) == 128 and all(set(one) == {"logprobs", "prior"} for one in details)


def test_an_exemplar_with_another_label_is_no_input_of_a_prior_either() -> None:
    pool = tuple(replace(one, fields=(("text", one.question),)) for one in POOL[:9])
    for ablate in ("gold", "random", "flipped"):
        strategy = get_strategy(f"choice-logprob:k=4,template=0,calibrate=batch,ablate={ablate}")
        assert strategy.prepare is not None
        asked: list[str] = []

        def scored(request: Request, asked: list[str] = asked) -> Generation:
            asked.append(str(request.prompt).split("\n\n")[-1].split("\n")[0])
            return Generation("", "scored", logprob=-1.0, completion_tokens=1)

        drive(strategy.prepare(replace(TEXT, exemplars=pool)), scored)
        assert set(asked) == {f"Text: text {at} x" for at in range(4, 9)}


# ---------------------------------------------------------------- the channel model


def test_the_channel_asks_for_the_text_behind_each_label() -> None:
    requests = advance(get_strategy("channel-logprob:k=2,template=0")(TEXT))
    assert isinstance(requests, Sequence) and len(requests) == 3
    front = "Is it: not entailment\nText: text 0 x\n\nIs it: entailment\nText: text 1 x\n\n"
    assert [request.prompt for request in requests] == [f"{front}Is it: {name}\nText:" for name in NAMES]
    assert {request.continuation for request in requests} == {" It."}
    turns = advance(get_strategy("channel-logprob:k=1")(TEXT))
    assert [(turn.role, turn.content) for turn in turns[1].prompt] == [  # type: ignore[union-attr]
        ("user", "not entailment"), ("assistant", "text 0 x"), ("user", "entailment"),
    ]  # fmt: skip
    assert turns[1].continuation == "It."


def test_the_channels_answer_is_the_label_that_makes_the_text_likeliest() -> None:
    def scored(request: Request) -> Generation:
        label = str(request.prompt).rpartition("Is it: ")[2].partition("\n")[0]
        return Generation("", "scored", logprob=-10.0 - abs(len(label) - 10), completion_tokens=9)

    prediction = drive(get_strategy("channel-logprob:template=0")(TEXT), scored)
    logprobs = {name: -10.0 - abs(len(name) - 10) for name in NAMES}
    assert prediction.answer == "entailment" and prediction.detail["logprobs"] == logprobs
    total = sum(math.exp(value) for value in logprobs.values())
    assert prediction.probabilities == pytest.approx({n: math.exp(v) / total for n, v in logprobs.items()})


def test_a_text_of_several_lines_and_words_for_labels_in_the_channel() -> None:
    form = (Template("{{ a }}\nQ: {{ b }} Right?\nA: {{ answer }}", words=("no", "yes", "maybe")),)
    fields = (("a", "One\ntwo."), ("b", "Three."))
    requests = advance(get_strategy("channel-logprob:template=0")(replace(TEXT, templates=form, fields=fields)))
    assert [request.prompt for request in requests] == ["A: no\n", "A: yes\n", "A: maybe\n"]
    assert requests[0].continuation == "One\ntwo.\nQ: Three. Right?"
    inline = replace(TEXT, templates=(Template("{{ text }} It was {{ answer }}"),))
    with pytest.raises(UserError, match="no line of its own"):
        advance(get_strategy("channel-logprob:template=0")(inline))
    with pytest.raises(UserError, match="needs a task with labels"):
        advance(get_strategy("channel-logprob")(replace(TEXT, labels=())))


# ---------------------------------------------------------------- the neighbours' vote


def test_the_neighbours_vote_and_nobody_is_asked() -> None:
    order = {one.question: 1 - at / 100 for at, one in enumerate(POOL)}

    def vectors(embed: str, some: Sequence[str], others: Sequence[str]) -> np.ndarray:
        return np.array([[order[other] for other in others] for _ in some])

    question = replace(TEXT, vectors=vectors)

    def never(request: Request) -> Generation:
        raise AssertionError(request)

    for k in (1, 4, 5, 7):
        prediction = drive(get_strategy(f"knn-vote:k={k}")(question), never)
        votes = Counter(one.target for one in POOL[:k])
        assert prediction.answer == max(votes, key=lambda name: (votes[name], -NAMES.index(name)))
        assert prediction.probabilities == pytest.approx({name: votes[name] / k for name in NAMES})
    with pytest.raises(UserError, match="choices of its own"):
        drive(get_strategy("knn-vote")(replace(question, choices=("a", "b"))), never)
