"""Selective Annotation Makes Language Models Better Few-Shot Learners."""

from __future__ import annotations

from kshot.lab.claims.effects import ScoreGain
from kshot.lab.claims.finding import Finding
from kshot.lab.findings.liu_2021 import TASKS

ANNOTATED = "choice-logprob:template=0,k=4,select=knn(among={by},size=18)"

FINDINGS = (
    Finding(
        "votek-annotates-better",
        "Of 18 annotated samples, those chosen by vote-k serve as nearest exemplars better than those drawn at random.",
        "Su et al. 2022, arXiv 2209.01975",
        ScoreGain(ANNOTATED.format(by="votek"), f"{ANNOTATED.format(by='random')},exemplar_seed={{seed}}"),
        TASKS,
        "above",
        margin=3,
        seeds=5,
        numbers="12.9% and 11.4% relative gain at 18 and 100 annotated samples (abstract)",
        scale="GPT-J 6B and others",
    ),
)
