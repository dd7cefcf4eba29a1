"""How a public set is loaded, whatever its kind: rows to samples, and where the exemplar pool comes from.

Samples come in the set's own order from local JSONL (--data) or the hub. Where a set has no train split and
no published exemplars, a fixed quarter of its test rows is the exemplar pool and is never evaluated: say so
beside a score. Rows that share a passage stay on one side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kshot.eval.tasks.source.generated import in_train
from kshot.eval.tasks.source.hub import HubSet, rows_of
from kshot.eval.tasks.source.jsonl import Row, identified
from kshot.eval.tasks.source.perfect import Scoring, hold
from kshot.types import AnswerFormat, Sample, Source, Split


def loader(
    folder: str,
    hub: HubSet | None,
    read: Callable[[Row, str], Sample | None],
    format: AnswerFormat,
    score: Scoring,
    *,
    train: str | None = None,
    test: str = "test",
    pool: bool = True,
    own_ids: bool = True,
) -> Callable[[Split, Source], Sequence[Sample]]:
    """A Task.load: rows to samples; without a train split, a fixed quarter of the test rows is the pool.

    `pool` False: the task has published exemplars of its own, and all of its test rows are asked.
    `own_ids` False: rows have ids that another split has again, and go by their place.
    A row that `read` has no use for (None) is left out; one to which no reply could be right is named.
    """

    def load(split: Split, source: Source) -> list[Sample]:
        if split == "train" and not train and not pool:
            return []
        wanted: Split = split if train else "test"
        rows, path = rows_of(folder, hub, wanted, source, local={"train": train or test, "test": test})
        rows = rows if own_ids else [{key: row[key] for key in row if key != "id"} for row in rows]
        names = identified(rows, f"{folder}-{wanted}", path)
        samples = []
        for row, name in zip(rows, names, strict=True):
            sample = read({**row, "path": path}, name)
            if sample is None:
                continue
            if train or not pool or in_train(kept_together(sample)) == (split == "train"):
                samples.append(sample)
        places = {name: f"{path}, line {row['line']}" for row, name in zip(rows, names, strict=True)}
        hold(samples, format, score, lambda sample: places[sample.id], "mend that row.", shown=split == "train")
        return samples if split == "train" else samples[: source.limit]

    vars(load).update(hub=hub, train=train, pool=pool)  # where docs/tasks.md has it from
    return load


def kept_together(sample: Sample) -> str:
    """The text that decides between pool and test: the passage that samples share, otherwise all that is asked."""
    return sample.cluster or " ".join([sample.question, *sample.choices])
