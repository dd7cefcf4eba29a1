"""Where a model runs, in which numbers, and how many bytes are free there."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from kshot.registry import suggest
from kshot.types import UserError

DEVICES = ("auto", "cpu", "cuda", "cuda:N", "mps")
DTYPES = ("auto", "float32", "bfloat16", "float16")
QUANTIZED = ("none", "int8", "nf4")
UNLIMITED = 1 << 60  # bytes: a control group that says so says about as much


def check_device(device: str) -> None:
    """Raises UserError for what names no device."""
    if device == "cuda:N" or (device not in DEVICES and not re.fullmatch(r"cuda:\d{1,3}", device)):
        raise UserError(f"unknown device {device!r}: {suggest(device, DEVICES)}")


def where_to_run(device: str, dtype: str) -> tuple[str, str]:
    """The device and dtype that `auto` stands for here. Raises UserError for unknown ones, and where none is there."""
    import torch

    check_device(device)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if device.startswith("cuda"):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if not count:
            raise UserError(f"--device {device} was asked for and torch sees no GPU; use --device cpu.")
        if int(device.partition(":")[2] or 0) >= count:
            last = f" to cuda:{count - 1}" if count > 1 else ""
            raise UserError(f"--device {device} was asked for and torch sees {count} of them; use cuda:0{last}.")
    if device == "mps" and not torch.backends.mps.is_available():
        raise UserError("--device mps was asked for and torch sees no Apple GPU; use --device cpu.")
    if dtype not in DTYPES:
        raise UserError(f"unknown dtype {dtype!r}: {suggest(dtype, DTYPES)}")
    if dtype == "auto":
        dtype = "float32" if device == "cpu" else "bfloat16"
    return device, dtype


def free_memory(device: str) -> int:
    """Bytes that are free on a device."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(int(device.partition(":")[2] or 0))[0])
    if device == "mps":
        import torch

        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return free_on_cpu()


def read_text(path: str) -> str:
    """A file of the system's; "" where it is not there."""
    try:
        return Path(path).read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def free_on_cpu(read: Callable[[str], str] = read_text) -> int:
    """Bytes that a process may still take: what the machine can give, within the limits of its control groups.

    Pages of files that could be dropped count as free. `read` gives the text of a file of /proc or /sys.
    """
    said = re.search(r"^MemAvailable:\s+(\d+) kB", read("/proc/meminfo"), re.M)
    free = int(said[1]) << 10 if said else elsewhere()
    return min([free, *rooms(read)])


def elsewhere() -> int:
    """Free bytes where there is no /proc."""
    try:
        import psutil  # comes with accelerate
    except ImportError:
        pass
    else:
        return int(psutil.virtual_memory().available)
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 8 << 30


def rooms(read: Callable[[str], str]) -> list[int]:
    """Bytes that are left in each control group around the process, versions 1 and 2, where it has a limit."""
    found = []
    for line in read("/proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            top, limit, used, dropped = "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            top, limit, used = "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            dropped = "total_inactive_file"
        else:
            continue
        inner = path.strip("/")
        while True:  # a limit further out holds as well; a container sees its own as the top
            place = f"{top}/{inner}".rstrip("/")
            most, now = (read(f"{place}/{name}").strip() for name in (limit, used))
            if most.isdigit() and int(most) < UNLIMITED and now.isdigit():
                kept = re.search(rf"^{dropped} (\d+)", read(f"{place}/memory.stat"), re.M)
                found.append(max(0, int(most) - int(now) + (int(kept[1]) if kept else 0)))
            if not inner:
                break
            inner = inner.rpartition("/")[0]
    return found
