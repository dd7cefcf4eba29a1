"""Self-consistency, n = 20 draws a question at T = 0.7: kshot and lm-evaluation-harness on the same prompts, in one go.

    python bench/self_consistency.py [--model smollm2-135m] [--questions 6] [--data DIR]

lm-evaluation-harness gets each prompt 20 times, as its `repeats: 20` does. Draws cannot be equal between the two, so
what is checked is that kshot's are draws from the model: the log-likelihood of a draw, as recorded while it was
drawn with shared prefixes, against one plain forward pass over prompt and draw. The last line is one JSON object:

    ratio        lm-evaluation-harness' seconds (at its best batch size) over kshot's
    floor_share  the floor's seconds over kshot's (see sides.py)
    agreement    share of the checked draws whose log-likelihoods are within 1e-3
    seconds      of each side
"""

from __future__ import annotations

import statistics

import torch
from sides import Kshot, LmEval, floor, parser, report, requests_of

from kshot.types import Generation, Request

CHECKED = 12


def plain_logprob(side: Kshot, request: Request, answer: Generation) -> float | None:
    """The draw's log-likelihood by a plain forward pass; None where its text does not give back its tokens."""
    engine = side.engine
    prompt = engine.renderer.encode(request.prompt)
    drawn = engine.tokenizer(answer.text, add_special_tokens=False).input_ids
    if answer.finish_reason != "length" or len(drawn) != answer.completion_tokens:
        return None  # it ended in a stop string or an end token, which the text does not hold
    before = engine.model.config._attn_implementation
    engine.model.set_attn_implementation("sdpa")
    with torch.inference_mode():
        logits = engine.model(input_ids=torch.tensor([prompt + drawn])).logits[0, len(prompt) - 1 : -1]
    engine.model.set_attn_implementation(before)
    return float(logits.log_softmax(-1).gather(-1, torch.tensor(drawn)[:, None]).sum())


def main() -> None:
    made = parser(__doc__, 6)
    made.add_argument("--draws", type=int, default=20)
    options = made.parse_args()
    strategy = f"self-consistency:base=chain-of-thought(max_new_tokens=96),n={options.draws},temperature=0.7"
    asked = [request for requests in requests_of("gsm8k", strategy, options) for request in requests]
    side = Kshot(options)
    ours = side.answer(asked)
    print(
        f"kshot, {side.engine.capacity} rows: {ours.seconds:.1f} s, {ours.seconds / len(asked):.2f} a draw", flush=True
    )
    operations, least = floor(side, asked, ours.answers)
    print(f"floor: {operations / 1e12:.2f} TFLOP, {least:.1f} s at {operations / least / 1e9:.0f} GFLOP/s", flush=True)
    other = LmEval(options)
    batch = options.lm_eval_batch or other.best_batch(asked, "generate")
    compared = asked[: (options.lm_eval_questions or options.questions) * options.draws]
    theirs = other.answer(compared, batch)
    each = theirs.seconds / len(compared)
    print(f"lm-evaluation-harness, batch {batch}: {theirs.seconds:.1f} s, {each:.2f} a draw")
    lengths = [len(side.engine.tokenizer(text).input_ids) for text in theirs.answers]
    mine = [answer.completion_tokens for answer in ours.answers]
    print(
        f"mean length of a draw: kshot {statistics.fmean(mine):.1f} tokens, the other {statistics.fmean(lengths):.1f}"
    )
    gaps = []
    for request, answer in zip(asked, ours.answers, strict=True):
        expected = plain_logprob(side, request, answer) if len(gaps) < CHECKED else None
        if expected is not None:
            gaps.append(abs(expected - answer.logprob))
    print(f"log-likelihoods of {len(gaps)} draws: at most {max(gaps, default=float('nan')):.1e} from a plain pass")
    report("self_consistency", options, {
        "ratio": each * len(asked) / ours.seconds,
        "floor_share": least / ours.seconds,
        "agreement": sum(gap < 1e-3 for gap in gaps) / max(len(gaps), 1),
        "seconds": {"kshot": round(ours.seconds, 1), "lm_eval": round(theirs.seconds, 1)},
        "draws": options.draws, "lm_eval_batch": batch, "lm_eval_draws": len(compared), "rows": side.engine.capacity,
    })  # fmt: skip


if __name__ == "__main__":
    main()
