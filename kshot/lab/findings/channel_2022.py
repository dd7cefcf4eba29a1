"""Noisy Channel Language Model Prompting for Few-Shot Text Classification."""

from __future__ import annotations

from kshot.lab.claims.effects import ScoreGain, Worst
from kshot.lab.claims.finding import Finding

SOURCE = "Min et al. 2022, arXiv 2108.04106"
TASKS = ("sst2", "trec", "agnews")
CHANNEL = "channel-logprob:template=0,k=8,select=random,exemplar_seed={seed}"
DIRECT = "choice-logprob:template=0,k=8,select=random,exemplar_seed={seed}"

FINDINGS = (
    Finding(
        "channel-has-a-better-worst-case",
        "Channel models have a better worst case over exemplar sets than direct models.",
        SOURCE,
        Worst(CHANNEL, DIRECT),
        TASKS,
        "above",
        margin=3,
        seeds=5,
        scale="GPT-2 large 774M",
    ),
    Finding(
        "channel-beats-direct",
        "Channel models are right more often than direct models.",
        SOURCE,
        ScoreGain(CHANNEL, DIRECT),
        TASKS,
        "above",
        margin=3,
        seeds=5,
        scale="GPT-2 large 774M",
    ),
)
