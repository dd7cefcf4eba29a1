"""Every task of the registry: an engine that knows the targets scores 100%, one that avoids them 0%, whatever the way.

Runs are whole: samples through the loading code, prompts by strategies, replies by an engine, records, a report's
numbers. Sets are read from small copies made by hand, in the columns of a local copy.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kshot.eval.report.prompting.measures import measured
from kshot.eval.tasks import TASKS, get_task
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.runs.plan import Plan, load_plan, start
from kshot.harness.runs.read import read_run
from kshot.harness.runs.run import run_benchmark
from kshot.program import Done, advance
from kshot.types import Generation, Question, Request, Sample, Task
from tests.eval.tasks.library.copies import BY_SPEC, COPIES
from tests.eval.test_tasks_public import BBH

GENERATED = ("coin-flip", "last-letters", "scan", "word-pairs", "word-problems")
CHOICES = {"choices": ["a cat", "a cod", "a cow"]}
STORY = [{"question": f"Al has {n} pens and buys 2. How many?", "answer": str(n + 2)} for n in range(9)]
CHOSEN = [{"question": f"Which one swims, case {n}?", **CHOICES, "answer": "ABC"[n % 3]} for n in range(9)]
PAIRS = [{"premise": f"It is {n} o'clock.", "hypothesis": "It is late.", "idx": n} for n in range(6)]
OPTIONS = "\nOptions:\n(A) a cat\n(B) a cod"
LINES = {
    "boolean_expressions": "True",
    "formal_fallacies": "valid",
    "dyck_languages": "] ) }",
    "word_sorting": "ant bee",
}
LINES |= dict.fromkeys(("causal_judgement", "navigate", "sports_understanding", "web_of_lies"), "Yes")
LINES |= dict.fromkeys(("multistep_arithmetic_two", "object_counting"), "24")


def labelled(names: list[str], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "label": names[at % len(names)]} for at, row in enumerate(rows)]


TEXTS = [{"text": f"A text about {n} things."} for n in range(12)]
# a local copy's file, and its rows
OLDER: dict[str, tuple[str, list[dict[str, Any]]]] = {
    **{name: (f"{name}/test", STORY) for name in ("gsm8k", "svamp", "multiarith", "addsub", "singleeq")},
    "aqua": ("aqua/test", CHOSEN),
    "commonsenseqa": ("commonsenseqa/validation", CHOSEN),
    "date-understanding": ("date_understanding/test", CHOSEN),
    "shuffled-objects": ("shuffled_objects/test", CHOSEN),
    "strategyqa": (
        "strategyqa/test",
        [{"question": f"Is {n} even?", "answer": ["yes", "no"][n % 2]} for n in range(9)],
    ),
    "sst2": ("sst2/test", labelled(["negative", "positive"], TEXTS)),
    "trec": ("trec/test", labelled(["description", "entity", "abbreviation", "person", "number", "location"], TEXTS)),
    "agnews": ("agnews/test", labelled(["world", "sports", "business", "technology"], TEXTS)),
    "rte": ("rte/validation", labelled(["entailment", "not_entailment"], PAIRS)),
    "cb": ("cb/validation", labelled(["entailment", "contradiction", "neutral"], PAIRS)),
    **{
        f"bbh:name={name}": (
            f"bbh/{name}",
            [
                {"question": f"Case {n}.{'' if name in LINES else OPTIONS}", "answer": LINES.get(name, "(B)")}
                for n in range(9)
            ],
        )
        for name in BBH
    },
}
ELSEWHERE = {"qa", "passages", "induction", "winograd", "woz"}  # test_tasks_qa.py and test_tasks_deca.py have them
SPECS = [*GENERATED, *OLDER, *BY_SPEC]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for file, rows in OLDER.values():
        path = folder / f"{file}.jsonl"
        path.parent.mkdir(exist_ok=True)
        text = "\n".join(map(json.dumps, rows))
        for name in (path, path.with_name("train.jsonl")):  # those with a train split have one
            if name == path or not file.startswith(("bbh", "aqua", "date", "shuffled", "strategyqa")):
                name.write_text(text.replace("A text", "One more text") if name != path else text)
    for copy in COPIES:
        copy.write_local(folder)
    return folder


def test_every_task_of_the_registry_is_there() -> None:
    assert {spec.partition(":")[0] for spec in SPECS} == set(TASKS) - ELSEWHERE


def ways(task: Task, spec: str) -> list[str]:
    """Strategies that ask the task: in turns, in its first template, and scored where there is something to score."""
    if not task.templates:
        return ["log-likelihood"]
    found = ["zero-shot", "zero-shot:template=0"]
    sample_has_choices = task.format.name == "letter"
    if task.labels or sample_has_choices:
        found += ["choice-logprob", "choice-logprob:template=own"]
    if sample_has_choices and spec not in ("winogrande",):
        found += ["choice-logprob:score=text,template=0", "choice-logprob:score=text,normalise=characters,template=0"]
    if spec in BY_SPEC:
        found += [BY_SPEC[spec].published]
    return list(dict.fromkeys(found))


def oracle(question: Question, sample: Sample, request: Request, requests: list[Request]) -> str:
    """What is right: the target, or the greater log-likelihood for the option that it names."""
    names = [chr(65 + at) for at in range(len(sample.choices))] or list(question.labels)
    if request.continuation is not None and not names:
        return "0.0"  # certain of the text
    if request.continuation is not None:
        return "-1.0" if requests.index(request) == names.index(sample.target) else "-9.0"
    return written(question, sample.target.split("|")[0])


def written(question: Question, answer: str) -> str:
    """An answer in the words that the question has for labels."""
    return dict(zip(question.labels, question.words or question.labels, strict=True)).get(answer, answer)


def hostile(question: Question, sample: Sample, request: Request, requests: list[Request]) -> str:
    """What is wrong, and looks like an answer."""
    names = [chr(65 + at) for at in range(len(sample.choices))] or list(question.labels)
    if request.continuation is not None and not names:
        return "-900.0"
    if request.continuation is not None:
        return "-9.0" if requests.index(request) == names.index(sample.target) else "-1.0"
    others = [name for name in names if name != sample.target]
    if others:
        return written(question, others[0])
    wrong = {"number": "-987654", "expression": "$-987654$", "actions": "I_FLY"}
    return wrong.get(question.format.name, "Xyzzy, plugh!")


def useless(question: Question, sample: Sample, request: Request, requests: list[Request]) -> str:
    """No answer at all; of what is scored, again what is wrong."""
    return "" if request.continuation is None else hostile(question, sample, request, requests)


def accuracies(spec: str, data: Path, folder: Path, knows: Callable[..., str]) -> dict[str, float]:
    """Every way's mean score in a run on an engine that knows what is asked of it."""
    task = get_task(spec)
    loaded = load_plan(Plan((spec,), tuple(ways(task, spec)), data=data, limit=12))
    replies: dict[tuple[str, str | None], str] = {}

    def reply(request: Request) -> str | Generation:
        said = replies[repr(request.prompt), request.continuation]
        if request.continuation is not None:
            return Generation("", "scored", completion_tokens=1, logprob=float(said))
        return Generation(said, "stop", completion_tokens=1)

    for each, strategy in loaded.pairs():
        for sample in loaded.samples[each.name]:
            asked = loaded.question(each, strategy, sample)
            program = start(strategy, asked, 0, True)()
            worded, step = spoken_by(asked, strategy.name), advance(program)
            while not isinstance(step, Done):
                for request in step:
                    key, said = (repr(request.prompt), request.continuation), knows(worded, sample, request, list(step))
                    assert replies.setdefault(key, said) == said, "two samples are asked alike"
                step = advance(program, [reply(request) for request in step])  # type: ignore[misc]
    engine = ScriptedEngine(reply)
    run_benchmark(loaded, engine, folder)
    run, journal = read_run(folder)
    with journal:
        return {strategy: measure.value for (_, strategy), measure in measured(run).items()}


def spoken_by(question: Question, strategy: str) -> Question:
    """The question with the label words of the template that the strategy writes in."""
    from kshot.prompts.common import in_words

    return in_words(question, {"template": "0"}) if "template=0" in strategy and question.labels else question


@pytest.mark.parametrize("spec", SPECS)
def test_an_oracle_scores_all_and_a_hostile_engine_nothing(spec: str, data: Path, tmp_path: Path) -> None:
    right = accuracies(spec, data, tmp_path / "oracle", oracle)
    if spec == "wikitext":  # of likelihood nothing is right: certain is no bit a byte, and the other is hundreds
        wrong = accuracies(spec, data, tmp_path / "hostile", hostile)
        assert right == {"log-likelihood": 0.0} and wrong["log-likelihood"] > 5
        return
    assert right == pytest.approx(dict.fromkeys(right, 1.0)), right
    for at, knows in enumerate((hostile, useless)):
        wrong = accuracies(spec, data, tmp_path / f"hostile{at}", knows)
        if spec == "cola":  # Matthews' r, which is -1 where every answer is the other one
            assert set(wrong.values()) <= {0.0, -1.0}, wrong
        else:
            assert set(wrong.values()) == {0.0}, wrong
