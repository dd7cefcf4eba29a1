"""8-shot chain-of-thought, greedy: kshot and lm-evaluation-harness on the same prompts, in one go.

    python bench/few_shot_cot.py [--model smollm2-135m] [--questions 96] [--data DIR]

GSM8K's test questions behind the exemplars of Wei et al. 2022, at most 96 new tokens. The last line is one JSON object:

    ratio        lm-evaluation-harness' seconds (at its best batch size) over kshot's
    floor_share  the floor's seconds over kshot's (see sides.py)
    agreement    share of the questions whose two texts are equal; every other one is explained above it
    seconds      of each side
"""

from __future__ import annotations

from sides import Kshot, LmEval, explain, floor, parser, report, requests_of


def main() -> None:
    options = parser(__doc__, 96).parse_args()
    asked = [request for [request] in requests_of("gsm8k", "chain-of-thought:max_new_tokens=96", options)]
    side = Kshot(options)
    ours = side.answer(asked)
    print(
        f"kshot, {side.engine.capacity} rows: {ours.seconds:.1f} s, {ours.seconds / len(asked):.2f} a question",
        flush=True,
    )
    operations, least = floor(side, asked, ours.answers)
    print(f"floor: {operations / 1e12:.2f} TFLOP, {least:.1f} s at {operations / least / 1e9:.0f} GFLOP/s", flush=True)
    other = LmEval(options)
    batch = options.lm_eval_batch or other.best_batch(asked, "generate")
    compared = asked[: options.lm_eval_questions]
    theirs = other.answer(compared, batch)
    each = theirs.seconds / len(compared)
    print(f"lm-evaluation-harness, batch {batch}: {theirs.seconds:.1f} s, {each:.2f} a question")
    pairs = list(zip(compared, (a.text for a in ours.answers), theirs.answers, strict=False))
    for request, mine, text in pairs:
        if mine != text:
            print("differs:", explain(side, request, mine, text))
    report("few_shot_cot", options, {
        "ratio": each * len(asked) / ours.seconds,
        "floor_share": least / ours.seconds,
        "agreement": sum(mine == text for _, mine, text in pairs) / len(pairs),
        "seconds": {"kshot": round(ours.seconds, 1), "lm_eval": round(theirs.seconds, 1)},
        "lm_eval_batch": batch, "lm_eval_questions": len(compared), "rows": side.engine.capacity,
    })  # fmt: skip


if __name__ == "__main__":
    main()
