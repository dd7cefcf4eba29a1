"""Larger Language Models Do In-Context Learning Differently."""

from __future__ import annotations

from kshot.lab.claims.effects import AreaOverHalf, Growth
from kshot.lab.claims.finding import Finding

SOURCE = "Wei et al. 2023, arXiv 2303.03846"
SHOWN = "choice-logprob:template=0,k=16,select=balanced,exemplar_seed={seed}"

FINDINGS = (
    Finding(
        "flipped-labels-are-ignored",
        "Small models ignore flipped labels: their scores still tell the true ones apart.",
        SOURCE,
        AreaOverHalf(f"{SHOWN},ablate=flipped"),
        ("sst2", "agnews"),
        "above",
        margin=5,
        n=256,
        seeds=5,
        numbers="overriding priors emerges with scale (abstract)",
        scale="GPT-3, Codex, PaLM 8B to 540B",
        starred=True,
    ),
    Finding(
        "unrelated-labels-are-not-learned",
        "Small models do not learn labels that say nothing of the task, such as foo and bar.",
        SOURCE,
        AreaOverHalf(f"{SHOWN},ablate=symbols"),
        ("sst2", "agnews"),
        "near",
        margin=5,
        n=256,
        seeds=5,
        numbers="learning unrelated labels emerges with scale (abstract)",
        scale="GPT-3, Codex, PaLM 8B to 540B",
        starred=True,
    ),
    Finding(
        "unrelated-labels-need-size",
        "Labels that say nothing of the task, such as foo and bar, are learned better by a larger model.",
        SOURCE,
        Growth(AreaOverHalf(f"{SHOWN},ablate=symbols")),
        ("sst2", "agnews"),
        "above",
        margin=5,
        n=256,
        seeds=5,
        numbers="learning unrelated labels emerges with scale (abstract)",
        scale="GPT-3, Codex, PaLM 8B to 540B",
        starred=True,
    ),
)
