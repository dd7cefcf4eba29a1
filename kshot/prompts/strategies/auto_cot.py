"""Exemplars whose chains the model writes itself, one from each of k kinds of questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kshot.program import gather
from kshot.prompts.exemplars import asks
from kshot.prompts.phrases import joined, phrases
from kshot.prompts.responses import Response, heard
from kshot.prompts.selection.bm25 import words
from kshot.prompts.strategies.registry import ask, strategy
from kshot.prompts.strategies.zero_shot_cot import zero_shot_cot
from kshot.prompts.wording import prompt_for
from kshot.types import Prediction, Program, Question, Sample, UserError

DEMOS = "demonstrations"
POOL = 2_000  # questions that are clustered, the pool's first
SEED = 192  # of the authors' code
LONGEST, MOST_LINES, LAST_WORDS = 60, 5, 10  # words of a question, lines of a chain, words at its end


@strategy
def auto_cot(
    question: Question,
    *,
    k: int = 8,
    tries: int = 8,
    temperature: float = 0.0,
    top_p: float = 1.0,
    max_new_tokens: int = 256,
    answer_tokens: int = 32,
) -> Program[Prediction]:
    """Chain-of-thought with exemplars of k clusters of questions, their chains the model's own (Zhang et al. 2022).

    arXiv 2210.03493, section 4. Asked once a task: the pool's questions are clustered, and zero-shot-cot answers that
    nearest to each centre; where its chain breaks the paper's rules (a question of at most 60 words, at most 5 lines
    that end in a full stop and, for numbers, in the answer), the next nearest, `tries` of them at most. No target of
    the pool is seen. A cluster without a good chain gives no exemplar. Near is by TF-IDF of words, where the paper has
    Sentence-BERT. `max_new_tokens` and `answer_tokens` are as in zero-shot-cot. Raises UserError where k is
    more than there are questions, and where no chain is good.
    """
    check(question, k, tries, max_new_tokens, answer_tokens)
    if DEMOS not in question.prepared:
        raise UserError("auto-cot writes its exemplars before a run's first question; run it with kshot bench.")
    demos = [as_sample(one) for one in question.prepared[DEMOS]]
    shown = [demo for demo in demos if not asks(demo, question)]
    lead = phrases(question.language).lead
    prompt = prompt_for(question, shown, rationale=True, lead=lead)
    reply = yield from ask(prompt, temperature=temperature, top_p=top_p, max_new_tokens=max_new_tokens)
    prediction = question.format.read(reply, question.choices)
    return replace(prediction, detail={**prediction.detail, DEMOS: len(shown)})


def prepare(
    *, k: int, tries: int, max_new_tokens: int, answer_tokens: int, **others: Any
) -> Callable[[Question], Program[dict[str, Any]]]:
    """The exemplars: {"demonstrations": each as a mapping, "tried": how many chains were written}."""

    def program(question: Question) -> Program[dict[str, Any]]:
        check(question, k, tries, max_new_tokens, answer_tokens)
        pool = [sample for sample in question.exemplars[:POOL] if not asks(sample, question)]
        found: dict[int, Sample] = {}
        tried = 0
        ranked = clusters([sample.question for sample in pool], k)
        for turn in range(tries):
            open_ = [at for at in range(k) if at not in found and turn < len(ranked[at])]
            if not open_:
                break
            samples = [pool[ranked[at][turn]] for at in open_]
            tried += len(samples)
            chains = yield from gather(chain(question, one, max_new_tokens, answer_tokens) for one in samples)
            for at, sample, response in zip(open_, samples, chains, strict=True):
                demo = demonstration(question, sample, response)
                if demo is not None:
                    found[at] = demo
        if not found:
            raise UserError(
                f"auto-cot found no chain among {tried} that keeps to its rules (short, whole, with an answer); raise "
                "max_new_tokens or tries, or use zero-shot-cot."
            )
        return {DEMOS: [as_mapping(found[at]) for at in sorted(found)], "tried": tried}

    return program


vars(auto_cot)["prepare"] = prepare  # what prompts.preparation looks for


def check(question: Question, k: int, tries: int, max_new_tokens: int, answer_tokens: int) -> None:
    """Raises UserError where no exemplars can be made."""
    numbers = {"k": k, "tries": tries, "max_new_tokens": max_new_tokens, "answer_tokens": answer_tokens}
    for name, number in numbers.items():
        if number < 1:
            raise UserError(f"{name} is {number}; it must be at least 1.")
    if (size := len(question.exemplars[:POOL])) < k:
        raise UserError(
            f"k is {k} and the task has {size} questions to write chains for; lower k, or add train samples."
        )


def chain(question: Question, sample: Sample, max_new_tokens: int, answer_tokens: int) -> Program[Response]:
    """Zero-shot-cot's chain for a question of the pool."""
    asked = replace(question, text=sample.question, choices=sample.choices, fields=sample.fields)
    return heard(zero_shot_cot(asked, max_new_tokens=max_new_tokens, answer_tokens=answer_tokens), "zero-shot-cot")


