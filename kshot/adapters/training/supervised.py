"""Trains an adapter with transformers' Trainer: checkpoints that survive kill -9, evaluation by kshot's own engine.

Meets: a killed training that is started again ends in the same weights (same seed, same machine); a checkpoint holds
the trained parameters only, as safetensors; they are trained in float32 whatever the base's dtype, in which the rest is
computed; no global generator is left changed. Concedes: the optimizer's state is the Trainer's own file, read by torch
with weights_only, which runs no code.
"""

from __future__ import annotations

import contextlib
import math
import random
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

from kshot.adapters.adapted import Adapted
from kshot.adapters.methods.peft import known_warnings
from kshot.adapters.padding import pad_id
from kshot.adapters.training.checkpoints import (
    BEST,
    FOLDER,
    STATE,
    forget_checkpoints,
    last_checkpoint,
    mark_whole,
    read_state,
    seconds_of,
    write_state,
)
from kshot.adapters.training.data import IGNORED, Example, collate, pack
from kshot.adapters.training.memory import PeakMemory
from kshot.adapters.training.recipe import OnProgress, Recipe, Trained
from kshot.adapters.weights import not_finite
from kshot.types import UserError

# transformers' word for it from 5.23 on, and before: the other one is unknown or warned about
CHECKPOINTING = next(
    word for word in ("activation_checkpointing", "gradient_checkpointing") if hasattr(TrainingArguments, word)
)

Evaluate = Callable[[], Mapping[str, float]]


