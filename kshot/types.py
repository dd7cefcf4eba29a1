"""The nouns of kshot: what is asked of a model, what it wrote, how that is read and recorded.

Standard library only, and no behaviour beyond what a value must know about itself: every other
module imports this one, and this one imports none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar


class UserError(Exception):
    """A mistake that the user can mend: one clear sentence with the remedy. The command exits with 2."""

    ticket: int | None = None  # of the request that it is about, where an engine tells it only on `collect`


class EngineError(Exception):
    """The engine failed on a request. A failure is never graded: it stops the run."""

    ticket: int | None = None  # of the request that it is about, where an engine can tell


# ---------------------------------------------------------------- what is asked of a model


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation. A prompt that ends in an assistant turn is continued, not answered."""

    role: Literal["system", "user", "assistant"]
    content: str


Prompt = str | tuple[Message, ...]
"""A str goes to the model verbatim; messages go through the model's chat template."""


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How to decode. temperature 0 is greedy; `stop` strings end a completion and are not part of it.

    top_k, top_p and min_p each leave out tokens, of the tempered distribution and in this order, as transformers'
    logits processors do (Holtzman et al. 2019, arXiv 1904.09751, for top_p; Nguyen et al. 2024, arXiv 2407.01082, for
    min_p).
    """

    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = 256
    stop: tuple[str, ...] = ()
    top_k: int = 0  # draw among so many of the likeliest tokens; 0: among all
    min_p: float = 0.0  # and among those at least so likely as this share of the likeliest

    def __post_init__(self) -> None:
        if self.temperature < 0:
            raise UserError(f"temperature is {self.temperature}; it must be 0 (greedy) or more.")
        if not 0 < self.top_p <= 1:
            raise UserError(f"top_p is {self.top_p}; it must be above 0 and at most 1.")
        if self.max_new_tokens < 1:
            raise UserError(f"max_new_tokens is {self.max_new_tokens}; it must be at least 1.")
        if "" in self.stop:
            raise UserError("a stop string is empty; remove it.")
        if self.top_k < 0:
            raise UserError(f"top_k is {self.top_k}; it must be 0 (all tokens) or more.")
        if not 0 <= self.min_p <= 1:
            raise UserError(f"min_p is {self.min_p}; it is a share and must lie between 0 and 1.")


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a model. With `continuation`, its log-likelihood is asked for and nothing is generated."""

    prompt: Prompt
    params: SamplingParams = SamplingParams()
    seed: int = 0
    continuation: str | None = None
    logprobs: bool = False  # whether the tokens are wanted, each with its log-probability


FinishReason = Literal["stop", "length", "scored"]


@dataclass(frozen=True, slots=True)
class Generation:
    """What a model wrote for a request, or the score of the request's continuation."""

    text: str
    finish_reason: FinishReason  # stop: end token or stop string; length: max_new_tokens; scored: continuation
    prompt_tokens: int = 0
    cached_tokens: int = 0  # of the prompt's tokens, those whose keys and values were already at hand
    completion_tokens: int = 0
    logprob: float = 0.0  # natural log; sum over the completion's (or the continuation's) tokens
    seconds: float = 0.0  # this request's share of the engine's time: steps split by the tokens they worked on
    tokens: tuple[int, ...] = ()  # the completion's (or the continuation's), where the request wants `logprobs`
    token_logprobs: tuple[float, ...] = ()  # natural log, one a token; they add up to `logprob`


T = TypeVar("T")
Program = Generator[Sequence[Request], list[Generation], T]
"""Yields lists of requests, is sent their generations in the same order, returns a T."""


# ---------------------------------------------------------------- what is asked of a task


@dataclass(frozen=True, slots=True)
class Sample:
    """One item of a task: a question with its target."""

    id: str
    question: str
    target: str  # what a perfect reply reads as; for choices the letter, "A" the first; "a|b" where either is right
    rationale: str = ""  # worked solution, for an exemplar; ends before the sentence that states the answer
    choices: tuple[str, ...] = ()
    cluster: str | None = None  # samples that stand or fall together share one (same passage, same number of steps)
    fields: tuple[tuple[str, str], ...] = ()  # what else its row has, for a template to show
    continuation: str = ""  # a text whose likelihood after the question may be asked, by log-likelihood


ASKED = "asked"
"""The field of a sample that is its question, where it is asked one about a context."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """The answer found in a text, by which rule, and where; answer None when no rule found one."""

    answer: str | None
    rule: str = "none"
    span: tuple[int, int] | None = None  # characters of the text
    explicit: bool = False  # the text states it as its answer, so that a cut-off text can be trusted with it


Status = Literal["ok", "unparsed", "truncated"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """A strategy's answer to a question, and how it came about."""

    answer: str | None
    status: Status
    rule: str = "none"  # how it was read, or decided
    span: tuple[int, int] | None = None  # where it was read: characters of the last call's text
    rejected: str | None = None  # an answer seen in a text that was cut off, and not counted
    answers: tuple[str | None, ...] = ()  # of several chains: each one's, in order; None has no vote
    probabilities: Mapping[str, float] = field(default_factory=dict)  # by answer, where the strategy gives them
    detail: Mapping[str, Any] = field(default_factory=dict)  # what else a strategy keeps; JSON-able

    def __post_init__(self) -> None:
        if not isinstance(self.rule, str):
            raise UserError(f"a prediction's rule is {self.rule!r}, not a text; give what else is kept as detail=.")


