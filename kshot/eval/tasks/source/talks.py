"""Chat messages as questions and answers: the last turn of the assistant is the answer.

Read in OpenAI's form (role, content) and in ShareGPT's (from, value). A system turn and earlier turns stand before the
last turn of the user: of one turn alone the question is its text, otherwise each turn has its name before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kshot.eval.tasks.source.columns import TALKS, plain_key
from kshot.eval.tasks.source.files.table import Row, RowTable, at, table_of
from kshot.types import UserError

PROMPT, COMPLETION = "prompt", "completion"
ROLES = {
    **dict.fromkeys(("user", "human"), "User"),
    **dict.fromkeys(("assistant", "gpt", "model", "bot", "chatgpt"), "Assistant"),
    **dict.fromkeys(("system", "developer"), "System"),
}


def talks_in(table: RowTable) -> str | None:
    """The column of chat messages, None where there is none."""
    return next(
        (
            column
            for column in table.columns
            if plain_key(column) in (*TALKS, PROMPT) and any(is_talk(r.get(column)) for r in table.rows)
        ),
        None,
    )


def talk_of(row: Row, column: str) -> Any:
    """A row's turns; of a prompt and its completion (trl) both."""
    value, more = row.get(column), row.get(COMPLETION)
    if column != PROMPT or not is_talk(value):
        return value
    behind = list(more or ()) if is_talk(more) else [{"role": "assistant", "content": more}]
    return [*(value or ()), *behind]


def is_talk(value: Any) -> bool:
    """Whether a value is a list of turns."""
    return isinstance(value, list) and bool(value) and all(isinstance(turn, dict) for turn in value)


def questions_of_talks(table: RowTable, column: str) -> RowTable:
    """A table of talks as one of questions and answers. Raises UserError, with the row, for one that ends otherwise."""

    def asked() -> Iterator[tuple[int | str, Row]]:
        for number, row in zip(table.numbers, table.rows, strict=True):
            turns = turns_of(talk_of(row, column), f"{table.path}, {at(number)}: the field {column!r}")
            others = {name: value for name, value in row.items() if name not in (column, COMPLETION)}
            yield number, {**others, "question": question_of(turns[:-1]), "answer": turns[-1][1]}

    return table_of(table.path, asked())


def turns_of(value: Any, where: str) -> list[tuple[str, str]]:
    """The turns up to the assistant's last, by speaker. Raises UserError where that answers no turn of a user."""
    if not is_talk(value):
        raise UserError(f"{where} is no list of messages; mend that row.")
    turns = [turn_of(turn, where) for turn in value]
    while turns and turns[-1][0] != "Assistant":
        turns.pop()
    if len(turns) < 2 or turns[-2][0] != "User":
        raise UserError(f"{where} has no turn of the assistant right behind one of the user; mend that row.")
    return turns


def turn_of(turn: Row, where: str) -> tuple[str, str]:
    """A turn's speaker and text. Raises UserError for a speaker that is none, and for what is no text."""
    role, content = turn.get("role", turn.get("from")), turn.get("content", turn.get("value"))
    speaker = ROLES.get(str(role).lower())
    if speaker is None:
        raise UserError(f"{where} has a turn of {role!r}, which is neither user, assistant nor system; leave it out.")
    if isinstance(content, list) and all(
        isinstance(part, dict) and isinstance(part.get("text"), str) for part in content
    ):
        content = "\n".join(part["text"] for part in content)
    if not isinstance(content, str):
        raise UserError(f"{where} has a turn whose content is no text; leave that row out.")
    return speaker, content


def question_of(turns: Sequence[tuple[str, str]]) -> str:
    """What stands before an answer, as one text."""
    system = [text for speaker, text in turns if speaker == "System"]
    said = [(speaker, text) for speaker, text in turns if speaker != "System"]
    lines = [said[0][1]] if len(said) == 1 else [f"{speaker}: {text}" for speaker, text in said]
    return "\n".join([*system, *lines])
