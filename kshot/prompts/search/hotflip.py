"""A text whose tokens are exchanged one by one, along the gradient of the loss.

Meets: a step's gradient, its candidates and the text that stands are read on the same samples, where AutoPrompt's code
reads two shuffles of its loader, so that a candidate is held against the text that it was made of; the gradient is
taken where it tells something of other tokens (`kshot.adapters.discrete`); it is a request (`flips.py`),
answered from the journal where it was answered before, so that a resume goes the same way to the last token. No torch
is here: what answers is `kshot.adapters.discrete`.

Concedes: the text stands in front of a sample, as an instruction does, and not between it and the answer, where it has
more influence and what candidates share would be longer: only in front is a found text what `text="..."` says, to any
model, in turns as well as in a template.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from kshot.program import Done, advance, drive
from kshot.prompts.common import answer_behind
from kshot.prompts.instructions import instruction_of
from kshot.prompts.scoring import checked
from kshot.prompts.search.beginning import check_counts, check_length, is_filtered
from kshot.prompts.search.flips import HOLE, FlipsAsked, Lossy, flips_of, gradient_in, losses
from kshot.prompts.search.proposals import label_words_of, names_a_label
from kshot.prompts.search.registry import search
from kshot.prompts.search.searchable import Found, Searchable
from kshot.prompts.search.trials import Trials
from kshot.prompts.strategies import get_strategy
from kshot.types import Generation, Program, Request, Sample, UserError

NEUTRAL = "the"  # the word that a text is made of to begin with
FAR = -50.0  # the log-likelihood of what is not meant, where a trial is asked which answer is the right one


@search
def hotflip(
    task: Searchable,
    trials: Trials,
    *,
    tokens: int = 5,
    wording: int = -1,
    samples: int = 8,
    top: int = 16,
    tries: int = 8,
    finalists: int = 8,
    label_words: str = "filtered",
    seed: int = 0,
) -> Program[Found]:
    """Tokens exchanged along the gradient (Shin et al. 2020, arXiv 2010.15980; Zou et al. 2023, arXiv 2307.15043).

    Begins with `tokens` times "the", or with the task's instruction `wording`. Each step draws `samples` of train and
    takes on them the gradient of the loss, the negative log-probability of the target among the labels or choices, of a
    task that writes for each token of the target. That names to first order the `top` best exchanges of one token
    (Ebrahimi et al. 2018, arXiv 1712.06751), of the next one in turn, where AutoPrompt's code draws which; `tries` of
    them, drawn as GCG draws them, are scored on the same samples, and the best is taken where it is better than the
    text that stands. A gradient is paid for as the scoring of its samples is. In the end the validation chooses among
    the last `finalists` texts that it stood at and, where these are fewer, the best that it tried.
    `label_words`: filtered (no flip makes a text say one that the first did not say), or allowed.
    Raises UserError where a number is below 1, `tokens` above 40, and where the engine has no weights.
    """
    check_counts(tokens=tokens, samples=samples, top=top, tries=tries, finalists=finalists)
    check_length(tokens=tokens)
    tries = min(tries, top)  # no more is ever drawn, nor kept back for
    text = start = instruction_of(task.question.instructions, wording) or " ".join([NEUTRAL] * tokens)
    filtered = label_words_of(task) if is_filtered(label_words) else ()
    without = tuple(word for word in filtered if not names_a_label(start, (word,)))
    drawing = random.Random(f"hotflip {task.task} {seed}")
    finalists, reserve = trials.ending(finalists)
    reached: dict[str, None] = {text: None}  # the texts that it stood at, the last one last
    others: dict[str, float] = {}  # and all that it tried, each with its loss
    rows: dict[str, Lossy] = {}
    steps = taken = barren = 0
    notes: list[str] = []
    while (size := min(samples, (trials.left - reserve) // (2 + tries), len(task.train))) > 0:
        some = drawing.sample(task.train, size)
        for one in some:
            if one.id not in rows:
                rows[one.id] = lossy(task, one, text)
        asked = [rows[one.id] for one in some]
        trials.pay(size)
        [reply] = yield [flips_of(FlipsAsked(text, tuple(asked), top, steps, without, task.question.language))]
        found = gradient_in(reply)
        steps += 1
        flips = [flip for flip, _ in found.flips]
        barren = 0 if flips else barren + 1
        if barren == found.places:
            notes.append("it ended early: no token of the text can be exchanged for one that makes another text.")
            break
        if not flips:
            continue
        drawn = drawing.sample(flips, min(tries, len(flips)))
        trials.pay(size * (1 + len(drawn)))
        stands, *means = yield from mean_losses(asked, [text, *drawn])
        best = min(range(len(drawn)), key=means.__getitem__)
        others |= dict(zip(drawn, means, strict=True))
        if means[best] < stands:
            text, taken = drawn[best], taken + 1
            reached[text] = reached.pop(text, None)
    beside = sorted(others.keys() - reached, key=lambda tried: (others[tried], tried))
    ends = ((end, "start" if end == start else "flip") for end in [*reversed(reached), *beside])
    yield from trials.halving(trials.add_first(ends, finalists))
    said = f"{taken} of {steps} steps took a flip, each on {samples} train samples at most."
    return (yield from trials.concluded([said, *notes]))


def mean_losses(rows: Sequence[Lossy], texts: Sequence[str]) -> Program[list[float]]:
    """Each text's mean loss over the rows."""
    replies = yield [request for text in texts for row in rows for request in row.filled(text)]
    count = len(replies) // len(texts)
    means = []
    for at in range(len(texts)):
        some = replies[at * count : (at + 1) * count]
        each = losses(rows, checked(some), [reply.completion_tokens for reply in some])
        means.append(sum(each) / len(each))
    return means


