"""A sample worded by a template as one text: what is asked and what an exemplar shows, alike by construction.

Meets: what stands before {{ answer }} is the prompt, the whole is an exemplar, so that the two cannot differ; a
template is data, rendered in a sandbox (kshot.prompts.sandbox).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from kshot.prompts.templates import conversation, letters, listed_choices, solved
from kshot.types import ASKED, AnswerFormat, Prompt, Question, Sample, Template, UserError

ANSWER = "\ue000"  # where the answer goes, until it is known; a character that no text has and no filter changes
GAP = "\ue002"  # where a template's own gap begins
OTHER = "\ue001"  # what makes a text another
ENDS = re.compile(r"\{\{-?\s*answer\s*-?\}\}\s*\Z")  # a template whose last word the answer is
NAME = re.compile(r"\s*(?P<name>[^\s{}][^{}\n]*?)\s*(?:\{\{|\{%|$)")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question worded: its text up to the answer, and the blanks that stand before an answer."""

    text: str
    gap: str = ""


def prompt_for(
    question: Question,
    exemplars: Sequence[Sample] = (),
    *,
    instruction: str = "",
    rationale: bool = False,
    direct: bool = False,
    listed: bool = True,
    lead: str = "",
) -> Prompt:
    """The prompt: one text where the question has a template, otherwise turns (`conversation` says what the rest is).

    A template's text stands for itself: `direct` adds nothing to it, and an instruction takes the place of its start.
    """
    if question.template is None:
        exemplars = tuple(spoken(question, sample) for sample in exemplars)
        return conversation(
            question, exemplars, instruction=instruction, rationale=rationale, direct=direct, listed=listed, lead=lead
        )
    asked = asked_of(question, listed=listed)
    front = in_front(question, exemplars, instruction=instruction, rationale=rationale, listed=listed)
    gap = asked.gap or ("" if question.language == "zh" else " ")
    return f"{front}{asked.text}{gap}{lead}" if lead else f"{front}{asked.text}"


def in_front(
    question: Question,
    exemplars: Sequence[Sample],
    *,
    instruction: str = "",
    rationale: bool = False,
    listed: bool = True,
) -> str:
    """What stands before a question in its template: the instruction or the template's start, and the exemplars."""
    assert question.template is not None
    said = tuple(spoken(question, sample) for sample in exemplars)
    return shown(question.template, said, question.format, instruction, rationale, listed, question.language)


def around(question: Question, exemplars: Sequence[Sample], words: str, instruction: str = "") -> tuple[str, str]:
    """The prompt up to and with an answer's words, and what the template has behind them: the rest of a sentence.

    Raises UserError where there is no template, or nothing behind its answer.
    """
    if question.template is None:
        raise UserError("what stands behind an answer is a template's; give template=0, or a file's.")
    before, after = sides(question)
    if not after.strip():
        raise UserError(
            f"the template {shortened(question.template)} has nothing behind {{{{ answer }}}} to score; use score=text."
        )
    front = shown(question.template, tuple(exemplars), question.format, instruction, False, False, question.language)
    return f"{front}{before}{words}", after.rstrip()


def answer_first(question: Question, sample: Sample) -> tuple[str, str]:
    """A sample in the question's template, the line with its answer moved to the front: (up to its text, the rest).

    "Review: fine\\nSentiment: good" is ("Sentiment: good\\nReview:", " fine").
    Raises UserError where the answer has no line of its own.
    """
    assert question.template is not None
    said = spoken(question, sample)
    pieces = pieces_of(replace(question, text=said.question, choices=(), fields=said.fields))
    if len(pieces) == 1 or "\n" not in pieces[-1]:
        raise UserError(
            f"the template {shortened(question.template)} has no line of its own for {{{{ answer }}}}, which "
            "would come before the sample's text here; give another template, or template=own."
        )
    values = variables(said.question, (), said.fields, ANSWER, True, question.language)
    text = rendered(question.template, with_gap(question.template, values, question.template.gap or ""))
    lines = text.split("\n")
    at = next(at for at, line in enumerate(lines) if ANSWER in line)
    answer = solved(said, question.format)
    label = lines[at].replace(ANSWER, answer) if answer else lines[at].replace(ANSWER, "").rstrip(" ")
    rest, lead = "\n".join(lines[:at] + lines[at + 1 :]), pieces[0].rstrip(" ")
    return f"{label}\n{lead}", rest[len(lead) :]


