"""The published setting of each set against lm-evaluation-harness itself, request by request, to the character.

Both load the same small copy through `datasets` from the same hub on this machine, so that ids, configurations and
splits are held too: the harness asks for its own. Then the same log-likelihoods are given to both, and both must call
the same samples right, by acc and by acc_norm.
"""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kshot.eval.tasks import get_task
from kshot.program import Done, advance
from kshot.prompts.strategies import get_strategy
from kshot.types import Generation, Sample, Source, Task
from tests.eval.tasks.library.copies import BY_SPEC, COPIES, Copy, local_data, served
from tests.eval.tasks.library.test_hub import asked_of_hub
from tests.eval.tasks.source.hub import hub_of

needs_harness = pytest.mark.skipif(
    importlib.util.find_spec("lm_eval") is None, reason='lm-eval is not installed: pip install "kshot[bench]"'
)
HELD = [copy for copy in COPIES if copy.harness]
WRITES = {copy.spec for copy in HELD if not copy.published.startswith("choice-logprob")}
# with an exemplar: where there is one to draw, or the harness takes the first; not where the harness' own target of an
# exemplar is another one (a list of aliases, a row of the test split) or the question has its "Question:" (mgsm)
SHOWN = {copy.spec for copy in HELD if len(copy.pool) == 1 or ":subject=" in copy.spec}
SHOWN -= {"cnn-dailymail", "triviaqa", "nq-open", "mgsm", "mgsm:language=zh"}
LOGPROB = '''
import hashlib
def logprob(prompt: str, continuation: str) -> float:
    """A number drawn from a request."""
    drawn = hashlib.blake2b(repr((prompt, continuation)).encode(), digest_size=3).digest()
    return -1 - int.from_bytes(drawn, "big") / 2**18
'''
# further tasks of the harness: (set, its name there, the strategy that asks the same, exemplars)
FURTHER = [
    ("mgsm", "mgsm_native_cot_en", "chain-of-thought:template=1,k=1", 1),
    ("mgsm", "mgsm_native_cot_en", "zero-shot:template=1", 0),
    ("mgsm:language=zh", "mgsm_native_cot_zh", "zero-shot:template=1", 0),
    ("math500", "hendrycks_math500", "zero-shot:template=0", 0),
    ("web-questions", "webqs", "zero-shot:template=0", 0),
]
ASKS = (
    LOGPROB
    + """
import json, sys
from lm_eval.tasks import TaskManager, get_task_dict
wanted, manager, found = json.loads(sys.argv[1]), TaskManager(), {}
for spec, name, shots in wanted:
    task = get_task_dict([name], manager)[name]
    task.set_config("num_fewshot", shots)
    task.set_fewshot_seed(0)
    task.build_all_requests(limit=None, rank=0, world_size=1)
    docs = {}
    for instance in task.instances:
        docs.setdefault(instance.doc_id, []).append(instance)
    rows = []
    for at in sorted(docs):
        instances, doc = docs[at], docs[at][0].doc
        args = [list(instance.args[:2]) for instance in instances]
        row = {"asked": [[args[0][0], None]] if task.OUTPUT_TYPE == "generate_until" else args}
        if task.OUTPUT_TYPE == "multiple_choice":
            results = task.process_results(doc, [(logprob(*pair), False) for pair in args])
            row["right"] = {key: float(results[key]) for key in ("acc", "acc_norm") if key in results}
        rows.append(row)
    found[f"{spec} {name} {shots}"] = rows
print(json.dumps(found))
"""
)


def logprob(prompt: str, continuation: str) -> float:
    """The same as in the harness' process."""
    names: dict[str, Any] = {}
    exec(LOGPROB, names)
    found: float = names["logprob"](prompt, continuation)
    return found


def shots(copy: Copy) -> list[int]:
    return [0, min(len(copy.pool), 5)] if copy.spec in SHOWN and copy.pool else [0]


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    wanted = [(copy.spec, copy.harness, k) for copy in HELD for k in shots(copy)]
    wanted += [(spec, name, k) for spec, name, _, k in FURTHER]
    twice = [replace(copy, pool=copy.pool * (2 if len(copy.pool) == 1 else 1)) for copy in COPIES]  # it draws one more
    with hub_of(served(twice)) as (address, _):
        found: dict[str, Any] = asked_of_hub(address, tmp_path_factory.mktemp("harness"), ASKS, json.dumps(wanted))
    return found


@pytest.fixture(scope="module")
def data() -> Path:
    return local_data()


def strategy_of(copy: Copy, k: int, more: str = "") -> str:
    """The published strategy with so many exemplars."""
    name, _, given = copy.published.partition(":")
    name = "few-shot" if name == "zero-shot" and k else name
    given = ",".join(part for part in (given, f"k={k}" if k or name == "few-shot" else "", more) if part)
    return f"{name}:{given}" if given else name


def asked(task: Task, sample: Sample, pool: list[Sample], spec: str) -> tuple[list[list[Any]], float]:
    """What a strategy asks about a sample, and its score where every continuation has a drawn log-likelihood."""
    program = get_strategy(spec)(task.question(sample, pool))
    requests = advance(program)
    assert not isinstance(requests, Done)
    found = [[request.prompt, request.continuation] for request in requests]
    replies = [
        Generation("", "scored", completion_tokens=1, logprob=logprob(str(each.prompt), each.continuation or ""))
        for each in requests
    ]
    if found[0][1] is None:
        return found, 0.0
    done = advance(program, replies)
    return found, task.score(done.result.answer, sample).value if isinstance(done, Done) else 0.0


@needs_harness
@pytest.mark.parametrize("spec", [copy.spec for copy in HELD])
def test_the_published_setting_is_the_harness_own(spec: str, harness: dict[str, Any], data: Path) -> None:
    copy, task = BY_SPEC[spec], get_task(spec)
    samples = list(task.load("test", Source(data=data)))
    pool = list(task.load("train", Source(data=data)))
    if task.undivided:
        samples = list(task.undivided.load("test", Source(data=data)))
    for k in shots(copy):
        rows = harness[f"{spec} {copy.harness} {k}"]
        assert len(rows) == len(samples)
        for row, sample in zip(rows, samples, strict=True):
            found, score = asked(task, sample, pool, strategy_of(copy, k))
            assert sorted(map(str, found)) == sorted(map(str, row["asked"]))
            if spec not in ("sciq", "truthfulqa"):  # whose choices are in another order
                assert found == row["asked"]
            for metric, more in (("acc", ""), ("acc_norm", "normalise=characters")):
                if metric in row.get("right", {}) and (metric == "acc" or "score=text" in copy.published):
                    score = asked(task, sample, pool, strategy_of(copy, k, more))[1]
                    assert score == row["right"][metric], (metric, sample)


@needs_harness
@pytest.mark.parametrize(("spec", "name", "strategy", "k"), FURTHER, ids=[f"{name}-{k}" for _, name, _, k in FURTHER])
def test_other_settings_are_the_harness_own(
    spec: str, name: str, strategy: str, k: int, harness: dict[str, Any], data: Path
) -> None:
    task = get_task(spec)
    samples, pool = (list((task.undivided or task).load(split, Source(data=data))) for split in ("test", "train"))
    for row, sample in zip(harness[f"{spec} {name} {k}"], samples, strict=True):
        [(prompt, _)] = asked(task, sample, pool, strategy)[0]
        assert {prompt} == {context for context, _ in row["asked"]}


@needs_harness
def test_most_sets_are_held_against_the_harness() -> None:
    assert len(HELD) >= 25 and len(HELD) - len(WRITES) >= 20
