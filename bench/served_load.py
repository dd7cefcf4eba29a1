"""How much the engine `openai` adds to a server's own time, and whether its memory stays flat.

    python bench/served_load.py [--requests 2000] [--concurrency 64] [--service 0.5] [--rounds 2]

The server is a process of its own that answers each request after a fixed time. The same requests go to it three times:
through the engine, through a bare client that writes HTTP by hand on as many connections and reads nothing of what
comes back, and through the engine again. The ideal is rounds times the service time. The last line is one JSON object:

    over_ideal, over_bare   the engine's time beside the ideal's and the bare client's; 1.05 is 5% more
    cpu_ms                  the engine's own processor time a request: where others use the processor too, what it has
                            to wait for it is in its time and not the server's
    grown_mb                resident memory after all requests less that after a quarter of the first time
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from kshot.harness.engines import get_engine
from kshot.types import Request, SamplingParams

SHARED = "Answer the question with yes or no, and give your reasons.\n\n" + "Q: Is it so?\nA: It is.\n\n" * 40


def requests_of(count: int) -> list[Request]:
    """Prompts of about 500 words."""
    return [
        Request(f"{SHARED}Q: Is it number {number}?\nA:", SamplingParams(max_new_tokens=64)) for number in range(count)
    ]


def resident() -> float:
    """This process's memory, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def through_engine(url: str, requests: list[Request], concurrency: int) -> tuple[float, float, float]:
    """Seconds, processor seconds, and memory that grew after the first quarter, in MB."""
    engine = get_engine(f"openai:base_url={url},chat=no,concurrency={concurrency}")
    began, cpu = time.perf_counter(), time.process_time()
    waiting = iter(enumerate(requests))
    submitted = answered = 0
    early = 0.0
    while answered < len(requests):
        while submitted - answered < 4 * concurrency and (item := next(waiting, None)):  # as the runner does
            engine.submit(*item)
            submitted += 1
        answered += len(engine.collect())
        if not early and answered >= len(requests) // 4:
            early = resident()
    seconds, used = time.perf_counter() - began, time.process_time() - cpu
    grown = resident() - early
    engine.close()
    return seconds, used, grown


async def bare(port: int, requests: list[Request], concurrency: int) -> float:
    """Seconds of a client that does nothing but write and wait."""
    bodies = [
        json.dumps({"model": "scripted", "prompt": r.prompt, "max_tokens": 64, "temperature": 0.0}).encode()
        for r in requests
    ]
    left = iter(bodies)

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for body in left:
            head = f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            told = await reader.readuntil(b"\r\n\r\n")
            length = int(told.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--service", type=float, default=0.5, help="the server's time for a request, in seconds")
    parser.add_argument("--rounds", type=int, default=2, help="how often the engine is measured, 1 or 2")
    options = parser.parse_args()
    script = str(Path(__file__).with_name("faulty_server.py"))
    command = [sys.executable, script, "--service", str(options.service)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    try:
        port = int(server.stdout.readline())
        url = f"http://127.0.0.1:{port}/v1"
        requests = requests_of(options.requests)
        through_engine(url, requests[: options.concurrency], options.concurrency)  # imports
        first = through_engine(url, requests, options.concurrency)
        alone = asyncio.run(bare(port, requests, options.concurrency))
        second = through_engine(url, requests, options.concurrency) if options.rounds > 1 else first
    finally:
        server.kill()
        server.wait()
    ideal = math.ceil(options.requests / options.concurrency) * options.service
    seconds, used, _ = min(first, second)
    found: dict[str, Any] = {
        "requests": options.requests,
        "concurrency": options.concurrency,
        "service_s": options.service,
        "ideal_s": round(ideal, 2),
        "bare_s": round(alone, 2),
        "engine_s": [round(first[0], 2), round(second[0], 2)],
        "over_ideal": round(seconds / ideal, 3),
        "over_bare": round(seconds / alone, 3),
        "cpu_ms": round(1000 * used / options.requests, 2),
        "grown_mb": round(max(first[2], second[2]), 1),
        "resident_mb": round(resident(), 0),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
