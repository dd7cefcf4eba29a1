"""Large Language Models are Zero-Shot Reasoners."""

from __future__ import annotations

from kshot.lab.claims.effects import ScoreGain
from kshot.lab.claims.finding import Finding

SOURCE = "Kojima et al. 2022, arXiv 2205.11916"

FINDINGS = (
    Finding(
        "step-by-step-helps",
        '"Let\'s think step by step" raises accuracy over the question alone.',
        SOURCE,
        ScoreGain("zero-shot-cot", "zero-shot"),
        ("multiarith", "gsm8k"),
        "above",
        margin=3,
        n=100,
        numbers="MultiArith from 17.7% to 78.7%, GSM8K from 10.4% to 40.7% (abstract)",
        scale="text-davinci-002, PaLM 540B",
        starred=True,
    ),
    Finding(
        "exemplars-beat-step-by-step",
        'Worked exemplars help more than "Let\'s think step by step".',
        SOURCE,
        ScoreGain("chain-of-thought:k=8", "zero-shot-cot"),
        ("multiarith", "gsm8k"),
        "above",
        margin=3,
        n=100,
        scale="text-davinci-002, PaLM 540B",
    ),
)
