"""The samples of a task file: its documents, each rendered as lm-evaluation-harness asks it, or shows it.

After `fewshot_context`, `build_qa_turn` and `construct_requests` of `ConfigurableTask` (lm_eval/api/task.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from kshot.eval.tasks.lm_eval.config import TaskFile, Wording
from kshot.eval.tasks.lm_eval.documents import Documents
from kshot.eval.tasks.lm_eval.filters import needs_choices
from kshot.eval.tasks.lm_eval.rendering import Document, Rendering, apply_template, joined, needs_delimiter
from kshot.eval.tasks.lm_eval.shots import Draws
from kshot.registry import words_of
from kshot.types import Sample, Source, Split, UserError

BAR = "\ue003"  # a "|" within one of several targets, between which it stands
REST = "rest"  # the field of what stands behind a choice that is a beginning
KEPT = ("docs", "pool", "rendering", "several", "beginnings", "draws")


class TaskSamples:
    """The samples of one task, loaded when they are asked for and then kept."""

    def __init__(
        self, file: TaskFile, labels: tuple[str, ...], steps: Sequence[Mapping[str, Any]], *, whole: bool
    ) -> None:
        self.file = file
        self.labels = labels  # where all documents have the same choices
        self.steps = steps  # the filters
        self.whole = whole  # whether a metric takes "|" to part references
        self.documents: Documents | None = None
        self.examples: dict[int, Sample] = {}
        self.places: dict[str, int] = {}  # of the samples that are asked, by id

    # ------------------------------------------------------------ documents

    def opened(self, data: Path | None) -> None:
        """Takes the documents from there, unless they are."""
        if self.documents is None or self.documents.data != data:
            self.documents = Documents(self.file, data)
            self.examples, self.places = {}, {}
            for name in KEPT:
                vars(self).pop(name, None)

    @cached_property
    def docs(self) -> Sequence[Document]:
        """What is asked."""
        assert self.documents is not None
        found = list(self.documents.asked())
        if not found:
            raise UserError(f"{self.file.where}: the split that is asked has no rows.")
        return found

    @cached_property
    def pool(self) -> Sequence[Document]:
        """What exemplars are drawn from."""
        assert self.documents is not None
        return self.documents.shown()

    @cached_property
    def rendering(self) -> Rendering:
        """Their rules, with the columns of what is asked."""
        assert self.documents is not None
        asked = self.documents.asked()
        columns = asked.features.keys() if hasattr(asked, "features") else {key for doc in self.docs for key in doc}
        if self.file.description in columns:
            raise UserError(f"{self.file.where}: `description` is a column, which kshot does not take; write it out.")
        return Rendering(frozenset(columns), self.file.asked.choice is not None)

    @cached_property
    def several(self) -> bool:
        """Whether any of several targets is right, which the first document says."""
        return isinstance(self.rendering.target(self.file.asked.target, self.docs[0]), list)

    @cached_property
    def beginnings(self) -> bool:
        """Whether the choices are beginnings, of which the document's text is the right one's index."""
        choices = self.file.asked.choice is not None
        return choices and isinstance(self.rendering.text(self.file.asked.text, self.docs[0]), int)

    @cached_property
    def draws(self) -> Draws:
        """Which documents are shown before which."""
        splits = self.file.splits
        return Draws(self.pool, self.docs, self.file.sampler == "first_n", splits["fewshot"] == splits["test"])

    # ------------------------------------------------------------ samples

    def load(self, split: Split, source: Source) -> Sequence[Sample]:
        """What Task.load is to be."""
        self.opened(source.data)
        if self.file.output_type == "loglikelihood_rolling" and split == "train":
            return []
        if split == "train":
            return [self.example(at) for at in range(len(self.pool))]
        asked = [self.at(n, self.asked_sample) for n in range(len(self.docs[: source.limit]))]
        self.places = {**self.places, **{sample.id: at for at, sample in enumerate(asked)}}
        return asked

    def shots(self, sample: Sample, k: int) -> Sequence[Sample] | None:
        """The exemplars that lm-evaluation-harness shows before a sample; None for one that it does not ask."""
        at = self.places.get(sample.id)
        if at is None:
            return None
        try:
            drawn = self.draws.before(at, k)
        except UserError as error:
            raise UserError(f"{self.file.where}: {error}") from error
        found = [self.example(n) for n in drawn]
        empty = next((n for n, one in zip(drawn, found, strict=True) if one.target == ""), None)
        if empty is not None:
            raise UserError(
                f"{self.file.where}, document {empty} of the exemplars: its target is empty, and lm-evaluation-harness "
                "shows such a one without any delimiter; leave the document out."
            )
        return found

    def at(self, n: int, make: Callable[[int], Sample]) -> Sample:
        """A sample. Raises UserError with its place."""
        try:
            return make(n)
        except UserError as error:
            raise UserError(f"{self.file.where}, document {n}: {error}; mend the file or the data.") from error

    def example(self, n: int) -> Sample:
        """The document at that place of the pool as an exemplar."""
        if n not in self.examples:
            self.examples[n] = self.at(n, self.shown_sample)
        return self.examples[n]

    def shown_sample(self, n: int) -> Sample:
        """As `fewshot_context` shows it: its question with all that stands before the answer, but for a gap of all."""
        doc, words = self.pool[n], self.file.shown
        question, choices, target = self.rendered(doc, words)
        name = f"{self.file.task}-shown-{n}"
        if isinstance(target, list):
            target = target[0] if target else ""
        if isinstance(target, int) and choices:
            target = picked(choices, target, "doc_to_target")
        target = target if isinstance(target, str) else str(target)
        if self.beginnings:
            return self.begun(name, question, choices, target, words)
        question = text_of(question)
        if words.prefix is not None:
            question = led(question, self.prefix_of_shown(doc), target, words)
        if self.labels or self.file.output_type != "multiple_choice" or target not in choices:
            return Sample(name, question, target)
        return Sample(name, question, chr(65 + choices.index(target)), choices=lettered(choices))

    def prefix_of_shown(self, doc: Document) -> str:
        """gen_prefix of an exemplar."""
        rule = self.file.shown.prefix or ""
        return str(doc[rule]) if rule in doc else apply_template(rule, doc)

    def rendered(self, doc: Document, words: Wording) -> tuple[Any, list[str], Any]:
        """A document's text, choices and target, as they are said."""
        return (
            self.rendering.text(words.text, doc),
            self.rendering.listed(words.choice, doc) if words.choice is not None else [],
            self.rendering.target(words.target, doc),
        )

    def asked_sample(self, n: int) -> Sample:
        """As `fewshot_context` and `construct_requests` ask it."""
        doc, words = self.docs[n], self.file.asked
        question, choices, target = self.rendered(doc, words)
        name = f"{self.file.task}-{n}"
        if self.beginnings:
            return self.begun(name, question, choices, target, words)
        question = text_of(question)
        prefix = self.rendering.prefix(words.prefix, doc)
        if prefix:
            question += (words.target_delimiter if needs_delimiter(question, prefix) else "") + prefix
        if self.file.output_type == "multiple_choice":
            names = self.labels or tuple(chr(65 + at) for at in range(len(lettered(choices))))
            right = [named_choice(choices, names, one) for one in (target if isinstance(target, list) else [target])]
            return Sample(name, question, "|".join(right), choices=() if self.labels else lettered(choices))
        if self.file.output_type != "generate_until":
            return self.scored(name, question, target, doc)
        golds = target if self.several and isinstance(target, list) else [target]
        if choices:
            golds = [picked(choices, target, "doc_to_target")]
        return Sample(name, question, self.joint(golds), choices=self.choices_read(doc))

    def begun(self, name: str, right: Any, choices: list[str], rest: Any, words: Wording) -> Sample:
        """A sample whose choices are beginnings, with the rest that is scored behind each (as in Winogrande)."""
        if words.prefix is not None:
            raise UserError("gen_prefix stands before choices that are beginnings, which kshot does not take")
        picked(choices, right, "doc_to_text")
        rest = rest if isinstance(rest, str) else str(rest)
        if rest != rest.rstrip():
            raise UserError(f"doc_to_target gives {rest!r:.60} with a blank at its end, which kshot does not score")
        fields = ((REST, f"{words.target_delimiter}{rest}"),)
        return Sample(name, "", chr(65 + right), choices=lettered(choices), fields=fields)

    def scored(self, name: str, question: str, target: Any, doc: Document) -> Sample:
        """A sample whose text is scored: behind the question, or of itself."""
        if not isinstance(target, str) or not target.strip():
            raise UserError(f"doc_to_target gives {target!r:.60} and no text to score")
        if self.file.output_type == "loglikelihood":
            return Sample(name, question, target.strip(), continuation=target)
        words, size = self.counted(target, doc)
        fields = (("words counted", str(words)), ("bytes counted", str(size)))
        return Sample(name, "", "", fields=fields, continuation=target)

    def counted(self, text: str, doc: Document) -> tuple[int, int]:
        """The words and bytes by which a text's likelihood is divided; its own process_results may count others."""
        if self.file.process_results is None:
            return len(re.split(r"\s+", text)), len(text.encode())
        found = self.called_on(doc, [-1.0])
        pairs = [found.get("word_perplexity"), found.get("byte_perplexity") or found.get("bits_per_byte")]
        if not all(isinstance(one, tuple) and len(one) == 2 and one[0] == -1.0 for one in pairs):
            raise UserError(
                f"process_results gives {found!r:.80}, and kshot takes (likelihood, words), (likelihood, bytes)"
            )
        return int(pairs[0][1]), int(pairs[1][1])  # type: ignore[index]

    def joint(self, golds: Sequence[Any]) -> str:
        """What is right, as a sample's target. Raises UserError where a metric would part it."""
        texts = [one if isinstance(one, str) else str(one) for one in golds]
        if self.whole and (self.several or "|" in texts[0]):
            raise UserError(
                f"the target {texts[0]!r:.40} is one of several, or has a '|' in it, and its metrics part references there"
            )
        return "|".join(text.replace("|", BAR) for text in texts) if self.several else texts[0]

    def golds(self, sample: Sample) -> list[str]:
        """What is right of a sample."""
        return [one.replace(BAR, "|") for one in sample.target.split("|")] if self.several else [sample.target]

    def choices_read(self, doc: Document) -> tuple[str, ...]:
        """The choices that a filter looks for in a written answer."""
        if not needs_choices(self.steps):
            return ()
        listed = doc.get("choices")
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            raise UserError(f"`choices` is {listed!r:.60}, and multi_choice_regex needs a list of texts")
        return lettered(listed)

    # ------------------------------------------------------------ what functions make of answers

    def processed(self, answer: str, sample: Sample, name: str) -> float:
        """What the task's own process_results gives for an answer by that name. Raises UserError where it is no number."""
        try:
            return float(self.called_on(self.docs[self.places[sample.id]], [answer])[name])
        except (UserError, TypeError, ValueError, KeyError) as error:
            said = f"process_results gives no {name}" if isinstance(error, KeyError) else error
            raise UserError(f"{self.file.where}, {sample.id}: {said}; mend it.") from error

    def called_on(self, doc: Document, results: list[Any]) -> dict[str, Any]:
        """What process_results gives."""
        assert self.file.process_results is not None
        try:
            return dict(self.file.process_results(doc, results))
        except Exception as error:  # the user's own code may raise anything, and the sentence must name it
            raise UserError(f"process_results failed ({type(error).__name__}: {words_of(error)})") from error


