"""What the sets of the library share: a hub's row, in its own columns, becomes a sample; how it is asked and judged.

A local copy (--data DIR) has the very columns of the hub: DIR/SET/SPLIT.jsonl, a set with configurations
DIR/SET/CONFIG/SPLIT.jsonl. Template 0 is the published form; where it lists no choices of its own it shows them only to
a strategy that asks for a letter. Labels and choices are scored in template 0 where a strategy does not say how.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from kshot.eval.answers import LETTER, YES_NO, exact, in_language, labels
from kshot.eval.tasks.source.hub import HubSet, base_of
from kshot.eval.tasks.source.jsonl import Row, place
from kshot.eval.tasks.source.perfect import Scoring, fault
from kshot.eval.tasks.source.public import loader
from kshot.eval.tasks.source.templates import CHOICES, CHOICES_ZH, LABELS, OPTIONS
from kshot.types import REPLY_TOKENS, AnswerFormat, Sample, Task, Template, UserError

Read = Callable[[Row], Sample | None]
"""A row in the hub's columns to a sample; its id is put in by `public`. None: the row is not asked."""

HARNESS = "lm-evaluation-harness 0.4.13, "
POOL = "train[:1000]"  # exemplars: the first rows of a large train split
CONTINUED = "{{ question }}{% if options %}\n{{ options }}\nAnswer:{% endif %} {{ answer }}"
ANSWERED = "{{ question }}" + OPTIONS + "Answer: {{ answer }}"
ASKED = "Question: {{ question }}" + OPTIONS + "Answer: {{ answer }}"
LETTERED = "{{ question }}\n{% for letter in letters %}{{ letter }}. {{ choices[loop.index0] }}\n{% endfor %}Answer: {{ answer }}"
CHOOSE = (
    "Choose the right answer.",
    "Read the question and pick the choice that answers it best.",
    "Only one of the choices is right. Which?",
)
CHOOSE_ZH = ("选出正确的答案。", "读题，选出最合适的选项。", "只有一个选项是正确的，是哪一个？")


class Hidden(ValueError):
    """A label that is not public."""


def public(
    folder: str,
    hub: HubSet,
    read: Read,
    *,
    form: AnswerFormat,
    score: Scoring,
    templates: tuple[Template, ...],
    instructions: tuple[str, ...],
    labels: tuple[str, ...] = (),
    language: str = "en",
    reply_tokens: int = REPLY_TOKENS,
    own_ids: bool = True,
    pool: bool = True,
) -> Task:
    """A set of the library. Raises UserError, on loading, with its place for a row of another form.

    Where it has no train split, a quarter of its rows is set aside if a strategy shows exemplars, and only then.
    """

    def sample_of(row: Row, name: str) -> Sample | None:
        try:
            sample = read(row)
        except Hidden as error:
            raise UserError(
                f"{place(row, row['path'])}: {error}; its split's labels are hidden, and {base_of(hub.test)} is asked."
            ) from None
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise UserError(
                f"{place(row, row['path'])}: the row is not in the form of {hub.id} ({error!r}); its columns are those "
                "that the hub's set has."
            ) from error
        return None if sample is None else replace(sample, id=name)

    train = base_of(hub.train) if hub.train else None

    def made(pool: bool) -> Task:
        return Task(
            name=folder,
            load=loader(
                folder, hub, sample_of, form, score, train=train, test=base_of(hub.test), pool=pool, own_ids=own_ids
            ),
            format=form,
            score=score,
            labels=labels,
            templates=templates,
            instructions=instructions,
            form="0" if labels or form.extract is LETTER.extract else "",
            language=language,
            reply_tokens=reply_tokens,
        )

    task = made(pool)
    return replace(task, undivided=made(False)) if pool and not train else task


def choosing(
    folder: str,
    hub: HubSet,
    read: Read,
    template: Template,
    *,
    instructions: tuple[str, ...] = CHOOSE,
    language: str = "en",
    own_ids: bool = True,
) -> Task:
    """A set answered by one of each sample's own choices."""

    def winnable(row: Row) -> Sample | None:
        sample = read(row)
        return sample if sample is None or fault(sample, LETTER, exact, shown=False) is None else unbracketed(sample)

    others = CHOICES_ZH if language == "zh" else CHOICES
    return public(
        folder,
        hub,
        winnable,
        form=in_language(LETTER, language),
        score=exact,
        templates=distinct(template, others),
        instructions=CHOOSE_ZH if language == "zh" and instructions is CHOOSE else instructions,
        language=language,
        own_ids=own_ids,
    )


def labelled(
    folder: str,
    hub: HubSet,
    ask: Callable[[Row], str],
    names: tuple[str, ...],
    source: str,
    *,
    instructions: tuple[str, ...],
    score: Scoring = exact,
    template: str = ANSWERED,
) -> Task:
    """A set whose `label` is an index into `names`."""
    return public(
        folder,
        hub,
        lambda row: Sample("", ask(row), names[index_of(row["label"], len(names))]),
        form=YES_NO if set(names) == {"yes", "no"} else labels(names),
        score=score,
        templates=distinct(Template(template, source=source), LABELS),
        instructions=instructions,
        labels=names,
    )


def distinct(first: Template, others: Sequence[Template]) -> tuple[Template, ...]:
    """The published template, and those of the others that are other ones."""
    return (first, *(each for each in others if each.text != first.text))


# ---------------------------------------------------------------- samples


def index_of(label: object, count: int) -> int:
    """A label as an index into so many. Raises Hidden for -1, for none and for an empty one."""
    if label in (None, "", -1, "-1"):
        raise Hidden(f"the label is {label!r}")
    index = int(str(label))
    if not 0 <= index < count:
        raise IndexError(f"label {label!r} of {count}")
    return index


def chosen(question: str, choices: Sequence[str], right: int, **fields: str) -> Sample:
    """A sample with choices, `right` the index of the right one; `fields` are for templates."""
    return Sample("", question, chr(65 + right), choices=tuple(map(str, choices)), fields=tuple(fields.items()))


def unbracketed(sample: Sample) -> Sample:
    """A sample whose choices are letters in brackets, "(b)", for which a reply's own letter would be taken, without."""
    return replace(sample, choices=tuple(re.sub(r"\A\(([A-Za-z])\)\Z", r"\1", choice) for choice in sample.choices))


def shuffled(question: str, right: str, wrong: Sequence[str], **fields: str) -> Sample:
    """A sample whose data has the right choice always in one place: in an order drawn from its texts.

    As the data stands, a model that likes the letter A, or that ties, would be right.
    """

    def drawn(choice: str) -> bytes:
        return hashlib.blake2b(f"{question}\n{choice}".encode(), digest_size=8).digest()

    choices = sorted([right, *wrong], key=drawn)
    return chosen(question, choices, choices.index(right), **fields)


def accepted(question: str, answers: Sequence[str], **more: str | None) -> Sample:
    """A sample with several accepted answers, which the metric holds a reply against; "|" parts them, and is in none.

    What is compared has no punctuation, so that nothing is lost with a bar.
    """
    bare = [" ".join(answer.replace("|", "").split()) for answer in answers]
    kept = tuple(dict.fromkeys(answer for answer in bare if answer))
    if not kept:
        raise Hidden("there is no answer")
    return Sample("", question, "|".join(kept), cluster=more.get("cluster"))


def passage_id(passage: str) -> str:
    """A name for what several questions share."""
    return hashlib.blake2b(passage.encode(), digest_size=6).hexdigest()
