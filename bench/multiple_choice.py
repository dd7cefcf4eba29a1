"""Multiple choice by log-likelihood, 5-shot: kshot and lm-evaluation-harness on the same prompts, in one go.

    python bench/multiple_choice.py [--model smollm2-135m] [--questions 200] [--score text|letter] [--data DIR]

CommonsenseQA, five choices. `--score text` scores the words of each choice; `letter` lists the choices and scores
"A" to "E", which are one token each, so that lm-evaluation-harness, too, needs one pass a question. The last line is
one JSON object:

    ratio        lm-evaluation-harness' seconds (at its best batch size) over kshot's
    floor_share  the floor's seconds over kshot's (see sides.py)
    agreement    share of the log-likelihoods within 1e-4 of the other's; largest_gap is the largest difference
    seconds      of each side
"""

from __future__ import annotations

from sides import Kshot, LmEval, floor, parser, report, requests_of


def main() -> None:
    made = parser(__doc__, 200)
    made.add_argument("--score", choices=("text", "letter"), default="text")
    options = made.parse_args()
    if not options.data.is_dir():
        raise SystemExit(
            f"{options.data} is not there: give --data DIR with commonsenseqa/train.jsonl and validation.jsonl"
        )
    strategy = f"choice-logprob:k=5,score={options.score}"
    questions = requests_of("commonsenseqa", strategy, options)
    asked = [request for requests in questions for request in requests]
    side = Kshot(options)
    ours = side.answer(asked)
    print(f"kshot: {ours.seconds:.1f} s, {ours.seconds / len(questions):.3f} a question", flush=True)
    operations, least = floor(side, asked, ours.answers)
    print(f"floor: {operations / 1e12:.2f} TFLOP, {least:.1f} s at {operations / least / 1e9:.0f} GFLOP/s", flush=True)
    other = LmEval(options)
    batch = options.lm_eval_batch or other.best_batch(asked, "score")
    count = options.lm_eval_questions or len(questions)
    compared = [request for requests in questions[:count] for request in requests]
    theirs = other.answer(compared, batch)
    each = theirs.seconds / min(count, len(questions))
    print(f"lm-evaluation-harness, batch {batch}: {theirs.seconds:.1f} s, {each:.3f} a question")
    gaps = [abs(a.logprob - b) for a, (b, _) in zip(ours.answers, theirs.answers, strict=False)]
    report("multiple_choice", options, {
        "ratio": each * len(questions) / ours.seconds,
        "floor_share": least / ours.seconds,
        "agreement": sum(gap < 1e-4 for gap in gaps) / len(gaps),
        "largest_gap": f"{max(gaps):.1e}",
        "seconds": {"kshot": round(ours.seconds, 1), "lm_eval": round(theirs.seconds, 1)},
        "score": options.score, "lm_eval_batch": batch, "lm_eval_questions": min(count, len(questions)),
    })  # fmt: skip


if __name__ == "__main__":
    main()
