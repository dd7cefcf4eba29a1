"""kshot's own engine, vLLM as one would call it, and kshot's engine `vllm`: three workloads, the same prompts.

    python bench/against_vllm.py [--model smollm2-135m] [--questions 48] [--draws 20] [--rounds 3] [--data DIR]

1. few-shot: GSM8K's test questions behind the exemplars of Wei et al. 2022, greedy, at most 96 new tokens
2. draws: 4 of these questions, 20 draws each at T = 0.7
3. choices: CommonsenseQA, five choices by log-likelihood, 5-shot
Without the sets in --data, word problems of kshot's own stand in for both (the choices are numbers, then).

Each side is a process of its own, one after another, `--rounds` times in turn; the model is loaded, and a request of
each kind answered, before its clock starts; what is cached was cached in that process. vLLM gets its own defaults but
for float32, a context of 2,048 tokens, all cores and prefix caching; 20 draws are one request of its own (n=20). It may
live in an environment of its own (--vllm-python; else this one, KSHOT_ENGINES_VENV or .venv-engines). The last line is
one JSON object:

    ratios     vLLM's seconds over kshot's, by workload: medians of the rounds
    agreement  share of few-shot texts that are equal, and of log-likelihoods within 1e-3; ties explains the rest
    seconds    medians, by side and workload
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sides import Kshot, Result, explain, parser, report, requests_of

from kshot.types import Request, SamplingParams

SIDES = ("kshot", "vllm", "engine")
NAMES = {"kshot": "kshot", "vllm": "vLLM", "engine": "kshot's engine vllm"}
WORK = ("few-shot", "draws", "choices")
CONTEXT = 2048
CLOSE = 1e-3  # two log-likelihoods in float32, added up in another order


def python_of_vllm(options: argparse.Namespace) -> str | None:
    """The Python that vLLM is installed for; None where there is none."""
    if options.vllm_python or find_spec("vllm"):
        return options.vllm_python or sys.executable
    found = os.environ.get("KSHOT_ENGINES_VENV") or str(Path(__file__).parents[1] / ".venv-engines")
    python = Path(found) / "bin" / "python"
    return str(python) if python.is_file() else None


def work(options: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    """What each workload asks, as JSON: prompt, continuation, parameters and seed."""
    chain = "chain-of-thought:max_new_tokens=96"
    draws = f"self-consistency:base=chain-of-thought(max_new_tokens=96),n={options.draws},temperature=0.7"
    few = argparse.Namespace(**{**vars(options), "questions": min(4, options.questions)})
    asked = {
        "few-shot": requests_of("gsm8k", chain, options),
        "draws": requests_of("gsm8k", draws, few),
        "choices": choices(options),
    }
    return {
        name: [
            {
                "prompt": request.prompt, "continuation": request.continuation, "seed": request.seed,
                "temperature": request.params.temperature, "max_new_tokens": request.params.max_new_tokens,
                "stop": list(request.params.stop),
            }
            for requests in found
            for request in requests
        ]
        for name, found in asked.items()
    }  # fmt: skip


def choices(options: argparse.Namespace) -> list[list[Request]]:
    """Five continuations of each question; of word problems five numbers."""
    if (options.data / "commonsenseqa").is_dir():
        return requests_of("commonsenseqa", "choice-logprob:k=5,score=text", options)
    found = requests_of("gsm8k", "few-shot:k=5", options)
    return [
        [Request(request.prompt, continuation=f" The answer is {n}.") for n in (7, 12, 25, 48, 100)]
        for [request] in found
    ]


def as_request(asked: dict[str, Any]) -> Request:
    """A request of the work file."""
    params = SamplingParams(asked["temperature"], 1.0, asked["max_new_tokens"], tuple(asked["stop"]))
    return Request(asked["prompt"], params, asked["seed"], asked["continuation"])


class Engine(Kshot):
    """kshot's engine `vllm`, run as kshot's own is."""

    def __init__(self, options: argparse.Namespace) -> None:
        from kshot.harness.engines import get_engine

        self.engine: Any = get_engine(f"vllm:model={options.model},template=plain,max_model_len={CONTEXT},memory=4")


class Vllm:
    """vLLM as one would call it."""

    def __init__(self, options: argparse.Namespace) -> None:
        from kshot.harness.engines.vllm_process import settings
        from kshot.harness.models.load import load_tokenizer
        from kshot.harness.models.sources import folder_of, resolve

        self.renderer = load_tokenizer(resolve(options.model), "plain")
        folder = str(folder_of(resolve(options.model)))
        with settings():
            from vllm import LLM

            self.llm = LLM(
                folder, dtype="float32", max_model_len=CONTEXT, enable_prefix_caching=True,
                kv_cache_memory_bytes=4 << 30, use_tqdm_on_load=False,
            )  # fmt: skip

    def answer(self, requests: list[Request]) -> Result:
        """All of them at once: texts, or log-likelihoods; draws of one prompt are one request."""
        started = time.perf_counter()
        answers = self.score(requests) if requests[0].continuation is not None else self.write(requests)
        return Result(answers, time.perf_counter() - started)

    def write(self, requests: list[Request]) -> list[Any]:
        from vllm import SamplingParams as Params

        prompts = list(dict.fromkeys(request.prompt for request in requests))
        params = requests[0].params
        each = Params(
            n=len(requests) // len(prompts), temperature=params.temperature, max_tokens=params.max_new_tokens,
            stop=list(params.stop),
        )  # fmt: skip
        found = self.llm.generate([str(prompt) for prompt in prompts], each, use_tqdm=False)
        return [one for output in found for one in output.outputs]

    def score(self, requests: list[Request]) -> list[float]:
        from vllm import SamplingParams as Params
        from vllm import TokensPrompt

        pairs = [self.renderer.continued(request.prompt, str(request.continuation)) for request in requests]
        params = Params(temperature=0.0, max_tokens=1, prompt_logprobs=0)
        prompts = [TokensPrompt(prompt_token_ids=ids + targets) for ids, targets in pairs]
        found = self.llm.generate(prompts, params, use_tqdm=False)
        return [
            sum(row[target].logprob for row, target in zip(output.prompt_logprobs[len(ids) :], targets, strict=True))
            for output, (ids, targets) in zip(found, pairs, strict=True)
        ]


def run_side(options: argparse.Namespace) -> None:
    """One side's answers to the work file, and its seconds, written as JSON."""
    asked = {name: [as_request(one) for one in found] for name, found in json.loads(options.work.read_text()).items()}
    side: Any = {"kshot": Kshot, "vllm": Vllm, "engine": Engine}[options.side](options)
    for requests in asked.values():
        warm = Request("Warm up, please: ", requests[0].params, 0, requests[0].continuation)
        side.answer([warm])
    told: dict[str, Any] = {}
    for name, requests in asked.items():
        result = side.answer(requests)
        scored = requests[0].continuation is not None
        texts = [getattr(one, "text", "") for one in result.answers]
        told[name] = {
            "seconds": result.seconds,
            "texts": [] if scored else texts,
            "logprobs": [getattr(one, "logprob", one) for one in result.answers] if scored else [],
        }
    options.out.write_text(json.dumps(told))
    if options.side == "engine":
        side.engine.close()


