"""Twenty task files of lm-evaluation-harness on both sides: what is asked is equal to the character, and so are scores.

Its data sets are not at hand: rows made by hand stand in for them (`cases.py`), and both sides get the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kshot.eval.corpus import added
from kshot.eval.metrics.registry import Scorer
from kshot.eval.tasks.lm_eval.config import task_file
from kshot.eval.tasks.lm_eval.load import task_of
from kshot.eval.tasks.lm_eval.named import NamedTask
from kshot.eval.tasks.lm_eval.reading import find_named, package, read_keys
from kshot.harness.engines.transformers import load_engine
from kshot.harness.runs.plan import Loaded, Plan, load_plan
from kshot.program import Done, advance, gather
from kshot.prompts.calibration import softmax
from kshot.prompts.strategies import get_strategy
from kshot.types import Generation, Prediction, Request, SamplingParams, Source
from tests.conftest import save_tiny
from tests.eval.tasks.lm_eval.cases import CASES, WORDS, Case, stored

pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed: pip install 'kshot[lm-eval]'")
from tests.eval.tasks.lm_eval import theirs

Ask = Callable[[Sequence[Request]], list[Generation]]
every = pytest.mark.parametrize("case", CASES, ids=lambda case: case.spec)
written = pytest.mark.parametrize("case", [one for one in CASES if one.kind == "written"], ids=lambda case: case.spec)


def path_of(case: Case) -> Path:
    found = find_named(case.task, package())
    assert found is not None
    return found


NORMALISE = {"acc": "none", "acc_norm": "characters", "acc_bytes": "bytes"}
OURS = {  # by their names
    **{
        "bleu": "bleu",
        "chrf": "chrf",
        "mcc": "matthews",
        "f1": "label-f1",
        "perplexity": "perplexity:per=text",
    },
    **{"word_perplexity": "perplexity:per=word", "byte_perplexity": "perplexity:per=byte"},
    **{"bits_per_byte": "bits-per-byte", "brier_score": "brier"},
}
OF_100 = ("bleu", "chrf")


def strategies_of(case: Case, k: int) -> tuple[str, ...]:
    """What asks as they do."""
    if case.kind == "written":
        return (f"few-shot:k={k},template=0",)
    if case.kind in ("scored", "text"):
        return (f"log-likelihood:greedy={'true' if case.kind == 'scored' else 'false'},k={k}",)
    if case.kind == "begun":
        return (f"choice-logprob:score=rest,template=1,k={k}",)
    score = ",score=text" if case.kind == "chosen" else ""
    return tuple(f"choice-logprob:k={k},normalise={how}{score}" for how in NORMALISE.values())


def loaded_of(case: Case, k: int) -> Loaded:
    return load_plan(Plan((case.spec,), strategies_of(case, k)))


def first_requests(loaded: Loaded, strategy: int = 0) -> list[list[Request]]:
    """What a strategy asks of each sample."""
    [task] = loaded.tasks
    programs = [
        loaded.strategies[strategy](loaded.question(task, loaded.strategies[strategy], sample))
        for sample in loaded.samples[task.name]
    ]
    return [list(advance(program)) for program in programs]


@every
@pytest.mark.parametrize("shots", [False, True], ids=["0", "k"])
def test_what_is_asked_is_equal_to_the_character(case: Case, shots: bool) -> None:
    k = case.k if shots else 0
    with stored(case):
        wanted = theirs.asked(theirs.task_at(path_of(case), k))
        found = first_requests(loaded_of(case, k))
    if case.kind == "written":
        assert [(r.prompt, r.params.stop, r.params.max_new_tokens, r.params.temperature) for [r] in found] == [
            (prompt, tuple(given["until"]), given.get("max_gen_toks", 256), 0.0) for [(prompt, given)] in wanted
        ]
    else:
        assert [[(r.prompt, r.continuation) for r in requests] for requests in found] == [
            [("", *one) if case.kind == "text" else one for one in requests] for requests in wanted
        ]
    assert not shots or len({str(one) for one in wanted}) == len(wanted)


# ---------------------------------------------------------------- scores


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("lm-eval"), chat=False, context=4096)


@pytest.fixture(scope="module")
def ask(folder: Path) -> Ask:
    engine = load_engine(str(folder), device="cpu", dtype="float32")

    known: dict[Request, Generation] = {}

    def asked(requests: Sequence[Request]) -> list[Generation]:
        waiting = [request for request in dict.fromkeys(requests) if request not in known]
        for ticket, request in enumerate(waiting):
            engine.submit(ticket, request)
        left = len(waiting)
        while left:
            for ticket, generation in engine.collect():
                known[waiting[ticket]], left = generation, left - 1
        return [known[request] for request in requests]

    return asked


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return theirs.model_at(folder)


def results(loaded: Loaded, ask: Ask, strategy: int = 0) -> list[Prediction]:
    """A strategy's predictions."""
    [task] = loaded.tasks
    made = [
        loaded.strategies[strategy](loaded.question(task, loaded.strategies[strategy], sample))
        for sample in loaded.samples[task.name]
    ]
    program = gather(made)
    step: Any = advance(program)
    while not isinstance(step, Done):
        step = advance(program, ask(step))
    return list(step.result)


