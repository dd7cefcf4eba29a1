"""The check for a card, in its small form on a CPU: it runs from end to end, and finds what is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.places import ROOT

BREAK = """
import runpy, sys
from kshot.harness.prefix import attention, switch

merge = attention.merge
attention.merge = lambda out, total, out2, total2: merge(out, total, out2 * 1.5, total2)

def unchecked(model):
    model.set_attn_implementation(attention.NAME)
    return True

switch.switch_to_shared_attention = unchecked  # before the engine asks for it
sys.path.insert(0, "bench")
runpy.run_path("bench/gpu.py", run_name="__main__")
"""


def run(out: Path, *command: str) -> tuple[int, dict[str, Any]]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    asked = [sys.executable, *command, "--small", "--out", str(out)]
    done = subprocess.run(asked, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert out.is_file(), done.stderr
    return done.returncode, json.loads(out.read_text(encoding="utf-8"))


def test_the_small_form_runs_on_a_cpu_and_finds_nothing_wrong(tmp_path: Path) -> None:
    status, found = run(tmp_path / "gpu.json", "bench/gpu.py")
    assert (status, found["failures"]) == (0, [])
    assert list(found) == ["card", "families", "step", "training", "throughput", "failures", "seconds"]
    for family in ("llama", "gemma3"):
        ways = found["families"][f"{family} float32"]
        assert ways["shared"]["shares"]
        assert ways["shared"]["cached"] > 1000
        assert ways["shared"]["equal"] == ways["plain"]["equal"] == 1
    assert found["step"]["rows"] == 8
    assert found["step"]["launches"] > 50
    assert set(found["throughput"]) == {"chains", "draws", "choices"}
    assert found["throughput"]["chains"]["equal_tokens"] == 8
    assert set(found["training"]) >= {"lora step", "train"}


def test_a_wrong_attention_is_a_failure_and_the_rest_still_runs(tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text(BREAK, encoding="utf-8")
    status, found = run(tmp_path / "gpu.json", str(script), "--stages", "throughput")
    assert status == 1
    assert {failure.partition(":")[0] for failure in found["failures"]} == {"chains", "draws", "choices"}
    assert set(found["throughput"]) == {"chains", "draws", "choices"}