def rounds(options: argparse.Namespace, python: str) -> tuple[dict[str, list[dict[str, Any]]], dict[str, Any]]:
    """Each side's answers in every round, and the work."""
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as place:
        asked = work(options)
        (Path(place) / "work.json").write_text(json.dumps(asked))
        for number in range(options.rounds):
            for side in SIDES:
                out = Path(place) / f"{side}-{number}.json"
                command = [sys.executable if side == "kshot" else python, __file__, "--side", side]
                command += ["--model", options.model, "--work", str(Path(place) / "work.json"), "--out", str(out)]
                command += ["--batch", str(options.batch)] if options.batch else []
                here = str(Path(__file__).parents[1])
                done = subprocess.run(
                    command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": here}
                )
                if done.returncode:
                    raise SystemExit(f"{NAMES[side]} failed: {done.stderr[-2000:]}")
                found[side].append(json.loads(out.read_text()))
                said = ", ".join(f"{name} {found[side][-1][name]['seconds']:.1f} s" for name in WORK)
                print(f"round {number + 1}, {NAMES[side]}: {said}", flush=True)
    return found, asked


def main() -> None:
    made = parser(__doc__, 48)
    made.add_argument("--draws", type=int, default=20)
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--vllm-python", help="the Python of an environment with vLLM")
    made.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    made.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    made.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = made.parse_args()
    if options.side:
        run_side(options)
        return
    python = python_of_vllm(options)
    if python is None:
        print("vLLM is not installed: `make engines` puts it into .venv-engines; nothing was measured.")
        report("against_vllm", options, {"skipped": "no vLLM"})
        return
    found, asked = rounds(options, python)
    seconds = {
        side: {name: statistics.median(one[name]["seconds"] for one in told) for name in WORK}
        for side, told in found.items()
    }
    first = {side: told[0] for side, told in found.items()}
    equal: dict[str, float] = {}
    side: Kshot | None = None
    for other in ("vllm", "engine"):
        texts = list(zip(first["kshot"]["few-shot"]["texts"], first[other]["few-shot"]["texts"], strict=True))
        for n, (ours, theirs) in enumerate(texts):
            if ours != theirs:
                side = side or Kshot(options)
                print(f"differs ({NAMES[other]}):", explain(side, as_request(asked["few-shot"][n]), ours, theirs))
        gaps = [
            abs(a - b)
            for a, b in zip(first["kshot"]["choices"]["logprobs"], first[other]["choices"]["logprobs"], strict=True)
        ]
        equal[f"texts, {other}"] = sum(ours == theirs for ours, theirs in texts) / len(texts)
        equal[f"log-likelihoods, {other}"] = sum(gap < CLOSE for gap in gaps) / len(gaps)
        equal[f"largest gap, {other}"] = max(gaps)
    report("against_vllm", options, {
        "ratios": {name: round(seconds["vllm"][name] / seconds["kshot"][name], 2) for name in WORK},
        "engine_ratios": {name: round(seconds["vllm"][name] / seconds["engine"][name], 2) for name in WORK},
        "agreement": {name: float(f"{value:.4g}") for name, value in equal.items()},
        "seconds": {one: {name: round(value, 1) for name, value in told.items()} for one, told in seconds.items()},
        "rounds": options.rounds, "draws": options.draws,
    })  # fmt: skip


if __name__ == "__main__":
    main()
