"""Training with kshot against a plain peft + Trainer script: the same model, samples, seed and steps.

    python bench/tuning_overhead.py [--model smollm2-135m] [--samples 48] [--rounds 5]

Each side runs in a process of its own; a round is a pair, one side after the other, and who goes first turns. The last
line is one JSON object:

    ratio           kshot's seconds of training over the plain script's, the median of the rounds' (1.05 is the most
                    that is allowed), and `spread`, the lowest and the highest
    memory_ratio    the same of the processes' peak memory
    loss            last step's loss of both: they train the same
    seconds, memory_mb, steps: medians
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

EPOCHS, BATCH, RATE, SEED = 2, 8, 1e-3, 0


def prepared(model: str, samples: int) -> tuple[Any, list[Any]]:
    """The loaded model and the tokens of the samples, the same for both sides."""
    from kshot.adapters.training.data import examples, training_set
    from kshot.eval.tasks import get_task
    from kshot.harness.models.load import load_model
    from kshot.harness.models.render import Renderer
    from kshot.harness.models.sources import resolve
    from kshot.prompts.strategies import get_strategy
    from kshot.types import Source

    loaded = load_model(resolve(model))
    task = get_task("word-problems:steps=3")
    data = training_set(task, Source(), [], samples=samples, seed=SEED)
    renderer = Renderer(loaded.tokenizer, False)
    return loaded, examples(task, get_strategy("zero-shot"), data.train, renderer, max_length=1024)


def ours(model: str, samples: int) -> dict[str, Any]:
    """kshot's own training."""
    from kshot.adapters.attach import attach
    from kshot.adapters.training.recipe import Recipe
    from kshot.adapters.training.supervised import train

    loaded, examples = prepared(model, samples)
    recipe = Recipe(epochs=EPOCHS, batch_size=BATCH, lr=RATE, warmup=0.0)
    adapted = attach(loaded.model, loaded.tokenizer, "lora", seed=SEED)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        found = train(adapted, examples, recipe, Path(folder), seed=SEED)
        seconds = time.perf_counter() - began
    return {"seconds": seconds, "loss": found.history[-1]["loss"], "steps": found.steps}


def plain(model: str, samples: int) -> dict[str, Any]:
    """What a user would write with peft and transformers."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

    loaded, examples = prepared(model, samples)
    torch.manual_seed(SEED)
    tuned = get_peft_model(loaded.model, LoraConfig(task_type="CAUSAL_LM", r=8, lora_alpha=16, lora_dropout=0.0))
    loaded.tokenizer.pad_token = loaded.tokenizer.pad_token or loaded.tokenizer.eos_token
    rows = [{"input_ids": one.input_ids, "labels": one.labels} for one in examples]
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, num_train_epochs=EPOCHS, per_device_train_batch_size=BATCH, learning_rate=RATE,
            lr_scheduler_type="linear", seed=SEED, data_seed=SEED, logging_steps=1, save_strategy="no", report_to=[],
            disable_tqdm=True, dataloader_pin_memory=False,
        )  # fmt: skip
        trainer = Trainer(
            model=tuned, args=arguments, train_dataset=rows, data_collator=DataCollatorForSeq2Seq(loaded.tokenizer)
        )
        began = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - began
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    return {"seconds": seconds, "loss": losses[-1], "steps": trainer.state.global_step}


def run(side: str, model: str, samples: int) -> dict[str, Any]:
    """One side in a process of its own."""
    command = [sys.executable, __file__, "--side", side, "--model", model, "--samples", str(samples)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"{side}: {found['seconds']:.1f} s, {found['memory_mb']:,.0f} MB, last loss {found['loss']:.4f}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--samples", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", choices=["kshot", "plain"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        found = {"kshot": ours, "plain": plain}[options.side](options.model, options.samples)
        found["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(found))
        return
    rounds: dict[str, list[dict[str, Any]]] = {"kshot": [], "plain": []}
    for at in range(options.rounds):
        for side in list(rounds)[:: 1 if at % 2 == 0 else -1]:
            rounds[side].append(run(side, options.model, options.samples))
    seconds = {side: median(one["seconds"] for one in found) for side, found in rounds.items()}
    memory = {side: median(one["memory_mb"] for one in found) for side, found in rounds.items()}
    pairs = list(zip(rounds["kshot"], rounds["plain"], strict=True))
    ratios = sorted(ours["seconds"] / theirs["seconds"] for ours, theirs in pairs)
    print(
        json.dumps({
            "ratio": round(median(ratios), 3),
            "spread": [round(ratios[0], 3), round(ratios[-1], 3)],
            "memory_ratio": round(median(ours["memory_mb"] / theirs["memory_mb"] for ours, theirs in pairs), 3),
            "seconds": {side: round(value, 2) for side, value in seconds.items()},
            "memory_mb": {side: round(value) for side, value in memory.items()},
            "loss": {side: round(found[0]["loss"], 4) for side, found in rounds.items()},
            "steps": rounds["kshot"][0]["steps"],
        })
    )  # fmt: skip


if __name__ == "__main__":
    main()
