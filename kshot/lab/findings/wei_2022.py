"""Chain-of-Thought Prompting Elicits Reasoning in Large Language Models."""

from __future__ import annotations

from kshot.lab.claims.effects import Growth, ScoreGain
from kshot.lab.claims.finding import Finding

SOURCE = "Wei et al. 2022, arXiv 2201.11903"
SCALE = "gains from about 100B parameters on; PaLM 540B, GPT-3 175B"

FINDINGS = (
    Finding(
        "chains-do-not-help-small-models",
        "Chains of thought do not help small models with arithmetic; they hurt.",
        SOURCE,
        ScoreGain("chain-of-thought:k=8", "few-shot:k=8"),
        ("gsm8k", "svamp", "multiarith"),
        "below",
        margin=2,
        n=100,
        scale=SCALE,
        starred=True,
    ),
    Finding(
        "chains-help-symbols",
        "Chains of thought help with symbolic tasks whose steps the exemplars show.",
        SOURCE,
        ScoreGain("chain-of-thought:k=4", "few-shot:k=4"),
        ("coin-flip", "last-letters"),
        "above",
        margin=3,
        scale=SCALE,
    ),
    Finding(
        "chains-need-size",
        "What chains of thought add on arithmetic grows with the model.",
        SOURCE,
        Growth(ScoreGain("chain-of-thought:k=8", "few-shot:k=8")),
        ("gsm8k", "svamp", "multiarith"),
        "above",
        margin=2,
        n=100,
        scale=SCALE,
        starred=True,
    ),
)
