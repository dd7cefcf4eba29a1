"""A model is shown which instructions scored how, and writes better ones."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kshot.prompts.phrases import said_in
from kshot.prompts.search.beginning import asked_to_go_on, check_counts, first_wording, input_of, is_filtered
from kshot.prompts.search.registry import search
from kshot.prompts.search.searchable import Found, Searchable
from kshot.prompts.search.trials import Trials
from kshot.prompts.templates import target_text
from kshot.types import Message, Program, Sample, UserError

BUCKETS = 100  # the scores that a model is shown are whole numbers, as the authors' code has them
KEPT = 20  # of the best instructions, those that stand in the meta-prompt


@dataclass(frozen=True, slots=True)
class MetaPrompt:
    """The words of the meta-prompt."""

    scored: str
    one: str  # an instruction and its score
    shown: str
    exemplar: str
    wish: str
    lead: str


WORDS: Mapping[str, MetaPrompt] = {
    "en": MetaPrompt(  # the paper's figure 3
        scored="I have some texts along with their corresponding scores. The texts are arranged in ascending order "
        "based on their scores, where higher scores indicate better quality.",
        one="text:\n{text}\nscore:\n{score}",
        shown="The following exemplars show how to apply your text: you replace <INS> in each input with your "
        "text, then read the input and give an output. We say your output is wrong if your output is different from "
        "the given output, and we say your output is correct if they are the same.",
        exemplar="input:\n<INS>\n{input}\noutput:\n{output}",
        wish="Write your new text that is different from the old ones and has a score as high as possible. Write the "
        "text in square brackets.",
        lead="[",
    ),
    "zh": MetaPrompt(
        scored="下面是一些文本和它们的得分，按得分从低到高排列，得分越高说明文本越好。",
        one="文本：\n{text}\n得分：\n{score}",
        shown="下面的例子说明怎样使用你的文本：用你的文本替换每个输入中的<INS>，然后阅读输入并给出输出。"
        "你的输出与给出的输出不同就算错，相同就算对。",
        exemplar="输入：\n<INS>\n{input}\n输出：\n{output}",
        wish="请写出一条与已有文本不同、得分尽可能高的新文本，并把它放在方括号中。",
        lead="[",
    ),
}


@search
def opro(
    task: Searchable,
    trials: Trials,
    *,
    a_step: int = 8,
    samples: int = 16,
    exemplars: int = 3,
    threshold: float = 0.3,
    temperature: float = 1.0,
    label_words: str = "allowed",
    seed: int = 0,
) -> Program[Found]:
    """Instructions written by a model that sees earlier ones with their scores, ascending: OPRO (Yang et al. 2023).

    arXiv 2309.03409, the meta-prompt: the 20 best so far in ascending order, `exemplars` train
    samples drawn anew each step, `a_step` texts at temperature 1. As in the authors' code the scores that are shown are
    whole numbers of 0 to 100, and those below `threshold` (a share) are left out; the best is always shown. Under the
    objective likelihood a score is 100 times the geometric mean of the targets' probabilities. It begins with the
    task's first wording. Steps are scored on the first `samples` validation samples, the same for all; what is left of
    the budget then halves the best of them. Its control is `ape`, which sees no scores, with as many proposals.
    Concedes: a dozen steps where the paper has hundreds; Zhang et al. 2024 find it limited with small models. Raises
    UserError for numbers below 1.
    """
    check_counts(a_step=a_step, samples=samples)
    if exemplars < 0 or not 0 <= threshold <= 1:
        raise UserError(f"exemplars is {exemplars} and threshold {threshold}; 0 or more, and a share between 0 and 1.")
    filtered = is_filtered(label_words)
    generator = random.Random(f"opro {seed}")
    first = min(samples, len(task.validation))
    rest = len(task.validation) - first  # what the winner takes besides
    start = first_wording(task, filtered=filtered)
    number = trials.add(task.worded(start), start, "human", checked=False)
    assert number is not None
    yield from trials.score([number], first)
    tried = [number]
    while trials.writes_left and (trials.left - rest) // first > 0:
        drawn = generator.sample(task.train, min(exemplars, len(task.train)))
        prompt = meta_prompt(task, trials, tried, drawn, first, threshold)
        texts = yield from trials.write(
            [prompt] * min(a_step, (trials.left - rest) // first), temperature=temperature, max_new_tokens=50, seed=seed
        )
        made = [
            trials.add_text(bracketed(text), "opro", best_of(trials, tried, first), filtered=filtered) for text in texts
        ]
        new = [number for number in made if number is not None]
        yield from trials.score(new, first)
        tried += new
    order = sorted(tried, key=lambda number: -trials.mean(number, first))
    yield from trials.halving(order)
    return (yield from trials.concluded())


def meta_prompt(
    task: Searchable, trials: Trials, tried: Sequence[int], drawn: Sequence[Sample], first: int, threshold: float
) -> tuple[Message, ...]:
    """What the model is shown: scored texts in ascending order, exemplars, and the wish for a better text."""
    words = said_in(task.question.language, WORDS)
    ranked = sorted(tried, key=lambda number: trials.mean(number, first))
    shown = [number for number in ranked if points(task, trials.mean(number, first)) >= threshold * BUCKETS]
    parts = [words.scored]
    for number in (shown or ranked[-1:])[-KEPT:]:
        score = points(task, trials.mean(number, first))
        parts.append(words.one.format(text=trials.candidates[number].text, score=score))
    if drawn:
        parts.append(words.shown)
        parts += [words.exemplar.format(input=input_of(task, one), output=target_text(one)) for one in drawn]
    return asked_to_go_on("\n\n".join([*parts, words.wish]), words.lead)


def points(task: Searchable, mean: float) -> int:
    """A mean value as a whole number of 0 to 100."""
    share = math.exp(mean) if task.objective == "likelihood" else mean
    return round(BUCKETS * min(max(share, 0.0), 1.0))


def best_of(trials: Trials, tried: Sequence[int], first: int) -> int:
    """The best so far, of which a new text is taken to be made."""
    return max(tried, key=lambda number: trials.mean(number, first))


def bracketed(text: str) -> str:
    """What stands in the first square brackets, of which the opening one may be the prompt's; all where none closes.

    >>> bracketed("Name it.] [Say it.]"), bracketed(" [Name it.]"), bracketed("Name it.")
    ('Name it.', 'Name it.', 'Name it.')
    """
    return text.partition("]")[0].rpartition("[")[2]
