"""What a question costs as the work grows: with the number of questions, and with the length of what they share.

    python bench/growth.py [--model smollm2-135m] [--counts 24 96 384] [--prefixes 256 512 1024 2048 4096]
                           [--lm-eval-questions 8] [--out growth.png] [--data DIR]

Left: GSM8K behind the eight exemplars of Wei et al., at most 96 new tokens. Right: generated word problems behind as
many exemplars as make the length, 48 questions, at most 32 new tokens. lm-evaluation-harness encodes every prompt for
itself, so its seconds a question do not depend on their number: it gets `--lm-eval-questions` of them at each length,
batch 8. Draws both and prints one JSON object last.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sides import Kshot, LmEval, get_task, parser, report, requests_of

from kshot.harness.prefix.decoder import PrefixDecoder
from kshot.types import Request, SamplingParams, Source

KSHOT, OTHER = "#0072B2", "#D55E00"  # told apart by colour-blind readers, and by their markers


def stories(side: Kshot, tokens: int, count: int) -> list[Request]:
    """Word problems behind a block of exemplars of about so many tokens."""
    task = get_task("word-problems:steps=0")
    asked, pool = task.load("test", Source(limit=count)), task.load("train", Source(limit=400))
    block, length = "", 0
    for sample in pool * 4:
        shot = f"Q: {sample.question}\nA: {sample.rationale} The answer is {sample.target}.\n\n"
        length += len(side.engine.renderer.encode(shot))
        if length > tokens:
            break
        block += shot
    params = SamplingParams(max_new_tokens=32, stop=("\n\n",))
    return [Request(f"{block}Q: {sample.question}\nA:", params) for sample in asked]


def timed(side: Kshot, requests: Sequence[Request]) -> float:
    """kshot's seconds a question, from nothing."""
    assert isinstance(side.engine.decoder, PrefixDecoder)
    side.engine.decoder.restart(side.engine.decoder.rows)
    return side.answer(requests).seconds / len(requests)


def main() -> None:
    made = parser(__doc__, 384)
    made.add_argument("--counts", type=int, nargs="+", default=[24, 96, 384])
    made.add_argument("--prefixes", type=int, nargs="+", default=[256, 512, 1024, 2048, 4096])
    made.add_argument("--out", type=Path, default=Path("growth.png"))
    made.set_defaults(lm_eval_questions=8)
    options = made.parse_args()
    options.questions, few = max(options.counts), options.lm_eval_questions
    side, other = Kshot(options), LmEval(options)
    asked = [request for [request] in requests_of("gsm8k", "chain-of-thought:max_new_tokens=96", options)]
    ours = {count: timed(side, asked[:count]) for count in options.counts}
    theirs = other.answer(asked[:few], 8).seconds / few
    print(f"questions: kshot {ours}, lm-evaluation-harness {theirs:.2f} s a question", flush=True)
    longer, longer_theirs = {}, {}
    for tokens in options.prefixes:
        requests = stories(side, tokens, 48)
        longer[tokens] = timed(side, requests)
        longer_theirs[tokens] = other.answer(requests[:few], 8).seconds / few
        print(f"prefix of {tokens}: {longer[tokens]:.2f} and {longer_theirs[tokens]:.2f} s a question", flush=True)
    draw(ours, theirs, longer, longer_theirs, options.out)
    report("growth", options, {
        "kshot": {str(count): round(value, 3) for count, value in ours.items()}, "lm_eval": theirs,
        "prefix": {str(n): [round(longer[n], 3), round(longer_theirs[n], 3)] for n in longer},
        "figure": str(options.out),
    })  # fmt: skip


def draw(
    ours: dict[int, float], theirs: float, longer: dict[int, float], longer_theirs: dict[int, float], out: Path
) -> None:
    """Two panels of seconds a question."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
    left.plot(list(ours), list(ours.values()), "o-", color=KSHOT, label="kshot")
    left.axhline(theirs, color=OTHER, linestyle="--", label="lm-evaluation-harness")
    left.set(xlabel="questions (740 shared tokens)", ylabel="seconds a question", xscale="log", yscale="log")
    left.set_xticks(list(ours), [str(count) for count in ours], minor=False)
    left.set_xticks([], minor=True)
    right.plot(list(longer), list(longer.values()), "o-", color=KSHOT, label="kshot")
    right.plot(list(longer_theirs), list(longer_theirs.values()), "s--", color=OTHER, label="lm-evaluation-harness")
    right.set(xlabel="tokens shared (48 questions)", xscale="log")
    right.set_xticks(list(longer), [f"{tokens:,}" for tokens in longer])
    right.set_xticks([], minor=True)
    for axes in (left, right):
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(lambda value, at: f"{value:g}" if f"{value:e}"[0] in "25" else "")
        axes.grid(alpha=0.3, which="both")
        axes.legend(frameon=False)
    figure.savefig(out, dpi=150)


if __name__ == "__main__":
    main()
