"""What answers are worth, one small file a metric, registered by name. `FILES` has them; importing this fills the
registry.

    registry.py   metrics by name, what they read and count | kinds.py   what their values are
    evaluated.py  each as an `evaluate.Metric`, and paired comparisons as `evaluate.Comparison`
    fits.py       whether they fit what is asked
    folder.py     a user's or the hub's module of `evaluate`, out of a folder
"""

from __future__ import annotations

from importlib import import_module

from kshot.eval.metrics.kinds import Kind
from kshot.eval.metrics.registry import METRICS, Metric, get_metric, metric, scored_by

FILES: tuple[str, ...] = (
    "exact_match",
    "token_f1",
    "macro_f1",
    "label_f1",
    "matthews",
    "rouge",
    "bleu",
    "chrf",
    "perplexity",
    "bits_per_byte",
    "brier",
    "calibration_error",
    "pass_at_k",
)

for _name in FILES:
    import_module(f"kshot.eval.metrics.{_name}")

__all__ = ["METRICS", "Kind", "Metric", "get_metric", "metric", "scored_by"]
