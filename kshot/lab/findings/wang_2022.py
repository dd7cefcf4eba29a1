"""Self-Consistency Improves Chain of Thought Reasoning in Language Models."""

from __future__ import annotations

from kshot.lab.claims.effects import ScoreGain
from kshot.lab.claims.finding import Finding

FINDINGS = (
    Finding(
        "votes-beat-one-chain",
        "The majority of sampled chains is right more often than one greedy chain.",
        "Wang et al. 2022, arXiv 2203.11171",
        ScoreGain("self-consistency:base=chain-of-thought,n=10,temperature=0.7", "chain-of-thought:k=8"),
        ("svamp", "multiarith"),
        "above",
        margin=3,
        n=100,
        numbers="GSM8K +17.9, SVAMP +11.0, AQuA +12.2, StrategyQA +6.4, ARC-challenge +3.9 points (abstract)",
        scale="UL2 20B to PaLM 540B",
    ),
)