# ---------------------------------------------------------------- what the task asks of a sample, with a hole


def lossy(task: Searchable, sample: Sample, text: str) -> Lossy:
    """What the task's own program asks of a sample, with a hole where an instruction stands, and which answer is right.

    Of a strategy that writes, the target behind its very prompt. Raises UserError where it does not ask once, or not in
    the instruction's very words.
    """
    holed = requests_of(task, task.worded(HOLE), sample)
    prompts = {request.prompt for request in holed}
    if len(prompts) != 1:
        raise UserError(f"hotflip needs a strategy that asks once, and {task.worded('...')} does not; use the others.")
    found = Lossy(holed[0].prompt, tuple(str(request.continuation) for request in holed))
    if found.filled(text) != requests_of(task, task.worded(text), sample):
        raise UserError(f"{task.worded('...')} does not ask in the instruction's very words; use the other methods.")
    return replace(found, right=right_of(task, sample, holed)) if len(holed) > 1 else found


def requests_of(task: Searchable, spec: str, sample: Sample) -> list[Request]:
    """What a specification asks first of a sample with an answer to score; of what only writes, the target."""
    step = advance(task.score(spec, [sample]))
    asked = [] if isinstance(step, Done) else list(step)
    scored = [Request(one.prompt, continuation=one.continuation) for one in asked if one.continuation is not None]
    if scored or not asked:
        return scored
    strategy = get_strategy(spec)
    question = replace(task.question, text=sample.question, choices=sample.choices, fields=sample.fields)
    return [Request(asked[0].prompt, continuation=answer_behind(strategy, question, sample))]


def right_of(task: Searchable, sample: Sample, asked: Sequence[Request]) -> int:
    """Which of the answers is the right one: that which makes the trial's value the highest, were it the likeliest."""

    def value(likely: int) -> float:
        def answer(request: Request) -> Generation:
            if request.continuation is None:
                return Generation("", "stop")
            logprob = 0.0 if request.continuation == asked[likely].continuation else FAR
            return Generation(request.continuation, "scored", completion_tokens=1, logprob=logprob)

        [trial] = drive(task.score(task.worded(HOLE), [sample]), answer)
        return trial.value

    return max(range(len(asked)), key=value)
