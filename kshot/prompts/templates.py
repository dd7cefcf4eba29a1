"""From a question and its exemplars to messages, and from messages to plain text for base models.

Meets: one turn of conversation a question, so that a small chat model sees an exemplar as it saw its
training data; a prompt that ends in an assistant turn is to be continued; every prompt of a task begins
alike, for as long as it can, so that an engine can share it. `kshot.prompts.wording` words a question by a task's
or a user's own template instead.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from kshot.prompts.phrases import joined, phrases
from kshot.types import AnswerFormat, Message, Question, Request, Sample, UserError


def letters(choices: Sequence[str]) -> tuple[str, ...]:
    """The choices' names, "A" the first. Raises UserError where the alphabet does not last."""
    if len(choices) > len(string.ascii_uppercase):
        raise UserError(f"a question has {len(choices)} choices; letters name at most 26: leave some out.")
    return tuple(string.ascii_uppercase[: len(choices)])


def lettered(text: str, choices: Sequence[str], language: str = "en") -> str:
    """A question with its choices, "(A) first", a line each, in the words of a language.

    >>> print(lettered("Which one swims?", ["cat", "cod"]))
    Which one swims?
    Answer choices:
    (A) cat
    (B) cod
    """
    if not choices:
        return text
    return f"{text}\n{phrases(language).choices}\n{listed_choices(choices, language)}"


def listed_choices(choices: Sequence[str], language: str = "en") -> str:
    """The choices under their letters, "(A) first", a line each."""
    choice = phrases(language).choice
    return "\n".join(
        choice.format(letter=name, text=said) for name, said in zip(letters(choices), choices, strict=True)
    )


def target_text(sample: Sample) -> str:
    """What an exemplar answers: its target, or the first of its alternatives "a|b"."""
    return sample.target.split("|")[0]


def choice_text(sample: Sample) -> str:
    """The words of the choice that an exemplar's target names. Raises UserError where it names none."""
    names = letters(sample.choices)
    if sample.target not in names:
        raise UserError(f"exemplar {sample.id} has the target {sample.target!r}; name one of {', '.join(names)}.")
    return sample.choices[names.index(sample.target)]


def solved(sample: Sample, format: AnswerFormat, *, rationale: bool = False, listed: bool = True) -> str:
    """An exemplar's answer alone, or its worked solution and the sentence that states the answer.

    Where choices are not `listed`, the answer is the choice's words and not its letter. Raises UserError
    where a rationale is asked for and the exemplar has none.
    """
    answer = sample.target if not format.bars else target_text(sample)
    answer = choice_text(sample) if sample.choices and not listed and answer else answer
    if not rationale:
        return answer
    if not sample.rationale.strip():
        raise UserError(f"exemplar {sample.id} has no rationale; give it one, or use few-shot.")
    return joined(sample.rationale.strip(), format.statement.format(answer=answer))


def conversation(
    question: Question,
    exemplars: Sequence[Sample] = (),
    *,
    instruction: str = "",
    rationale: bool = False,
    direct: bool = False,
    listed: bool = True,
    lead: str = "",
) -> tuple[Message, ...]:
    """The prompt: exemplars as earlier turns, then the question.

    `instruction` stands before the first question, so that all prompts of a task begin with it. `direct`
    asks for the answer alone, in the format's words ("Answer with the letter of the right choice."): under
    every question with choices, and under a question without exemplars, which would show the form.
    `rationale` writes out the exemplars' solutions. `listed` is False where choices are not to be shown.
    `lead` opens the answer, to be continued.
    """

    form = question.format
    language = question.language
    turns = exemplar_turns(tuple(exemplars), form, instruction, rationale, direct, listed, language)
    wish = form.instruction if direct and (question.choices or not exemplars) else ""
    choices = question.choices if listed else ()
    asked = asked_text(question.text, choices, wish, "" if exemplars else instruction, language)
    return (*turns, Message("user", asked), *((Message("assistant", lead),) if lead else ()))


def asked_text(text: str, choices: tuple[str, ...], wish: str, instruction: str, language: str) -> str:
    """A user's turn: the instruction, the question, its choices, and how to answer."""
    asked = "\n".join(part for part in (lettered(text, choices, language), wish) if part)
    return f"{instruction}\n\n{asked}" if instruction else asked


@lru_cache(maxsize=64)  # all questions of a task, and all draws of a question, begin with the same turns
def exemplar_turns(
    exemplars: tuple[Sample, ...],
    form: AnswerFormat,
    instruction: str,
    rationale: bool,
    direct: bool,
    listed: bool,
    language: str,
) -> tuple[Message, ...]:
    """The exemplars as turns, a question and its answer each."""
    turns: list[Message] = []
    for at, item in enumerate(exemplars):
        wish = form.instruction if direct and item.choices else ""
        choices = item.choices if listed else ()
        asked = asked_text(item.question, choices, wish, "" if at else instruction, language)
        turns.append(Message("user", asked))
        turns.append(Message("assistant", solved(item, form, rationale=rationale, listed=listed)))
    return tuple(turns)


def plain(request: Request, language: str = "en") -> Request:
    """The same request for a model without a chat template: verbatim text, stopped at the next "Q:".

    A prompt that is text already goes through as it is. A continuation to score gets the space that
    stands between "A:" and an answer, and no stop string. `language` is the question's.

    >>> plain(Request((Message("user", "2 + 2?"), Message("assistant", "4"), Message("user", "3 + 3?")))).prompt
    'Q: 2 + 2?\\nA: 4\\n\\nQ: 3 + 3?\\nA:'
    """
    if isinstance(request.prompt, str):
        return request
    words = phrases(language)
    answers = words.answers.rstrip()
    space = words.answers[len(answers) :]  # it is the answer's, as tokens have it
    text, open_question = "", False
    for message in request.prompt:
        if message.role == "assistant" and open_question:
            text += f"{space}{message.content}" if message.content else ""
        else:
            text += ("\n\n" if text else "") + (words.asks if message.role == "user" else "") + message.content
            text += f"\n{answers}" if message.role == "user" else ""
        open_question = message.role == "user"
    if request.continuation is not None:
        scored = request.continuation
        spaced = scored[:1].isspace() or text[-1:].isspace()
        return replace(request, prompt=text, continuation=scored if spaced else space + scored)
    stop = tuple(dict.fromkeys((*request.params.stop, *words.stops)))
    return replace(request, prompt=text, params=replace(request.params, stop=stop))
