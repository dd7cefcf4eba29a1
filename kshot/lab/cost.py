"""What findings take: the cells that they ask, which of them others have asked before, and which finding goes first.

A cell is a task with a strategy. Its cost is told in attempts at scoring labels behind exemplars that all questions
share; what a cell takes on a machine is measured as the run goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from kshot.lab.claims.finding import Finding
from kshot.prompts.selection import looks_at_the_question
from kshot.prompts.strategies import get_strategy
from kshot.types import Strategy

Cell = tuple[str, str]
"""A task as a finding names it, and a strategy by its name."""

SHORT, CHAIN = 8, 40  # what writing an answer takes, and a chain, beside scoring one's labels
ANSWERS = ("zero-shot", "few-shot", "instruction")
INPUTS = 4  # a channel model scores the input behind each label, not the labels behind the input


PRIOR = {"contextual": 3, "domain": 20, "batch": 32}  # inputs that a calibration asks before a task's first question
ENTROPY = 24 * (CHAIN + 24)  # an order found by entropy: a probing sample written after each, all scored behind each


@dataclass(frozen=True, slots=True)
class Portion:
    """A finding when its turn comes: what it has to ask that those before it have not."""

    finding: Finding
    new: Mapping[Cell, int]  # attempts by cell, those without any left out
    units: float  # what these take

    @property
    def attempts(self) -> int:
        return sum(self.new.values())


@lru_cache(maxsize=4096)
def named(spec: str) -> Strategy:
    """A strategy, read once."""
    return get_strategy(spec)


def cells(finding: Finding) -> dict[Cell, int]:
    """The cells of a finding, each with its attempts."""
    return {(task, named(spec).name): finding.n for task in finding.tasks for spec in finding.strategies()}


@lru_cache(maxsize=4096)
def each_takes(spec: str) -> float:
    """What one attempt takes, as a multiple of one that scores labels behind shared exemplars."""
    strategy = named(spec)
    name, params = strategy.name.partition(":")[0], strategy.params
    if name == "knn-vote":  # asks no model
        return 0
    if name.endswith("-logprob"):
        inputs = INPUTS if name == "channel-logprob" else 1
        own = looks_at_the_question(params["select"]) and params["k"]  # exemplars that no other question shares
        return inputs + (params["k"] if own else 0)
    if name == "self-consistency":
        return float(params["n"]) * CHAIN
    return SHORT if name in ANSWERS else CHAIN


@lru_cache(maxsize=4096)
def before_the_first(spec: str) -> float:
    """What a cell takes before its first question: its labels' prior, or its order by entropy."""
    params = named(spec).params
    found = ENTROPY if params.get("order") in ("globale", "locale") else 0
    return float(found + PRIOR.get(params.get("calibrate", ""), 0))


@lru_cache(maxsize=4096)
def uncalibrated(spec: str) -> str:
    """What a strategy asks but for the prior, which a prompt's other calibrations ask as well."""
    strategy = named(spec)
    kept = {key: value for key, value in strategy.params.items() if key != "calibrate"}
    return f"{strategy.name.partition(':')[0]} {sorted(kept.items(), key=str)}"


@dataclass(slots=True)
class Already:
    """What has been asked so far: attempts by cell, and samples by prompt."""

    cells: dict[Cell, int] = field(default_factory=dict)
    prompts: dict[Cell, int] = field(default_factory=dict)

    def next(self, finding: Finding) -> Portion:
        """What a finding would have to ask beyond it. A prompt raw and calibrated is one, and costs once."""
        new = {cell: n - self.cells.get(cell, 0) for cell, n in cells(finding).items() if n > self.cells.get(cell, 0)}
        costs: dict[Cell, float] = {}
        for (task, name), n in cells(finding).items():
            prompt = (task, uncalibrated(name))
            beyond = n - self.prompts.get(prompt, 0)
            if (task, name) in new and beyond > 0:
                costs[prompt] = beyond * each_takes(name)
        begun = sum(before_the_first(name) for task, name in new if (task, name) not in self.cells)
        return Portion(finding, new, sum(costs.values()) + begun)

    def add(self, step: Portion) -> None:
        """A finding's cells are there from now on."""
        for (task, name), n in cells(step.finding).items():
            prompt = (task, uncalibrated(name))
            self.cells[task, name] = max(n, self.cells.get((task, name), 0))
            self.prompts[prompt] = max(n, self.prompts.get(prompt, 0))


def steps(findings: Sequence[Finding]) -> list[Portion]:
    """The findings in the order in which they are run: next is always the one that has least to ask yet."""
    left, asked, found = list(findings), Already(), list[Portion]()
    while left:
        step = min(map(asked.next, left), key=lambda step: step.units)
        left.remove(step.finding)
        asked.add(step)
        found.append(step)
    return found


def takes(cells: Mapping[Cell, int]) -> float:
    """What cells of one prompt, raw and calibrated, take together."""
    asked = max(n * each_takes(name) for (_, name), n in cells.items())
    return asked + sum(before_the_first(name) for _, name in cells)


def share_of(ordered: Sequence[Portion], share: int, shares: int) -> list[Portion]:
    """The steps with what is asked in one of several shares, from 1, that take about as long as each other.

    Each step is dealt over all shares, so that findings are whole in their order. A prompt and its calibrations stay
    together: they ask the same.
    """
    load, owner, found = [0.0] * shares, dict[Cell, int](), list[Portion]()
    for step in ordered:
        prompts: dict[Cell, dict[Cell, int]] = {}
        for (task, name), n in step.new.items():
            prompts.setdefault((task, uncalibrated(name)), {})[task, name] = n
        for prompt in sorted(prompts, key=lambda prompt: takes(prompts[prompt]), reverse=True):
            load[owner.setdefault(prompt, load.index(min(load)))] += takes(prompts[prompt])
        own = [cells for prompt, cells in prompts.items() if owner[prompt] == share - 1]
        new = {cell: n for cells in own for cell, n in cells.items()}
        found.append(Portion(step.finding, new, sum(map(takes, own))))
    return found


def by_kind(found: Iterable[Portion]) -> dict[str, dict[str, int]]:
    """Attempts by kind of strategy and task, each cell counted once."""
    counted: dict[str, dict[str, int]] = {}
    for step in found:
        for (task, name), count in step.new.items():
            row = counted.setdefault(name.partition(":")[0], {})
            row[task] = row.get(task, 0) + count
    return counted