Extractor = Callable[[str, tuple[str, ...]], Extraction]
"""(text, choices) -> the answer stated in the text."""


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """What we ask for and how we read it, together."""

    name: str  # number, letter, yes-no, text, label ...
    instruction: str  # "Answer with a number."
    trigger: str  # ends a chain so that the answer comes next: "Therefore, the answer (arabic numerals) is"
    extract: Extractor
    statement: str = "The answer is {answer}."  # how an exemplar's rationale ends
    worded: Callable[[tuple[str, ...]], AnswerFormat] | None = field(default=None, compare=False)  # other words
    bars: bool = True  # whether "|" stands between the alternatives of a target; False: it is a sign like any other

    def read(self, generation: Generation, choices: tuple[str, ...] = ()) -> Prediction:
        """The answer in a generation; a text cut off at its length counts only if it states an answer outright."""
        found = self.extract(generation.text, choices)
        cut = generation.finish_reason == "length"
        if found.answer is None or (cut and not found.explicit):
            return Prediction(None, "truncated" if cut else "unparsed", found.rule, found.span, rejected=found.answer)
        return Prediction(found.answer, "ok", found.rule, found.span)


@dataclass(frozen=True, slots=True)
class Decomposition:
    """An exemplar of least-to-most: a question, its subquestions in order, and each one's answer."""

    question: str
    steps: tuple[tuple[str, str], ...]  # (subquestion, answer); the last subquestion is the question itself


@dataclass(frozen=True, slots=True)
class Template:
    """A sample worded as one text, in Jinja: what stands before {{ answer }} is asked, all of it is an exemplar.

    It may use question, choices, options (the choices, "(A) first", a line each), and the fields of a sample.
    """

    text: str  # "Review: {{ text }}\\nSentiment: {{ answer }}"
    words: tuple[str, ...] = ()  # the verbalizer: what is written for each label; (): the labels themselves
    between: str = "\n\n"  # what stands between exemplars
    start: str = ""  # what stands before the first of them
    gap: str | None = None  # {{ gap }}, before an exemplar's answer, where what is asked ends; None: blanks
    scored_gap: str | None = None  # what stands there where an answer is scored; None: the same
    stop: tuple[str, ...] | None = None  # where a reply ends; None: as the text has it
    source: str = ""  # where it was published, or the user's file


REPLY_TOKENS = 32
"""Room for an answer and a few words."""


@dataclass(frozen=True, slots=True)
class Question:
    """All that a strategy may see of a sample: never the target."""

    text: str
    format: AnswerFormat
    choices: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()  # classification: the answers that exist
    exemplars: tuple[Sample, ...] = ()  # the pool, in the task's own order; a strategy chooses from it
    whole: tuple[Sample, ...] = ()  # the pool with what is held out of it for this question; (): the same
    shots: Callable[[int], Sequence[Sample] | None] | None = None  # the task's own choice of k, where it makes one
    instructions: tuple[str, ...] = ()  # the task said in words, several wordings
    decompositions: tuple[Decomposition, ...] = ()
    reply_tokens: int = REPLY_TOKENS  # as the task's
    fields: tuple[tuple[str, str], ...] = ()  # as the sample's
    continuation: str = ""  # as the sample's; not the target, but what is asked about
    templates: tuple[Template, ...] = ()  # the task's, the published one first
    template: Template | None = None  # the one that words it; None: turns of a conversation
    form: str = ""  # as the task's
    in_writing: bool = False  # as the task's
    words: tuple[str, ...] = ()  # what is written for each label; (): the labels themselves
    language: str = "en"  # of the words around it: en or zh
    score: Callable[[str | None, Sample], Score] | None = None  # the task's, for what is tried out on exemplars
    files: Mapping[str, bytes] | None = None  # of a run, the template files named in it; None: read where they lie
    prepared: Mapping[str, Any] = field(default_factory=dict)  # what its strategy found out for the task beforehand
    showing: Mapping[str, Any] = field(default_factory=dict)  # what becomes of exemplars once they are chosen
    vectors: Callable[[str, Sequence[str], Sequence[str]], Any] | None = None  # embedder, texts, others: cosines
    foreign: Callable[[str], Sequence[str]] | None = None  # another task's name: its inputs


RIGHT = 1 - 1e-9
"""The value from which a score is right, of whatever metric: full, but for rounding. Less is partial, 0 is wrong."""


