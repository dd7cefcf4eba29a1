"""What a run brings along for strategies that ask for more than a sample: vectors of texts, and other tasks' inputs.

Meets: nothing is fetched or loaded unless a strategy asks for it; what was used is known by its hash, so that a run
does not go on with another embedder unnoticed. While a plan is checked all texts are equally near, so that a mistake is
told before anything is encoded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kshot.harness.embeddings import minilm, words
from kshot.harness.embeddings.encoder import Encoder
from kshot.harness.embeddings.space import Embedder, Space
from kshot.harness.models.sources import folder_of, resolve
from kshot.registry import suggest
from kshot.types import Sample, UserError

SELF = "self"
NAMES = (minilm.NAME, SELF, words.NAME)


class Brought:
    """The embedders of a run by name, and the spaces of its tasks."""

    def __init__(
        self, inputs: Callable[[str], Sequence[str]], model: str | None = None, *, checking: bool = False
    ) -> None:
        self.inputs = inputs  # of another task
        self.model = model  # under test; None: not known yet
        self.checking = checking
        self.embedders: dict[str, Embedder | None] = {}
        self.foreign: dict[str, tuple[str, ...]] = {}
        self.spaces: dict[str, Space] = {}

    def space(self, task: str, pool: Sequence[Sample], asked: Sequence[Sample]) -> Space:
        """The cosines of a task's texts: the same object each time, so that what is worked out from it can be kept."""
        if task not in self.spaces:
            texts = [[sample.question for sample in samples] for samples in (pool, asked)]
            self.spaces[task] = Space(self.embedder, *texts)
        return self.spaces[task]

    def embedder(self, name: str) -> Embedder | None:
        """The embedder of that name; None while only checking. Raises UserError where there is none."""
        if name not in self.embedders:
            self.embedders[name] = embedder_of(name, self.model) if name != SELF or not self.checking else None
        return None if self.checking else self.embedders[name]

    def inputs_of(self, task: str) -> Sequence[str]:
        """The inputs of another task's train samples. Raises UserError where there is no such task."""
        if task not in self.foreign:
            self.foreign[task] = tuple(text for text in self.inputs(task) if text.strip())
        return self.foreign[task]

    def hashes(self) -> Mapping[str, str]:
        """The hash of all that was asked for by now: embedders, but for the run's own model, and foreign inputs."""
        found = {name: one.hash for name, one in self.embedders.items() if one is not None and name != SELF}
        for task, texts in self.foreign.items():
            found[f"inputs of {task}"] = hashlib.blake2b("\0".join(texts).encode(), digest_size=8).hexdigest()
        return found


def embedder_of(name: str, model: str | None) -> Embedder:
    """An embedder by name: minilm, self, tfidf, or a model's folder or hub id. Raises UserError."""
    if name == words.NAME:
        return words.WordWeights()
    if name == minilm.NAME:
        return Encoder(name, minilm.minilm())
    if name == SELF:
        if model is None:
            raise UserError(
                "embed=self takes the vectors of the model that a run asks, and none is known here; run it."
            )
        return Encoder(f"{SELF} ({model})", folder_of(resolve(model)))
    if not Path(name).expanduser().is_dir() and name.partition("@")[0].count("/") != 1:
        raise UserError(f"unknown embed {name!r}: {suggest(name, NAMES)} Or give a folder, or a hub id (owner/name).")
    return Encoder(name, folder_of(resolve(name)))
