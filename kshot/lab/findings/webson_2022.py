"""Do Prompt-Based Models Really Understand the Meaning of Their Prompts?"""

from __future__ import annotations

from kshot.lab.claims.effects import ScoreGain
from kshot.lab.claims.finding import Finding

SOURCE = "Webson and Pavlick 2022, arXiv 2109.01247"
TASKS = ("sst2", "rte")  # whose template has no instruction of its own
SHOWN = "choice-logprob:template=0,k=4,select=balanced,exemplar_seed={seed},calibrate=domain"
OWN = f"{SHOWN},wording=0"
MISLEADING = f"{SHOWN},system=\"Does the text begin with the word 'the'?\""
IRRELEVANT = f'{SHOWN},system="Boil the potatoes in salted water until they are soft, then drain them."'
SCALE = "models of 235M to 175B, most of them trained on the few samples"

FINDINGS = (
    Finding(
        "misleading-instructions-do-as-well",
        "An instruction that asks something else does about as well as the task's own.",
        SOURCE,
        ScoreGain(MISLEADING, OWN),
        TASKS,
        "near",
        margin=5,
        n=256,
        seeds=5,
        scale=SCALE,
    ),
    Finding(
        "irrelevant-instructions-do-as-well",
        "An instruction that has nothing to do with the task does about as well as the task's own.",
        SOURCE,
        ScoreGain(IRRELEVANT, OWN),
        TASKS,
        "near",
        margin=5,
        n=256,
        seeds=5,
        scale=SCALE,
    ),
)
