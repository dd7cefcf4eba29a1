"""The cosines of a task's texts: its exemplars are encoded once, its questions once, and any other text as it comes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

HELD = 8  # lists of texts whose vectors are at hand
FEW = 32  # texts that are gathered faster than they are kept


class Embedder(Protocol):
    """Texts to vectors of unit length."""

    @property
    def hash(self) -> str:
        """Of all that its vectors hang on."""

    def encode(self, texts: Sequence[str], fitted_on: Sequence[str] = ()) -> Any:
        """(texts, width), an array or a sparse matrix; `fitted_on` are the task's exemplars, where it has to learn."""


class Space:
    """Called with an embedder's name and two lists of texts it gives their cosines, (some, others)."""

    def __init__(
        self, embedder: Callable[[str], Embedder | None], pool: Sequence[str], questions: Sequence[str]
    ) -> None:
        self.embedder = embedder  # None: nothing is to be encoded, and all are as near
        self.groups = [tuple(dict.fromkeys(pool)), tuple(dict.fromkeys(questions))]
        self.places: dict[tuple[str, str], tuple[int, int]] = {}  # (embedder, text): its group and row
        self.vectors: dict[tuple[str, int], Any] = {}
        self.held: dict[tuple[str, tuple[str, ...]], Any] = {}

    def __call__(self, embed: str, some: Sequence[str], others: Sequence[str]) -> Any:
        import numpy as np

        if self.embedder(embed) is None:
            return np.zeros((len(some), len(others)), dtype=np.float32)
        found = self.rows(embed, tuple(some)) @ self.rows(embed, tuple(others)).T
        return found.toarray() if hasattr(found, "toarray") else found

    def rows(self, embed: str, texts: tuple[str, ...]) -> Any:
        """The vectors of these texts."""
        if len(texts) < FEW:
            return self.gathered(embed, texts)
        if (embed, texts) not in self.held:
            if len(self.held) >= HELD:
                self.held.pop(next(iter(self.held)))
            self.held[embed, texts] = self.gathered(embed, texts)
        return self.held[embed, texts]

    def gathered(self, embed: str, texts: tuple[str, ...]) -> Any:
        """The vectors of these texts, encoded where they have not been: with all of their group, or by themselves."""
        for text in texts:
            if (embed, text) not in self.places:
                at = next((at for at, group in enumerate(self.groups) if text in group), None)
                if at is None:
                    lacking = [one for one in dict.fromkeys(texts) if (embed, one) not in self.places]
                    at = len(self.groups)
                    self.groups.append(tuple(lacking))
                self.encode(embed, at)
        return self.picked(embed, texts)

    def encode(self, embed: str, at: int) -> None:
        """Encodes a group of texts."""
        embedder = self.embedder(embed)
        assert embedder is not None
        self.vectors[embed, at] = embedder.encode(self.groups[at], fitted_on=self.groups[0])
        for row, text in enumerate(self.groups[at]):
            self.places.setdefault((embed, text), (at, row))

    def picked(self, embed: str, texts: tuple[str, ...]) -> Any:
        """The vectors of texts that have been encoded, in their order."""
        import numpy as np

        places = [self.places[embed, text] for text in texts]
        groups = {at for at, _ in places}
        if len(groups) == 1:
            return self.vectors[embed, groups.pop()][[row for _, row in places]]
        parts = [self.vectors[embed, at][[row]] for at, row in places]
        if hasattr(parts[0], "toarray"):
            from scipy.sparse import vstack

            return vstack(parts, format="csr")
        return np.concatenate(parts)
