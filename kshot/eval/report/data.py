"""What a report is made of: a run's records, the samples they are about, and a way to read each call.

Meets: a report is a pure function of this, wherever it came from. Concedes: records are held in memory;
calls are read one at a time, and only for the transcripts that are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kshot.types import Generation, Record, Request, Sample


@dataclass(frozen=True, slots=True)
class RunData:
    """A run, as a report reads it."""

    name: str
    info: Mapping[str, Any]  # what run.json holds: configuration, versions, hashes
    records: Sequence[Record]
    samples: Mapping[tuple[str, str], Sample]  # by (task, sample id)
    call: Callable[[str], tuple[Request, Generation]]  # by journal key, as in Record.calls
