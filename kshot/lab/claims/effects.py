"""Effects: what is taken of several arms' answers to one task, as a share; each a small value that a hash can name.

An arm is a strategy's specification, in which `{seed}` stands for an exemplar seed. A statistic gets the arms in order,
in each one `Replies` a seed, and its mean over tasks is the effect.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Protocol

from kshot.lab.claims.estimate import Replies, Tables

Arm = Sequence[Replies]
SEED = "{seed}"


class Effect(Protocol):
    """A statistic of the arms that it names."""

    @property
    def unit(self) -> str:
        """What a hundredth of it is a point of."""

    @property
    def scale(self) -> str:
        """What is drawn of an arm."""

    def drawn(self, arm: Arm) -> list[float]:
        """That, one a seed, as shares."""

    @property
    def arms(self) -> tuple[str, ...]:
        """Specifications of strategies."""

    @property
    def test(self) -> Callable[[Tables], float] | None:
        """What gives its p, two-sided; None: the bootstrap's own, which suits means and areas."""

    def __call__(self, arms: Sequence[Arm]) -> float:
        """The statistic, as a share."""


def accuracies(arm: Arm) -> list[float]:
    """An arm's mean score, one a seed."""
    return [float(each.scores.mean()) for each in arm]


def accuracy(arm: Arm) -> float:
    """An arm's mean score over its seeds."""
    found = accuracies(arm)
    return sum(found) / len(found)


def seed_by_seed(arms: Sequence[Arm]) -> Iterator[list[Replies]]:
    """All arms at each seed; one without seeds is the same at all."""
    for seed in range(max(len(arm) for arm in arms)):
        yield [arm[seed if len(arm) > 1 else 0] for arm in arms]


EXCHANGES = 4_000