def demonstration(question: Question, sample: Sample, response: Response) -> Sample | None:
    """The sample with the model's chain and answer for its own; None where they break the rules (section 4.2)."""
    written, answer = response.replies[0], response.prediction.answer
    lines = [line for line in written.text.strip().splitlines() if line.strip()]
    text = " ".join(" ".join(lines).split())
    length = len(sample.question) / 2 if question.language == "zh" else len(sample.question.split())
    if answer is None or length > LONGEST or not 0 < len(lines) <= MOST_LINES:
        return None
    if written.finish_reason == "length" or not text.endswith((".", "。")):
        return None
    if question.format.name == "number" and not stated(answer, text):
        return None
    lead = phrases(question.language).lead
    return replace(sample, target=answer, rationale=joined(lead, text))


def stated(answer: str, text: str) -> bool:
    """Whether a chain's last sentence, or a word of its last ten, has the answer in it."""
    last = text[:-1].replace("。", ".").rpartition(".")[2]
    return answer in last or any(answer in word for word in text.split()[-LAST_WORDS:])


def clusters(questions: Sequence[str], k: int) -> list[list[int]]:
    """k clusters of questions, each with the nearest to its centre first. Numbers are places in `questions`."""
    from sklearn.cluster import KMeans
    from sklearn.feature_extraction.text import TfidfVectorizer

    if len(set(questions)) <= k or not any(map(words, questions)):  # nothing to cluster: each by itself
        return [list(range(at, len(questions), k)) for at in range(k)]
    vectors = TfidfVectorizer(analyzer=words).fit_transform(questions)
    model = KMeans(n_clusters=k, random_state=SEED, n_init=10).fit(vectors)
    distances = model.transform(vectors)
    members: list[list[int]] = [[] for _ in range(k)]
    for at, label in enumerate(model.labels_):
        members[label].append(at)
    return [sorted(some, key=lambda at: (distances[at][label], at)) for label, some in enumerate(members)]


def as_mapping(sample: Sample) -> dict[str, Any]:
    """A demonstration, for the journal."""
    return {
        "id": sample.id,
        "question": sample.question,
        "target": sample.target,
        "rationale": sample.rationale,
        "choices": list(sample.choices),
        "fields": [list(field) for field in sample.fields],
    }


def as_sample(kept: Mapping[str, Any]) -> Sample:
    """The demonstration that was kept. Raises UserError where it is damaged."""
    try:
        id, question, target, rationale = texts = [kept[name] for name in ("id", "question", "target", "rationale")]
        fields = tuple((name, value) for name, value in kept["fields"])
        choices = tuple(kept["choices"])
        if not all(isinstance(text, str) for text in (*texts, *choices, *(part for field in fields for part in field))):
            raise TypeError("a text is of another kind")
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"the run's exemplars of auto-cot are damaged ({error!r}): run it again.") from error
    return Sample(id, question, target, rationale, choices, fields=fields)