def before_the_answer(question: Question) -> str:
    """What a question's template has between the last of the sample's texts and the answer: "Sentiment:"."""
    return pieces_of(question, listed=not question.choices)[-1].strip()


def pieces_of(question: Question, *, listed: bool = True) -> list[str]:
    """What a template has around a sample's texts, up to the answer; every second piece names one, "" the question."""
    marked = replace(
        question,
        text=f"{OTHER}{OTHER}",
        choices=tuple(f"{OTHER}{name}{OTHER}" for name in letters(question.choices)),
        fields=tuple((name, f"{OTHER}{name}{OTHER}") for name, _ in question.fields),
    )
    assert question.template is not None
    values = variables(marked.text, marked.choices, marked.fields, ANSWER, listed, question.language)
    text = rendered(question.template, with_gap(question.template, values, "")).partition(ANSWER)[0]
    return text.split(OTHER)


def goes_on(question: Question) -> bool:
    """Whether a question's template has the sample's own text behind the answer, without its choices listed."""
    if question.template is None or ENDS.search(question.template.text):
        return False
    other = replace(question, fields=tuple((name, f"{OTHER}{value}") for name, value in question.fields))
    return sides(question)[1] != sides(other)[1]


def sides(question: Question) -> tuple[str, str]:
    """What a question's template has before and behind the answer, its choices not listed."""
    assert question.template is not None
    values = variables(question.text, question.choices, question.fields, ANSWER, False, question.language)
    before, _, after = rendered(question.template, values).partition(ANSWER)
    return before, after


def continuation_for(question: Question, text: str, *, listed: bool = True) -> str:
    """An answer as it stands behind the prompt: with the template's blanks before it; in turns, alone."""
    return text if question.template is None else f"{asked_of(question, listed=listed).gap}{text}"


def answer_for(question: Question, sample: Sample) -> str:
    """The answer that a sample's exemplar shows, as it stands behind the prompt of `question`."""
    return continuation_for(question, solved(spoken(question, sample), question.format))


def spoken(question: Question, sample: Sample) -> Sample:
    """The sample with its label, and its question that names labels, in the question's words."""
    if not question.words or sample.target not in question.labels:
        return sample
    fields = fields_in_these_words(sample.fields, question.labels, question.words)
    return replace(sample, target=question.words[question.labels.index(sample.target)], fields=fields)


def stops_of(template: Template) -> tuple[str, ...]:
    """Where a reply ends: what the template says, or its first words on a line of their own, as of another sample."""
    if template.stop is not None:
        return template.stop
    name = NAME.match(template.text)
    return (f"\n{name['name']}",) if name else (template.between,)


# ---------------------------------------------------------------- rendering


@lru_cache(maxsize=64)  # all questions of a task begin with the same exemplars
def shown(
    template: Template,
    exemplars: tuple[Sample, ...],
    format: AnswerFormat,
    instruction: str,
    rationale: bool,
    listed: bool,
    language: str,
) -> str:
    """What stands before the question: the instruction or the template's start, and the exemplars."""
    front = f"{instruction}\n\n" if instruction else template.start
    for sample in exemplars:
        answer = solved(sample, format, rationale=rationale, listed=listed)
        values = variables(sample.question, sample.choices, sample.fields, answer, listed, language)
        text = rendered(template, with_gap(template, values, template.gap or ""))
        front += text if answer else text.rstrip(" ")  # an exemplar shown without its label
        front += template.between
    return front


