"""The experiments, one small file each: `COURSE` names them in the order of the course. What they stand on:

registry.py     the decorator, and what an experiment keeps to
wording.py      words that numbers decide
drawing.py      means with intervals, images: what several draw alike
boundaries.py   a classifier of two columns, drawn
"""

from __future__ import annotations

from importlib import import_module

from kshot.classic.experiments.registry import EXPERIMENTS, experiment

COURSE: tuple[str, ...] = (
    "cp-regression",
    "overfitting-ladder",
    "lambda-sweep",
    "bias-variance",
    "validation",
    "optimizers",
    "feature-scaling",
    "limits",
    "pokemon-types",
    "logistic-losses",
    "generative-discriminative",
    "softmax",
    "xor-limit",
    "backpropagation",
    "deep-wide",
    "vision",
    "optimization-or-bias",
    "overfitting",
    "mismatch",
    "critical-points",
    "batch-size",
    "loss-surface",
)

for _name in COURSE:
    import_module(f"kshot.classic.experiments.{_name.replace('-', '_')}")

__all__ = ["COURSE", "EXPERIMENTS", "experiment"]
