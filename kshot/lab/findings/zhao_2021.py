"""Calibrate Before Use."""

from __future__ import annotations

from kshot.lab.claims.effects import ScoreGain, SeedSpread
from kshot.lab.claims.finding import Finding

SOURCE = "Zhao et al. 2021, arXiv 2102.09690"
TASKS = ("sst2", "trec", "agnews", "rte")
RAW = "choice-logprob:template=0,k=4,select=random,exemplar_seed={seed}"

FINDINGS = (
    Finding(
        "contextual-calibration-helps",
        "Contextual calibration raises the mean accuracy of few-shot prompts.",
        f"{SOURCE}, section 5",
        ScoreGain(f"{RAW},calibrate=contextual", RAW),
        TASKS,
        "above",
        margin=3,
        seeds=10,
        numbers="up to 30.0 points of absolute accuracy (abstract)",
        scale="GPT-3 2.7B to 175B, GPT-2 1.5B",
        starred=True,
    ),
    Finding(
        "contextual-calibration-steadies",
        "Contextual calibration lowers the spread of accuracy over exemplar sets.",
        f"{SOURCE}, section 5",
        SeedSpread(f"{RAW},calibrate=contextual", RAW),
        TASKS,
        "below",
        margin=2,
        seeds=10,
        numbers="reduces variance across different choices of the prompt (abstract)",
        scale="GPT-3 2.7B to 175B, GPT-2 1.5B",
        unit="points of standard deviation",
    ),
)
