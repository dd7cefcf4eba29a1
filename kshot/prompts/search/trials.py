"""The ledger of a search: what it has tried, and what it may still spend.

Meets: all candidates are tried on the same samples in the same order, so that what is compared is paired; no scoring is
asked for twice and none beyond the budget; what was written by a model and could not be tried is counted.
Concedes: of candidates that differ by case or blanks alone only the first is tried.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from kshot.program import gather, mix
from kshot.prompts.exemplars import plain_words
from kshot.prompts.search.proposals import cleaned, is_unusable, label_words_of, names_a_label
from kshot.prompts.search.searchable import Candidate, Found, Searchable, Trial
from kshot.types import Program, Prompt, Request, Sample, SamplingParams, UserError

BUDGET = 2048  # scorings: (candidate, sample) pairs
PROPOSALS = 96  # texts that a model may be asked to write
RUNGS = (16, 32, 64)
FEWEST = 4  # samples of a rung: fewer would tell nothing
GIVEN_UP = -math.inf  # the mean of a candidate that could not be tried as far as was asked


@dataclass(frozen=True, slots=True)
class Proposal(Request):
    """A request whose reply is to be tried as a prompt: another engine may answer it than the one that is searched."""


class Trials:
    """What a search has tried of its task, numbered from 0, and what is left of its budget.

    `budget` is in scorings, one a candidate and sample; `proposals` in texts that a model is asked to write.
    Raises UserError where the budget is too small to try one candidate on all validation samples.
    """

    def __init__(self, task: Searchable, budget: int = BUDGET, proposals: int = PROPOSALS) -> None:
        if budget < len(task.validation):
            raise UserError(
                f"budget is {budget}; to try one prompt on all {len(task.validation)} validation samples takes so "
                "many: raise it, or lower validation."
            )
        if proposals < 0:
            raise UserError(f"proposals is {proposals}; it must be 0 or more.")
        self.task = task
        self.budget = budget
        self.proposals = proposals
        self.spent = 0
        self.written = 0
        self.unusable = 0
        self.candidates: list[Candidate] = []
        self.numbers: dict[str, int] = {}  # by what makes two the same
        self.learned: dict[tuple[str, str], Trial] = {}  # by specification and train sample's id

    @property
    def left(self) -> int:
        """Scorings that may still be asked for."""
        return self.budget - self.spent

    @property
    def writes_left(self) -> int:
        """Texts that a model may still be asked to write."""
        return self.proposals - self.written

    # ------------------------------------------------------------ candidates

    def number(self, spec: str) -> int | None:
        """The number of a candidate that was added before, but for case and blanks the same; None where none was."""
        return self.numbers.get(plain_words(spec))

    def add(self, spec: str, text: str, how: str, parent: int | None = None, *, checked: bool = True) -> int | None:
        """A candidate's number; None, and counted as unusable, where it was added before or is no prompt to try.

        No prompt to try is an empty text, one of more than 40 words, a copy of a train sample or of the form in which
        demonstrations were shown. Where `text` is not a model's (exemplars, what people wrote), `checked` is False and
        only the same again is refused. Costs nothing.
        """
        if self.number(spec) is not None or (checked and is_unusable(text, self.task)):
            self.unusable += 1
            return None
        self.numbers[plain_words(spec)] = len(self.candidates)
        self.candidates.append(Candidate(spec, text, parent=parent, how=how))
        return len(self.candidates) - 1

    def add_text(self, text: str, how: str, parent: int | None = None, *, filtered: bool = False) -> int | None:
        """`add` of an instruction as a model wrote it, whatever that is; the task words its specification.

        `filtered`: one that has a label's word in it is unusable too, as AutoPrompt has no label among its tokens
        (Shin et al. 2020, arXiv 2010.15980).
        """
        text = cleaned(text)
        if is_unusable(text, self.task, filtered=filtered):
            self.unusable += 1
            return None
        return self.add(self.task.worded(text), text, how, parent, checked=False)

    def add_edit(self, text: str, how: str, parent: int | None = None, *, filtered: bool = False) -> int | None:
        """`add` of an instruction that is an edit of another, as it stands: none of it is taken for a model's slip."""
        if not text.strip() or (filtered and names_a_label(text, label_words_of(self.task))):
            self.unusable += 1
            return None
        return self.add(self.task.worded(text), text, how, parent, checked=False)

    def add_first(self, texts: Iterable[tuple[str, str]], most: int) -> list[int]:
        """`add` of instructions that no model wrote, each with how it came about, until `most` of them are new."""
        found: list[int] = []
        for text, how in texts:
            number = self.add(self.task.worded(text), text, how)
            found += [] if number is None else [number]
            if len(found) == most:
                break
        return found

    def mean(self, number: int, upto: int | None = None) -> float:
        """A candidate's mean value over its first `upto` samples (all it was tried on); -inf where it has fewer."""
        trials = self.candidates[number].trials
        count = len(trials) if upto is None else min(upto, len(self.task.validation))
        return GIVEN_UP if not count or len(trials) < count else mean_of(trials[:count])

    # ------------------------------------------------------------ what costs

    def score(self, numbers: Iterable[int], upto: int | None = None) -> Program[list[float]]:
        """The candidates' mean values over the first `upto` validation samples (all of them), in the order given.

        Only what was not asked before is asked, for all at once. What the budget does not pay for is not begun: the
        first come first, and the mean of one that is left out is -inf.
        """
        wanted = list(numbers)
        count = len(self.task.validation) if upto is None else min(upto, len(self.task.validation))
        paid = []
        for number in dict.fromkeys(wanted):
            done = len(self.candidates[number].trials)
            if 0 < count - done <= self.left:
                paid.append((number, self.task.validation[done:count]))
                if not done:
                    self.candidates[number] = replace(self.candidates[number], born=self.spent)
                self.spent += count - done
        tried = yield from gather(self.task.score(self.candidates[number].spec, some) for number, some in paid)
        for (number, some), trials in zip(paid, tried, strict=True):
            assert len(trials) == len(some)
            one = self.candidates[number]
            self.candidates[number] = replace(one, trials=(*one.trials, *map(finite, trials)))
        return [self.mean(number, count) for number in wanted]

    def pay(self, scorings: int) -> bool:
        """Takes scorings off the budget, for what is asked otherwise than here; False, and none taken, where it has
        not so many."""
        if scorings > self.left:
            return False
        self.spent += scorings
        return True

    def on_train(self, specs: Sequence[str], samples: Sequence[Sample]) -> Program[list[list[Trial]]]:
        """Trials of specifications, which need be no candidates, on train samples: a list each.

        They are paid for as all scorings are, those that were had before cost nothing. [] where the budget does not pay
        for all of them.
        """
        new = [(spec, [one for one in samples if (spec, one.id) not in self.learned]) for spec in dict.fromkeys(specs)]
        new = [(spec, some) for spec, some in new if some]
        if not self.pay(sum(len(some) for _, some in new)):
            return []
        tried = yield from gather(self.task.score(spec, some) for spec, some in new)
        for (spec, some), trials in zip(new, tried, strict=True):
            assert len(trials) == len(some)
            self.learned |= {(spec, one.id): finite(trial) for one, trial in zip(some, trials, strict=True)}
        return [[self.learned[spec, one.id] for one in samples] for spec in specs]

    def halving(
        self, numbers: Iterable[int], rungs: Sequence[int] = RUNGS, keep: float = 0.5, reserve: int = 0
    ) -> Program[list[int]]:
        """The candidates that were left at the end, tried on all validation samples, best first.

        All are tried on the first 16 samples, the better half on the first 32, its better half on all of them
        (successive halving, Jamieson and Talwalkar 2016, arXiv 1502.07943). Where the budget, less `reserve`, does not
        pay for all of it, it begins on half of the first samples; where that is too much as well, the last candidates
        are left out from the beginning.
        """
        field = list(dict.fromkeys(numbers))
        steps = self.rungs(rungs)
        if self.halving_cost(field, steps, keep) > self.left - reserve and steps[0] // 2 >= FEWEST:
            steps = [steps[0] // 2, *steps]
        while field and self.halving_cost(field, steps, keep) > self.left - reserve:
            field.pop()
        for at, upto in enumerate(steps):
            means = yield from self.score(field, upto)
            order = sorted(range(len(field)), key=lambda one: -means[one])  # the first of equals stays first
            count = len(field) if at == len(steps) - 1 else kept(len(field), keep)
            field = [field[one] for one in order[:count]]
        return field

    def rungs(self, rungs: Sequence[int] = RUNGS) -> list[int]:
        """The numbers of samples of a halving: those below the validation's, and all of it."""
        return [
            *(upto for upto in sorted(set(rungs)) if 0 < upto < len(self.task.validation)),
            len(self.task.validation),
        ]

    def halving_cost(self, field: Sequence[int], steps: Sequence[int], keep: float = 0.5) -> int:
        """The scorings that a halving takes at most."""
        return cost_of([len(self.candidates[number].trials) for number in field], steps, keep)

    def affords(self, most: int, rungs: Sequence[int] = RUNGS, keep: float = 0.5, reserve: int = 0) -> int:
        """How many new candidates, `most` at most, a halving can begin with."""
        steps = self.rungs(rungs)
        most = min(most, (self.left - reserve) // steps[0])
        counts = (count for count in range(most, 0, -1) if cost_of([0] * count, steps, keep) <= self.left - reserve)
        return next(counts, 0)

    def ending(self, most: int) -> tuple[int, int]:
        """With how many new candidates, `most` at most, a halving can end on half of what is left, and the scorings
        that it takes; one at least."""
        count = self.affords(most, reserve=self.left // 2) or 1
        return count, cost_of([0] * count, self.rungs(), 0.5)

    def write(
        self,
        prompts: Sequence[Prompt],
        *,
        temperature: float = 0.9,
        top_p: float = 1.0,
        max_new_tokens: int = 50,
        stop: Sequence[str] = (),
        seed: int = 0,
    ) -> Program[list[str]]:
        """What a model writes for each prompt, in order; for the first ones alone where no more may be written.

        Each has a seed of its own, so that the same prompt twice is two draws.
        """
        params = SamplingParams(temperature, top_p, max_new_tokens, tuple(stop))
        allowed = prompts[: max(self.writes_left, 0)]
        requests = [
            Proposal(prompt, params, seed=mix(seed, self.written + at + 1)) for at, prompt in enumerate(allowed)
        ]
        self.written += len(requests)
        if not requests:
            return []
        replies = yield requests
        return [reply.text for reply in replies]

    # ------------------------------------------------------------ the end

    def concluded(self, notes: Sequence[str] = ()) -> Program[Found]:
        """`found`; where nothing was tried to the end, what people wrote first is tried and stands in for it."""
        if not any(len(one.trials) == len(self.task.validation) for one in self.candidates):
            spec = self.task.humans[0]
            number = self.number(spec)
            if number is None:
                number = self.add(spec, "", "human", checked=False)
            assert number is not None
            yield from self.score([number])
            notes = (*notes, "nothing was found that could be tried to the end; the task's first wording stands in.")
        return self.found(notes)

    def found(self, notes: Sequence[str] = (), best: int | None = None) -> Found:
        """What the search came to: the best by mean value of those that were tried on all validation samples.

        Where there is none, of those that were tried on most; of equals the first. A search that chose by something
        else names its `best`. Candidates that were never tried are not in it. Raises ValueError where nothing was tried
        at all.
        """
        tried = [number for number, one in enumerate(self.candidates) if one.trials]
        if not tried:
            raise ValueError("a search ends with one candidate at least that was tried")
        most = max(len(self.candidates[number].trials) for number in tried)
        full = [number for number in tried if len(self.candidates[number].trials) == most]
        best = max(full, key=self.mean) if best is None else best
        place = {number: at for at, number in enumerate(tried)}
        listed = tuple(
            replace(one, parent=None if one.parent is None else place.get(one.parent))
            for one in (self.candidates[number] for number in tried)
        )
        notes = list(notes)
        if len(tried) < len(self.candidates):
            notes.append(f"the budget did not pay for {len(self.candidates) - len(tried)} of the candidates.")
        if self.left:
            notes.append(f"{self.left:,} of {self.budget:,} scorings were not spent.")
        return Found(listed, place[best], self.spent, self.written, self.unusable, tuple(notes))


def mean_of(trials: Sequence[Trial]) -> float:
    """The mean of their values."""
    return math.fsum(trial.value for trial in trials) / len(trials)


def finite(trial: Trial) -> Trial:
    """A trial whose value can be compared: what is no number is as bad as can be."""
    return replace(trial, value=GIVEN_UP) if math.isnan(trial.value) else trial


def cost_of(done: Sequence[int], steps: Sequence[int], keep: float) -> int:
    """The scorings that a halving takes at most of candidates that have been tried on so many samples already."""
    known = sorted(done)
    cost, count, before = 0, len(known), 0
    for upto in steps:  # at worst those stay that had been tried the least
        cost += sum(max(upto - max(one, before), 0) for one in known[:count])
        count, before = kept(count, keep), upto
    return cost


def kept(count: int, keep: float) -> int:
    """How many of a rung go on: rounded up, one at least."""
    return max(1, math.ceil(count * keep)) if count else 0
