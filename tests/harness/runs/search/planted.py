"""Tasks whose answers are known and whose prompts differ by a word, a test split that notes when it is read, and an
engine that does better where the prompt has the word."""

from __future__ import annotations

import hashlib
import math

from kshot.eval.answers import TEXT, exact, labels
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.types import Generation, Request, Sample, Source, Split, Task, Template

WORD = "sunrise"  # what makes the engine better
LABELS = ("bad", "good")
READ: list[str] = []  # which split was loaded, in order


def number(text: str) -> float:
    """A number from 0 to 1 that is the text's own."""
    return int(hashlib.blake2b(text.encode(), digest_size=6).hexdigest(), 16) / 2**48


def item(split: Split, at: int, *, writes: bool) -> Sample:
    name = f"{split} item {at}"
    label = LABELS[int(number(name) > 0.5)]
    return Sample(f"{split}-{at}", name, name[::-1] if writes else label)


def made(name: str, *, writes: bool, train: int, test: int) -> Task:
    def load(split: Split, source: Source) -> list[Sample]:
        READ.append(split)
        count = train if split == "train" else min(test, source.limit or test)
        return [item(split, at, writes=writes) for at in range(count)]

    return Task(
        name, load, TEXT if writes else labels(LABELS), exact, labels=() if writes else LABELS,
        instructions=("Judge the item.", "What is it?"), templates=(Template("{{ question }} -> {{ answer }}"),),
    )  # fmt: skip


def planted(*, train: int = 120, test: int = 40) -> Task:
    """Items that are good or bad."""
    return made("planted", writes=False, train=train, test=test)


def written(*, train: int = 120, test: int = 40) -> Task:
    """Items to write backwards."""
    return made("written", writes=True, train=train, test=test)


def prompt_of(request: Request) -> str:
    return request.prompt if isinstance(request.prompt, str) else "\n".join(turn.content for turn in request.prompt)


def item_of(text: str) -> str:
    """The item that is asked: the last that the prompt names."""
    at = max(text.rfind("train item "), text.rfind("test item "))
    return " ".join(text[at:].split()[:3]).rstrip(":")


def answer(request: Request) -> str | Generation:
    """Scores the right label higher on some items by the prompt's own luck, on more where it has the word."""
    text = prompt_of(request)
    name = item_of(text)
    head = text[: text.rfind(name)]
    skill = 0.6 + 0.3 * (WORD in head) + 0.1 * (number(head) - 0.5)
    right = number(f"{name} {head}") < skill
    if request.continuation is not None:
        said = request.continuation.strip()
        target = name[::-1] if said not in LABELS else LABELS[int(number(name) > 0.5)]
        share = (0.8 if right else 0.3) if said == target else (0.2 if right else 0.7)
        return Generation(request.continuation, "scored", 9, 4, 1, math.log(share), 0.01)
    if request.params.temperature:  # it is asked to propose
        words = ("look", WORD, "item", "closely", "think", "judge")
        drawn = number(f"{request.seed} {text[-80:]}")
        return Generation(
            f"{words[int(drawn * 6)]} {words[int(drawn * 36) % 6]} {int(drawn * 1e6) % 50}",
            "stop",
            20,
            0,
            4,
            -1.0,
            0.02,
        )
    return Generation(name[::-1] if right else "no idea", "stop", 9, 4, 2, -1.0, 0.01)


def engine(id: str = "planted", **options: object) -> ScriptedEngine:
    return ScriptedEngine(answer, id=id, **options)  # type: ignore[arg-type]
