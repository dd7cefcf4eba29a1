"""A card's clock and rates, and what a piece of work asks of it: launches and waits. A CPU has some of it too."""

from __future__ import annotations

import collections
import gc
import time
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

T = TypeVar("T")
CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"


def settle() -> None:
    """Waits until the card has done all that it was given."""
    if CUDA:
        torch.cuda.synchronize()


def timed(work: Callable[[], T], repeat: int = 1) -> tuple[float, T]:
    """The best seconds of several tries, and what the last one gave."""
    best = float("inf")
    for _ in range(repeat):
        settle()
        began = time.perf_counter()
        value = work()
        settle()
        best = min(best, time.perf_counter() - began)
    return best, value


def free() -> None:
    """Gives back what nothing refers to."""
    gc.collect()
    if CUDA:
        torch.cuda.empty_cache()


def rates(small: bool) -> dict[str, float]:
    """What the card can do at best, a second: bytes copied (read and written), operations of a matrix product."""
    count, side = (1 << 20, 256) if small else (1 << 28, 8192)
    source = torch.empty(count, dtype=torch.bfloat16, device=DEVICE).normal_()
    target = torch.empty_like(source)
    found = {"copy": 4 * count / warm(lambda: target.copy_(source), 5)}
    for name, dtype, length in (("bfloat16", torch.bfloat16, side), ("float32", torch.float32, side // 2)):
        left, right = (torch.randn(length, length, device=DEVICE).to(dtype) for _ in range(2))
        found[name] = 2 * length**3 / warm(lambda left=left, right=right: left @ right, 10)
    return found


def warm(work: Callable[[], Any], repeat: int) -> float:
    """Seconds of a piece of work that has been done before."""
    work()
    return timed(work, repeat)[0]


def launches(work: Callable[[], Any]) -> dict[str, Any]:
    """What a piece of work launches: kernels and copies on a card, with its time there; on a CPU outermost calls."""
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if CUDA else [])]
    with profile(activities=kinds) as seen:
        work()
        settle()
    events = list(seen.events())
    if not CUDA:
        calls = [e for e in events if e.name.startswith("aten::") and not inner(e)]
        return {"launches": len(calls), "top": dict(collections.Counter(e.name for e in calls).most_common(8))}
    kernels = [e for e in events if e.device_type == DeviceType.CUDA]
    spent: collections.Counter[str] = collections.Counter()
    for event in kernels:
        spent[event.name[:60]] += event.time_range.elapsed_us() / 1e3
    top = {name: round(ms, 3) for name, ms in spent.most_common(8)}
    return {"launches": len(kernels), "card_ms": sum(spent.values()), "top": top}


def inner(event: Any) -> bool:
    """Whether another of torch's calls made this one."""
    parent = event.cpu_parent
    return parent is not None and (parent.name.startswith("aten::") or inner(parent))


def waits(work: Callable[[], Any]) -> int | None:
    """How often a piece of work makes the host wait for the card; None on a CPU, where nothing waits."""
    if not CUDA:
        work()
        return None
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            work()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(one.message) for one in said)