def seeds_exchanged(statistic: Callable[[Sequence[Arm]], float], tables: Tables) -> float:
    """Two-sided p of a statistic of two arms that are alike: then what a seed came to is as likely either arm's.

    Whole seeds are exchanged between the arms (Fisher 1935, section 21), the observed statistic counted as one draw.
    """
    import numpy as np

    def total(flips: dict[str, np.ndarray]) -> float:
        found = []
        for task, (first, second) in tables.items():
            pairs = [(b, a) if flip else (a, b) for a, b, flip in zip(first, second, flips[task], strict=True)]
            found.append(statistic(list(zip(*pairs, strict=True))))
        return sum(found) / len(found)

    rng = np.random.default_rng(0)
    sizes = {task: len(arms[0]) for task, arms in tables.items()}
    observed = abs(total({task: np.zeros(size, bool) for task, size in sizes.items()}))
    drawn = [total({task: rng.random(size) < 0.5 for task, size in sizes.items()}) for _ in range(EXCHANGES // 4)]
    return (1 + sum(abs(each) >= observed - 1e-12 for each in drawn)) / (1 + len(drawn))


def arms_exchanged(tables: Tables) -> float:
    """p that arms which are alike score as far apart as these: their scores exchanged on each sample and seed.

    By the sum of the variances between the arms' means, over tasks and seeds (as `kshot.eval.spread.exchanged`).
    """
    import numpy as np

    rng = np.random.default_rng(0)
    observed, drawn = 0.0, np.zeros(EXCHANGES)
    for arms in tables.values():
        for once in seed_by_seed(arms):
            table = np.stack([each.scores for each in once], axis=1)  # (samples, arms)
            observed += float(table.mean(axis=0).var())
            telling = table[np.ptp(table, axis=1) > 1e-12]  # the others are alike however they are exchanged
            for at in range(EXCHANGES if len(telling) else 0):
                drawn[at] += float((rng.permuted(telling, axis=1).sum(axis=0) / len(table)).var())
    return float((1 + (drawn >= observed - 1e-15).sum()) / (1 + EXCHANGES))


class OfScores:
    """What an effect is counted in, and what is drawn of its arms: their scores, where it says nothing else."""

    __slots__ = ()
    unit: ClassVar[str] = "points of accuracy"
    scale: ClassVar[str] = "score"

    def drawn(self, arm: Arm) -> list[float]:
        return accuracies(arm)


class Bootstrapped(OfScores):
    """An effect whose p is the bootstrap's own."""

    __slots__ = ()

    @property
    def test(self) -> Callable[[Tables], float] | None:
        return None


@dataclass(frozen=True, slots=True)
class OverAnother(Bootstrapped):
    """An effect of one arm over another."""

    of: str
    over: str

    @property
    def arms(self) -> tuple[str, ...]:
        return (self.of, self.over)


class BetweenSeeds(OverAnother, ABC):
    """One that hangs on how seeds differ, so that its p is of whole seeds exchanged."""

    __slots__ = ()

    @property
    def test(self) -> Callable[[Tables], float]:
        return partial(seeds_exchanged, self)

    @abstractmethod
    def __call__(self, arms: Sequence[Arm]) -> float: ...


@dataclass(frozen=True, slots=True)
class ScoreGain(OverAnother):
    """How much better one arm scores than another."""

    def __call__(self, arms: Sequence[Arm]) -> float:
        return accuracy(arms[0]) - accuracy(arms[1])


@dataclass(frozen=True, slots=True)
class Worst(BetweenSeeds):
    """How much better the worst seed of one arm scores than the worst seed of another."""

    unit: ClassVar[str] = "points of the worst seed's accuracy"

    def __call__(self, arms: Sequence[Arm]) -> float:
        return min(accuracies(arms[0])) - min(accuracies(arms[1]))


@dataclass(frozen=True, slots=True)
class SeedSpread(BetweenSeeds):
    """How much further apart the seeds of one arm score than those of another: a difference of standard deviations."""

    unit: ClassVar[str] = "points of standard deviation"

    def __call__(self, arms: Sequence[Arm]) -> float:
        import numpy as np

        first, second = (float(np.std(accuracies(arm), ddof=1)) for arm in arms)
        return first - second


@dataclass(frozen=True, slots=True)
class Slope(Bootstrapped):
    """The least-squares slope of the score on log2(k + 1): what a doubling of the exemplars brings."""

    unit: ClassVar[str] = "points a doubling"
    arm: str  # with {k} in it
    ks: tuple[int, ...]

    @property
    def arms(self) -> tuple[str, ...]:
        return tuple(self.arm.replace("{k}", str(k)) for k in self.ks)

    def __call__(self, arms: Sequence[Arm]) -> float:
        import numpy as np

        doublings = np.log2(np.asarray(self.ks) + 1)
        return float(np.polyfit(doublings, [accuracy(arm) for arm in arms], 1)[0])


@dataclass(frozen=True, slots=True)
class ArmSpread(OfScores):
    """The standard deviation between the true scores of several arms, sampling noise taken off.

    The arms' variance by the method of moments of a two-way layout without replication (Scheffe 1959, chapter 7): mean
    squares between arms less those of the residuals, over the samples; negative where arms are closer than chance has
    them. Its signed root, so that chance alone has it around 0.
    """

    unit: ClassVar[str] = "points of standard deviation between arms, noise taken off"
    arms: tuple[str, ...]

    @property
    def test(self) -> Callable[[Tables], float]:
        return arms_exchanged

    def __call__(self, arms: Sequence[Arm]) -> float:
        import numpy as np

        found = []
        for once in seed_by_seed(arms):
            table = np.stack([each.scores for each in once])  # (arms, samples)
            count, n = table.shape
            between = n * float(table.mean(axis=1).var(ddof=1))
            residual = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0, keepdims=True) + table.mean()
            found.append((between - float((residual**2).sum()) / ((count - 1) * (n - 1))) / n)
        variance = sum(found) / len(found)
        return float(np.sign(variance) * np.sqrt(abs(variance)))


@dataclass(frozen=True, slots=True)
class AreaOverHalf(Bootstrapped):
    """How far above one half the area under the ROC curve is, each label against the rest: knowledge, leaning aside."""

    unit: ClassVar[str] = "points of AUC above one half"
    scale: ClassVar[str] = "AUC"
    of: str

    @property
    def arms(self) -> tuple[str, ...]:
        return (self.of,)

    def __call__(self, arms: Sequence[Arm]) -> float:
        found = self.drawn(arms[0])
        return sum(found) / len(found) - 0.5

    def drawn(self, arm: Arm) -> list[float]:
        return [area(each) for each in arm]


def area(answers: Replies) -> float:
    """The macro area; a label that no sample has, or all have, is left out. Raises ValueError without probabilities."""
    import numpy as np

    from kshot.eval.roc import roc_auc

    if answers.probabilities is None:
        raise ValueError("an area needs strategies that give probabilities, such as choice-logprob")
    each = [roc_auc(column, answers.targets == at) for at, column in enumerate(answers.probabilities.T)]
    found = [value for value in each if not np.isnan(value)]
    return sum(found) / len(found) if found else 0.5


@dataclass(frozen=True, slots=True)
class Leaning(OverAnother):
    """How much more often one arm answers with a label than another: a label by its place among the task's."""

    unit: ClassVar[str] = "points of how often the label is answered"
    scale: ClassVar[str] = "share of answers with the label"
    label: int

    def __call__(self, arms: Sequence[Arm]) -> float:
        first, second = (sum(self.drawn(arm)) / len(arm) for arm in arms)
        return first - second

    def drawn(self, arm: Arm) -> list[float]:
        return [float((each.said == self.label).mean()) for each in arm]


@dataclass(frozen=True, slots=True)
class Growth:
    """How much larger an effect is on the larger of two models: a difference of differences, on the same samples."""

    of: Effect

    @property
    def arms(self) -> tuple[str, ...]:
        return self.of.arms

    @property
    def unit(self) -> str:
        return self.of.unit

    @property
    def scale(self) -> str:
        return self.of.scale

    @property
    def test(self) -> Callable[[Tables], float] | None:
        return None

    def drawn(self, arm: Arm) -> list[float]:
        return self.of.drawn(arm)

    def __call__(self, arms: Sequence[Arm]) -> float:
        """Of the smaller model's arms and then the larger's."""
        half = len(arms) // 2
        return self.of(arms[half:]) - self.of(arms[:half])
