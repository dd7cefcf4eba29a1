"""Training: its data, its resumption after it was cut off, its options."""

from __future__ import annotations

import itertools
import os
import random
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from kshot.adapters.adapted import Adapted
from kshot.adapters.attach import attach
from kshot.adapters.training.data import IGNORED, Example, collate, examples, key, pack, training_set
from kshot.adapters.training.memory import PeakMemory
from kshot.adapters.training.recipe import Recipe, Trained
from kshot.adapters.training.supervised import loss_of, train
from kshot.eval.answers import NUMBER, numeric
from kshot.eval.tasks import get_task
from kshot.harness.models.load import LoadedModel, load_model
from kshot.harness.models.render import Renderer
from kshot.harness.models.sources import resolve
from kshot.harness.runs.plan import start
from kshot.prompts.strategies import get_strategy
from kshot.types import Sample, Source, Task, UserError

pytestmark = pytest.mark.filterwarnings("ignore:.*pin_memory.*:UserWarning")


@pytest.fixture(scope="module")
def tiny(tiny_chat_llama: Path) -> LoadedModel:
    return load_model(resolve(str(tiny_chat_llama)), device="cpu")


@pytest.fixture
def lora(tiny: LoadedModel) -> Iterator[Adapted]:
    adapted = attach(tiny.model, tiny.tokenizer, "lora:r=4", seed=1)
    yield adapted
    adapted.detach()


