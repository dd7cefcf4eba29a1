"""Rows made by hand: sentences, and sets in Chinese."""

from __future__ import annotations

from typing import Any

from tests.eval.tasks.library.copy_of import CONVERTED, Copy


def examined(number: int, answer: str, *, upper: bool = False) -> dict[str, Any]:
    letters = dict(zip("ABCD", ["一个", "两个", "三个", "四个"], strict=True))
    asked = {"Question" if upper else "question": f"第{number}题：桌上有几个杯子？ "}
    more = {} if upper else {"id": number, "explanation": ""}
    return {**more, **asked, **letters, "Answer" if upper else "answer": answer}


def glue(sentences: dict[str, str], label: int, number: int) -> dict[str, Any]:
    return {**sentences, "label": label, "idx": number}


PASSAGE = {"passage": "Tin is a metal. It is soft."}
SHOWN = {"premise": "It rains.", "hypothesis": "It is wet."}
STATED = {"premise": "All the lamps are on. ", "hypothesis": "The room is lit "}
SENTENCES = (
    Copy(
        "boolq",
        "aps/super_glue",
        "validation",
        [{"question": f"is tin a metal {n}", **PASSAGE, "idx": n, "label": n} for n in (0, 1)],
        "train",
        [{"question": "is tin soft", **PASSAGE, "idx": 5, "label": 1}],
        config="boolq",
        harness="boolq",
        published="choice-logprob",
        others={"test": [{"question": "is it", **PASSAGE, "idx": 7, "label": -1}]},
    ),
    Copy(
        "wic",
        "aps/super_glue",
        "validation",
        [
            {
                "word": "bank",
                "sentence1": f"The bank was closed for {n + 2} days.",
                "sentence2": "He sat on the bank of the river.",
                "start1": 4,
                "start2": 14,
                "end1": 8,
                "end2": 18,
                "idx": n,
                "label": n,
            }
            for n in (0, 1)
        ],
        "train",
        [
            {
                "word": "run",
                "sentence1": "They run fast.",
                "sentence2": "We run home.",
                "start1": 5,
                "start2": 3,
                "end1": 8,
                "end2": 6,
                "idx": 4,
                "label": 1,
            }
        ],
        config="wic",
        harness="wic",
        published="choice-logprob",
    ),
    Copy(
        "cola",
        "nyu-mll/glue",
        "validation",
        [glue({"sentence": s}, n, n) for n, s in enumerate(["Cat the sat.", "The cat sat."])],
        "train",
        [glue({"sentence": "She has left."}, 1, 8)],
        config="cola",
        harness="cola",
        published="choice-logprob",
        others={"test": [glue({"sentence": "Hidden."}, -1, 0)]},
    ),
    Copy(
        "mrpc",
        "nyu-mll/glue",
        "validation",
        [glue({"sentence1": "Prices rose.", "sentence2": f"Prices went up {n}."}, n, n) for n in (0, 1)],
        "train",
        [glue({"sentence1": "It rained.", "sentence2": "It snowed."}, 0, 7)],
        config="mrpc",
        harness="mrpc",
        published="choice-logprob",
    ),
    Copy(
        "qqp",
        "nyu-mll/glue",
        "validation",
        [glue({"question1": "How do I knit?", "question2": f"How to knit {n}?"}, n, n) for n in (0, 1)],
        "train",
        [glue({"question1": "Why?", "question2": "How?"}, 0, 7)],
        config="qqp",
        harness="qqp",
        published="choice-logprob",
    ),
    Copy(
        "qnli",
        "nyu-mll/glue",
        "validation",
        [glue({"question": "Who came?", "sentence": f"{n} guests came."}, n, n) for n in (0, 1)],
        "train",
        [glue({"question": "When?", "sentence": "At noon."}, 0, 7)],
        config="qnli",
        harness="qnli",
        published="choice-logprob",
    ),
    Copy(
        "mnli",
        "nyu-mll/glue",
        "validation_matched",
        [glue({**STATED, "hypothesis": f"Room {n} is lit {'.' * (n % 2)}"}, n, n) for n in (0, 1, 2)],
        "train",
        [glue(SHOWN, 1, 7)],
        config="mnli",
        harness="mnli",
        published="choice-logprob",
    ),
    Copy(
        "mnli:split=mismatched",
        "nyu-mll/glue",
        "validation_mismatched",
        [glue({**STATED, "premise": f"{n + 3} lamps are on."}, n, n) for n in (2, 1, 0)],
        "train",
        [glue(SHOWN, 1, 7)],
        config="mnli",
        harness="mnli_mismatch",
        published="choice-logprob",
    ),
    Copy(
        "anli:round=2",
        "facebook/anli",
        "test_r2",
        [{"uid": f"u{n}", **STATED, "hypothesis": f"Room {n} is lit", "label": n, "reason": ""} for n in (0, 1, 2)],
        "train_r2",
        [{"uid": "u7", **SHOWN, "label": 0, "reason": ""}],
        config="plain_text",
        harness="anli_r2",
        published="choice-logprob",
    ),
)
CHINESE = (
    Copy(
        "ceval:subject=law",
        "ceval/ceval-exam",
        "val",
        [examined(n, "ABCD"[n]) for n in (0, 1, 2)],
        "dev",
        [examined(n, "C") for n in (10, 11)],
        config="law",
        harness="ceval-valid_law",
        published="choice-logprob",
        others={"test": [examined(0, "")]},
        folder="ceval/law",
    ),
    Copy(
        "cmmlu:subject=anatomy",
        "haonan-li/cmmlu",
        "test",
        [examined(n, "ABCD"[n], upper=True) for n in (3, 1)],
        "dev",
        [examined(8, "B", upper=True)],
        config="anatomy",
        layout=CONVERTED,
        card=False,
        revision="refs/convert/parquet",
        published="choice-logprob",
        folder="cmmlu/anatomy",
    ),
    Copy(
        "xcopa",
        "cambridgeltl/xcopa",
        "test",
        [
            {
                "premise": f"{n + 1}块草地湿了。",
                "choice1": "下过雨。",
                "choice2": "天黑了。",
                "question": "cause",
                "label": n,
                "idx": n,
                "changed": False,
            }
            for n in (0, 1)
        ],
        "validation",
        [
            {
                "premise": "男孩累了。",
                "choice1": "他睡了。",
                "choice2": "他唱了。",
                "question": "effect",
                "label": 0,
                "idx": 5,
                "changed": False,
            }
        ],
        config="zh",
        harness="xcopa_zh",
    ),
)