def train(
    adapted: Adapted,
    examples: Sequence[Example],
    recipe: Recipe,
    folder: Path,
    *,
    seed: int,
    validation: Sequence[Example] = (),
    evaluate: Evaluate | None = None,
    on_progress: OnProgress | None = None,
) -> Trained:
    """Trains in place, and from its last whole checkpoint in the folder where there is one.

    `evaluate` gives further measures of the validation set, such as accuracy through an engine; `on_progress` is told
    (step, steps, last measures). Afterwards the trained parameters are in float32 (`Adapted.as_evaluated`). Raises
    UserError where nothing is given, the loss or the weights leave all bounds, or packing does not fit the method.
    """
    if not examples:
        raise UserError("there is nothing to train on.")
    if recipe.gradient_checkpointing and not adapted.built.checkpointable:
        raise UserError(f"{adapted.method} cannot be trained with gradient checkpointing; leave it out.")
    if recipe.packing and (adapted.soft is not None or adapted.kind == "head"):
        raise UserError(f"{adapted.method} cannot be trained on packed samples; leave packing out.")
    folder.mkdir(parents=True, exist_ok=True)
    adapted.train_in_float32()
    config = arguments(adapted, recipe, folder, len(examples), seed)
    pad = pad_id(adapted.tokenizer)

    def measure() -> Mapping[str, float]:
        loss = loss_of(adapted, validation, recipe.batch_size)
        return {"validation_loss": loss, **(evaluate() if evaluate else {})}

    with own_randomness(), known_warnings(), PeakMemory() as memory:
        trainer = Tuner(
            adapted,
            config,
            list(examples),
            pack if recipe.packing else lambda batch: collate(batch, pad),
            measure=measure if validation else None,
            patience=recipe.patience,
            folder=folder,
        )
        clock = Clock(adapted, recipe.checkpoint_seconds, on_progress)
        trainer.add_callback(clock)
        if recipe.tensorboard:
            trainer.add_callback(curves(folder / "tensorboard"))
        checkpoint = last_checkpoint(folder)
        if checkpoint:
            clock.spent = seconds_of(checkpoint) or 0.0
        with known_warnings(), forgetting(folder):
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)  # without autocast around it
        trainer.restore_best()
    with forgetting(folder):
        check_bounds(adapted, examples[:1], trainer.state.global_step, config)
    history = tuple(tidy(line) for line in trainer.state.log_history if "loss" in line or "eval_loss" in line)
    losses = [line["loss"] for line in history if "loss" in line]
    last = losses[-max(1, recipe.steps(len(examples)) // recipe.epochs) :]
    return Trained(
        steps=trainer.state.global_step,
        lr=recipe.rate(adapted.spec),
        loss=sum(last) / max(1, len(last)),
        seconds=clock.spent,
        peak_memory=memory.peak,
        history=history,
    )


def curves(folder: Path) -> TrainerCallback:
    """Writes what is logged for TensorBoard. Raises UserError where the package is not installed."""
    from transformers.integrations import TensorBoardCallback

    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UserError("--tensorboard needs the package tensorboard: pip install 'kshot[tensorboard]'.") from None
    return TensorBoardCallback(SummaryWriter(str(folder)))


def arguments(adapted: Adapted, recipe: Recipe, folder: Path, examples: int, seed: int) -> TrainingArguments:
    """The Trainer's own settings. Raises UserError where the device cannot train in the base's dtype."""
    steps = recipe.steps(examples)
    place = next(adapted.model.parameters()).device
    device = place.type
    if device == "cuda" and place.index:  # the Trainer takes the first that it sees
        raise UserError(
            f"kshot tune trains on the first GPU: set CUDA_VISIBLE_DEVICES={place.index} and say --device cuda."
        )
    if adapted.dtype == torch.float16 and device == "cpu":
        raise UserError("float16 cannot be trained in on a CPU; give --dtype bfloat16 or float32.")
    if adapted.dtype == torch.bfloat16 and device == "cuda" and not torch.cuda.is_bf16_supported(False):
        raise UserError("this GPU does not compute in bfloat16; give --dtype float16 or float32.")
    return TrainingArguments(
        output_dir=str(folder / FOLDER),
        per_device_train_batch_size=recipe.batch_size,
        gradient_accumulation_steps=recipe.gradient_accumulation_steps,
        **{CHECKPOINTING: recipe.gradient_checkpointing},
        num_train_epochs=recipe.epochs,
        learning_rate=recipe.rate(adapted.spec),
        lr_scheduler_type="linear",
        warmup_steps=math.ceil(recipe.warmup * steps),
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.max_grad_norm,
        optim="adamw_torch",
        bf16=adapted.dtype == torch.bfloat16,
        fp16=adapted.dtype == torch.float16,  # with a scaler, for gradients too small for it
        use_cpu=device == "cpu",
        seed=seed,
        data_seed=seed,
        logging_steps=1,
        logging_nan_inf_filter=False,  # a loss that is no number is said, not smoothed over
        eval_strategy="steps" if recipe.evaluations else "no",
        eval_steps=max(1, steps // recipe.evaluations) if recipe.evaluations else None,
        save_strategy="steps",
        save_steps=10**9,  # by the clock, see `Clock`
        save_total_limit=2,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=device == "cuda",
        label_names=["labels"],
    )


class Tuner(Trainer):  # type: ignore[misc]  # transformers carries no types
    """The Trainer, with checkpoints of what is trained alone and our own measures as its evaluation."""

    def __init__(
        self,
        adapted: Adapted,
        config: TrainingArguments,
        examples: list[Example],
        collator: Callable[[Sequence[Example]], dict[str, Any]],
        *,
        measure: Evaluate | None,
        patience: int,
        folder: Path,
    ) -> None:
        self.adapted, self.measure, self.patience, self.folder = adapted, measure, patience, folder
        self.control: Any
        super().__init__(
            model=adapted.model,
            args=config,
            train_dataset=examples,
            eval_dataset=examples[:1],  # asked for by the Trainer; what is measured is `measure`'s
            data_collator=collator,
        )
        for printer in [one for one in self.callback_handler.callbacks if type(one).__name__ == "PrinterCallback"]:
            self.remove_callback(printer)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Our own measures, under the Trainer's names; the best weights are kept where it may stop early."""
        found = dict(self.measure()) if self.measure else {}
        metrics = {"eval_loss" if k == "validation_loss" else f"eval_{k}": float(v) for k, v in found.items()}
        if not math.isfinite(metrics.get("eval_loss", 0.0)):
            said = f"the validation loss is {metrics['eval_loss']}"
            raise left_all_bounds(self.adapted, said, self.state.global_step, self.args)
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        if self.patience and "eval_loss" in metrics:
            losses = [line["eval_loss"] for line in self.state.log_history if "eval_loss" in line]
            best = min(range(len(losses)), key=losses.__getitem__)
            if best == len(losses) - 1:
                write_state(self.adapted, self.folder / BEST)
            self.control.should_training_stop |= len(losses) - 1 - best >= self.patience
        return metrics

    def compute_loss(self, model: Any, inputs: Any, *args: Any, num_items_in_batch: Any = None, **options: Any) -> Any:
        """The Trainer's; a penalty that a method adds counts once an update, over however many batches that goes."""
        summed = self.model_accepts_loss_kwargs and num_items_in_batch is not None  # else the Trainer takes the mean
        share = 1 / self.current_gradient_accumulation_steps if summed else 1.0
        with self.adapted.built.penalty(share):
            return super().compute_loss(model, inputs, *args, num_items_in_batch=num_items_in_batch, **options)

    def restore_best(self) -> None:
        """The weights of the lowest validation loss, where they were kept."""
        if self.patience and (self.folder / BEST).is_file():
            read_state(self.adapted, self.folder / BEST)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        write_state(self.adapted, Path(output_dir or self.args.output_dir) / STATE)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        read_state(self.adapted, Path(resume_from_checkpoint) / STATE)


class Clock(TrainerCallback):  # type: ignore[misc]
    """Saves by the clock, marks whole checkpoints, counts seconds of training, tells how far it is."""

    def __init__(self, adapted: Adapted, every: float, on_progress: OnProgress | None) -> None:
        self.adapted, self.every, self.on_progress = adapted, every, on_progress
        self.spent, self.began, self.saved = 0.0, 0.0, time.monotonic()
        self.said: dict[str, float] = {}

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.began = time.perf_counter()

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.adapted.built.after_step(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.spent += time.perf_counter() - self.began
        if time.monotonic() - self.saved >= self.every and state.global_step < state.max_steps:
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        mark_whole(folder, self.spent)
        self.saved = time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        self.said.update({k: v for k, v in (logs or {}).items() if isinstance(v, int | float)})
        if "loss" in (logs or {}) and not math.isfinite(logs["loss"]):
            raise left_all_bounds(self.adapted, f"the loss is {logs['loss']}", state.global_step, args)
        if self.on_progress:
            self.on_progress(state.global_step, state.max_steps, self.said)


def check_bounds(adapted: Adapted, examples: Sequence[Example], step: int, config: TrainingArguments) -> None:
    """Raises UserError where the last step has led to weights, or to a loss, that are no numbers."""
    wrong = not_finite(adapted.state())
    if wrong is not None:
        raise left_all_bounds(adapted, f"the weights are not finite ({wrong})", step, config)
    loss = loss_of(adapted, examples, 1)
    if not math.isfinite(loss):
        raise left_all_bounds(adapted, f"the loss is {loss} after the last step,", step, config)


def left_all_bounds(adapted: Adapted, what: str, step: int, config: TrainingArguments) -> UserError:
    """The sentence for a training that gives no numbers, with its likely reason."""
    base = {name: p for name, p in adapted.model.named_parameters() if not p.requires_grad}
    wrong = not_finite(base)
    if wrong is not None:
        return UserError(f"{adapted.spec}: {what}: the model's own weights are not finite ({wrong}); give another.")
    return UserError(f"{adapted.spec}: {what} at step {step}; lower --lr below {config.learning_rate:g}.")


def tidy(line: Mapping[str, Any]) -> dict[str, float]:
    """A line of the Trainer's log under our names."""
    names = {"step": "step", "loss": "loss", "learning_rate": "lr", "eval_loss": "validation_loss"}
    names |= {key: key.removeprefix("eval_") for key in line if key.startswith("eval_") and key != "eval_loss"}
    return {new: float(line[old]) for old, new in names.items() if old in line}


@torch.inference_mode()
def loss_of(adapted: Adapted, examples: Sequence[Example], batch: int) -> float:
    """Mean loss a token of the answers (a row, for a head), without what a method adds to it."""
    was, total, count, pad = adapted.model.training, 0.0, 0, pad_id(adapted.tokenizer)
    adapted.model.eval()
    device = next(adapted.model.parameters()).device
    ordered = sorted(examples, key=lambda one: len(one.input_ids))
    with adapted.as_evaluated(), adapted.built.penalty(0.0):
        for start in range(0, len(ordered), batch):
            inputs = {k: v.to(device) for k, v in collate(ordered[start : start + batch], pad).items()}
            rows = int((inputs["labels"] != IGNORED).sum()) if inputs["labels"].dim() > 1 else len(inputs["labels"])
            total += float(adapted.model(**inputs).loss) * rows
            count += rows
    adapted.model.train(was)
    return total / max(1, count)


@contextlib.contextmanager
def forgetting(folder: Path) -> Iterator[None]:
    """What has left all bounds would do so again: nothing is kept for the corrected training to go on from."""
    try:
        yield
    except UserError:
        forget_checkpoints(folder)
        raise


@contextlib.contextmanager
def own_randomness() -> Iterator[None]:
    """The Trainer seeds the global generators of Python, NumPy and torch; afterwards they are as they were."""
    kept, numbers = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*", category=UserWarning)
        try:
            yield
        finally:
            random.setstate(kept)
            np.random.set_state(numbers)
