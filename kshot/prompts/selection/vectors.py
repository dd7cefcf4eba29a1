"""Nearness of texts, as an embedder has it: what a run attaches to a question, asked for here.

Meets: nothing here knows an embedder; `Question.vectors` gives cosines, and what it costs is paid where it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kshot.types import Question, Sample, UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Vectors = Callable[[str, Sequence[str], Sequence[str]], Any]
"""(embedder, some texts, others) -> their cosines (some, others)."""

MINILM = "minilm"
"""The embedder where none is named."""


def vectors_of(question: Question, what: str) -> Vectors:
    """Cosines of texts. Raises UserError where nothing has been attached that knows any."""
    if question.vectors is None:
        raise UserError(
            f"{what} needs the vectors of texts, which a run brings along; use it with kshot bench, or select=bm25."
        )
    return question.vectors


def texts_of(pool: Sequence[Sample]) -> tuple[str, ...]:
    """What of each sample is embedded: its question."""
    return tuple(sample.question for sample in pool)


def nearness(question: Question, pool: Sequence[Sample], embed: str, what: str) -> NDArray[np.float64]:
    """The cosine of the question to every sample of a pool: (pool,)."""
    import numpy as np

    given: NDArray[np.float64] = np.asarray(
        vectors_of(question, what)(embed, (question.text,), texts_of(pool)), dtype=float
    )[0]
    return given


def nearest(cosines: Sequence[float] | NDArray[np.float64], k: int) -> list[int]:
    """The places of the k largest, the largest first; of equals the earlier."""
    import numpy as np

    values = np.asarray(cosines, dtype=float)
    return [int(at) for at in np.lexsort((np.arange(len(values)), -values))[:k]]
