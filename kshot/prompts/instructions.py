"""Which words a task is said in: one of its own wordings, or a text that is given."""

from __future__ import annotations

from kshot.types import UserError


def instruction_of(instructions: tuple[str, ...], wording: int, text: str = "") -> str:
    """One of a task's instructions, or the text in its place; "" for -1 and no text.

    Raises UserError where there is no such wording, where both say the instruction, and for a text that says nothing.
    """
    if text:
        if not text.strip():
            raise UserError(f"text is {text!r}, which says nothing; give the instruction's words, or leave it out.")
        if wording != -1:
            raise UserError(f"wording is {wording} and text is {text!r}: both say the instruction; keep one.")
        return text
    if wording == -1:
        return ""
    if not 0 <= wording < len(instructions):
        have = f"wordings 0 to {len(instructions) - 1}" if instructions else "no instruction"
        raise UserError(f"wording is {wording} and the task has {have}; wording=-1 leaves it out.")
    return instructions[wording]