def made_of(tiny: LoadedModel, count: int = 6, seed: int = 0) -> list[Example]:
    task = get_task("coin-flip")
    data = training_set(task, Source(), [], samples=count // 2, seed=seed)
    return examples(task, get_strategy("zero-shot"), data.train, Renderer(tiny.tokenizer, True), max_length=512)


# ---------------------------------------------------------------- data


@pytest.mark.parametrize("chat", [True, False])
@pytest.mark.parametrize("strategy", ["zero-shot", "few-shot:k=2", "instruction"])
def test_what_is_trained_on_is_what_evaluation_sends(tiny: LoadedModel, strategy: str, chat: bool) -> None:
    task, asked = get_task("coin-flip"), get_strategy(strategy)
    pool = tuple(task.load("train", Source()))
    samples = training_set(task, Source(), [], samples=2, seed=0).train
    renderer = Renderer(tiny.tokenizer, chat)
    made = examples(task, asked, samples, renderer, pool=pool, max_length=2048)
    for sample, example in zip(samples, made, strict=True):
        others = tuple(one for one in pool if key(one) != key(sample))
        [request] = next(start(asked, task.question(sample, others), 0, chat)())
        prompt = renderer.encode(request.prompt)
        assert isinstance(example.labels, list)
        assert example.input_ids[: len(prompt)] == prompt
        assert example.labels[: len(prompt)] == [IGNORED] * len(prompt)
        answer = example.input_ids[len(prompt) :]
        assert example.labels[len(prompt) :] == answer
        assert answer[-1] == tiny.tokenizer.eos_token_id
        assert tiny.tokenizer.decode(answer[:-1]).strip() == sample.target


def table(train: list[str], labels: tuple[str, ...] = ()) -> Task:
    """A task whose train split asks these questions, the answers being labels in turn."""
    answers = labels or ("1",)
    rows = [Sample(f"r{at}", text, answers[at % len(answers)]) for at, text in enumerate(train)]
    return Task("table", lambda split, source: rows, NUMBER, numeric, labels=labels)


def test_no_sample_is_in_train_and_test_and_none_twice() -> None:
    task = table([f"Question {n}" for n in range(20)] + ["question  3", "QUESTION 4"])
    tested = [Sample("t", "question 0 ", "1"), Sample("u", "Question 1", "1")]
    data = training_set(task, Source(), tested, samples=10, seed=0)
    used = {key(sample)[0] for sample in (*data.train, *data.validation)}
    assert len(used) == len(data.train) + len(data.validation)
    assert not used & {"question 0", "question 1"}
    assert data.dropped == 4


def test_a_larger_training_set_holds_the_smaller_one_and_the_same_validation() -> None:
    task = table([f"q{n}" for n in range(100)], labels=("1", "2"))
    small, large = (training_set(task, Source(), [], samples=n, seed=3, validation=10) for n in (4, 16))
    assert {s.id for s in small.train} < {s.id for s in large.train}
    assert small.validation == large.validation
    assert [sum(s.target == label for s in large.train) for label in ("1", "2")] == [16, 16]
    assert {s.id for s in training_set(task, Source(), [], samples=4, seed=4).train} != {s.id for s in small.train}


def test_a_mixtures_samples_are_of_all_labels_alike_and_hold_those_of_a_smaller_one() -> None:
    """So many a task, however many labels it has and whether or not they share out."""
    for task in (table([f"q{n}" for n in range(100)], labels=("1", "2", "3")), get_task("coin-flip")):
        sets = [training_set(task, Source(), [], samples=n, seed=3, in_all=True).train for n in (3, 7, 8, 20)]
        for samples, found in zip((3, 7, 8, 20), sets, strict=True):
            counts = [sum(sample.target == label for sample in found) for label in task.labels]
            assert len(found) == samples and max(counts) - min(counts) <= 1
        for smaller, larger in itertools.pairwise(sets):
            assert {s.id for s in smaller} < {s.id for s in larger}
        with pytest.raises(UserError, match=f"would never be trained on; give at least {len(task.labels)}"):
            training_set(task, Source(), [], samples=len(task.labels) - 1, seed=3, in_all=True)


GENERATED = ["coin-flip", "coin-flip:flips=4", "word-problems:steps=2", "last-letters"]


@pytest.mark.parametrize("spec", [*GENERATED, "scan", "word-pairs:relation=past"])
def test_sizes_of_a_generated_task_hold_one_another_and_share_their_validation(spec: str) -> None:
    task = get_task(spec)
    sizes = (2, 3, 8, 16) if task.labels or spec.startswith("word-pairs") else (4, 5, 32, 100)
    tested = task.load("test", Source(limit=50))
    sets = [training_set(task, Source(), tested, samples=n, seed=5, validation=12) for n in sizes]
    trained = [{key(sample) for sample in one.train} for one in sets]
    for smaller, larger in itertools.pairwise(trained):
        assert smaller < larger
    assert {one.validation for one in sets} == {sets[0].validation}
    held = {key(sample) for sample in sets[0].validation}
    assert len(held) == (8 if spec.startswith("word-pairs") else 12)  # at most a fifth of a finite set
    assert not held & trained[-1]
    assert not {key(sample) for sample in tested} & (held | trained[-1])
    other = training_set(task, Source(), tested, samples=sizes[-1], seed=6, validation=12)
    assert {key(sample) for sample in other.train} != trained[-1]
    assert training_set(task, Source(), tested, samples=sizes[-1], seed=5, validation=12) == sets[-1]


def test_too_few_train_samples_are_counted_for_the_user() -> None:
    with pytest.raises(UserError, match=r"has 8 train samples beside its 2 for validation, and 9 are asked for; lower"):
        training_set(table([f"q{n}" for n in range(10)]), Source(), [], samples=9, seed=0)
    with pytest.raises(UserError, match="the task table has no train samples"):
        training_set(table([]), Source(), [], samples=1, seed=0)
    with pytest.raises(UserError, match=r"3 train samples of the label '[12]' beside its 2"):
        training_set(table([f"q{n}" for n in range(10)], labels=("1", "2")), Source(), [], samples=6, seed=0)


def test_generators_draw_as_many_train_samples_as_are_asked_for() -> None:
    data = training_set(get_task("word-problems:steps=1"), Source(), [], samples=300, seed=0)
    assert len({key(sample) for sample in (*data.train, *data.validation)}) == 364


def test_a_strategy_that_asks_twice_cannot_be_trained_on(tiny: LoadedModel) -> None:
    task = get_task("coin-flip")
    samples = task.load("train", Source())[:1]
    with pytest.raises(UserError, match=r"zero-shot-cot.* cannot be trained on"):
        examples(task, get_strategy("zero-shot-cot"), samples, Renderer(tiny.tokenizer, True), max_length=2048)


def test_what_scores_labels_is_trained_on_the_right_one(tiny: LoadedModel) -> None:
    """The same tokens carry loss as where the answer is written."""
    task = get_task("coin-flip")
    samples, renderer = task.load("train", Source())[:4], Renderer(tiny.tokenizer, True)
    scored, written = (
        examples(task, get_strategy(name), samples, renderer, max_length=2048)
        for name in ("choice-logprob", "zero-shot")
    )
    end = [[label for label in one.labels if label != -100] for one in scored]  # type: ignore[union-attr]
    assert end == [[label for label in one.labels if label != -100] for one in written]  # type: ignore[union-attr]
    assert all(end)


def test_a_sample_that_is_too_long_is_named(tiny: LoadedModel) -> None:
    task = get_task("coin-flip")
    with pytest.raises(UserError, match=r"coin-flip, sample train-0-0: \d+ tokens, and at most 20 are trained on"):
        examples(
            task, get_strategy("zero-shot"), task.load("train", Source()), Renderer(tiny.tokenizer, True), max_length=20
        )


def test_packed_and_padded_batches_have_the_same_loss_and_gradients(tiny: LoadedModel, lora: Adapted) -> None:
    batch = made_of(tiny, 6)
    assert len({len(one.input_ids) for one in batch}) > 1
    for _, parameter in lora.parameters():  # B is zero at first, and then nothing would depend on A
        parameter.data.normal_(std=0.1, generator=torch.Generator().manual_seed(0))
    grads = []
    losses = []
    for inputs in (collate(batch, 0), pack(batch)):
        lora.model.zero_grad()
        loss = lora.model(**inputs).loss
        loss.backward()
        losses.append(loss.item())
        grads.append(torch.cat([p.grad.flatten() for _, p in lora.parameters() if p.grad is not None]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-3, atol=1e-6)
    assert pack(batch)["input_ids"].numel() == sum(len(one.input_ids) for one in batch)


# ---------------------------------------------------------------- training


def weights(adapted: Adapted) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for _, p in adapted.parameters()])


