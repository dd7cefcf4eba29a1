"""Where a model runs and what is free there, with control groups as the system describes them."""

from __future__ import annotations

from collections.abc import Callable

import psutil
import pytest
import torch

from kshot.harness.models.devices import check_device, free_memory, free_on_cpu, where_to_run
from kshot.types import UserError

GIB = 1 << 30
MEMINFO = f"MemTotal:       {16 << 20} kB\nMemFree:          {1 << 20} kB\nMemAvailable:   {12 << 20} kB\n"


def reading(files: dict[str, str]) -> Callable[[str], str]:
    return lambda path: files.get(path, "")


def test_pages_that_can_be_dropped_are_free() -> None:
    assert free_on_cpu(reading({"/proc/meminfo": MEMINFO})) == 12 * GIB
    assert abs(free_memory("cpu") - psutil.virtual_memory().available) < 2 * GIB  # others come and go


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "max"}, 12 * GIB),
        (
            {
                "/proc/self/cgroup": "0::/job/step\n",
                "/sys/fs/cgroup/job/step/memory.max": f"{8 * GIB}\n",
                "/sys/fs/cgroup/job/step/memory.current": f"{3 * GIB}\n",
                "/sys/fs/cgroup/job/step/memory.stat": f"anon 1\ninactive_file {GIB}\n",
            },
            6 * GIB,
        ),
        (
            {  # the limit further out holds too
                "/proc/self/cgroup": "0::/job/step\n",
                "/sys/fs/cgroup/job/step/memory.max": "max\n",
                "/sys/fs/cgroup/job/memory.max": f"{4 * GIB}\n",
                "/sys/fs/cgroup/job/memory.current": f"{GIB}\n",
            },
            3 * GIB,
        ),
        (
            {
                "/proc/self/cgroup": "5:cpu,cpuacct:/\n4:memory:/docker/abc\n1:name=systemd:/\n",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2 * GIB}\n",  # a container sees its own as the top
                "/sys/fs/cgroup/memory/memory.usage_in_bytes": f"{2 * GIB}\n",
                "/sys/fs/cgroup/memory/memory.stat": f"inactive_file 7\ntotal_inactive_file {GIB // 2}\n",
            },
            GIB // 2,
        ),
        (
            {
                "/proc/self/cgroup": "4:memory:/\n",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
                "/sys/fs/cgroup/memory/memory.usage_in_bytes": f"{GIB}\n",
            },
            12 * GIB,
        ),
    ],
)
def test_a_control_groups_limit_is_a_limit(files: dict[str, str], free: int) -> None:
    assert free_on_cpu(reading({"/proc/meminfo": MEMINFO, **files})) == free


@pytest.mark.parametrize("device", ["cuda:N", "cuda:", "gpu", "cuda:-1", "cpu:0", "mps:0"])
def test_what_names_no_device_is_refused(device: str) -> None:
    with pytest.raises(UserError, match=f"unknown device '{device}'.*"):
        check_device(device)


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:3", "mps"])
def test_a_device_that_is_not_there_is_said(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(UserError, match=rf"--device {device} was asked for and torch sees no .*GPU; use --device cpu"):
        where_to_run(device, "auto")


def test_auto_takes_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for there, expected in ((False, ("cpu", "float32")), (True, ("mps", "bfloat16"))):
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda there=there: there)
        assert where_to_run("auto", "auto") == expected
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert where_to_run("auto", "auto") == ("cuda", "bfloat16") and where_to_run("cuda:1", "float16")[0] == "cuda:1"
    with pytest.raises(UserError, match=r"--device cuda:2 .* torch sees 2 of them; use cuda:0 to cuda:1"):
        where_to_run("cuda:2", "auto")
