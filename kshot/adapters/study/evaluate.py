"""How good an adapter is, by the code that judges prompting: the same prompts, extraction, scores and records.

A generating adapter is asked through kshot's own engine and journaled like any run; a head predicts, and its
predictions become records of the same kind, without calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from kshot.adapters.adapted import Adapted
from kshot.adapters.engine import adapted_engine
from kshot.adapters.methods.registry import is_classifier
from kshot.adapters.training.data import examples
from kshot.harness.engines.transformers import engine_id
from kshot.harness.journal import Journal
from kshot.harness.models.load import LoadedModel
from kshot.harness.models.render import Renderer
from kshot.harness.runs.plan import Loaded, start
from kshot.harness.runs.run import begin, run_benchmark
from kshot.program import drive_rounds, gather
from kshot.types import Engine, Generation, Prediction, Record, Request, Sample, Strategy, Task

ROWS = 64


def engine_of(adapted: Adapted, loaded: LoadedModel, chat: bool) -> Engine:
    """An engine for an adapter in memory, with the usual memory."""
    return adapted_engine(adapted, loaded, rows=ROWS, chat=chat)


def evaluate(
    adapted: Adapted,
    loaded: LoadedModel,
    plan: Loaded,
    folder: Path,
    *,
    chat: bool,
    on_record: Callable[[Record], None] | None = None,
) -> None:
    """Runs or resumes a plan of one strategy with an adapter; its records are in the folder's journal.

    The folder lies in the adapter's own.
    """
    info = {"model": loaded.source.name, "adapter": str(folder.parent)}
    if adapted.kind == "generation":
        engine = engine_of(adapted, loaded, chat)
        try:
            run_benchmark(plan, engine, folder, info=info, on_record=on_record)
        finally:
            engine.close()
        return
    settings = plan.settings(engine_id(loaded, chat, f"{adapted.method}-{adapted.hash()}"))
    with Journal.open(folder, settings) as journal:
        begin(journal, plan, settings, info)
        for task, strategy in plan.pairs():
            samples = plan.samples[task.name]
            journal.add_samples(task.name, samples)
            renderer = Renderer(loaded.tokenizer, chat)
            found = predictions(
                adapted, task, strategy, samples, plan.pools[task.name], renderer, loaded.context_length
            )
            for sample, prediction in zip(samples, found, strict=True):
                score = task.score(prediction.answer, sample)
                record = Record(task.name, strategy.name, sample.id, 0, prediction, score, ())
                journal.add_record(record)
                if on_record:
                    on_record(record)


def predictions(
    adapted: Adapted,
    task: Task,
    strategy: Strategy,
    samples: Sequence[Sample],
    pool: Sequence[Sample],
    renderer: Renderer,
    room: int,
) -> list[Prediction]:
    """What a head says of each sample."""
    bare = is_classifier(adapted.backbone)
    shown = examples(task, strategy, samples, renderer, pool=pool, max_length=room, room=room, head=True, bare=bare)
    return [
        Prediction(guess.label, "ok", "head", probabilities=dict(guess.probabilities))
        for guess in adapted.predict([one.input_ids for one in shown])
    ]


def accuracy(
    adapted: Adapted,
    loaded: LoadedModel,
    task: Task,
    strategy: Strategy,
    samples: Sequence[Sample],
    pool: tuple[Sample, ...],
    *,
    chat: bool,
) -> float:
    """Share of samples that are right, kept nowhere: for a look during training."""
    if adapted.kind == "head":
        renderer = Renderer(loaded.tokenizer, chat)
        found = predictions(adapted, task, strategy, samples, pool, renderer, loaded.context_length)
    else:
        programs = [start(strategy, task.question(sample, pool), 0, chat)() for sample in samples]
        engine = engine_of(adapted, loaded, chat)
        try:
            found = drive_rounds(gather(programs), lambda requests: answers(engine, requests))
        finally:
            engine.close()
    scores = [task.score(p.answer, sample).value for p, sample in zip(found, samples, strict=True)]
    return sum(scores) / max(1, len(scores))


def answers(engine: Engine, requests: Sequence[Request]) -> list[Generation]:
    """The requests' generations, in order."""
    for ticket, request in enumerate(requests):
        engine.submit(ticket, request)
    found: dict[int, Generation] = {}
    while len(found) < len(requests):
        found.update(engine.collect())
    return [found[ticket] for ticket in range(len(requests))]
