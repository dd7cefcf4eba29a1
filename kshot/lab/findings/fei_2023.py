"""Mitigating Label Biases for In-context Learning."""

from __future__ import annotations

from kshot.lab.claims.effects import ScoreGain, SeedSpread
from kshot.lab.claims.finding import Finding
from kshot.lab.findings.zhao_2021 import RAW, TASKS

SOURCE = "Fei et al. 2023, arXiv 2305.19148"

FINDINGS = (
    Finding(
        "domain-words-beat-no-words",
        'A prior over random words of the task\'s domain calibrates better than one over "N/A".',
        SOURCE,
        ScoreGain(f"{RAW},calibrate=domain", f"{RAW},calibrate=contextual"),
        TASKS,
        "above",
        margin=3,
        seeds=10,
        scale="GPT-J 6B, GPT-3",
    ),
    Finding(
        "domain-calibration-helps",
        "Domain-context calibration raises the mean accuracy of few-shot prompts.",
        SOURCE,
        ScoreGain(f"{RAW},calibrate=domain", RAW),
        TASKS,
        "above",
        margin=3,
        seeds=10,
        scale="GPT-J 6B, GPT-3",
        starred=True,
    ),
    Finding(
        "domain-calibration-steadies",
        "Domain-context calibration lowers the spread of accuracy over exemplar sets.",
        SOURCE,
        SeedSpread(f"{RAW},calibrate=domain", RAW),
        TASKS,
        "below",
        margin=2,
        seeds=10,
        scale="GPT-J 6B, GPT-3",
    ),
)
