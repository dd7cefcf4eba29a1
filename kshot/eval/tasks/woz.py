"""Dialogue state: what a turn of a talk about restaurants changes in what is known of the caller's wishes.

The files are those of the neural belief tracker (woz_train_en.json, woz_test_en.json), read as decaNLP does: what the
system said, as far as it is an act, "--", and the caller's words; the answer is "slot: value, slot: value; requested,
requested". Meets: the turns of a talk are a cluster, and two states are compared as sets. Concedes: a turn's change is
scored and not the state after all turns.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kshot.eval.answers import LINE
from kshot.eval.tasks.registry import task
from kshot.eval.tasks.source.templates import FREE
from kshot.types import Sample, Score, Source, Split, Task, UserError

NOTHING = "None"  # the answer where a turn changes nothing
State = tuple[frozenset[str], frozenset[str]]
"""What is wished for, "slot: value", and what is asked for."""


def state_of(answer: str) -> State:
    """An answer as sets, whatever its order, case and blanks.

    >>> state_of("price range: cheap, area: West; phone") == state_of("area: west,  price range: cheap; phone")
    True
    """
    if answer.strip().strip(".").casefold() == NOTHING.casefold():
        return frozenset(), frozenset()
    wished, _, requested = answer.strip().strip(".").casefold().partition(";")

    def parts(text: str) -> frozenset[str]:
        listed = (" ".join(part.split()) for part in text.split(","))
        return frozenset(part.replace(" :", ":") for part in listed if part)

    return parts(wished), parts(requested)


def same_state(answer: str | None, sample: Sample) -> Score:
    """1 where both halves of the state are the target's."""
    return Score(float(answer is not None and state_of(answer) == state_of(sample.target)), answer is not None)


def turns_of(talk: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each turn's context and what it changes. Raises KeyError, TypeError or ValueError for another form."""
    before: list[list[str]] = []
    for turn in talk["dialogue"]:
        acts = [": ".join(act) if isinstance(act, list) else str(act) for act in turn["system_acts"]]
        said = " ".join(f"{', '.join(acts)} -- {turn['transcript']}".split() if acts else turn["transcript"].split())
        slots = [(item["act"], slot) for item in turn["belief_state"] for slot in item["slots"]]
        wished = [slot for act, slot in slots if act == "inform"]
        requested = [value for act, (_, value) in slots if act != "inform"]
        news = ", ".join(f"{slot}: {value}" for slot, value in (each for each in wished if each not in before))
        yield said, f"{news};{' ' * bool(requested)}{', '.join(requested)}" if news or requested else NOTHING
        before = wished


def talks_in(path: Path) -> list[Sample]:
    """Every turn of a file as a sample. Raises UserError for a file of another form."""
    try:
        talks = json.loads(path.read_text(encoding="utf-8"))
        return [
            Sample(f"{path.stem}-{number}-{at}", said, change, cluster=f"talk {number}")
            for number, talk in enumerate(talks)
            for at, (said, change) in enumerate(turns_of(talk))
        ]
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{path} is not in the form of the neural belief tracker's files ({type(error).__name__}: {error}); put its "
            "data/woz/woz_*_en.json there."
        ) from None


@task
def woz() -> Task:
    """Dialogue state tracking, restaurants (Wen et al. 2016, arXiv 1604.04562, version 2.0; as in decaNLP).

    Local files only, woz/woz_train_en.json and woz/woz_test_en.json.
    """

    def load(split: Split, source: Source) -> list[Sample]:
        wanted = f"woz/woz_{split}_en.json"
        path = (source.data or Path()) / wanted
        if source.data is None or not path.is_file():
            raise UserError(f"woz needs --data DIR with {wanted} in it (of github.com/nmrksic/neural-belief-tracker).")
        samples = talks_in(path)
        return samples if split == "train" else samples[: source.limit]

    return Task(
        name="woz",
        load=load,
        format=LINE,
        score=same_state,
        reply_tokens=64,
        instructions=(
            "Write what the turn changes in the caller's wishes as slot: value, slot: value; and behind the semicolon what "
            "is asked for. Slots are food, area and price range. Where nothing changes, write None.",
            "Track the state of the dialogue: what is newly wished for, then after a semicolon what is requested.",
        ),
        templates=FREE,
        as_question=lambda sample: (sample.question, "What is the change in state?"),
    )
