"""Six strategies over one task in one run: how full the batch is, and whether they take longer than each alone.

    python bench/mixed.py [--model smollm2-135m] [--questions 48] [--data DIR]

GSM8K (or generated word problems). Each part is run alone with an empty journal and no kept prefixes, then all in one
run. The last line is one JSON object:

    ratio     seconds of the parts, summed, over the seconds of the one run
    fill      rows at work over rows there are, over all passes that decode, its end included
    seconds   of the one run and of each part
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from sides import parser, report

from kshot.harness.engines.transformers import load_engine
from kshot.harness.prefix.decoder import PrefixDecoder
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import run_benchmark

STRATEGIES = (
    "few-shot:max_new_tokens=16",
    "instruction:max_new_tokens=48",
    "zero-shot-cot:max_new_tokens=64",
    "chain-of-thought:max_new_tokens=64",
    "self-consistency:base=chain-of-thought(max_new_tokens=64),n=5",
    "least-to-most:max_steps=3,plan_tokens=32,max_new_tokens=48",
)


def main() -> None:
    options = parser(__doc__, 48).parse_args()
    data = options.data if options.data.is_dir() else None
    task = "gsm8k" if data else "word-problems:steps=3"
    engine = load_engine(options.model, rows=options.batch, template="plain")
    decoder = engine.decoder
    assert isinstance(decoder, PrefixDecoder), "the model runs on the plain path"

    def run(strategies: tuple[str, ...]) -> tuple[float, float]:
        """(seconds, fill) of one run from nothing."""
        loaded = load_plan(Plan((task,), strategies, data, options.questions))
        decoder.restart(decoder.rows)
        decoder.decoding_passes = decoder.row_passes = 0
        with tempfile.TemporaryDirectory() as place:
            began = time.perf_counter()
            run_benchmark(loaded, engine, Path(place) / "run")
            seconds = time.perf_counter() - began
        return seconds, decoder.row_passes / (decoder.decoding_passes * decoder.rows)

    run(STRATEGIES[:1])  # warm up
    parts = {}
    for strategy in STRATEGIES:
        seconds, fill = run((strategy,))
        name = strategy.partition(":")[0]
        parts[name] = round(seconds, 1)
        print(f"{name}: {seconds:.1f} s, fill {fill:.0%}", flush=True)
    seconds, fill = run(STRATEGIES)
    print(f"all in one run: {seconds:.1f} s, fill {fill:.0%}")
    report("mixed", options, {
        "ratio": sum(parts.values()) / seconds, "fill": fill, "rows": decoder.rows,
        "seconds": {"all": round(seconds, 1), **parts},
    })  # fmt: skip


if __name__ == "__main__":
    main()
