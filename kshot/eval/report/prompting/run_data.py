"""What a report is made of: a run's records, samples and calls, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kshot.types import Generation, Record, Request, Sample


@dataclass(frozen=True, slots=True)
class RunData:
    """A run as the journal has it."""

    name: str
    info: Mapping[str, Any]  # run.json: model, versions, settings
    records: Sequence[Record]
    samples: Mapping[tuple[str, str], Sample]  # by (task, sample id)
    call: Callable[[str], tuple[Request, Generation]]  # by journal key
    strategies: Sequence[str] = ()  # in the order in which they are to stand; () sorts them by name
    params: Mapping[str, Mapping[str, object]] = field(default_factory=dict)  # all, by a strategy's or a task's name
