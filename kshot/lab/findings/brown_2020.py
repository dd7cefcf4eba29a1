"""Language Models are Few-Shot Learners."""

from __future__ import annotations

from kshot.lab.claims.effects import Growth, ScoreGain, Slope
from kshot.lab.claims.finding import Finding

SOURCE = "Brown et al. 2020, arXiv 2005.14165"
LABELS = ("sst2", "trec", "agnews")
SCORED = "choice-logprob:template=0,select=balanced,exemplar_seed={seed}"

FINDINGS = (
    Finding(
        "few-shot-helps",
        "Exemplars in the prompt raise accuracy over a question alone, where the task is a pattern.",
        SOURCE,
        ScoreGain("few-shot:k=8", "zero-shot"),
        ("word-pairs:relation=plurals", "word-pairs:relation=past", "word-pairs:relation=comparatives"),
        "above",
        margin=5,
        scale="GPT-3 175B",
        starred=True,
    ),
    Finding(
        "more-exemplars-help",
        "Accuracy rises with the number of exemplars.",
        f"{SOURCE}, figure 1.2",
        Slope(f"{SCORED},k={{k}}", (0, 1, 2, 4, 8, 16)),
        LABELS,
        "above",
        margin=2,
        seeds=3,
        scale="GPT-3 175B",
        starred=True,
    ),
    Finding(
        "more-exemplars-help-calibrated",
        "Accuracy rises with the number of exemplars, the labels' prior taken off.",
        f"{SOURCE}, figure 1.2; calibration: Fei et al. 2023, arXiv 2305.19148",
        Slope(f"{SCORED},calibrate=domain,k={{k}}", (0, 1, 2, 4, 8, 16)),
        LABELS,
        "above",
        margin=2,
        seeds=3,
        scale="GPT-3 175B",
    ),
    Finding(
        "gain-grows-with-size",
        "What exemplars add grows with the model.",
        f"{SOURCE}, figure 1.2",
        Growth(ScoreGain("few-shot:k=8", "zero-shot")),
        ("word-pairs:relation=plurals", "word-pairs:relation=past", "word-pairs:relation=comparatives"),
        "above",
        margin=5,
        scale="1.3B to 175B",
        starred=True,
    ),
)
