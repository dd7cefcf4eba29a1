"""What the comparisons with lm-evaluation-harness share: the same prompts to both sides, the clock, the floor.

Both sides get the same texts and the same weights in the same precision, load their model before the clock starts, and
include tokenization, batching and decoding in their time; kshot's side also writes its journal. lm-evaluation-harness
runs with the batch size that is best of several on the first prompts (`best_batch`). The floor is what the work
costs at this machine's best matrix-product rate, measured here, if every distinct prompt token is encoded once:

    2 * (weights without embedding) * (distinct prompt tokens + generated tokens) + 2 * (output layer) * (logits needed)
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from parting import parting

from kshot.eval.tasks import get_task
from kshot.harness.engines.transformers import load_engine
from kshot.harness.journal import Journal
from kshot.harness.models.sources import folder_of, resolve
from kshot.harness.prefix.tree import PrefixTree
from kshot.harness.runner import Job, run_jobs
from kshot.harness.runs.plan import Plan, load_plan
from kshot.program import rewrite
from kshot.prompts.templates import plain
from kshot.types import Generation, Program, Request

DATA = Path(__file__).parents[2] / "shared" / "data"
TRIAL = {"generate": (8, 16, 32), "score": (1, 8, 32)}  # lm-evaluation-harness' batch sizes that are tried


def parser(text: str | None, questions: int) -> argparse.ArgumentParser:
    """The options that all comparisons take."""
    made = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--model", default="smollm2-135m", help="bundled name, folder or .gguf file")
    made.add_argument("--questions", type=int, default=questions)
    made.add_argument(
        "--data", type=Path, default=DATA, help="folder of SET/SPLIT.jsonl; absent: generated word problems"
    )
    made.add_argument("--batch", type=int, help="kshot's rows")
    made.add_argument("--lm-eval-batch", type=int, help="instead of the best of several")
    made.add_argument(
        "--lm-eval-questions", type=int, help="give lm-evaluation-harness only so many, and compare a question"
    )
    return made


def requests_of(task: str, strategy: str, options: argparse.Namespace) -> list[list[Request]]:
    """What a strategy asks first of each question, as plain text."""
    data = options.data if options.data.is_dir() else None
    if data is None:
        print(f"{options.data} is not there: generated word problems instead of {task}")
        task = "word-problems:steps=3"
    loaded = load_plan(Plan((task,), (strategy,), data, limit=options.questions))
    found = []
    for task_, strategy_ in loaded.pairs():
        for sample in loaded.samples[task_.name]:
            program = strategy_(task_.question(sample, loaded.pools[task_.name]))
            found.append(list(next(rewrite(program, plain))))
    return found


def ask(request: Request) -> Program[Generation]:
    """A program of one request."""
    [generation] = yield [request]
    return generation


@dataclass
class Result:
    """One side's answers, in the requests' order, and its time."""

    answers: list[Any]
    seconds: float


class Kshot:
    """kshot's side."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.engine = load_engine(options.model, rows=options.batch, template="plain")
        assert self.engine.shares, "the model runs on the plain path"
        self.answer([Request("warm up", seed=-1)])

    def answer(self, requests: Sequence[Request]) -> Result:
        """Runs all requests through the runner, with a journal."""
        answers: dict[int, Generation] = {}
        jobs = [Job(index, lambda request=request: ask(request)) for index, request in enumerate(requests)]
        with tempfile.TemporaryDirectory() as place, Journal.open(Path(place) / "run", {}) as journal:
            started = time.perf_counter()
            run_jobs(self.engine, jobs, journal, done=lambda job, value, calls: answers.update({job.key: value}))
            seconds = time.perf_counter() - started
        return Result([answers[index] for index in range(len(requests))], seconds)


class LmEval:
    """lm-evaluation-harness' side: its own `hf` model, given the same texts."""

    def __init__(self, options: argparse.Namespace) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from lm_eval.models.huggingface import HFLM

            folder = str(folder_of(resolve(options.model)))
            self.model = HFLM(pretrained=folder, dtype="float32", device="cpu", batch_size=1)

    def answer(self, requests: Sequence[Request], batch: int) -> Result:
        """All requests, with this batch size."""
        from lm_eval.api.instance import Instance

        self.model.batch_size_per_gpu = batch
        instances = []
        for index, request in enumerate(requests):
            if request.continuation is not None:
                kind, arguments = "loglikelihood", (request.prompt, request.continuation)
            else:
                params = request.params
                asked: dict[str, Any] = {"until": list(params.stop), "max_gen_toks": params.max_new_tokens}
                asked |= {"do_sample": params.temperature > 0, "temperature": params.temperature}
                kind, arguments = "generate_until", (request.prompt, asked)
            instances.append(Instance(request_type=kind, doc={}, arguments=arguments, idx=index))
        started = time.perf_counter()
        answers = getattr(self.model, kind)(instances)
        return Result(answers, time.perf_counter() - started)

    def best_batch(self, requests: Sequence[Request], kind: str) -> int:
        """The fastest of several batch sizes on a few requests."""
        times = {}
        for batch in TRIAL[kind]:
            times[batch] = self.answer(requests[: max(TRIAL[kind])], batch).seconds
            print(f"lm-evaluation-harness, batch {batch}: {times[batch]:.1f} s for a trial", flush=True)
        return min(times, key=lambda batch: times[batch])


def rate() -> float:
    """This machine's best matrix-product rate in float32, operations a second."""
    import torch

    best = 0.0
    for rows in (256, 512, 1024):
        a, b = torch.randn(rows, 1024), torch.randn(1024, 4096)
        for _ in range(10):
            started = time.perf_counter()
            a @ b
            best = max(best, 2 * rows * 1024 * 4096 / (time.perf_counter() - started))
    return best


def floor(side: Kshot, requests: Sequence[Request], answers: Sequence[Generation]) -> tuple[float, float]:
    """(operations that nothing can save, seconds that they take here)."""
    model, renderer = side.engine.model, side.engine.renderer
    output = model.get_output_embeddings()
    layers = [module for module in model.modules() if hasattr(module, "in_features")]
    body = sum(layer.in_features * layer.out_features for layer in layers if layer is not output)
    tree = PrefixTree(0)
    generated = scored = 0
    for request, answer in zip(requests, answers, strict=True):
        ids = renderer.encode(request.prompt)
        if request.continuation is None:
            generated += answer.completion_tokens
        else:
            ids, targets = renderer.continued(request.prompt, request.continuation)
            scored += len(targets)
            ids = (ids + targets)[:-1]
        tree.insert(ids)
    distinct = sum(len(node.ids) for node in tree.walk())
    operations = 2.0 * body * (distinct + generated) + 2.0 * output.in_features * output.out_features * (
        generated + scored
    )
    return operations, operations / rate()


def explain(side: Kshot, request: Request, ours: str, theirs: str) -> str:
    """Where two texts part, and how far apart what was chosen is there."""
    found = parting(side.engine, request, ours, theirs)
    return f"token {found.at}: {found.gap:.1e} apart; {ours[-60:]!r} | {theirs[-60:]!r}"


def report(name: str, options: argparse.Namespace, values: dict[str, Any]) -> None:
    """The last line: one JSON object."""
    values = {"benchmark": name, "model": Path(options.model).stem, "questions": options.questions} | values
    print(json.dumps({key: round(value, 4) if isinstance(value, float) else value for key, value in values.items()}))
    sys.stdout.flush()


__all__ = ["Kshot", "LmEval", "explain", "floor", "get_task", "parser", "report", "requests_of"]
