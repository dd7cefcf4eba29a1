"""What Makes Good In-Context Examples for GPT-3?"""

from __future__ import annotations

from kshot.lab.claims.effects import ScoreGain
from kshot.lab.claims.finding import Finding

SOURCE = "Liu et al. 2021, arXiv 2101.06804"
TASKS = ("sst2", "trec", "agnews")
NEAREST, DRAWN = "choice-logprob:template=0,k=4,select=knn", "choice-logprob:template=0,k=4,select=random"

FINDINGS = (
    Finding(
        "nearest-exemplars-help",
        "Exemplars nearest to the question help more than exemplars drawn at random.",
        SOURCE,
        ScoreGain(NEAREST, f"{DRAWN},exemplar_seed={{seed}}"),
        TASKS,
        "above",
        margin=3,
        n=256,
        seeds=3,
        scale="GPT-3 175B",
    ),
    Finding(
        "model-beats-neighbours",
        "A model shown its nearest exemplars is right more often than a vote of their labels.",
        f"{SOURCE}; the control is kshot's",
        ScoreGain(NEAREST, "knn-vote:k=4"),
        TASKS,
        "above",
        margin=3,
        n=256,
        scale="GPT-3 175B",
    ),
)
