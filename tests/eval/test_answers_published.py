"""kshot's reading against the authors' of 4,710 published outputs (Kojima et al. 2022); see docs/extraction.md."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.places import ROOT, SHARED

PUBLISHED = SHARED / "published_outputs"
needs_data = pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published outputs are not at hand")


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_extraction", ROOT / "bench" / "extraction.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@needs_data
@pytest.mark.parametrize("path", sorted(PUBLISHED.glob("*.jsonl")), ids=lambda path: path.stem)
def test_kshot_reads_what_the_paper_read_where_its_rule_is_sound(bench: ModuleType, path: Path) -> None:
    rows = bench.readings(path)  # checks that the paper's rule, as written there, gives the paper's own answers
    sound = [row for row in rows if row.reason is None]
    assert len(sound) >= 0.85 * len(rows)
    wrong = [(row.final, row.paper, row.ours, row.rule) for row in sound if not row.same]
    assert len(wrong) <= 0.01 * len(sound), wrong
    assert sum(row.whole_same for row in rows) >= 0.97 * len(rows)


@needs_data
def test_where_they_differ_kshot_is_right_more_often_unless_it_abstains(bench: ModuleType) -> None:
    rows = [row for path in sorted(PUBLISHED.glob("*.jsonl")) for row in bench.readings(path)]
    differ = [row for row in rows if not row.same and row.ours is not None]
    assert len(differ) > 50
    assert sum(row.paper_right for row in differ) == 0
    assert sum(row.ours_right for row in differ) > 25


@pytest.mark.parametrize(
    ("name", "final", "reason"),
    [
        ("gsm8k", "18 eggs.", None),
        ("gsm8k", "3 + 4 = 7", "equation"),
        ("gsm8k", "1/2", "fraction"),
        ("gsm8k", "$1,000.", None),
        ("gsm8k", "-$60.", "sign"),
        ("gsm8k", "eleven.", "words"),
        ("gsm8k", "not known.", None),
        ("aqua", "B.", None),
        ("aqua", "A or B.", "several"),
        ("aqua", "Because.", "inside a word"),
        ("strategyqa", "No, it is not.", None),
        ("strategyqa", "not known. There is no record.", "noun"),
        ("last_letters", '"nk".', None),
        ("last_letters", '"n-k".', "signs"),
    ],
)
def test_where_the_paper_s_rule_is_sound(bench: ModuleType, name: str, final: str, reason: str | None) -> None:
    said = bench.unsound(name, final, ("1", "2", "3", "4", "5"))
    assert said is None if reason is None else reason in (said or "")
