"""Rethinking the Role of Demonstrations."""

from __future__ import annotations

from kshot.lab.claims.effects import ScoreGain
from kshot.lab.claims.finding import Finding

SOURCE = "Min et al. 2022, arXiv 2202.12837"
TASKS = ("sst2", "trec", "agnews")
GOLD = "choice-logprob:template=0,k=16,select=balanced,exemplar_seed={seed}"
CALIBRATED = f"{GOLD},calibrate=domain"

FINDINGS = (
    Finding(
        "random-labels-barely-hurt",
        "Exemplars with random labels do about as well as exemplars with the right ones.",
        f"{SOURCE}, section 4",
        ScoreGain(f"{CALIBRATED},ablate=random", CALIBRATED),
        TASKS,
        "near",
        margin=5,
        n=256,
        seeds=5,
        scale="twelve models, 774M to 175B",
        starred=True,
    ),
    Finding(
        "exemplars-with-random-labels-help",
        "Exemplars with random labels do better than no exemplars.",
        f"{SOURCE}, section 4",
        ScoreGain(f"{CALIBRATED},ablate=random", "choice-logprob:template=0,calibrate=domain"),
        TASKS,
        "above",
        margin=3,
        n=256,
        seeds=5,
        scale="twelve models, 774M to 175B",
    ),
    Finding(
        "inputs-matter",
        "Exemplars of another task's inputs do worse than exemplars of this task's.",
        f"{SOURCE}, section 5",
        ScoreGain(f"{CALIBRATED},ablate=foreign", CALIBRATED),
        TASKS,
        "below",
        margin=3,
        n=256,
        seeds=5,
        scale="twelve models, 774M to 175B",
    ),
    Finding(
        "label-space-matters",
        "Random labels of the task do better than random English words in their place.",
        f"{SOURCE}, section 5",
        ScoreGain(f"{CALIBRATED},ablate=random", f"{CALIBRATED},ablate=words"),
        TASKS,
        "above",
        margin=3,
        n=256,
        seeds=5,
        scale="twelve models, 774M to 175B",
    ),
)
