"""SCAN: commands to actions, all 20,910 of them from its grammar, with the length split."""

from __future__ import annotations

import hashlib
import random
from functools import cache

from kshot.eval.answers import ACTIONS, exact
from kshot.eval.tasks.registry import task
from kshot.eval.tasks.source.generated import spread
from kshot.eval.tasks.source.templates import SCAN
from kshot.registry import suggest
from kshot.types import Decomposition, Sample, Source, Split, Task, UserError

PRIMITIVES = {"walk": "I_WALK", "look": "I_LOOK", "run": "I_RUN", "jump": "I_JUMP"}
SIDES = {"left": "I_TURN_LEFT", "right": "I_TURN_RIGHT"}
LONGEST_IN_TRAIN = 22  # actions, in the length split


def verb_phrases() -> list[str]:
    """V in the grammar: U, U left/right, U opposite/around left/right, with U a primitive or "turn"."""
    found = list(PRIMITIVES)
    for verb in [*PRIMITIVES, "turn"]:
        for side in SIDES:
            found += [f"{verb} {side}", f"{verb} opposite {side}", f"{verb} around {side}"]
    return found


def sentences() -> list[str]:
    """S in the grammar: V, V twice, V thrice."""
    return [f"{phrase}{times}" for phrase in verb_phrases() for times in ("", " twice", " thrice")]


def commands() -> list[str]:
    """C in the grammar: S, S and S, S after S. 20,910 commands (Lake and Baroni 2018, arXiv 1711.00350, figure 6)."""
    parts = sentences()
    return parts + [f"{one} {joint} {two}" for one in parts for joint in ("and", "after") for two in parts]


def actions(command: str) -> list[str]:
    """What a command means (Lake and Baroni 2018, figure 7).

    >>> actions("jump twice after turn left")
    ['I_TURN_LEFT', 'I_JUMP', 'I_JUMP']
    """
    if " after " in command:
        one, two = command.split(" after ")
        return actions(two) + actions(one)
    if " and " in command:
        one, two = command.split(" and ")
        return actions(one) + actions(two)
    words = command.split()
    times = {"twice": 2, "thrice": 3}.get(words[-1], 1)
    if times > 1:
        return actions(" ".join(words[:-1])) * times
    step = [] if words[0] == "turn" else [PRIMITIVES[words[0]]]
    if len(words) == 1:
        return step
    turn = SIDES[words[-1]]
    if words[1] == "opposite":
        return [turn, turn, *step]
    if words[1] == "around":
        return [turn, *step] * 4
    return [turn, *step]


@cache
def pairs() -> tuple[tuple[str, str], ...]:
    """Every command with its actions."""
    return tuple((command, " ".join(actions(command))) for command in commands())


def parts(command: str) -> list[str]:
    """The commands that a command is made of, in the order in which they are to be worked out."""
    joint = " after " if " after " in command else " and " if " and " in command else None
    listed = command.split(joint) if joint else [command]
    found: list[str] = []
    for part in listed:
        words = part.split()
        if words[-1] in ("twice", "thrice"):
            found.append(" ".join(words[:-1]))
        found.append(part)
    return [part for index, part in enumerate(found) if part not in found[:index] and part != command]


def explain(command: str) -> str:
    """A rationale: each part's actions, then how they are put together."""
    told = [f'"{part}" is {" ".join(actions(part))}.' for part in parts(command)]
    if " after " in command:
        one, two = command.split(" after ")
        told.append(f'"{one} after {two}" means first "{two}", then "{one}".')
    return " ".join([*told, f'So "{command}" is {" ".join(actions(command))}.'])


def decomposition(command: str) -> Decomposition:
    """Zhou et al. 2022, section 3.2: shorter commands first."""
    steps = [(part, f"{explain(part)} The answer is {' '.join(actions(part))}.") for part in parts(command)]
    return Decomposition(
        command, (*steps, (command, f"{explain(command)} The answer is {' '.join(actions(command))}."))
    )


def translated(sample: Sample) -> tuple[str, str]:
    """As decaNLP asks for SQL, with the words that there are before what is to be said in them."""
    words = ", ".join([*PRIMITIVES.values(), *SIDES.values()])
    return f"The actions are {words} -- {sample.question}", "What is the translation from the command to actions?"


@task
def scan(*, split: str = "simple") -> Task:
    """Commands to action sequences (Lake and Baroni 2018).

    `split` simple: a fixed random 80:20; length: train up to 22 actions (16,990), test longer ones (3,920).
    """
    if split not in ("simple", "length"):
        raise UserError(f"unknown scan split {split!r}: {suggest(split, ['simple', 'length'])}")

    def belongs(command: str, meaning: str) -> bool:
        if split == "length":
            return meaning.count(" ") + 1 <= LONGEST_IN_TRAIN
        return hashlib.blake2b(command.encode(), digest_size=2).digest()[0] % 5 != 0

    def load(part: Split, source: Source) -> list[Sample]:
        wanted = [
            Sample(f"{split}-{index}", command, meaning, explain(command))
            for index, (command, meaning) in enumerate(pairs())
            if belongs(command, meaning) == (part == "train")
        ]
        if part == "train":
            return random.Random(f"scan {source.seed}").sample(wanted, len(wanted))
        return spread(wanted, source.limit, source.seed)

    return Task(
        name="scan",
        load=load,
        format=ACTIONS,
        templates=SCAN,
        score=exact,
        as_question=translated,
        instructions=(
            "Translate the command into actions: I_WALK, I_LOOK, I_RUN, I_JUMP, I_TURN_LEFT, I_TURN_RIGHT.",
            "Write the sequence of actions (I_WALK, I_LOOK, I_RUN, I_JUMP, I_TURN_LEFT, I_TURN_RIGHT) "
            "that carries out the command.",
            "You steer a robot that knows I_WALK, I_LOOK, I_RUN, I_JUMP, I_TURN_LEFT and I_TURN_RIGHT. "
            "What does it do for this command?",
        ),
        decompositions=(
            decomposition("jump left twice"),
            decomposition("walk opposite right thrice after run"),
            decomposition("look around left and turn right"),
        ),
    )
