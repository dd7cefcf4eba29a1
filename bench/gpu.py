"""kshot's engine on a card: is it right, how fast is it, and what bounds it. In six minutes, with nothing downloaded.

    PYTHONPATH=. python bench/gpu.py [--stages card families ...] [--small] [--seconds 270] [--out gpu.json]

All weights are random (`random_models.py`). What is computed is held against `model.generate` or a plain forward pass
(`held.py`); what differs stands under `failures`, the rest still runs, and the exit status is 1. With --small the same
code runs on a CPU, on small shapes. The JSON is written anew after every piece of work:

    card        its copy bandwidth and matrix products, a second
    families    tiny models of many families, float32 and bfloat16, with and without shared prefixes: tokens against
                `generate`, log-likelihoods against a float32 pass
    step        one decoding step of a 7B shape: launches, waits, milliseconds, the share of them that the card works
    training    a LoRA step on a 1B shape, kshot's own `train`, and how much of what is trained moves in bfloat16
    throughput  a 7B shape, bfloat16: 512 prompts of 1,000 shared and 100 own tokens, 128 new; 12 prompts, 40 draws
                each; 200 questions, 4 choices; against `generate` at the best of several batches, and the roofline
    batching    transformers' own continuous batching on the 512 prompts; only where it is asked for: it can hang
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import random
import signal
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")

import torch
import transformers
from card import CUDA, DEVICE, free, launches, rates, timed, waits
from held import (
    ROUNDING,
    TIE,
    Asked,
    Bench,
    Job,
    answers,
    best_of,
    drawn,
    engine_of,
    gap,
    generate,
    job,
    parting,
    plain_logprobs,
    scored,
)
from random_models import END, FAMILIES, VOCABULARY, of_family, of_shape

from kshot.adapters.attach import attach
from kshot.adapters.training.data import Example
from kshot.adapters.training.recipe import Recipe
from kshot.adapters.training.supervised import train
from kshot.harness.decoding.layers import key_bytes
from kshot.types import SamplingParams

FEW = ("llama", "gemma3", "gemma2")  # with --small: no window, windows, and the plain path
ROUNDED = ("llama", "gemma3", "mistral-sliding", "mixtral", "gpt-oss", "phi3-longrope")  # in bfloat16 as well
TOKENIZER = SimpleNamespace(pad_token_id=0, eos_token_id=END, padding_side="left")  # what training asks of one


def card(bench: Bench) -> dict[str, Any]:
    """The card's name, and what it can do at best."""
    name = torch.cuda.get_device_name() if CUDA else "cpu"
    return {"device": name, "torch": torch.__version__, "transformers": transformers.__version__, **rates(bench.small)}


def large(bench: Bench, name: str = "7b") -> Any:
    return of_shape("small" if bench.small else name, bench.dtype)