def asked_of(question: Question, *, listed: bool = True) -> Asked:
    """A question in its template, up to the answer. Raises UserError where the template has no place for one."""
    assert question.template is not None
    template = question.template
    values = variables(question.text, question.choices, question.fields, ANSWER, listed, question.language)
    text = rendered(template, with_gap(template, values, GAP))
    before, found, after = text.partition(ANSWER)
    if not found or ANSWER in after:
        count = "no {{ answer }}" if not found else "{{ answer }} more than once"
        raise UserError(
            f"the template {shortened(question.template)} has {count}; write it once, where the answer goes."
        )
    check_shown(question, before, after, listed)
    if template.gap is not None:
        return Asked(before.partition(GAP)[0], template.gap if template.scored_gap is None else template.scored_gap)
    bare = before.rstrip(" ")
    return Asked(bare, before[len(bare) :])


def check_shown(question: Question, before: str, after: str, listed: bool) -> None:
    """Raises UserError where a template shows nothing of a sample before its answer, or not the choices whose letter is
    asked for, and where exemplars would differ from the question by their answers.
    """
    from kshot.prompts.sandbox import keeps_answer, names_in

    assert question.template is not None
    used = names_in(question.template.text) - {"answer"}
    parts = [part for part in (question.text, *question.choices, *dict(question.fields).values()) if part.strip()]
    if any(part in after for part in parts) and not any(part in before for part in parts):
        raise UserError(
            f"the template {shortened(question.template)} shows the sample behind the answer only, and what is asked "
            "ends before it; write {{ answer }} last."
        )
    if not used or same_for_another(question, before, listed):
        raise UserError(
            f"the template {shortened(question.template)} shows nothing of a sample before {{{{ answer }}}}, so that "
            "all would be asked the same; write {{ question }} there."
        )
    if not keeps_answer(question.template.text):
        raise UserError(
            f"the template {shortened(question.template)} changes the answer, or something else by it, so that "
            "exemplars would have another form than the question; write {{ answer }} alone, and other words with "
            "label_words=."
        )
    if listed and question.choices and not used & {"choices", "options"} and question.choices[-1] not in before:
        raise UserError(
            f"the template {shortened(question.template)} shows no choices and the answer is the letter of one; write "
            "{{ options }} where they go, or score their words (choice-logprob:score=text)."
        )


def same_for_another(question: Question, before: str, listed: bool) -> bool:
    """Whether a sample of other texts would be asked in the same words."""

    def other(text: str) -> str:
        return f"{OTHER}{text}{OTHER}"

    if question.text and question.text in before:
        return False
    assert question.template is not None
    fields = tuple((name, other(value)) for name, value in question.fields)
    choices = tuple(map(other, question.choices))
    values = variables(other(question.text), choices, fields, ANSWER, listed, question.language)
    try:
        return rendered(question.template, with_gap(question.template, values, GAP)).partition(ANSWER)[0] == before
    except UserError:  # the template looks into a text
        return False


def variables(
    question: str,
    choices: tuple[str, ...],
    fields: tuple[tuple[str, str], ...],
    answer: str,
    listed: bool,
    language: str,
) -> dict[str, Any]:
    """What a template may use. A field of the row may be called as one of ours, and then is had by `row` alone."""
    row = dict(fields)
    own = {
        "question": question,
        "text": question,
        "choices": list(choices) if listed else [],
        "letters": list(letters(choices)) if listed else [],
        "options": listed_choices(choices, language) if listed else "",
        "answer": answer,
        "row": row,
    }
    return {**row, **{name: value for name, value in own.items() if name != "text" or "text" not in row}}


def with_gap(template: Template, values: dict[str, Any], gap: str) -> dict[str, Any]:
    """What a template may use, with the gap before the answer where it has one of its own."""
    return values if template.gap is None else {**values, "gap": gap}