# ---------------------------------------------------------------- texts and choices


def led(question: str, prefix: str, target: str, words: Wording) -> str:
    """An exemplar's question with its gen_prefix, up to the answer."""
    if not prefix:
        return question + words.target_delimiter
    before = words.target_delimiter if needs_delimiter(question, prefix) else ""
    return question + before + joined(prefix, target)[: -len(target) or None]


def text_of(question: Any) -> str:
    """A question that is text. Raises UserError."""
    if not isinstance(question, str):
        raise UserError(f"doc_to_text gives {question!r:.60} and no text")
    return question


def lettered(choices: Sequence[str]) -> tuple[str, ...]:
    """Choices that letters can name. Raises UserError where there are too many."""
    if len(choices) > 26:
        raise UserError(f"it has {len(choices)} choices, and letters name at most 26")
    return tuple(choices)


def picked(choices: Sequence[str], at: Any, key: str) -> str:
    """The choice at an index. Raises UserError where there is none."""
    if not isinstance(at, int) or not 0 <= at < len(choices):
        raise UserError(f"{key} gives {at!r:.60}, which is no index into its {len(choices)} choices")
    return choices[at]


def named_choice(choices: Sequence[str], names: Sequence[str], target: Any) -> str:
    """The name of the choice that a target is: its index, or its text. Raises UserError where it is none."""
    at = target if isinstance(target, int) else choices.index(target) if target in choices else -1
    if not 0 <= at < len(choices):
        raise UserError(f"doc_to_target gives {target!r:.60}, which is none of its {len(choices)} choices")
    return names[at]