def figures(loaded: Loaded, predictions: Sequence[Prediction]) -> dict[str, float]:
    """Each metric's value of a run, as a report makes it."""
    [task] = loaded.tasks
    assert isinstance(task.score, Scorer)
    samples = loaded.samples[task.name]
    return {
        one.name: one.total(added([one.counts(*pair) for pair in zip(predictions, samples, strict=True)]))
        for one in task.score.metrics
    }


def agree(found: dict[str, float], wanted: dict[str, float], *, all_of: bool = True) -> None:
    """The same metrics with the same values."""
    theirs_named = {OURS.get(name, name): value / (100 if name in OF_100 else 1) for name, value in wanted.items()}
    assert not all_of or found.keys() == theirs_named.keys()
    assert found == {name: pytest.approx(theirs_named[name], rel=1e-6, abs=1e-9) for name in found}


@pytest.mark.parametrize(
    "case", [one for one in CASES if one.kind in ("chosen", "labelled", "begun")], ids=lambda case: case.spec
)
def test_a_choice_is_scored_as_there(case: Case, ask: Ask, model: Any) -> None:
    with stored(case):
        task = theirs.task_at(path_of(case), case.k)
        answers = theirs.answers_of(model, task)
        wanted = theirs.scores(task, answers, "none")
        loaded = loaded_of(case, case.k)
    for at, metric in enumerate(list(NORMALISE)[: len(loaded.strategies)]):
        predictions = results(loaded, ask, at)
        logprobs = [value for one in predictions for value in one.detail["logprobs"].values()]
        assert logprobs == pytest.approx([logprob for logprob, _ in answers], rel=1e-6)
        if metric == "acc":
            agree(figures(loaded, predictions), wanted)
        elif metric in wanted:  # the strategy's own answer is by that metric
            pairs = zip(predictions, loaded.samples[loaded.tasks[0].name], strict=True)
            own = [float(one.answer in sample.target.split("|")) for one, sample in pairs]
            assert sum(own) / len(own) == pytest.approx(wanted[metric])


@pytest.mark.parametrize("case", [one for one in CASES if one.kind in ("scored", "text")], ids=lambda case: case.spec)
def test_a_text_is_scored_as_there(case: Case, ask: Ask, model: Any) -> None:
    with stored(case):
        task = theirs.task_at(path_of(case), case.k)
        answers = theirs.answers_of(model, task)
        wanted = theirs.scores(task, answers, "none")
        loaded = loaded_of(case, case.k)
    predictions = results(loaded, ask)
    found = [one.detail["logprob"] for one in predictions]
    assert found == pytest.approx([one[0] if isinstance(one, tuple) else one for one in answers], rel=1e-6)
    agree(figures(loaded, predictions), wanted)


@pytest.mark.parametrize("name", ["sciq", "mrpc"])
def test_whatever_choices_are_worth_they_are_scored_as_there(name: str) -> None:
    case = next(one for one in CASES if one.task == name)
    metrics = ["acc", "acc_norm", "acc_bytes", "mcc", "brier_score", *(["f1"] if name == "mrpc" else [])]
    keys = {"metric_list": [{"metric": one} for one in metrics]}
    with stored(case):
        task = theirs.task_at(path_of(case), 0, keys)
        file = task_file({**read_keys(path_of(case)), **keys}, name, None, trusted=False)
        own = task_of(file, NamedTask(None, name))
        samples = list(own.load("test", Source()))
    loaded = Loaded(Plan(("x",), ("x",)), (own,), (), {own.name: samples}, {own.name: ()})
    seen = set()
    for seed in range(40):
        drawn = random.Random(seed)
        names = own.labels or tuple("ABCD")
        rows = [[drawn.uniform(-20, -10) for _ in names] for _ in samples]
        wanted = theirs.scores(task, [(one, False) for row in rows for one in row], "none")
        found = figures(loaded, [chosen(dict(zip(names, row, strict=True))) for row in rows])
        agree(found, wanted)
        seen.add(tuple(found[one] for one in ("acc", "acc_norm", "acc_bytes")))
    assert len(seen) > 5 and any(len(set(one)) == 3 for one in seen) == (name == "sciq")


