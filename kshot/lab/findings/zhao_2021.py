"""Calibrate Before Use."""

from __future__ import annotations

from kshot.lab.claims.effects import Leaning, ScoreGain, SeedSpread
from kshot.lab.claims.finding import Finding

SOURCE = "Zhao et al. 2021, arXiv 2102.09690"
TASKS = ("sst2", "trec", "agnews", "rte")
TWO_LABELS = ("sst2", "rte")
RAW = "choice-logprob:template=0,k=4,select=random,exemplar_seed={seed}"
PLACED = "choice-logprob:template=0,k=4,select=labelled(places={places}),exemplar_seed={{seed}}"

FINDINGS = (
    Finding(
        "contextual-calibration-helps",
        "Contextual calibration raises the mean accuracy of few-shot prompts.",
        SOURCE,
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
        SOURCE,
        SeedSpread(f"{RAW},calibrate=contextual", RAW),
        TASKS,
        "below",
        margin=2,
        seeds=10,
        numbers="reduces variance across different choices of the prompt (abstract)",
        scale="GPT-3 2.7B to 175B, GPT-2 1.5B",
    ),
    Finding(
        "majority-label-bias",
        "The label that most exemplars have is answered more often, though the last two exemplars are the same.",
        SOURCE,
        Leaning(PLACED.format(places="1110"), PLACED.format(places="0010"), label=1),
        TWO_LABELS,
        "above",
        margin=5,
        seeds=10,
        scale="GPT-3 2.7B",
    ),
    Finding(
        "recency-bias",
        "The label of the last exemplars is answered more often, though the exemplars are the same.",
        SOURCE,
        Leaning(PLACED.format(places="0011"), PLACED.format(places="1100"), label=1),
        TWO_LABELS,
        "above",
        margin=5,
        seeds=10,
        scale="GPT-3 2.7B",
    ),
)
