"""A call's share of the time in which calls are under way."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class SharedTime:
    """Seconds split among those that are at work: each gets its part of every moment."""

    at_work: int = 0
    share: float = 0.0  # what one that was at work all the time would have got
    last: float = field(default_factory=time.monotonic)

    def change(self, by: int) -> float:
        """One more or one less is at work; the share so far."""
        now = time.monotonic()
        self.share += (now - self.last) / max(self.at_work, 1)
        self.last = now
        self.at_work += by
        return self.share
