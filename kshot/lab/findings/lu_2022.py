"""Fantastically Ordered Prompts and Where to Find Them."""

from __future__ import annotations

from kshot.lab.claims.effects import ArmSpread, ScoreGain
from kshot.lab.claims.finding import Finding

SOURCE = "Lu et al. 2022, arXiv 2104.08786"
TASKS = ("sst2", "trec")
SET = "choice-logprob:template=0,k=4,select=balanced,exemplar_seed={seed}"

FINDINGS = (
    Finding(
        "order-matters",
        "The order of the same four exemplars alone moves accuracy, beyond what sampling does.",
        SOURCE,
        ArmSpread(tuple(f"{SET},order=perm,permutation={at}" for at in range(24))),
        TASKS,
        "above",
        margin=2,
        seeds=3,
        numbers="from near state of the art to random guessing (abstract)",
        scale="GPT-2 and GPT-3, 0.1B to 175B",
        unit="points of standard deviation between orders, noise taken off",
        starred=True,
    ),
    Finding(
        "entropy-finds-orders",
        "An order chosen by the entropy of its predictions on probing samples beats orders drawn at random.",
        SOURCE,
        ScoreGain(f"{SET},order=globale", f"{SET},order=shuffled"),
        TASKS,
        "above",
        margin=3,
        seeds=5,
        numbers="13% relative improvement over eleven tasks (abstract)",
        scale="GPT-2 and GPT-3, 0.1B to 175B",
    ),
)
