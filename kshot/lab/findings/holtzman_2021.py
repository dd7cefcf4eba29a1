"""Surface Form Competition."""

from __future__ import annotations

from kshot.lab.claims.effects import ScoreGain
from kshot.lab.claims.finding import Finding

SOURCE = "Holtzman et al. 2021, arXiv 2104.08315"

FINDINGS = (
    Finding(
        "pmi-beats-likelihood",
        "Choices ranked by how much the question raises their likelihood are right more often than by likelihood.",
        SOURCE,
        ScoreGain("choice-logprob:score=text,calibrate=pmi", "choice-logprob:score=text"),
        ("commonsenseqa",),
        "above",
        margin=3,
        n=400,
        scale="GPT-2 and GPT-3",
    ),
)
