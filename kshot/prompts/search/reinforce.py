"""A policy over words that learns from the reward of the prompts it draws.

Meets: every prompt of a step is tried on the same samples, so that what is compared is paired; the validation's samples
give no reward, they choose among what the policy ends with. Concedes: a table of words by place, and no network: what a
word is worth does not hang on the word before it; 2,048 scorings are some fifty steps, where RLPrompt takes 12,000.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kshot.prompts.search.beginning import check_counts, check_length, is_filtered
from kshot.prompts.search.registry import search
from kshot.prompts.search.searchable import Found, Searchable, Trial
from kshot.prompts.search.trials import Trials
from kshot.prompts.search.words import ranked_words
from kshot.types import Program, Sample, UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WRONG, RIGHT = 180.0, 200.0  # what a gap is multiplied by: lambda 1 and 2 of Deng et al. 2022
DRAWN = 8  # prompts a step
FREE = 50  # steps in a row that draw nothing new: it has settled
BETAS, EPS = (0.5, 0.99), 1e-8  # of Adam; of some fifty steps, so that it forgets sooner than over thousands


@search
def reinforce(
    task: Searchable,
    trials: Trials,
    *,
    positions: int = 5,
    words: int = 200,
    samples: int = 4,
    lr: float = 0.3,
    entropy: float = 0.0,
    finalists: int = 8,
    label_words: str = "filtered",
    seed: int = 0,
) -> Program[Found]:
    """Reinforcement learning of the prompt's words (Deng et al. 2022, arXiv 2205.12548; Diao et al. 2022, 2201.08531).

    The policy is that of Diao et al.: a categorical distribution for each of `positions` places over
    `words` words, which are those of train samples and human wordings with the most pointwise mutual information with a
    label; of a task that writes, the most frequent. REINFORCE (Williams 1992) with Adam at `lr`, over 8 prompts a step
    on the same `samples` of train; the baseline of each is the mean of the other seven (leave-one-out; Kool et al.
    2019). The reward is that of Deng et al.: the gap between the target's probability and the likeliest other's, times
    200 where the prompt is right and 180 where it is wrong, z-scored for each sample over the prompts of
    a step; of a task that writes, the trial's value, z-scored likewise. `entropy` is what the policy's
    entropy is worth beside it, in z-scores a nat. In the end the validation chooses among the policy's likeliest prompt
    and the last `finalists` - 1 that it drew. `label_words`: filtered, or allowed among the words.
    Raises UserError where a number is below 1, or the task has not two words to choose from.
    """
    check_counts(positions=positions, words=words, samples=samples, finalists=finalists)
    check_length(positions=positions)
    if lr <= 0 or entropy < 0:
        raise UserError(f"lr is {lr} and entropy {entropy}; the one must be above 0, the other not below.")
    vocabulary = ranked_words(task, words, is_filtered(label_words))
    if len(vocabulary) < 2:
        raise UserError(f"the task {task.task} has {len(vocabulary)} words to make prompts of; use another method.")
    policy = Policy(positions, len(vocabulary), lr=lr, entropy=entropy, seed=seed)
    drawing = random.Random(f"reinforce {task.task} {seed}")
    finalists, reserve = trials.ending(finalists)
    last: dict[str, None] = {}  # what was drawn, the last of it last
    steps = free = 0
    while (size := min(samples, (trials.left - reserve) // DRAWN)) > 0 and free < FREE:
        some = drawing.sample(task.train, min(size, len(task.train)))
        drawn = policy.draw(DRAWN)
        texts = [" ".join(vocabulary[at] for at in row) for row in drawn]
        before = trials.left
        tried = yield from trials.on_train([task.worded(text) for text in texts], some)
        rewards = [[reward(trial, one) for trial, one in zip(row, some, strict=True)] for row in tried]
        policy.learn(drawn, z_scored(rewards))
        steps += 1
        free = free + 1 if trials.left == before else 0
        for text in texts:
            last.pop(text, None)
            last[text] = None
    greedy = " ".join(vocabulary[at] for at in policy.greedy())
    finalists = max(finalists, trials.affords(len(last) + 1))  # more than that where it settled before its budget ended
    ends = ((text, "greedy" if text == greedy else "drawn") for text in [greedy, *reversed(last)])
    yield from trials.halving(trials.add_first(ends, finalists))
    said = f"{steps} steps of {DRAWN} prompts on {samples} train samples over {len(vocabulary)} words"
    return (yield from trials.concluded([f"{said}; the policy's entropy ended at {policy.entropy_now():.1f} nats."]))


# ---------------------------------------------------------------- the reward


def reward(trial: Trial, sample: Sample) -> float:
    """A prompt's reward on a sample: Deng et al. 2022; the value where a trial has no probabilities.

    >>> reward(Trial(0.0, 1.0, {"bad": 0.3, "good": 0.7}), Sample("s", "fine", "good"))
    80.0
    """
    right = set(sample.target.split("|")) if sample.target not in trial.probabilities else {sample.target}
    others = [share for name, share in trial.probabilities.items() if name not in right]
    if not others or len(others) == len(trial.probabilities):
        return trial.value
    gap = math.fsum(share for name, share in trial.probabilities.items() if name in right) - max(others)
    return (RIGHT if gap > 0 else WRONG) * gap


def z_scored(rewards: Sequence[Sequence[float]]) -> Floats:
    """Each prompt's mean over the samples of rewards that are z-scored for each sample over the prompts: (prompts,).

    A sample on which all prompts do alike tells nothing and gives 0. What is not finite counts as the worst that is.
    """
    import numpy as np

    table = np.array(rewards, dtype=float)  # (prompts, samples)
    table[~np.isfinite(table)] = table[np.isfinite(table)].min(initial=0.0)
    centred = table - table.mean(0)
    spread = table.std(0)
    scored: Floats = np.divide(centred, spread, out=np.zeros_like(table), where=spread > 1e-9).mean(1)
    return scored


# ---------------------------------------------------------------- the policy


class Policy:
    """A categorical distribution over `words` for each of `positions` places, by logits that learn.

    `entropy` is the weight of its entropy in what is maximised, `lr` that of Adam (Kingma and Ba 2015).
    """

    def __init__(self, positions: int, words: int, *, lr: float, entropy: float = 0.0, seed: int = 0) -> None:
        import numpy as np

        self.logits: Floats = np.zeros((positions, words))
        self.lr, self.entropy = lr, entropy
        self.rng = np.random.default_rng([seed, positions, words])
        self.moments: tuple[Any, Any] = (np.zeros_like(self.logits), np.zeros_like(self.logits))
        self.steps = 0

    def probabilities(self) -> Floats:
        """(positions, words)"""
        import numpy as np

        shifted = np.exp(self.logits - self.logits.max(1, keepdims=True))
        return np.asarray(shifted / shifted.sum(1, keepdims=True))

    def draw(self, count: int) -> list[list[int]]:
        """So many prompts, a word's place in the vocabulary for each position."""
        shares = self.probabilities()
        columns = [self.rng.choice(len(row), size=count, p=row) for row in shares]
        return [[int(column[at]) for column in columns] for at in range(count)]

    def greedy(self) -> list[int]:
        """The likeliest prompt."""
        return [int(at) for at in self.logits.argmax(1)]

    def entropy_now(self) -> float:
        """Nats, of all places together."""
        import numpy as np

        shares = self.probabilities()
        return float(-(shares * np.log(np.maximum(shares, 1e-300))).sum())

    def gradient(self, drawn: Sequence[Sequence[int]], rewards: Floats) -> Floats:
        """The gradient by the logits of the mean of advantage times log-probability, and of the entropy: (positions,
        words).

        A prompt's advantage is its reward less the mean of the others' (Kool et al. 2019, equation 8).
        """
        import numpy as np

        shares = self.probabilities()
        count = len(drawn)
        advantages = (rewards - rewards.mean()) * count / (count - 1)
        total = np.zeros_like(shares)
        for row, advantage in zip(drawn, advantages, strict=True):
            total[np.arange(len(row)), row] += advantage
            total -= advantage * shares
        logs = np.log(np.maximum(shares, 1e-300))
        own = -(shares * logs).sum(1, keepdims=True)  # (positions, 1)
        return np.asarray(total / count - self.entropy * shares * (logs + own))

    def learn(self, drawn: Sequence[Sequence[int]], rewards: Floats) -> None:
        """A step of Adam up the gradient."""
        import numpy as np

        gradient = self.gradient(drawn, rewards)
        self.steps += 1
        first, second = self.moments
        first = BETAS[0] * first + (1 - BETAS[0]) * gradient
        second = BETAS[1] * second + (1 - BETAS[1]) * gradient**2
        self.moments = (first, second)
        unbiased = first / (1 - BETAS[0] ** self.steps), second / (1 - BETAS[1] ** self.steps)
        self.logits = self.logits + self.lr * unbiased[0] / (np.sqrt(unbiased[1]) + EPS)
