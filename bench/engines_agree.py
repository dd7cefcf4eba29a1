"""One study on several engines: do they write the same, and is the report the same?

    python bench/engines_agree.py [--model smollm2-135m] [--limit 40] [--only transformers --only vllm] [--keep FOLDER]

Five strategies on two tasks, greedy, through `kshot bench` on each of

    transformers   kshot's own engine, which the others are held against
    vllm           vLLM in kshot's process
    ray            two replicas of kshot's own
    openai         vLLM behind its own server

An engine whose package is nowhere is skipped by its name; vLLM and Ray may live in an environment of their own
(--python; else this one, KSHOT_ENGINES_VENV or .venv-engines). A text that differs is explained by the two highest
logits where it parts: within 1e-3 of each other they are a tie in float32, and either may come first. What a strategy
asks next may follow from such a text, and is then asked of one engine alone. The last line is one JSON object, by
engine:

    texts         share of the texts written for the same request that are equal
    scores        share of the log-likelihoods within 1e-3; largest_gap is the largest difference
    ties          texts that differ, and part at a tie; unexplained are the others
    asked_alone   requests that only one of the two was asked
    accuracies    strategies on tasks whose accuracy differs, of all
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from kshot.harness.engines import ENGINES
from kshot.harness.engines.transformers import load_engine
from kshot.harness.journal import Journal, request_key
from kshot.harness.models.sources import folder_of, resolve
from kshot.types import Generation, Request

TASKS = ("coin-flip", "coin-flip:flips=4")
STRATEGIES = (
    "zero-shot:max_new_tokens=24",
    "few-shot:k=4,max_new_tokens=24",
    "zero-shot-cot:max_new_tokens=64",
    "chain-of-thought:max_new_tokens=64",
    "choice-logprob",
)
CONTEXT = 2048
TIE = 1e-3
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Run:
    """What a run kept: its answers by what was asked, whichever the engine; accuracies by task and strategy."""

    answers: dict[str, tuple[Request, Generation]]
    accuracies: dict[tuple[str, str], float]


def pythons(options: argparse.Namespace) -> list[str]:
    """This Python, and that of the environment with other engines."""
    other = os.environ.get("KSHOT_ENGINES_VENV") or str(ROOT / ".venv-engines")
    return [sys.executable, *([options.python] if options.python else [str(Path(other) / "bin" / "python")])]


def python_with(options: argparse.Namespace, *packages: str) -> str | None:
    """The first Python that has some packages; None where none has."""
    script = f"import sys, importlib.util as u; sys.exit(any(u.find_spec(p) is None for p in {packages!r}))"
    for python in pythons(options):
        if Path(python).is_file() and not subprocess.run([python, "-c", script], check=False).returncode:
            return python
    return None


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}


def study(python: str, engine: str, place: Path, name: str, limit: int) -> float:
    """Runs the study on an engine; its seconds, with loading. Raises SystemExit where it fails."""
    command = [python, "-m", "kshot", "bench", "--engine", engine, "--runs", str(place), "--run", name]
    command += ["--limit", str(limit)]
    command += [word for task in TASKS for word in ("--task", task)]
    command += [word for strategy in STRATEGIES for word in ("--strategy", strategy)]
    started = time.perf_counter()
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{engine} failed: {done.stderr[-2000:]}")
    return time.perf_counter() - started


@contextmanager
def served(python: str, model: str) -> Iterator[str]:
    """vLLM's own server with the model, on a port that is free; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder_of(resolve(model)))]
    command += ["--served-model-name", "served", "--dtype", "float32", "--max-model-len", str(CONTEXT)]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    settings = {"VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_LOGGING_LEVEL": "ERROR", "VLLM_NO_USAGE_STATS": "1"}
    with subprocess.Popen(
        command, env=environment() | settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            while True:
                if server.poll() is not None:
                    raise SystemExit("vLLM's server ended before it was ready")
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
                    break
                except OSError:
                    time.sleep(0.5)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()


def read(folder: Path) -> Run:
    """A run's answers and accuracies."""
    with Journal.read(folder) as journal:
        answers = {request_key("", request): (request, found) for _, request, found in journal.calls()}
        scores: dict[tuple[str, str], list[float]] = {}
        for record in journal.records():
            scores.setdefault((record.task, record.strategy), []).append(record.score.value)
    return Run(answers, {key: fmean(values) for key, values in scores.items()})


class Ties:
    """How far apart the two highest logits are where two texts part, by a plain forward pass."""

    def __init__(self, model: str) -> None:
        self.name = model
        self.engine: Any = None

    def gap(self, request: Request, ours: str, theirs: str) -> float:
        self.engine = self.engine or load_engine(self.name)
        engine = self.engine
        prompt = engine.renderer.encode(request.prompt)
        a, b = (engine.tokenizer(text, add_special_tokens=False).input_ids for text in (ours, theirs))
        at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
        before = engine.model.config._attn_implementation
        engine.model.set_attn_implementation("sdpa")
        with torch.inference_mode():
            logits = engine.model(input_ids=torch.tensor([prompt + a[:at]]), use_cache=False).logits[0, -1]
        engine.model.set_attn_implementation(before)
        top = logits.topk(2).values
        return float(top[0] - top[1])


def compared(name: str, own: Run, other: Run, ties: Ties) -> dict[str, Any]:
    """How a run's answers and accuracies differ from those on kshot's own engine."""
    both = sorted(own.answers.keys() & other.answers.keys())
    texts, gaps, tied, unexplained = 0, [], 0, 0
    for key in both:
        (request, a), (_, b) = own.answers[key], other.answers[key]
        if request.continuation is not None:
            gaps.append(abs(a.logprob - b.logprob))
            continue
        texts += 1
        if a.text != b.text:
            apart = ties.gap(request, a.text, b.text)
            tied, unexplained = tied + (apart < TIE), unexplained + (apart >= TIE)
            print(f"{name}: the two highest logits are {apart:.1e} apart; {a.text[-50:]!r} | {b.text[-50:]!r}")
    moved = [key for key, value in own.accuracies.items() if other.accuracies.get(key) != value]
    for key in moved:
        print(f"{name}: {' / '.join(key)}: accuracy {own.accuracies[key]:.3f} | {other.accuracies.get(key, -1):.3f}")
    return {
        "requests": len(both),
        "texts": round(1 - (tied + unexplained) / max(texts, 1), 4),
        "scores": round(sum(gap < TIE for gap in gaps) / max(len(gaps), 1), 4),
        "largest_gap": float(f"{max(gaps, default=0.0):.1e}"),
        "ties": tied,
        "unexplained": unexplained,
        "asked_alone": len(own.answers.keys() ^ other.answers.keys()),
        "accuracies": f"{len(moved)} of {len(own.accuracies)} differ",
    }


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--model", default="smollm2-135m", help="bundled name, folder or .gguf file")
    made.add_argument("--limit", type=int, default=40, help="samples a task")
    made.add_argument("--only", action="append", choices=("vllm", "ray", "openai"), help="of the others")
    made.add_argument("--python", help="the Python of an environment with vLLM, Ray and openai")
    made.add_argument("--keep", type=Path, help="folder for the runs, where they are to be kept")
    options = made.parse_args()
    inner = f"transformers(model={options.model})"
    needed = {"vllm": ("vllm",), "ray": ("ray",), "openai": ("openai", "vllm")}
    specs = {
        "vllm": f"vllm:model={options.model},max_model_len={CONTEXT},memory=2",
        "ray": f"ray:engine={inner},replicas=2",
        "openai": f"openai:tokenizer={options.model},base_url=",
    }
    told: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        place = options.keep or Path(scratch)
        seconds = study(sys.executable, f"transformers:model={options.model}", place, "transformers", options.limit)
        print(f"transformers: {seconds:.0f} s with loading", flush=True)
        own, ties = read(place / "transformers"), Ties(options.model)
        for name in options.only or specs:
            python = python_with(options, *needed[name])
            if python is None or name not in ENGINES:
                print(f"{name} is skipped: {' and '.join(needed[name])} installed nowhere, or no such engine here")
                told[name] = "skipped"
                continue
            if name == "openai":
                with served(python, options.model) as address:
                    seconds = study(python, specs[name] + address, place, name, options.limit)
            else:
                seconds = study(python, specs[name], place, name, options.limit)
            print(f"{name}: {seconds:.0f} s with loading", flush=True)
            told[name] = compared(name, own, read(place / name), ties)
    said = {"benchmark": "engines_agree", "model": Path(options.model).stem, "limit": options.limit}
    print(json.dumps(said | {"engines": told}))


if __name__ == "__main__":
    main()
