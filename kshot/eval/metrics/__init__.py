"""Metrics beside a task's own, one small file each, registered by name. `FILES` has them; importing this fills the
registry."""

from __future__ import annotations

from importlib import import_module

from kshot.eval.metrics.registry import METRICS, Metric, get_metric, metric

FILES: tuple[str, ...] = (
    "exact_match",
    "token_f1",
)

for _name in FILES:
    import_module(f"kshot.eval.metrics.{_name}")

__all__ = ["METRICS", "Metric", "get_metric", "metric"]
