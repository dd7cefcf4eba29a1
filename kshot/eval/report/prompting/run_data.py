"""What a report is made of: a run's records, samples and calls, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kshot.eval.metrics.kinds import Kind
from kshot.eval.report.prompting.judgings import Judging
from kshot.types import Generation, Record, Request, Sample, Template


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
    prepared: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    """By (task, strategy): what a strategy found out before its first question, such as the template that it chose."""
    templates: Mapping[str, Mapping[str, Template]] = field(default_factory=dict)
    """By task, then by what `template=` calls it: "0", "1" ... for the task's own, a file for a user's."""
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    """By metric, of those that the package does not have: what the run noted of their values."""
    judgings: Sequence[Judging] = ()
    """What judges said of the records, by whole specifications; in no score."""
