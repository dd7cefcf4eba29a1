"""Rows made by hand: sets of choices."""

from __future__ import annotations

from typing import Any

from tests.eval.tasks.library.copy_of import DATA, Copy


def arc(number: int, labels: str = "ABCD") -> dict[str, Any]:
    things = ["ice", "iron", "sand", "salt", "wood"][: len(labels)]
    return {
        "id": f"made-{number}",
        "question": f"Which of these melts in a warm hand, case {number}?",
        "choices": {"text": things, "label": list(labels)},
        "answerKey": labels[number % len(labels)],
    }


def exam(number: int, question: str, choices: list[str], right: int) -> dict[str, Any]:
    return {"question": f" {question} ({number})", "subject": "anatomy", "choices": choices, "answer": right}


KNOWLEDGE = (
    Copy(
        "mmlu:subject=high_school_us_history",
        "cais/mmlu",
        "test",
        [
            exam(1, "Which bone is in the arm?", ["ulna", "femur", "tibia", "rib"], 0),
            exam(2, "How many hearts has a person?", ["0", "1", "2", "3"], 1),
            exam(3, "What carries blood away?", ["a vein", "a nerve", "a bone", "an artery"], 3),
        ],
        "dev",
        [exam(n, "What is at the end of a leg?", ["a hand", "a foot", "a wing", "a fin"], 1) for n in range(5)],
        config="high_school_us_history",
        harness="mmlu_high_school_us_history",
        published="choice-logprob",
        others={"validation": [exam(9, "Another?", ["a", "b", "c", "d"], 2)]},
        folder="mmlu/high_school_us_history",
    ),
    Copy(
        "arc-easy",
        "allenai/ai2_arc",
        "test",
        [arc(1), arc(2, "1234"), arc(3, "ABC"), arc(4, "ABCDE")],
        "train",
        [arc(8), arc(9)],
        config="ARC-Easy",
        harness="arc_easy",
    ),
    Copy(
        "arc-challenge",
        "allenai/ai2_arc",
        "test",
        [arc(5), arc(6, "1234")],
        "train",
        [arc(10)],
        config="ARC-Challenge",
        harness="arc_challenge",
    ),
    Copy(
        "openbookqa",
        "allenai/openbookqa",
        "test",
        [
            {
                "id": f"ob-{n}",
                "question_stem": f"A lamp that is switched on, number {n},",
                "choices": {"text": ["gives light", "eats grass", "sings", "sleeps"], "label": list("ABCD")},
                "answerKey": " A" if n == 1 else "B",
            }
            for n in (1, 2)
        ],
        "train",
        [
            {
                "id": "ob-9",
                "question_stem": "Rain makes a street",
                "choices": {"text": ["wet", "dry", "loud", "old"], "label": list("ABCD")},
                "answerKey": "A",
            }
        ],
        config="main",
        harness="openbookqa",
    ),
    Copy(
        "sciq",
        "allenai/sciq",
        "test",
        [
            {
                "question": f"What do plants drink, in case {n}?",
                "distractor1": "sand",
                "distractor2": "stone",
                "distractor3": "glass",
                "correct_answer": "water",
                "support": "" if n == 1 else "  Roots take up water.",
            }
            for n in (1, 2, 3, 4)
        ],
        "train",
        [
            {
                "question": "What do cows eat?",
                "distractor1": "tin",
                "distractor2": "air",
                "distractor3": "coal",
                "correct_answer": "grass",
                "support": "Cows graze.",
            }
        ],
        layout=DATA,
        harness="sciq",
    ),
    Copy(
        "medmcqa",
        "openlifescienceai/medmcqa",
        "validation",
        [
            {
                "id": f"uuid-{n}",
                "question": f"Which of these is a tooth ({n})?",
                **dict(zip(("opa", "opb", "opc", "opd"), ["molar", "ulna", "iris", "lobe"], strict=True)),
                "cop": n % 2,
                "choice_type": "single",
                "exp": None,
                "subject_name": "Dental",
                "topic_name": None,
            }
            for n in (0, 1, 2)
        ],
        "train",
        [
            {
                "id": "uuid-9",
                "question": "Which of these is a bone?",
                **dict(zip(("opa", "opb", "opc", "opd"), ["skin", "ulna", "iris", "lobe"], strict=True)),
                "cop": 1,
                "choice_type": "single",
                "exp": None,
                "subject_name": "Anatomy",
                "topic_name": None,
            }
        ],
        layout=DATA,
        harness="medmcqa",
        published="choice-logprob",
    ),
    Copy(
        "truthfulqa",
        "truthfulqa/truthful_qa",
        "validation",
        [
            {
                "question": f"What happens to a spoon left in soup, the {n}th time?",
                "mc1_targets": {
                    "choices": ["It gets warm.", "It melts.", "It brings luck.", "It floats away."][: 2 + n % 3],
                    "labels": [1, 0, 0, 0][: 2 + n % 3],
                },
                "mc2_targets": {"choices": ["It gets warm.", "It melts."], "labels": [1, 0]},
            }
            for n in range(9)
        ],
        config="multiple_choice",
        layout="{config}/{split}-00000-of-00001.parquet",
        harness="truthfulqa_mc1",
    ),
)
COMMONSENSE = (
    Copy(
        "hellaswag",
        "Rowan/hellaswag",
        "validation",
        [
            {
                "ind": n,
                "activity_label": "Washing a car",
                "ctx_a": f"[header] How to wash a car [title] Fill bucket {n}. [step] Use  warm water.",
                "ctx_b": "the man",
                "ctx": "unused",
                "endings": ["rinses it. [substeps] Then rest.", "eats it.", "sells the sky.", "[title] sleeps."],
                "source_id": "made",
                "split": "val",
                "split_type": "indomain",
                "label": str(n % 4),
            }
            for n in (1, 2, 3)
        ],
        "train",
        [
            {
                "ind": 9,
                "activity_label": "Baking",
                "ctx_a": "A woman mixes flour.",
                "ctx_b": "",
                "ctx": "unused",
                "endings": ["She bakes it.", "She flies.", "She shrinks.", "She rings."],
                "source_id": "made",
                "split": "train",
                "split_type": "indomain",
                "label": "0",
            }
        ],
        layout=DATA,
        harness="hellaswag",
        others={
            "test": [
                {
                    "ind": 11,
                    "activity_label": "Baking",
                    "ctx_a": "A man.",
                    "ctx_b": "he",
                    "ctx": "unused",
                    "endings": ["a", "b", "c", "d"],
                    "source_id": "made",
                    "split": "test",
                    "split_type": "indomain",
                    "label": "",
                }
            ]
        },
    ),
    Copy(
        "piqa",
        "baber/piqa",
        "validation",
        [
            {"goal": f"To dry {n} socks,", "sol1": "hang them up.", "sol2": "freeze them.", "label": n % 2}
            for n in (1, 2)
        ],
        "train",
        [{"goal": "To cool tea,", "sol1": "boil it.", "sol2": "wait.", "label": 1}],
        layout="piqa_{split}.parquet",
        card=False,
        harness="piqa",
        others={"test": [{"goal": "To hide,", "sol1": "a", "sol2": "b", "label": -1}]},
    ),
    Copy(
        "winogrande",
        "allenai/winogrande",
        "validation",
        [
            {
                "sentence": "The cup did not fit into the case because the _ was too wide.",
                "option1": "cup",
                "option2": "case",
                "answer": "1",
            },
            {
                "sentence": "Ann lent Bea a coat and _ 's hands got cold .",
                "option1": "Ann",
                "option2": "Bea",
                "answer": "1",
            },
            {"sentence": "_ was late, so Tim left without Jan.", "option1": "Tim", "option2": "Jan", "answer": "2"},
        ],
        "train",
        [{"sentence": "Max thanked Leo, as _ had helped.", "option1": "Max", "option2": "Leo", "answer": "2"}],
        config="winogrande_xl",
        harness="winogrande",
        published="choice-logprob:score=rest",
        others={"test": [{"sentence": "A _ b.", "option1": "x", "option2": "y", "answer": ""}]},
    ),
    Copy(
        "copa",
        "aps/super_glue",
        "validation",
        [
            {
                "premise": "The grass was wet.",
                "choice1": "It had rained.",
                "choice2": "It had been sold.",
                "question": "cause",
                "idx": 0,
                "label": 0,
            },
            {
                "premise": "The boy was tired. ",
                "choice1": "He sang.",
                "choice2": "He slept.",
                "question": "effect",
                "idx": 1,
                "label": 1,
            },
        ],
        "train",
        [
            {
                "premise": "The sun rose.",
                "choice1": "It got light.",
                "choice2": "It got dark.",
                "question": "effect",
                "idx": 2,
                "label": 0,
            }
        ],
        config="copa",
        harness="copa",
    ),
    Copy(
        "social-iqa",
        "lighteval/siqa",
        "validation",
        [
            {
                "context": "Kim gave Lou a gift.",
                "question": f"How would Lou feel, {n}?",
                "answerA": "glad",
                "answerB": "cross",
                "answerC": "ill",
                "label": str(n),
            }
            for n in (1, 2, 3)
        ],
        "train",
        [
            {
                "context": "Jo fell.",
                "question": "What will Jo want?",
                "answerA": "to sing",
                "answerB": "help",
                "answerC": "a hat",
                "label": "2",
            }
        ],
        layout=DATA,
        harness="social_iqa",
    ),
    Copy(
        "swag",
        "allenai/swag",
        "validation",
        [
            {
                "video-id": f"made{n}",
                "fold-ind": str(n),
                "startphrase": f"A dog sees {n} cats. It",
                "sent1": "A dog sees cats.",
                "sent2": "It",
                "gold-source": "gold",
                **{f"ending{i}": end for i, end in enumerate(["barks.", "reads.", "votes.", "melts."])},
                "label": n % 4,
            }
            for n in (0, 1)
        ],
        "train",
        [
            {
                "video-id": "made9",
                "fold-ind": "9",
                "startphrase": "A girl takes a spoon. She",
                "sent1": "A girl takes a spoon.",
                "sent2": "She",
                "gold-source": "gold",
                **{f"ending{i}": end for i, end in enumerate(["eats.", "rusts.", "rains.", "blooms."])},
                "label": 0,
            }
        ],
        config="regular",
        harness="swag",
    ),
)