def test_training_lowers_the_loss_and_leaves_no_generator_changed(
    tiny: LoadedModel, lora: Adapted, tmp_path: Path
) -> None:
    data = made_of(tiny)
    before = loss_of(lora, data, 4)
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # type: ignore[index]
    found = train(lora, data, Recipe(epochs=6, lr=1e-2, batch_size=4), tmp_path, seed=0)
    assert loss_of(lora, data, 4) < before - 0.5
    assert found.steps == 12 == Recipe(epochs=6, batch_size=4).steps(len(data))
    assert [line["step"] for line in found.history] == list(range(1, 13))
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tolist() == states[1]  # type: ignore[index]
    assert torch.equal(torch.get_rng_state(), states[2])
    assert found == Trained(**{name: getattr(found, name) for name in found.__slots__})
    found.write(tmp_path)
    assert Trained.read(tmp_path) == found


class Stopped(Exception):
    """The training is cut off."""


@pytest.mark.parametrize(
    "spec", ["lora:r=4,lora_dropout=0.1", "adalora:init_r=4,target_r=2", "prompt-tuning", "bitfit"]
)
def test_a_training_that_was_cut_off_ends_in_the_same_weights(tiny: LoadedModel, spec: str, tmp_path: Path) -> None:
    data = made_of(tiny)
    recipe = Recipe(epochs=3, lr=1e-2, batch_size=2, checkpoint_seconds=0)
    results = []
    for name in ("whole", "cut"):
        adapted = attach(tiny.model, tiny.tokenizer, spec, seed=1, total_steps=recipe.steps(len(data)))
        if name == "cut":

            def stop(step: int, steps: int, said: Mapping[str, float]) -> None:
                if step == 5:
                    raise Stopped

            with pytest.raises(Stopped):
                train(adapted, data, recipe, tmp_path / name, seed=2, on_progress=stop)
            adapted.detach()
            half = tmp_path / name / "checkpoints" / "checkpoint-99"  # as a kill in the middle of saving leaves it
            half.mkdir()
            adapted = attach(tiny.model, tiny.tokenizer, spec, seed=1, total_steps=recipe.steps(len(data)))
        found = train(adapted, data, recipe, tmp_path / name, seed=2)
        results.append((weights(adapted), found.loss, found.steps, len(found.history)))
        adapted.detach()
    assert results[0][1:] == results[1][1:]
    assert torch.equal(results[0][0], results[1][0])
    assert not (tmp_path / "cut" / "checkpoints" / "checkpoint-99").exists()