def named(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


# ---------------------------------------------------------------- right on every family


def families(bench: Bench) -> None:
    """Tiny models, each a piece of work of its own."""
    out = bench.part("families")
    for name in FEW if bench.small else FAMILIES:
        for dtype in (torch.float32, torch.bfloat16):
            if dtype == torch.float32 or (name in ROUNDED and not bench.small):
                key = f"{name} {named(dtype)}"
                bench.run(key, lambda key=key, name=name, dtype=dtype: family(bench, key, of_family(name, dtype)), out)


def family(bench: Bench, key: str, model: Any) -> dict[str, Any]:
    """Prompts that share much, little and nothing, so that prefixes are attended in place and copied into rows."""
    generator, new = random.Random(1), 4 if bench.small else 16
    common, deeper = drawn(generator, 320, VOCABULARY), drawn(generator, 25, VOCABULARY)
    heads = (common, [], common + deeper, common + deeper, common, common, common)
    owns = (9, 8, 5, 3, 17, 2, 30)
    prompts = [head + drawn(generator, own, VOCABULARY) for head, own in zip(heads, owns, strict=True)]
    targets = [drawn(generator, 1 + at % 4, VOCABULARY) for at in range(len(prompts))]
    plain, exact = copy.deepcopy(model), copy.deepcopy(model).float()
    for one in (plain, exact):
        one.set_attn_implementation("eager")
    texts = [generate(plain, [prompt], new, eos_token_id=END)[0] for prompt in prompts]
    truth = [plain_logprobs(exact, prompt, some) for prompt, some in zip(prompts, targets, strict=True)]
    theirs = [plain_logprobs(plain, prompt, some) for prompt, some in zip(prompts, targets, strict=True)]
    found: dict[str, Any] = {"rounding": gap(theirs, truth)}
    most = max(3 * found["rounding"], 1e-3 if model.dtype == torch.float32 else 0.05)
    params = SamplingParams(max_new_tokens=new)
    for way, engine in (("shared", engine_of(model, 8)), ("plain", engine_of(plain, 8, share=False))):
        got = answers(engine, [Asked(prompt, params) for prompt in prompts])
        scores = answers(engine, [Asked(p, targets=some) for p, some in zip(prompts, targets, strict=True)])
        pairs = [(prompt, one.tokens, text) for prompt, one, text in zip(prompts, got, texts, strict=True)]
        found[way] = {
            "shares": engine.shares,
            "cached": sum(one.cached_tokens for one in got),
            "equal": sum(list(ours) == text for _, ours, text in pairs) / len(pairs),
            "parting": max(parting(plain, *pair) for pair in pairs),
            "error": gap([one.token_logprobs for one in scores], truth),
        }
        bench.expect(f"{key}, {way}: texts part at unequal logits", found[way]["parting"], TIE[model.dtype])
        bench.expect(f"{key}, {way}: log-likelihoods are off", found[way]["error"], most)
        engine.close()
    return found


# ---------------------------------------------------------------- one step


def step(bench: Bench) -> dict[str, Any]:
    """One decoding step with every row at work."""
    rows, tries = (8, 2) if bench.small else (256, 8)
    engine = engine_of(large(bench), rows)
    decoder = engine.decoder
    for ticket, one in enumerate(job(bench.small, rows).asked):
        engine.submit_tokens(ticket, one.ids, SamplingParams(max_new_tokens=64), one.seed)
    busy = 0
    for _ in range(40):  # as many as it takes to encode all prompts
        before = decoder.row_passes
        decoder.step()
        busy = decoder.row_passes - before
        if busy == rows:
            break
    for _ in range(3):
        decoder.step()
    seconds, _ = timed(lambda: [decoder.step() for _ in range(tries)])
    out = {"rows": busy, "ms": seconds / tries * 1e3, "waits": waits(decoder.step), **launches(decoder.step)}
    if CUDA:
        out["busy"] = out["card_ms"] / out["ms"]
    engine.close()
    return out


# ---------------------------------------------------------------- whole jobs


def throughput(bench: Bench) -> None:
    """Three kinds of work, each a piece of its own."""
    model, out = large(bench), bench.part("throughput")
    for work in (choices, draws, chains):  # the longest last
        bench.run(work.__name__, lambda work=work: work(bench, model), out)


def weights(model: Any) -> tuple[int, int]:
    """Of the linear layers: (in the body, of the output layer)."""
    linear = {name: layer for name, layer in model.named_modules() if isinstance(layer, torch.nn.Linear)}
    sizes = {name: layer.in_features * layer.out_features for name, layer in linear.items()}
    output = sizes.pop("lm_head")
    return sum(sizes.values()), output


def roofline(bench: Bench, model: Any, work: Job, rows: int) -> float:
    """Seconds that a job takes at least: its matrix products, or its reads of weights and keys, whichever is longer."""
    can, (body, output), count = bench.found["card"], weights(model), len(work.asked)
    decoded, steps, longest = count * work.new, -(-count // rows) * work.new, work.own + work.new
    attended = count * longest * (work.shared + longest / 2) + work.shared**2 / 2
    operations = 2 * body * (work.shared + count * work.own + decoded) + 2 * output * decoded
    operations += 4 * attended * model.config.hidden_size * model.config.num_hidden_layers
    keys = steps * work.shared + decoded * (work.own + work.new / 2)
    moved = keys * key_bytes(model) + steps * (body + output) * model.dtype.itemsize
    return max(operations / can[named(model.dtype)], moved / can["copy"])


def chains(bench: Bench, model: Any) -> dict[str, Any]:
    """Few-shot chain-of-thought: many prompts behind the same exemplars, greedy."""
    work = job(bench.small, 512)
    found: dict[str, Any] = {}
    for rows, memory_share in ((256, 0.25), (512, 0.85)):  # as it is by default, and with what the card has
        engine = engine_of(model, rows, memory_share)
        seconds, got = timed(lambda engine=engine: answers(engine, work.asked))
        decoder = engine.decoder
        one = found[f"{rows} rows, {memory_share} of the memory"] = {
            "seconds": seconds,
            "tokens_a_second": len(got) * work.new / seconds,
            "of_roofline": roofline(bench, model, work, rows) / seconds,
            "passes": decoder.passes,
            "fill": decoder.row_passes / max(decoder.decoding_passes * rows, 1),
        }
        bench.say("chains", one)
        engine.close()
        free()
    ours = min(one["seconds"] for one in found.values()) / len(work.asked)
    theirs = best_of(model, work.prompts, work.new, (4,) if bench.small else (32, 64, 128))
    texts = generate(model, work.prompts[:8], work.new)
    pairs = list(zip(work.prompts[:8], (one.tokens for one in got[:8]), texts, strict=True))
    apart = max(parting(model, *pair) for pair in pairs)
    bench.expect("chains: texts part at unequal logits", apart, TIE[model.dtype])
    same = sorted(next((i for i, (a, b) in enumerate(zip(x, y, strict=True)) if a != b), len(y)) for _, x, y in pairs)
    found |= {"generate": theirs, "ratio": min(theirs.values()) / ours}
    return {**found, "parting": apart, "equal_tokens": same[len(same) // 2]}


def draws(bench: Bench, model: Any) -> dict[str, Any]:
    """Self-consistency: a few prompts, many draws of each. A plain pass over a draw must find it as likely."""
    work = job(bench.small, 12, draws=40, temperature=0.7)
    engine = engine_of(model, 512)
    seconds, got = timed(lambda: answers(engine, work.asked))
    engine.close()
    free()
    batches = (4,) if bench.small else (64, 128)
    theirs = best_of(model, work.prompts, work.new, batches, do_sample=True, temperature=0.7)
    some = list(zip(work.prompts, got, strict=True))[:: max(1, len(got) // 8)]
    plain = []
    for way in ("eager", "sdpa"):  # two ways of the same attention tell how far rounding alone goes
        model.set_attn_implementation(way)
        plain.append([plain_logprobs(model, ids, one.tokens) for ids, one in some])
    off, rounding = gap([one.token_logprobs for _, one in some], plain[1]), gap(*plain)
    bench.expect("draws: log-likelihoods are off", off, max(ROUNDING[model.dtype], 3 * rounding))
    return {
        "seconds": seconds,
        "tokens_a_second": len(got) * work.new / seconds,
        "generate": theirs,
        "ratio": min(theirs.values()) * len(got) / seconds,
        "distinct": len({one.tokens for one in got}) / len(got),
        "largest_gap": off,
        "rounding": rounding,
    }


def choices(bench: Bench, model: Any) -> dict[str, Any]:
    """Multiple choice by log-likelihood, against batches of plain forward passes."""
    generator = random.Random(2)
    count, shared, own = (6, 60, 10) if bench.small else (200, 600, 60)
    head = drawn(generator, shared)
    questions = [head + drawn(generator, own) for _ in range(count)]
    flat = [(question, drawn(generator, generator.randrange(1, 8))) for question in questions for _ in range(4)]
    engine = engine_of(model, 512)
    seconds, got = timed(lambda: answers(engine, [Asked(question, targets=choice) for question, choice in flat]))
    engine.close()
    model.set_attn_implementation("sdpa")
    some = flat[: 8 if bench.small else 128]
    scored(model, some)
    plain, theirs = timed(lambda: scored(model, some))
    off = gap([one.token_logprobs for one in got[: len(some)]], theirs)
    bench.expect("choices: log-likelihoods are off", off, ROUNDING[model.dtype])
    ratio = plain / len(some) * len(flat) / seconds
    return {"seconds": seconds, "questions_a_second": count / seconds, "ratio": ratio, "largest_gap": off}


def batching(bench: Bench) -> dict[str, Any]:
    """transformers' continuous batching with prefix sharing: a thread of its own, which may wait for ever."""
    if not CUDA:
        return {"left out": "it hangs on a CPU"}
    model, work = large(bench), job(bench.small, 512)
    model.set_attn_implementation("sdpa")
    config = transformers.GenerationConfig(max_new_tokens=work.new, do_sample=False, eos_token_id=-1, pad_token_id=0)

    def late(*_: Any) -> None:
        raise TimeoutError("it took longer than 90 s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(90)
    try:
        seconds, _ = timed(
            lambda: model.generate_batch(inputs=work.prompts, generation_config=config, progress_bar=False)
        )
    finally:
        signal.alarm(0)
    return {"seconds": seconds, "tokens_a_second": len(work.asked) * work.new / seconds}


# ---------------------------------------------------------------- training


def training(bench: Bench) -> None:
    """A LoRA step by hand, kshot's own loop around it, and steps in bfloat16."""
    out, model = bench.part("training"), large(bench, "1b")
    size = sum(weights(model))
    adapted = attach(model, TOKENIZER, "lora:r=16", seed=0)
    ids = torch.randint(3, 1000, (2, 32) if bench.small else (8, 1024), device=DEVICE)
    bench.run("lora step", lambda: lora_step(bench, adapted, ids, size), out)
    bench.run("train", lambda: trained(bench, adapted, ids), out)
    for spec, rate in (("ln-tuning", 3e-3), ("bitfit", 3e-3), ("full", 1e-4))[: 1 if bench.small else None]:
        bench.run(f"moved by {spec}", lambda spec=spec, rate=rate: moved(spec, rate), out)


def lora_step(bench: Bench, adapted: Any, ids: torch.Tensor, size: int) -> dict[str, Any]:
    """The best of a few steps on one batch, whose loss must fall."""
    optimizer = torch.optim.AdamW([p for _, p in adapted.parameters()], lr=1e-4, fused=CUDA)
    adapted.model.train()

    def one() -> float:
        with torch.autocast(DEVICE, torch.bfloat16):
            loss = adapted.model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return float(loss.detach())

    if CUDA:
        torch.cuda.reset_peak_memory_stats()
    first = one()
    seconds, last = timed(one, 4)
    bench.expect("lora step: the last loss over the first", last / first, 1.0)
    return {
        "ms": seconds * 1e3,
        "tokens_a_second": ids.numel() / seconds,
        "of_matrix_rate": 4 * size * ids.numel() / seconds / bench.found["card"]["bfloat16"],
        "losses": [first, last],
        "peak_gb": torch.cuda.max_memory_allocated() / 1e9 if CUDA else None,
    }


def trained(bench: Bench, adapted: Any, ids: torch.Tensor) -> dict[str, Any]:
    """kshot's own loop over that batch, a few times. A plain pass must find the batch likelier afterwards."""

    @torch.inference_mode()
    def loss() -> float:
        return float(adapted.model.eval()(input_ids=ids, labels=ids).loss)

    examples, before = [Example(row, row) for row in ids.tolist()] * 4, loss()
    with tempfile.TemporaryDirectory() as place:
        done = train(adapted, examples, Recipe(epochs=1, batch_size=len(ids), lr=1e-3), Path(place), seed=0)
    losses = [before, loss()]
    bench.expect("train: the last loss over the first", losses[1] / losses[0], 0.9999)
    ms = done.seconds / done.steps * 1e3
    return {"steps": done.steps, "ms_a_step": ms, "losses": losses, "peak_gb": done.peak_memory / 1e9}


def moved(spec: str, rate: float) -> dict[str, Any]:
    """The share of what is trained that is another number after five steps, in either precision."""
    return {named(dtype): moved_in(of_family("qwen2", dtype), spec, rate) for dtype in (torch.float32, torch.bfloat16)}


def moved_in(model: Any, spec: str, rate: float) -> float:
    """That share for one model."""
    adapted = attach(model, TOKENIZER, spec, seed=0)
    before = {name: parameter.detach().clone() for name, parameter in adapted.parameters()}
    optimizer = torch.optim.AdamW([parameter for _, parameter in adapted.parameters()], lr=rate)
    ids = torch.randint(3, VOCABULARY, (8, 32), device=DEVICE)
    for _ in range(5):
        adapted.model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    changed = sum(int((parameter != before[name]).sum()) for name, parameter in adapted.parameters())
    return changed / sum(parameter.numel() for parameter in before.values())


STAGES = {work.__name__: work for work in (families, step, training, throughput, batching)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES)[:-1])
    parser.add_argument("--small", action="store_true", help="the same code, on small shapes")
    parser.add_argument("--seconds", type=float, default=270, help="no piece of work begins after so many")
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", ".")) / "gpu.json")
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    bench = Bench(options.small, options.seconds, options.out)
    bench.run("card", lambda: card(bench))
    for stage in options.stages:
        bench.run(stage, lambda stage=stage: STAGES[stage](bench))
    print(json.dumps({"failures": bench.failures, "seconds": round(bench.spent(), 1), "out": str(bench.out)}))
    sys.stdout.flush()
    os._exit(bool(bench.failures))  # a thread of transformers' batching may be left, and would be waited for


if __name__ == "__main__":
    main()
