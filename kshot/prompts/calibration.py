"""What a model says before it has read anything: the prior of each label, to be taken off its log-likelihoods.

Three estimates are the mean of the label probabilities over inputs without a known label, and what is compared is
log p(label | question) - log prior(label), Zhao et al.'s W = diag(prior)^-1 (2021, arXiv 2102.09690, section 5). They
differ in the inputs. The fourth, pmi, is what a label or a choice is likely by behind a premise alone. Concedes:
estimates from exemplar texts assume that the labels are about as frequent there.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from dataclasses import replace

from kshot.prompts.phrases import phrases
from kshot.prompts.templates import conversation
from kshot.prompts.wording import before_the_answer, continuation_for
from kshot.types import ASKED, Prompt, Question, Request, Sample, UserError

FROM_INPUTS = ("contextual", "domain", "batch")
PMI = "pmi"
CALIBRATIONS = ("none", *FROM_INPUTS, PMI)
EMPTY = ("N/A", "", "[MASK]")  # Zhao et al. 2021, section 5
TEXTS = 20  # Fei et al. 2023
INPUTS = 32
WORD = re.compile(r"[\u3400-\u9fff]|[^\s\u3400-\u9fff]+")  # of Chinese, which has no blanks, a character


def inputs_of(kind: str, question: Question, exemplars: Sequence[Sample]) -> list[Question]:
    """The inputs that a prior is estimated on: the question with texts that have no known label.

    contextual: "N/A", nothing, and "[MASK]" (Zhao et al. 2021); domain: 20 texts of random words of the exemplar pool,
    as long as its texts are on average (Fei et al. 2023, arXiv 2305.19148); batch: 32 texts of the pool, unlabelled
    (Zhou et al. 2023, arXiv 2309.17249, who take the test's own). None of them is shown as an exemplar. Raises
    UserError where the pool has too few texts.
    """
    if kind == "contextual":
        return [filled(question, text, tuple((name, text) for name, _ in question.fields)) for text in EMPTY]
    shown = set(exemplars)
    names = {sample.id for sample in exemplars} if question.showing else set()  # ablated it is no longer the pool's own
    pool = [sample for sample in question.exemplars if sample not in shown and sample.id not in names]
    if len(pool) < 2:
        raise UserError(
            f"calibrate={kind} takes texts of the task's exemplars and it has {len(pool)} beside those that are shown; "
            "add train samples, or use calibrate=contextual."
        )
    generator = random.Random(f"calibration {kind}")
    if kind == "batch":
        drawn = generator.sample(pool, min(INPUTS, len(pool)))
        return [filled(question, sample.question, sample.fields) for sample in drawn]
    return [random_words(question, pool, generator) for _ in range(TEXTS)]


def premise_requests(question: Question, texts: Sequence[str], premise: str) -> list[Request]:
    """A request for each text's log-likelihood behind a domain premise and nothing else (Holtzman et al. 2021).

    arXiv 2104.08315, section 3. The premise is what the question's template has right before an answer, "Sentiment:",
    in turns the wish for a label, or "The answer is:" before choices. Raises UserError where a template has no words
    there.
    """
    prompt: Prompt
    if question.template is None:
        own = phrases(question.language).premise if question.choices else question.format.instruction
        prompt = conversation(replace(question, text=premise or own, choices=()))
        return [Request(prompt, continuation=text) for text in texts]
    prompt = premise or before_the_answer(question)
    if not prompt.strip():
        raise UserError("calibrate=pmi: the template has no words between a sample and its answer; give premise=.")
    gap = continuation_for(question, "", listed=not question.choices)
    return [Request(prompt, continuation=f"{gap}{text}") for text in texts]


def random_words(question: Question, pool: Sequence[Sample], generator: random.Random) -> Question:
    """A question of random words of the pool; each field likewise, of its own words."""

    def some(texts: Sequence[str]) -> str:
        words = [word for text in texts for word in WORD.findall(text)]
        length = max(round(len(words) / len(texts)), 1)
        blank = "" if sum(len(word) == 1 and word >= "\u3400" for word in words) * 2 > len(words) else " "
        return blank.join(generator.choice(words) for _ in range(length)) if words else ""

    drawn = generator.sample(list(pool), min(200, len(pool)))  # the words of so many texts are enough to draw from
    fields = [dict(sample.fields) for sample in drawn]
    named = tuple((name, some([row.get(name, "") for row in fields])) for name, _ in drawn[0].fields)
    return filled(question, some([sample.question for sample in drawn]), named)


def filled(question: Question, text: str, fields: tuple[tuple[str, str], ...]) -> Question:
    """The question with another text in it; what it asks about every text alike is no part of the text."""
    said = dict(question.fields).get(ASKED)
    if said is not None and all(dict(sample.fields).get(ASKED) == said for sample in question.exemplars):
        fields = tuple((name, said if name == ASKED else value) for name, value in fields)
    return replace(question, text=text, fields=fields)


def prior_of(rows: Sequence[Sequence[float]]) -> list[float]:
    """The log of each label's mean probability over inputs, a row of log-likelihoods an input.

    A row is made to add up to one first, as the labels are all that can be answered.
    """
    shares = [softmax(row) for row in rows]
    return [math.log(sum(column) / len(shares)) for column in zip(*shares, strict=True)]


def softmax(scores: Sequence[float]) -> list[float]:
    """Shares that add up to 1, in proportion to the exponentials."""
    shares = [math.exp(score - max(scores)) for score in scores]
    return [share / sum(shares) for share in shares]