def test_early_stopping_keeps_the_best(tiny: LoadedModel, lora: Adapted, tmp_path: Path) -> None:
    losses = iter([3.0, 1.0, 2.0, 2.5, 9.0, 9.0])
    kept: list[torch.Tensor] = []

    def evaluate() -> dict[str, float]:
        kept.append(weights(lora))
        return {"validation_loss": next(losses), "accuracy": 0.5}

    data = made_of(tiny)
    recipe = Recipe(epochs=6, lr=1e-2, batch_size=6, evaluations=6, patience=2)
    found = train(lora, data, recipe, tmp_path, seed=0, validation=data, evaluate=evaluate)
    assert found.steps == 4
    assert [line["validation_loss"] for line in found.history if "accuracy" in line] == [3.0, 1.0, 2.0, 2.5]
    assert torch.equal(weights(lora), kept[1])


def test_curves_for_tensorboard(tiny: LoadedModel, lora: Adapted, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = train(lora, made_of(tiny), Recipe(epochs=2, batch_size=6, tensorboard=True), tmp_path, seed=0)
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    written = [point.value for point in events.Scalars("train/loss")]
    assert written == pytest.approx([line["loss"] for line in found.history])
    assert "TENSORBOARD_LOGGING_DIR" not in os.environ


def test_mistakes_of_a_recipe_are_told() -> None:
    for wrong, said in (
        ({"epochs": 0}, "epochs is 0; it must be at least 1"),
        ({"lr": -1.0}, "lr is -1.0; it must be 0 or more"),
        ({"warmup": 1.0}, "warmup is 1.0; it is a share"),
        ({"patience": 2}, "patience needs evaluations"),
        ({"epochs": 10**20}, "epochs is 1.*; it must be at most 1,000,000"),
        ({"batch_size": 10**20}, "batch_size is 1.*; it must be at most 1,000,000"),
    ):
        with pytest.raises(UserError, match=said):
            Recipe(**wrong)  # type: ignore[arg-type]


def test_a_loss_that_leaves_all_bounds_is_told(tiny: LoadedModel, lora: Adapted, tmp_path: Path) -> None:
    with torch.no_grad():
        next(p for _, p in lora.parameters()).fill_(float("nan"))
    with pytest.raises(UserError, match=r"lora:r=4: the loss is nan at step 1; lower --lr below 0\.01"):
        train(lora, made_of(tiny), Recipe(epochs=1, lr=1e-2), tmp_path, seed=0)


def test_soft_prompts_are_not_packed(tiny: LoadedModel, tmp_path: Path) -> None:
    adapted = attach(tiny.model, tiny.tokenizer, "prompt-tuning", seed=0)
    with pytest.raises(UserError, match="prompt-tuning cannot be trained on packed samples"):
        train(adapted, made_of(tiny), Recipe(packing=True), tmp_path, seed=0)
    adapted.detach()


def test_accumulated_batches_are_one_large_batch(tiny: LoadedModel, tmp_path: Path) -> None:
    """Of equal length, so that both take the mean over the same tokens."""
    first = made_of(tiny)[0]
    other = Example(first.input_ids[::-1], [IGNORED] * (len(first.input_ids) - 2) + first.input_ids[:2])
    results = []
    for recipe in (
        Recipe(epochs=2, lr=1e-2, batch_size=4),
        Recipe(epochs=2, lr=1e-2, batch_size=2, gradient_accumulation_steps=2),
        Recipe(epochs=2, lr=1e-2, batch_size=4, gradient_checkpointing=True),
    ):
        adapted = attach(tiny.model, tiny.tokenizer, "lora:r=4", seed=1)
        train(adapted, [first, other, first, other], recipe, tmp_path / str(len(results)), seed=0)
        results.append(weights(adapted))
        adapted.detach()
        tiny.model.activation_checkpointing_disable()
    for result in results[1:]:
        torch.testing.assert_close(results[0], result, rtol=1e-3, atol=1e-5)


def test_memory_is_told() -> None:
    with PeakMemory() as memory:
        held = bytearray(80_000_000)
        time.sleep(0.1)
        del held
    assert 75_000_000 < memory.peak < 200_000_000