@dataclass(frozen=True, slots=True, init=False)
class Score:
    """A prediction held against its target, by metric; the first is the task's own.

    What the values of a metric are, its registry knows (kshot.eval.metrics); of others they lie in [0, 1], more being
    better.

    >>> Score({"f1": 0.5, "exact": 0.0}, answered=True).value
    0.5
    """

    values: Mapping[str, float]
    answered: bool  # False where there was no answer

    def __init__(self, values: Mapping[str, float] | float, answered: bool) -> None:
        """A number alone is the accuracy. Raises UserError where there is no metric."""
        named = values if isinstance(values, Mapping) else {"accuracy": values}
        if not named:
            raise UserError("a score has no metric; give at least one, such as accuracy.")
        object.__setattr__(self, "values", {name: float(value) for name, value in named.items()})
        object.__setattr__(self, "answered", answered)

    @property
    def value(self) -> float:
        """What the task itself scores by."""
        return next(iter(self.values.values()))

    @property
    def metric(self) -> str:
        """What the task itself scores by is called."""
        return next(iter(self.values))

    @property
    def right(self) -> bool:
        """Whether it is full."""
        return self.value >= RIGHT


Split = Literal["train", "test"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where and how a task's samples are to be had."""

    data: Path | None = None  # folder of local JSONL files; None: the generator, or the hub
    seed: int = 0  # for generated samples; test and train draws never overlap
    limit: int | None = None  # at most so many samples; None: all, or a generator's default number
    train: int | None = None  # train samples to draw from a generator; None: as many as it has exemplars


@dataclass(frozen=True, slots=True)
class Task:
    """Samples, an answer format and a score. `train` samples are the exemplar pool."""

    name: str
    load: Callable[[Split, Source], Sequence[Sample]]
    format: AnswerFormat
    score: Callable[[str | None, Sample], Score]
    version: int = 1
    instructions: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    decompositions: tuple[Decomposition, ...] = ()
    exemplars: tuple[Sample, ...] = ()  # fixed, published exemplars, first in the pool (Wei et al. for gsm8k)
    note: str = ""  # what its user should know before it runs
    reply_tokens: int = REPLY_TOKENS  # room for a reply to a prompt that asks for the answer and no reasoning
    templates: tuple[Template, ...] = ()  # ways of wording it as text, the published one first
    form: str = ""  # the template in which its labels are scored where a strategy does not say; "": none
    in_writing: bool = False  # whether what writes is asked in that template too, where a strategy does not say
    as_question: Callable[[Sample], tuple[str, str]] | None = None  # as (context, question); None: its text, and an
    # instruction as the question
    language: str = "en"  # of the words around a question: en or zh
    undivided: Task | None = None  # the same with all its rows asked, where rows are set aside only for exemplars
    shots: Callable[[Sample, int], Sequence[Sample] | None] | None = None  # the k exemplars that it shows of itself

    def question(self, sample: Sample, pool: Sequence[Sample]) -> Question:
        """What a strategy may see of a sample, with the exemplars it may choose from."""
        return Question(
            text=sample.question,
            format=self.format,
            choices=sample.choices,
            labels=self.labels,
            exemplars=tuple(pool),
            shots=None if self.shots is None else partial(self.shots, sample),
            instructions=self.instructions,
            decompositions=self.decompositions,
            reply_tokens=self.reply_tokens,
            fields=sample.fields,
            continuation=sample.continuation,
            templates=self.templates,
            form=self.form,
            in_writing=self.in_writing,
            language=self.language,
            score=self.score,
        )


@dataclass(frozen=True, slots=True)
class Strategy:
    """A named program with its hyperparameters bound. `name` is canonical: the spec that makes it again."""

    name: str
    function: Callable[..., Program[Prediction]]
    params: Mapping[str, Any]
    prepare: Callable[[Question], Program[Mapping[str, Any]]] | None = field(default=None, compare=False)  # once a task

    def __call__(self, question: Question, **overrides: Any) -> Program[Prediction]:
        return self.function(question, **{**self.params, **overrides})


# ---------------------------------------------------------------- who answers, and what is kept


class Engine(Protocol):
    """Answers requests, many at a time, in any order. One thread submits and collects."""

    id: str  # names everything that changes output: weights hash, adapter, dtype, decoding version
    chat: bool  # whether messages go through a chat template of the model's own
    capacity: int  # requests that keep it busy; submitting a few times as many lets it find shared prefixes

    def submit(self, ticket: int, request: Request) -> None:
        """Takes a request; where the engine can choose, a lower ticket goes first.

        Raises UserError where it can never be answered (longer than the context).
        """

    def collect(self) -> list[tuple[int, Generation]]:
        """Works until at least one request is answered; [] when nothing was waiting.

        Raises EngineError; and UserError, with the request's ticket, where only now it is known that it can never be
        answered, as of engines that ask elsewhere.
        """

    def close(self) -> None:
        """Frees what the engine holds."""


@dataclass(frozen=True, slots=True)
class Record:
    """One strategy's attempt at one sample."""

    task: str
    strategy: str
    sample_id: str
    repeat: int
    prediction: Prediction
    score: Score
    calls: tuple[str, ...]  # journal keys of its requests, in order
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
