"""A task's train split as tokens to train on, in the very prompts that evaluation sends.

Meets: what is asked in the test is never trained on; the same seed and sizes give the same samples; a larger training
set holds the smaller one, and validation is the same for both, of generated tasks too, each seed of which goes along
a stream of its own; only the answer's tokens carry loss. Concedes: one strategy that asks once a sample.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from kshot.adapters.padding import batch_of, padded
from kshot.harness.models.render import Renderer
from kshot.harness.runs.taught import taught
from kshot.types import Sample, Source, Strategy, Task, UserError

IGNORED = -100  # a label without loss, as torch's cross-entropy has it


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The samples to train on, and those that tell during training how it goes."""

    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    dropped: int  # of the train split: asked in the test too, or twice


@dataclass(frozen=True, slots=True)
class Example:
    """One sample as tokens: `input_ids` with `labels` of equal length, or one label's index for a head."""

    input_ids: list[int]
    labels: list[int] | int


def training_set(
    task: Task,
    source: Source,
    tested: Sequence[Sample],
    *,
    samples: int,
    seed: int,
    validation: int = 64,
    in_all: bool = False,
) -> TrainingSet:
    """Draws `samples` (of each label, where the task has labels) and a validation set from a task's train split.

    With `in_all` so many in all, of the labels alike, the first ones one more where they do not share out. The
    validation set is at most a fifth of the split and the same for every `samples`. Raises UserError where the split is
    too small, or with `in_all` the number of samples.
    """
    if samples < 1:
        raise UserError(f"--samples is {samples}; it must be at least 1.")
    labels = task.labels or ("",)
    counts = [samples] * len(labels)
    if in_all:
        if samples < len(labels):
            raise UserError(
                f"--samples is {samples} and the task {task.name} has {len(labels)} labels, some of which would never "
                f"be trained on; give at least {len(labels)}."
            )
        counts = [samples // len(labels) + (at < samples % len(labels)) for at in range(len(labels))]
    split, endless = train_split(task, source, 5 * (sum(counts) + validation), seed)
    if not split:
        raise UserError(
            f"the task {task.name} has no train samples; train on another, or add a train file to its data."
        )
    asked = {key(sample) for sample in tested}
    pool: dict[tuple[str, tuple[str, ...]], Sample] = {}
    for sample in split:
        if key(sample) not in asked:
            pool.setdefault(key(sample), sample)
    drawn = list(pool.values())
    if not endless:
        drawn = random.Random(f"training {seed}").sample(drawn, len(drawn))
    held = validation if endless else min(validation, len(drawn) // 5)
    chosen: list[Sample] = []
    for label, count in zip(labels, counts, strict=True):
        fitting = [sample for sample in drawn[held:] if not label or sample.target == label]
        if len(fitting) < count:
            what = f"of the label {label!r} " if label else ""
            raise UserError(
                f"the task {task.name} has {len(fitting)} train samples {what}beside its {held} for validation, and "
                f"{count} are asked for; lower --samples."
            )
        chosen.extend(fitting[:count])
    random.Random(f"order {seed}").shuffle(chosen)
    return TrainingSet(tuple(chosen), tuple(drawn[:held]), len(split) - len(pool))


def train_split(task: Task, source: Source, count: int, seed: int) -> tuple[Sequence[Sample], bool]:
    """A task's train samples, and whether a generator has drawn them: so many, and more would begin with the same.

    A generator's come in the order of their drawing, from a stream of the seed's own, and must not be put into another:
    that would hang on how many there are.
    """
    whole = replace(source, limit=None, train=count)
    split = task.load("train", whole)
    if len(split) > count or len(task.load("train", replace(whole, train=1))) != 1:
        return split, False
    return task.load("train", replace(whole, seed=source.seed + 1 + seed)), True


def key(sample: Sample) -> tuple[str, tuple[str, ...]]:
    """What makes two samples the same to a model: the question but for case and spacing, and its choices."""
    return " ".join(sample.question.lower().split()), sample.choices


def examples(
    task: Task,
    strategy: Strategy,
    samples: Sequence[Sample],
    renderer: Renderer,
    *,
    pool: Sequence[Sample] = (),
    max_length: int,
    room: int | None = None,
    head: bool = False,
    bare: bool = False,
) -> list[Example]:
    """Samples as tokens: prompt without loss, then the answer and an end token with it; for a head, the label's index.

    A `bare` sample is its text alone between the tokens that an encoder puts around one. `pool` are the exemplars that
    the strategy may show. Raises UserError where a sample is longer than `max_length` tokens or than the model has
    `room` for, or the strategy cannot be trained on.
    """
    if head and len(task.labels) < 2:
        raise UserError(f"a head needs labels and the task {task.name} has none; train a method that generates.")
    made = []
    for sample in samples:
        shown = tuple(other for other in pool if key(other) != key(sample))
        request = taught(task, strategy, sample, shown, chat=renderer.chat)
        assert request.continuation is not None
        if head:
            ids = (
                renderer.tokenizer(sample.question, split_special_tokens=True).input_ids
                if bare
                else renderer.encode(request.prompt)
            )
            made.append(Example(ids, task.labels.index(sample.target)))
        else:
            ids, added = renderer.continued(request.prompt, request.continuation)
            added = [*added, end_id(renderer.tokenizer)]
            made.append(Example(ids + added, [IGNORED] * len(ids) + added))
        long = f"{task.name}, sample {sample.id}: {len(made[-1].input_ids)} tokens, and"
        if room is not None and len(made[-1].input_ids) > room:
            raise UserError(
                f"{long} the model has room for {room}; use fewer exemplars or virtual tokens, or a model with a "
                "longer context."
            )
        if len(made[-1].input_ids) > max_length:
            raise UserError(f"{long} at most {max_length} are trained on; raise --max-length, or use fewer exemplars.")
    return made


def end_id(tokenizer: Any) -> int:
    """The token that ends an answer. Raises UserError where the tokenizer has none."""
    if tokenizer.eos_token_id is None:
        raise UserError("the model's tokenizer has no end token; give it an eos_token.")
    return int(tokenizer.eos_token_id)


def collate(batch: Sequence[Example], pad: int) -> dict[str, Any]:
    """A batch padded on the right: input_ids, attention_mask, labels, (batch, longest); a head's labels (batch,)."""
    import torch

    labels: Any = [one.labels for one in batch]
    return {
        **batch_of([one.input_ids for one in batch], pad),
        "labels": torch.tensor(labels) if isinstance(labels[0], int) else padded(labels, IGNORED),
    }


def pack(batch: Sequence[Example]) -> dict[str, Any]:
    """A batch as one row without padding, positions beginning anew with every sample: transformers then keeps each
    sample's attention to itself. (1, all tokens)."""
    import torch

    labels: list[int] = []
    for one in batch:
        assert isinstance(one.labels, list)
        labels += [IGNORED, *one.labels[1:]]  # nothing predicts a sample's first token
    return {
        "input_ids": torch.tensor([[token for one in batch for token in one.input_ids]]),
        "position_ids": torch.tensor([[at for one in batch for at in range(len(one.input_ids))]]),
        "labels": torch.tensor([labels]),
        "use_cache": False,  # with a cache transformers does not look for samples in a row
    }
