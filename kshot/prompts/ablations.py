"""What an exemplar is good for: exemplars with wrong, random or no labels, other words for them, or foreign inputs.

Meets: a label that is drawn hangs on the exemplar and the seed, not on the question or on k: a question's nearest
exemplars are those of one relabelled pool; answers in other words are read back as the labels that they stand for.
Concedes: `foreign` keeps the label of the exemplar whose input it takes, so that labels are as frequent as before.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kshot.prompts.picks import PICKS
from kshot.prompts.templates import letters
from kshot.types import ASKED, Question, Sample, UserError

GOLD, WRONG = "gold", "wrong"
ABLATIONS = (GOLD, WRONG, "random", "flipped", "symbols", "words", "no-labels", "labels-only", "foreign")
RENAMED = ("symbols", "words")  # the labels are written in other words, in the exemplars and in what is scored or read
FOREIGN = "foreign"
SHOWN: Mapping[str, Any] = {"ablate": GOLD, "share": 1.0, "permutation": 0, FOREIGN: "word-problems", PICKS: ()}
"""The hyperparameters of everything that shows exemplars, beside its own: what becomes of them, and which they are."""

SYMBOLS = ("foo", "bar", "baz", "qux", "quux", "corge", "grault", "garply", "waldo", "fred", "plugh", "xyzzy", "thud")
WORDS = (
    *("apple", "bridge", "candle", "desk", "engine", "forest", "garden", "hammer", "island", "jacket", "kitchen"),
    *("ladder", "mirror", "needle", "ocean", "pencil", "quarter", "river", "saddle", "table", "umbrella", "valley"),
    *("window", "yellow", "anchor", "basket", "carpet", "dragon", "elbow", "feather", "guitar", "harbor", "iron"),
    *("jungle", "kettle", "lemon", "market", "napkin", "orange", "planet", "rabbit", "shadow", "tunnel", "velvet"),
    *("wagon", "zipper", "button", "castle", "donkey", "fabric", "goose", "helmet", "insect", "jar", "knot", "lamp"),
    *("magnet", "north", "oven", "paper", "roof", "spoon", "tower", "vase", "wheel", "acorn", "barrel", "copper"),
)


def check_showing(given: Mapping[str, Any]) -> None:
    """Raises UserError for an ablation that there is not, a share out of range, and what would go unheard."""
    kind, share, foreign = given["ablate"], given["share"], given[FOREIGN]
    if kind not in ABLATIONS:
        from kshot.registry import suggest

        raise UserError(f"unknown ablate {kind!r}: {suggest(kind, ABLATIONS)}")
    if not 0 <= share <= 1:
        raise UserError(f"share is {share}; it is a share and must lie between 0 and 1.")
    if share != SHOWN["share"] and kind in (GOLD, *RENAMED):
        raise UserError(f"share is {share} and ablate={kind} is done to all exemplars or none; leave share out.")
    if foreign != SHOWN[FOREIGN] and kind != FOREIGN:
        raise UserError(f"foreign is {foreign!r}, which ablate={kind} has no use for; add ablate=foreign.")


def words_for(kind: str, labels: Sequence[str], seed: int) -> tuple[str, ...]:
    """What stands for each label: foo, bar ... (Wei et al. 2023, arXiv 2303.03846, section 4), or drawn English words.

    Raises UserError where the task has no labels, or more than there are words.
    """
    known = SYMBOLS if kind == "symbols" else WORDS
    if not labels:
        raise UserError(f"ablate={kind} puts other words for labels, and this task has none; leave it out.")
    if len(labels) > len(known):
        raise UserError(f"ablate={kind} has {len(known)} words and the task {len(labels)} labels; give label_words=.")
    if kind == "symbols":
        return known[: len(labels)]
    free = [word for word in known if word.casefold() not in {label.casefold() for label in labels}]
    return tuple(random.Random(f"words {seed}").sample(free, len(labels)))


def ablated(
    question: Question, drawn: Sequence[Sample], kind: str, share: float, seed: int, generator: random.Random
) -> list[Sample]:
    """The exemplars with a share of them, rounded half up, changed.

    wrong: another label (see `relabelled`); random: any label, the right one too (Min et al. 2022, arXiv 2202.12837,
    section 4); flipped: one permutation of the labels that leaves none in its place (Wei et al. 2023, arXiv 2303.03846,
    section 3); symbols: the labels as they are, in other words; words: other words, and those at random, as Min et al.
    do (section 5.2); no-labels, labels-only: without the one or the other (5.3); foreign: another task's inputs, as
    long as the exemplar's (5.1). Raises UserError where the task has nothing of the kind.
    """
    if kind == "symbols":
        return list(drawn)
    if kind == WRONG:
        return relabelled(drawn, question.labels, share, generator) if share else list(drawn)
    chosen = random.Random(f"{kind} {seed}").sample(range(len(drawn)), int(share * len(drawn) + 0.5))
    return [changed(question, one, kind, seed) if at in chosen else one for at, one in enumerate(drawn)]


def changed(question: Question, one: Sample, kind: str, seed: int) -> Sample:
    """One exemplar, ablated; its rationale goes, which would give the target away."""
    if kind == "no-labels":
        return replace(one, target="", rationale="")
    if kind == "labels-only":
        return replace(one, question="", fields=tuple((name, "") for name, _ in one.fields), rationale="")
    generator = random.Random(f"{kind} {seed} {one.id}")
    if kind == FOREIGN:
        return with_input(one, question, generator)
    names = question.labels if not one.choices else letters(one.choices) if kind == "random" else ()
    if not names:
        what = "labels" if kind != "random" else "labels or choices"
        raise UserError(f"ablate={kind} needs a task with {what}, and this one has none; use ablate=wrong.")
    if kind != "flipped":
        return replace(one, target=generator.choice(names), rationale="")
    return replace(one, target=dict(zip(names, deranged(names, seed), strict=True)).get(one.target, one.target))


def deranged(labels: Sequence[str], seed: int) -> list[str]:
    """The labels in an order that leaves none in its place, all such orders equally likely; one a seed.

    Raises UserError for a single label.
    """
    if len(labels) < 2:
        raise UserError("ablate=flipped needs two labels at least, and this task has one; use ablate=gold.")
    generator = random.Random(f"flipped {seed}")
    while True:
        drawn = generator.sample(labels, len(labels))
        if all(one != other for one, other in zip(drawn, labels, strict=True)):
            return drawn


def with_input(one: Sample, question: Question, generator: random.Random) -> Sample:
    """The exemplar with an input of another task, drawn among those about as long, and its own label.

    The weight of a text whose length in words differs by d is exp(-d * d / 50), as in Min et al.'s code.
    """
    if question.foreign is None:
        raise UserError(
            "ablate=foreign takes another task's inputs, which a run brings along; use it with kshot bench."
        )
    others = question.foreign(question.showing[FOREIGN])
    if not others:
        raise UserError(
            f"foreign={question.showing[FOREIGN]} has no train samples to take inputs from; name another task."
        )

    def like(text: str) -> str:
        apart = [(len(other.split()) - len(text.split())) ** 2 for other in others]
        weights = [math.exp((min(apart) - each) / 50) for each in apart]
        return generator.choices(others, weights)[0]

    fields = tuple((name, text if name == ASKED else like(text)) for name, text in one.fields)
    shown = dict(fields)
    same = next((shown[name] for name, text in one.fields if text == one.question), "")
    return replace(one, question=same or like(one.question), fields=fields, rationale="")


def relabelled(drawn: Sequence[Sample], labels: Sequence[str], noise: float, generator: random.Random) -> list[Sample]:
    """The exemplars with a share of their targets wrong, drawn as the task allows.

    Another label where the task has labels, another letter where the exemplar has choices, and otherwise
    another exemplar's target: noise 1 on word pairs is the outputs shuffled so that none stays in place
    (but where more than half of them are the same). A rationale would give the true target away, so it
    goes with it. Raises UserError where all exemplars have the same target and there is nothing to swap.
    """
    chosen = generator.sample(range(len(drawn)), int(noise * len(drawn) + 0.5))
    targets = [sample.target for sample in drawn]
    given: dict[int, str] = {}
    free = [at for at in chosen if not labels and not drawn[at].choices]
    for at in chosen:
        if at not in free:
            names = letters(drawn[at].choices) if drawn[at].choices else labels
            given[at] = generator.choice([name for name in names if name != targets[at]] or [targets[at]])
    # grouped by target and turned by the largest group, a list meets itself nowhere if that group is at most half
    distinct = sorted({targets[at] for at in free})
    rank = {target: place for place, target in enumerate(generator.sample(distinct, len(distinct)))}
    ring = sorted(free, key=lambda at: rank[targets[at]])
    turn = max((sum(targets[at] == targets[other] for other in ring) for at in ring), default=0)
    for place, at in enumerate(ring):
        given[at] = targets[ring[(place + turn) % len(ring)]]
        if given[at] == targets[at]:  # nothing within the chosen ones to swap with: any other exemplar's
            others = sorted(set(targets) - {targets[at]})
            if not others:
                raise UserError("noise cannot be applied: all exemplars have the same target; raise k, or set noise=0.")
            given[at] = generator.choice(others)
    return [replace(s, target=given[at], rationale="") if at in given else s for at, s in enumerate(drawn)]
