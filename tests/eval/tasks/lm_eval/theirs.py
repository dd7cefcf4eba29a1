"""lm-evaluation-harness' side of the comparison: its own task objects, its own model class, its own scores."""

from __future__ import annotations

import logging
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any


@contextmanager
def quiet() -> Iterator[None]:
    """Without its warnings, its log and its bars."""
    logging.getLogger("lm_eval").setLevel(logging.CRITICAL)
    with warnings.catch_warnings(), redirect_stderr(StringIO()):
        warnings.simplefilter("ignore")
        yield


def task_at(path: Path, k: int, changed: Mapping[str, Any] | None = None) -> Any:
    """Its task of a file, with k exemplars before each document, its requests made. Its data must be at hand."""
    with quiet():
        from lm_eval.api.task import ConfigurableTask
        from lm_eval.tasks._yaml_loader import load_yaml

        keys = {**load_yaml(path), **(changed or {})}
        made: Any = ConfigurableTask(config={k: v for k, v in keys.items() if k not in ("tag", "group", "task_list")})
        made.set_config("num_fewshot", k)
        made.set_fewshot_seed(1234)
        made.build_all_requests()
    return made


def asked(task: Any) -> list[list[tuple[Any, ...]]]:
    """What it asks of each document."""
    found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for instance in task.instances:
        found[instance.doc_id].append(instance.arguments)
    return [found[at] for at in sorted(found)]


def scores(task: Any, answers: Sequence[Any], filter_name: str) -> dict[str, float]:
    """Its metrics of answers, one a request in the order of its requests, read by a filter."""
    with quiet():
        by_document: dict[int, list[Any]] = defaultdict(list)
        for instance, answer in zip(task.instances, answers, strict=True):
            instance.resps = [answer]
            by_document[instance.doc_id].append(instance)
        task.apply_filters()
        values: dict[str, list[Any]] = defaultdict(list)
        for instances in by_document.values():
            read = [instance.filtered_resps[filter_name] for instance in instances]
            for name, value in task.process_results(instances[0].doc, read).items():
                values[name].append(value)
        return {name: float(task.aggregation()[name](found)) for name, found in values.items()}


def model_at(folder: Path) -> Any:
    """Its model class around a model."""
    with quiet():
        from lm_eval.models.huggingface import HFLM

        return HFLM(pretrained=str(folder), dtype="float32", device="cpu", batch_size=1)


def answers_of(model: Any, task: Any) -> list[Any]:
    """What a model answers to its requests."""
    with quiet():
        return list(getattr(model, task.instances[0].request_type)(task.instances))
