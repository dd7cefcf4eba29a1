"""SCAN: commands to action sequences, from the grammar of Lake and Baroni 2018 (arXiv 1711.00350).

All 20,910 commands with their actions, in a fixed order. The length split is the paper's (experiment 2):
train has at most 22 actions, test more. The simple split draws a fifth of all commands for test with a
fixed seed of ours, not the paper's draw. `Source.seed` orders each split; the default is 100 test samples.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from itertools import product

from kshot.eval.answers import ACTIONS, exact
from kshot.eval.tasks.drawing import DEFAULT_TEST
from kshot.eval.tasks.registry import TASKS
from kshot.registry import suggest
from kshot.types import Decomposition, Sample, Source, Split, Task, UserError

LONGEST_TRAIN = 22  # actions; Lake and Baroni 2018, experiment 2
VERBS = ("walk", "look", "run", "jump")
TIMES = {"twice": 2, "thrice": 3}
SPLITS = ("simple", "length")
EXPLAINED = (
    "look thrice after jump",
    "run left and walk",
    "look opposite right twice",
    "walk around left thrice",
    "jump opposite left after walk around left",
    "turn left twice and run around right",
)
INSTRUCTIONS = (
    "Translate the navigation command into its sequence of actions. The actions are I_WALK, I_LOOK, I_RUN, I_JUMP, "
    "I_TURN_LEFT and I_TURN_RIGHT.",
    "Write the actions that carry out the command, in order, separated by spaces. Use only I_WALK, I_LOOK, I_RUN, "
    "I_JUMP, I_TURN_LEFT, I_TURN_RIGHT.",
    "You control a robot that knows I_WALK, I_LOOK, I_RUN, I_JUMP, I_TURN_LEFT and I_TURN_RIGHT. "
    "Which sequence of actions does this command mean?",
)


@TASKS.add("scan")
def scan(*, split: str = "simple") -> Task:
    """Navigation commands to action sequences (Lake and Baroni 2018); split is simple or length."""
    if split not in SPLITS:
        raise UserError(f"task scan: unknown split {split!r}: {suggest(split, SPLITS)}")
    kind = split

    def load(split: Split, source: Source) -> Sequence[Sample]:
        chosen = members(kind, split)
        random.Random(f"scan {kind} {split} {source.seed}").shuffle(chosen)
        if split == "test":
            chosen = chosen[: DEFAULT_TEST if source.limit is None else source.limit]
        every = commands()
        return [make(index, *every[index]) for index in chosen]

    return Task(
        "scan", load, ACTIONS, exact, instructions=INSTRUCTIONS, decompositions=tuple(map(decomposition, EXPLAINED))
    )


@cache
def commands() -> tuple[tuple[str, str], ...]:
    """All commands of the grammar with their actions, in a fixed order."""
    phrases = [
        f"{phrase}{often}"
        for phrase in (
            *VERBS,
            *(
                f"{verb}{how} {side}"
                for verb, how, side in product((*VERBS, "turn"), ("", " opposite", " around"), ("left", "right"))
            ),
        )
        for often in ("", *(f" {word}" for word in TIMES))
    ]
    joined = (f"{first} {word} {second}" for first, word, second in product(phrases, ("and", "after"), phrases))
    return tuple((command, " ".join(actions(command))) for command in (*phrases, *joined))


def members(kind: str, split: Split) -> list[int]:
    """Positions, in the fixed order, of the commands of a split."""
    every = commands()
    if kind == "length":
        return [i for i, (_, done) in enumerate(every) if (done.count(" ") < LONGEST_TRAIN) == (split == "train")]
    held = set(random.Random("scan simple split").sample(range(len(every)), len(every) // 5))
    return [index for index in range(len(every)) if (index in held) == (split == "test")]


def actions(command: str) -> tuple[str, ...]:
    """The actions of a command: the interpretation function of Lake and Baroni 2018, figure 7."""
    for joint in (" and ", " after "):
        if joint in command:
            left, right = command.split(joint)
            return actions(left) + actions(right) if joint == " and " else actions(right) + actions(left)
    words = command.split()
    if words[-1] in TIMES:
        return phrase_actions(words[:-1]) * TIMES[words[-1]]
    return phrase_actions(words)


def phrase_actions(words: Sequence[str]) -> tuple[str, ...]:
    """The actions of a phrase without and, after, twice, thrice."""
    act = () if words[0] == "turn" else (f"I_{words[0].upper()}",)
    if len(words) == 1:
        return act
    turn = (f"I_TURN_{words[-1].upper()}",)
    if words[1] == "opposite":
        return turn * 2 + act
    if words[1] == "around":
        return (turn + act) * 4
    return turn + act


def parts(command: str) -> list[str]:
    """The shorter commands that a command is made of, each after those it needs, without the command itself."""
    found: list[str] = []
    for joint in (" and ", " after "):
        if joint in command:
            pieces = command.split(joint)
            for piece in pieces if joint == " and " else pieces[::-1]:
                found += [part for part in (*parts(piece), piece) if part not in found]
            return found
    words = command.split()
    return [" ".join(words[:-1])] if words[-1] in TIMES else []


def explain(command: str, statement: str) -> str:
    """One sentence: what a command gives and from what; `statement` is put before its actions."""
    done = " ".join(actions(command))
    for joint, how in ((" and ", "then"), (" after ", "after")):
        if joint in command:
            left, right = command.split(joint)
            first, second = (left, right) if how == "then" else (right, left)
            return f'"{command}" does "{first}" first and "{second}" second: {statement}{done}.'
    words = command.split()
    if words[-1] in TIMES:
        return f'"{command}" does "{" ".join(words[:-1])}" {TIMES[words[-1]]} times: {statement}{done}.'
    if "around" in words:
        again = "turns" if words[0] == "turn" else f"turns and then does {words[0]},"
        return f'"{command}" {again} 4 times: {statement}{done}.'
    if "opposite" in words:
        return f'"{command}" turns twice{"" if words[0] == "turn" else f" and then does {words[0]}"}: {statement}{done}.'
    return f'"{command}" is {statement}{done}.'


def make(index: int, command: str, done: str) -> Sample:
    """The sample of a command: its rationale works through the shorter commands in it."""
    steps = [explain(part, "") for part in (*parts(command), command)]
    return Sample(f"scan-{index}", command, done, " ".join(steps))


def decomposition(command: str) -> Decomposition:
    """A command taken apart, after Zhou et al. 2022 (arXiv 2205.10625, section 3.2), whose notation is Python's."""
    return Decomposition(
        command, tuple((part, explain(part, "the answer is ")) for part in (*parts(command), command))
    )
