"""kshot without the packages that only parts of it need: all of it is imported, and its engine answers.

So it runs where a card is and little else, as `bench/gpu.py` has to.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.places import ROOT

SCRIPT = """
import importlib, pkgutil, sys

HIDDEN = {"datasets", "bm25s", "gguf", "starlette", "uvicorn", "openai"}

class Without:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, *more):
        return None if name.partition(".")[0] in HIDDEN else self.finder.find_spec(name, *more)
    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
for name in HIDDEN:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        continue
    sys.exit(f"{name} is there")

import kshot

for module in pkgutil.walk_packages(kshot.__path__, "kshot."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)

from kshot.harness.engines.transformers import load_engine
from kshot.types import Request, SamplingParams

engine = load_engine(sys.argv[1], device="cpu")
engine.submit(0, Request("abc", SamplingParams(max_new_tokens=3)))
[(ticket, reply)] = engine.collect()
assert (ticket, reply.completion_tokens) == (0, 3), reply
assert not HIDDEN & set(sys.modules)
"""


def test_everything_is_imported_and_the_engine_answers(tiny_folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tiny_folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