def rendered(template: Template, values: Mapping[str, Any]) -> str:
    """A template's text with these values. Raises UserError for what it does not know or cannot do."""
    from kshot.prompts.sandbox import write

    try:
        return write(template.text, values)
    except UserError as error:
        raise UserError(f"the template {shortened(template)}{error}") from error


def shortened(template: Template) -> str:
    """A template as an error names it: its file, or its text."""
    return template.source if Path(template.source).suffix else repr(template.text[:60])


# ---------------------------------------------------------------- which template


def template_of(question: Question, name: str) -> Template:
    """The template that `name` stands for: a number is one of the task's own, all else a file. Raises UserError."""
    if not name.strip().isdecimal():
        return read_template(name, question.files, len(question.templates))
    if int(name) >= len(question.templates):
        have = f"templates 0 to {len(question.templates) - 1}" if question.templates else "no template of its own"
        raise UserError(f"template is {name} and the task has {have}; give another, or a file of yours.")
    return question.templates[int(name)]


def read_template(name: str, files: Mapping[str, bytes] | None = None, numbers: int = 0) -> Template:
    """A user's template, a Jinja file; where `files` are given, out of these. Raises UserError where there is none,
    which names the task's own, so many of them.
    """
    content = read_file(name) if files is None else files.get(name)
    if content is None:
        own = f", {'0' if numbers == 1 else f'0 to {numbers - 1}'} (the task's own)" if numbers else ""
        raise UserError(
            f"template is {name!r}, which is none of own, best{own} and no file; give one of these, or FILE.jinja."
        )
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise UserError(f"the template {name} is not UTF-8 text; save it as UTF-8.") from None
    if not text.strip():
        raise UserError(f"the template {name} is empty; write a sample's form, with {{{{ answer }}}} in it.")
    return Template(text.removesuffix("\n"), source=name)


def read_file(name: str) -> bytes | None:
    """What a template's file holds; None where there is none. Raises UserError where it cannot be read."""
    path = Path(name).expanduser()
    try:
        return path.read_bytes() if path.exists() else None
    except OSError as error:
        raise UserError(f"the template {path} cannot be read ({error.strerror}); give a file of text.") from error


def reworded(question: Question, words: Sequence[str], what: str) -> Question:
    """The question with a word for each label. Raises UserError where there are not as many, or two are alike."""
    if not question.labels or question.format.worded is None:
        raise UserError(f"{what} are {'+'.join(words)} and the task has no labels to put into words; leave them out.")
    if len(words) != len(question.labels):
        raise UserError(
            f"{what} are {'+'.join(words)}, {len(words)} for the labels {', '.join(question.labels)}; give one each."
        )
    if len({word.strip().casefold() for word in words}) < len(words) or not all(word.strip() for word in words):
        raise UserError(f"{what} are {'+'.join(words)}: two of them are the same or empty; give each label its own.")
    words = tuple(word.strip() for word in words)
    instructions = tuple(in_these_words(text, question.labels, words) for text in question.instructions)
    fields = fields_in_these_words(question.fields, question.labels, words)
    format = question.format.worded(words)
    return replace(question, words=words, format=format, instructions=instructions, fields=fields)


def fields_in_these_words(
    fields: tuple[tuple[str, str], ...], labels: Sequence[str], words: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """A sample's fields with the question among them, where there is one, in other words."""
    return tuple((name, in_these_words(text, labels, words) if name == ASKED else text) for name, text in fields)


def in_these_words(text: str, labels: Sequence[str], words: Sequence[str]) -> str:
    """A task's instruction with its labels in other words, where it names all of them.

    >>> in_these_words("Is it positive or negative?", ("negative", "positive"), ("bad", "good"))
    'Is it good or bad?'
    """
    spoken = dict(zip((label.casefold() for label in labels), words, strict=True))
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(label)}(?!\w)" for label in labels), re.IGNORECASE)
    named = {found.casefold() for found in pattern.findall(text)}
    return pattern.sub(lambda found: spoken[found[0].casefold()], text) if named == set(spoken) else text
