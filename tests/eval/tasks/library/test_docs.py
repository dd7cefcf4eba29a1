"""docs/tasks.md against the registry: its tables are what docs/build/tasks.py writes, its strategies can be asked."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest

from kshot.eval.tasks import TASKS, get_task
from kshot.program import Done, advance
from kshot.prompts.strategies import get_strategy
from kshot.types import Source
from tests.eval.tasks.library.copies import BY_SPEC, local_data
from tests.places import ROOT

PAGE = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_build_tasks", ROOT / "docs" / "build" / "tasks.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_is_registered(builder: ModuleType) -> None:
    assert builder.page(PAGE) == PAGE, "python docs/build/tasks.py writes it anew"
    assert all(f"`{name}" in PAGE for name in TASKS)


@pytest.mark.parametrize("spec", BY_SPEC)
def test_the_strategy_that_asks_as_published(spec: str, builder: ModuleType) -> None:
    copy, task = BY_SPEC[spec], get_task(spec)
    published = builder.PUBLISHED[spec.partition(":")[0]]
    held = copy.published.removesuffix(",normalise=characters")
    assert published.partition(":")[0] in ("few-shot", "chain-of-thought") or published.startswith(held)
    pool = [*task.load("train", Source(data=local_data()))] * 8  # of copies that have an exemplar or two
    sample = task.load("test", Source(data=local_data()))[0]
    assert not isinstance(advance(get_strategy(published)(task.question(sample, pool))), Done)
