"""A finding: a claim of the literature as one that a run can speak to, settled before anything is asked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from kshot.lab.claims.effects import SEED, Effect, Growth
from kshot.lab.claims.verdict import Direction


@dataclass(frozen=True, slots=True)
class Finding:
    """What was claimed, and what would show it here. All but `numbers` and `scale` is in its hash."""

    name: str
    claim: str  # one sentence, as it would be shown
    source: str  # "Zhao et al. 2021, arXiv 2102.09690, section 4"
    effect: Effect
    tasks: tuple[str, ...]
    direction: Direction
    margin: float  # points within which an effect is as good as none
    n: int = 128  # samples a task
    seeds: int = 1  # exemplar seeds, where the effect's arms have {seed}
    numbers: str = ""  # what the source measured, in its words
    scale: str = ""  # on what models: "GPT-3 175B"
    unit: str = ""  # the effect's own, where nothing else is said
    starred: bool = False  # worth its cost on larger models as well

    def __post_init__(self) -> None:
        object.__setattr__(self, "unit", self.unit or self.effect.unit)

    @property
    def hash(self) -> str:
        """Names all that was settled before the run: another hash is another finding."""
        settled = (
            self.name,
            self.claim,
            repr(self.effect),
            self.tasks,
            self.direction,
            self.margin,
            self.n,
            self.seeds,
        )
        return hashlib.blake2b(json.dumps(settled).encode(), digest_size=8).hexdigest()

    @property
    def of_two_models(self) -> bool:
        """Whether it compares models, so that it takes a run of each."""
        return isinstance(self.effect, Growth)

    def strategies(self) -> tuple[str, ...]:
        """Every strategy that it asks, each once, seed by seed."""
        return tuple(dict.fromkeys(spec for arm in self.effect.arms for spec in self.seeded(arm)))

    def seeded(self, arm: str) -> tuple[str, ...]:
        """An arm's specifications, one a seed; one alone where it has none."""
        if SEED not in arm:
            return (arm,)
        return tuple(arm.replace(SEED, str(seed)) for seed in range(self.seeds))
