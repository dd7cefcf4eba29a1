"""What a search for prompts may see of a task, what it tries, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kshot.types import Program, Question, Sample


@dataclass(frozen=True, slots=True)
class Trial:
    """A candidate on one sample."""

    value: float  # what is to be as high as can be: the target's log-probability, or the score
    score: float  # the task's own of its answer, 0 to 1
    probabilities: Mapping[str, float] = field(default_factory=dict)  # by label or choice, where these were scored


@dataclass(frozen=True, slots=True)
class Searchable:
    """A task as a search sees it: samples to learn from and samples to choose on, both with targets; never the test.

    A candidate is the specification of a strategy. `worded` and `showing` write one, `score` tries one.
    """

    task: str
    question: Question  # of no sample: format, labels, instructions, templates, language; its exemplars are `train`
    train: tuple[Sample, ...]  # what proposals and exemplars are made of
    validation: tuple[Sample, ...]  # what candidates are chosen on, in this order
    objective: str  # likelihood or accuracy: what a trial's value is
    worded: Callable[[str], str]  # an instruction -> the specification that says it
    showing: Callable[[Sequence[int], str], str]  # places in `train`, an instruction or "" -> one that shows these
    humans: tuple[str, ...]  # specifications of what people wrote: wordings, templates
    score: Callable[[str, Sequence[Sample]], Program[list[Trial]]]  # a specification on samples, a trial each
    drawn_from: str = ""  # a hash of all samples that it may see, in their order: places are counted in these


@dataclass(frozen=True, slots=True)
class Candidate:
    """A prompt that was tried."""

    spec: str  # of the strategy that asks with it: instruction:text="...", few-shot:picks=3+17
    text: str  # what is new in it, for people
    trials: tuple[Trial, ...] = ()  # on the validation's samples, in order; fewer than all where it was given up
    parent: int | None = None  # the candidate that it was made of
    how: str = ""  # "ape", "delete", "swap" ...
    born: int = 0  # scorings that were spent before it was tried first


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to."""

    candidates: tuple[Candidate, ...]  # all that were tried, none twice
    best: int  # the chosen one's place among them
    scorings: int  # (candidate, sample) pairs that were scored
    proposals: int = 0  # texts that a model was asked to write
    unusable: int = 0  # of these and others, what could not be tried: empty, twice, too long, a copied sample
    notes: tuple[str, ...] = ()  # what a reader should know: why it ended early, what was left of the budget
