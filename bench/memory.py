"""Memory while many requests pass through the engine: it must stay within the stated budget and not grow.

    python bench/memory.py [--model smollm2-135m] [--requests 2000] [--budget-mb 256]

Word pairs with and without exemplars, in random order, a few tokens each, so that prefixes come and go. The last line
is one JSON object:

    budget_mb       stated for keys and values, of rows and of kept prefixes
    peak_keys_mb    most that was ever allocated for them
    resident_mb     the process's memory after each fifth of the requests
    growth_mb       between the second fifth and the last
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from kshot.harness.decoding.layers import key_bytes
from kshot.harness.engines.transformers import load_engine
from kshot.types import Request, SamplingParams

TEXT = "river stone cloud paper apple window garden bridge music winter summer letter table candle mirror"
WORDS = TEXT.split(" ")


def resident() -> float:
    """Megabytes that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--budget-mb", type=int, default=256)
    options = parser.parse_args()
    engine = load_engine(options.model, template="plain", memory=options.budget_mb * 10**6)
    bytes_per_token = key_bytes(engine.model)
    draw = random.Random(0)
    for ticket in range(options.requests):
        shots = "".join(f"Q: {word}\nA: {word[::-1]}\n\n" for word in draw.sample(WORDS, draw.randrange(12)))
        question = " ".join(draw.choices(WORDS, k=draw.randrange(1, 20)))
        params = SamplingParams(temperature=draw.choice((0.0, 0.8)), max_new_tokens=draw.randrange(1, 9))
        engine.submit(ticket, Request(f"{shots}Q: {question}\nA:", params, seed=ticket))
    fifth = options.requests // 5
    done, peak, marks = 0, 0, []
    while finished := engine.collect():
        peak = max(peak, engine.decoder.key_tokens * bytes_per_token)
        done += len(finished)
        while len(marks) < done // fifth:
            marks.append(round(resident()))
            print(f"{done} requests: {marks[-1]} MB resident, keys {peak / 1e6:.0f} MB at most so far", flush=True)
    row = {
        "budget_mb": options.budget_mb, "peak_keys_mb": round(peak / 1e6, 1), "requests": done, "resident_mb": marks,
        "growth_mb": marks[-1] - marks[1],
    }  # fmt: skip
    print(json.dumps(row))


if __name__ == "__main__":
    main()
