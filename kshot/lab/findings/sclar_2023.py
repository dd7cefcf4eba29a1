"""Quantifying Language Models' Sensitivity to Spurious Features in Prompt Design."""

from __future__ import annotations

from kshot.lab.claims.effects import ArmSpread
from kshot.lab.claims.finding import Finding

FINDINGS = (
    Finding(
        "formats-matter",
        "Separators, spacing and case alone move accuracy, beyond what sampling does.",
        "Sclar et al. 2023, arXiv 2310.11324",
        ArmSpread(
            tuple(
                f"choice-logprob:template=0,k=4,select=balanced,exemplar_seed={{seed}},format_seed={at}"
                for at in range(12)
            )
        ),
        ("sst2", "trec"),
        "above",
        margin=2,
        seeds=3,
        numbers="up to 76 points between formats (abstract)",
        scale="LLaMA-2 13B",
        unit="points of standard deviation between formats, noise taken off",
        starred=True,
    ),
)