def chosen(logprobs: dict[str, float]) -> Prediction:
    """What choice-logprob says of these."""
    shares = dict(zip(logprobs, softmax(list(logprobs.values())), strict=True))
    best = max(logprobs, key=logprobs.__getitem__)
    return Prediction(best, "ok", probabilities=shares, detail={"logprobs": logprobs})


def test_greedy_decoding_that_goes_on_with_the_text_is_right_as_there(ask: Ask, model: Any) -> None:
    asked = [f"{word} {n}" for n in range(12) for word in WORDS]
    written = [reply.text for reply in ask([Request(text, SamplingParams(max_new_tokens=1)) for text in asked])]
    pairs = zip(asked, written, strict=True)
    likely = [{"body": text, "more": more} for text, more in pairs if more.isascii() and more.strip() == more != ""]
    rows = [*likely[:4], {"body": "bread", "more": "zz"}]
    assert len(rows) > 2
    case = Case("asdiv", "scored", {"validation": rows}, 0)
    keys = {"doc_to_text": "{{body}}", "doc_to_target": "{{more}}", "metric_list": [{"metric": "acc"}]}
    with stored(case):
        task = theirs.task_at(path_of(case), 0, keys)
        wanted = theirs.scores(task, theirs.answers_of(model, task), "none")
        named = NamedTask(None, "asdiv")
        own = task_of(task_file({**read_keys(path_of(case)), **keys}, "asdiv", None, trusted=False), named)
        samples = list(own.load("test", Source()))
        strategy = get_strategy("log-likelihood:greedy=true")
        found = Loaded(Plan(("x",), ("x",)), (own,), (strategy,), {own.name: samples}, {own.name: ()})
        agree(figures(found, results(found, ask)), wanted)
    assert wanted["acc"] == pytest.approx((len(rows) - 1) / len(rows))


def test_a_written_reply_is_equal(ask: Ask, model: Any) -> None:
    case = next(one for one in CASES if one.task == "triviaqa")
    with stored(case):
        task = theirs.task_at(path_of(case), case.k)
        for instance in task.instances:
            instance.arguments[1]["max_gen_toks"] = 24
        answers = theirs.answers_of(model, task)
        loaded = loaded_of(case, case.k)
        requests = [request for requests in first_requests(loaded) for request in requests]
    short = [replace(one, params=replace(one.params, max_new_tokens=24)) for one in requests]
    assert [reply.text for reply in ask(short)] == answers


@written
def test_replies_are_read_and_scored_as_there(case: Case) -> None:
    with stored(case):
        task = theirs.task_at(path_of(case), 0)
        loaded = loaded_of(case, 0)
        golds = [task.doc_to_target(doc) for doc in task.eval_docs]
    firsts = [gold[-1] if isinstance(gold, list) else str(gold) for gold in golds]
    name = case.given.partition("filter=")[2] or next(iter(task._filters)).name
    totals = []
    for reply in REPLIES:
        replies = [reply(gold) for gold in firsts]
        found = figures(loaded, results_of(loaded, replies))
        wanted = theirs.scores(task, replies, name)
        agree(found, wanted, all_of="metrics=" not in case.given)
        totals.append(next(iter(found.values())))
    assert max(totals) > 0 and min(totals) < 1


REPLIES: tuple[Callable[[str], str], ...] = (
    lambda gold: gold,
    lambda gold: f"  {gold.upper()} \n",
    lambda gold: f"I think so. The answer is {gold.split('#### ')[-1]}.",
    lambda gold: f"The answer is (B). {gold}",
    lambda gold: f"#### {gold.split('#### ')[-1]}",
    lambda gold: f"{gold.split('#### ')[-1]}. Or 17?",
    lambda gold: f"${gold.split('#### ')[-1].replace(',', '')}.00 #### 3",
    lambda gold: f"the {gold}!",
    lambda gold: "both of them",
    lambda gold: "It is: A",
    lambda gold: "",
)


def results_of(loaded: Loaded, replies: Sequence[str]) -> list[Prediction]:
    """Predictions where a model wrote these, cut off at their length as often as not."""
    ends = [Generation(text, "length" if at % 2 else "stop") for at, text in enumerate(replies)]
    return results(loaded, lambda requests: ends)
