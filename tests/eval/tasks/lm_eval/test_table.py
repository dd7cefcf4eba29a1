"""The table of the schema is the package's own, and the page has it."""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner

from kshot.cli import main
from kshot.eval.tasks.lm_eval.metrics import DEFAULTS, TAKEN
from kshot.eval.tasks.lm_eval.schema import AGGREGATE, FEWSHOT, FILTERS, GROUP, TASK
from tests.places import ROOT

PAGE = (ROOT / "docs" / "lm-eval.md").read_text(encoding="utf-8")


def test_every_key_of_its_schema_is_in_the_table() -> None:
    pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed: pip install 'kshot[lm-eval]'")
    from tests.eval.tasks.lm_eval.theirs import quiet

    with quiet():
        import lm_eval.api.metrics
        import lm_eval.filters  # noqa: F401  both fill the registries
        from lm_eval.api.registry import AGGREGATION_REGISTRY, DEFAULT_METRIC_REGISTRY, METRIC_REGISTRY, filter_registry
        from lm_eval.config.group import AggMetricConfig, GroupConfig
        from lm_eval.config.task import FewshotConfig, TaskConfig
    assert {one.name for one in fields(TaskConfig)} == TASK.keys() - {"include"}
    assert {one.name for one in fields(FewshotConfig)} == FEWSHOT.keys()
    assert {one.name for one in fields(GroupConfig)} == GROUP.keys() - {"include", "tag"}
    assert {one.name for one in fields(AggMetricConfig)} == AGGREGATE.keys()
    assert set(filter_registry) == FILTERS.keys()
    assert {kind: tuple(names) for kind, names in DEFAULT_METRIC_REGISTRY.items()} == dict(DEFAULTS)
    for metrics in TAKEN.values():
        assert metrics.keys() <= set(METRIC_REGISTRY) and set(metrics.values()) <= set(AGGREGATION_REGISTRY)


def test_the_page_has_the_table() -> None:
    path = ROOT / "docs" / "build" / "lm_eval.py"
    spec = importlib.util.spec_from_file_location("docs_build_lm_eval", path)
    assert spec and spec.loader
    built = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(built)
    assert built.PAGE.read_text(encoding="utf-8").endswith(f"{built.MARK}\n\n{built.tables()}")


def test_the_page_s_file_asks_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    blocks = re.findall(r"```(?:yaml|text)\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "capitals.yaml").write_text(blocks[0])
    for name, rows in (("capitals", ASKED), ("capitals.train", SHOWN)):
        lines = [json.dumps({"country": country, "capital": city}) for country, city in rows.items()]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    given = ["--strategy", "few-shot:k=3,template=0", "--dry-run", "--engine", "scripted"]
    result = CliRunner().invoke(main, ["bench", "--task", str(tmp_path / "capitals.yaml"), *given])
    assert result.exit_code == 0 and blocks[1] in result.output, result.output


ASKED = {"Egypt": "Cairo", "Peru": "Lima", "Cuba": "Havana", "Norway": "Oslo", "Greece": "Athens", "Kenya": "Nairobi"}
SHOWN = {"France": "Paris", "Italy": "Rome", "Japan": "Tokyo", "Spain": "Madrid"}
