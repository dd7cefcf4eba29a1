"""Least-to-Most Prompting Enables Complex Reasoning in Large Language Models."""

from __future__ import annotations

from kshot.lab.claims.effects import ScoreGain
from kshot.lab.claims.finding import Finding

FINDINGS = (
    Finding(
        "least-to-most-generalises",
        "Least-to-most beats chains of thought on questions longer than the exemplars.",
        "Zhou et al. 2022, arXiv 2205.10625",
        ScoreGain("least-to-most", "chain-of-thought:k=2"),
        ("last-letters:words=4,exemplar_words=2",),
        "above",
        margin=3,
        n=100,
        numbers="SCAN: at least 99% against 16% by chains of thought (abstract)",
        scale="code-davinci-002",
    ),
)
