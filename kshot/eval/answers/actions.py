"""Sequences of SCAN actions: "I_TURN_LEFT I_JUMP", or the same in words."""

from __future__ import annotations

import re

from kshot.eval.answers.reading import NOTHING, found, reader, statements
from kshot.types import Extraction

TOKEN = re.compile(r"(?<![A-Za-z_])I_[A-Za-z_]{1,20}(?![A-Za-z_])")
WORDS = re.compile(r"(?<![A-Za-z_])(TURN[ _]?(?:LEFT|RIGHT)|WALK|LOOK|RUN|JUMP)(?![A-Za-z_])", re.IGNORECASE)
SPELLED = {"TURNLEFT": "I_TURN_LEFT", "TURNRIGHT": "I_TURN_RIGHT"}


def sequence(line: str) -> tuple[str, int, int] | None:
    """The actions of a line with their place; None where it has none, or other words among them.

    An action that does not exist ("I_SWIM") stays in, so that leaving it out cannot make an answer right.
    """
    tokens = list(TOKEN.finditer(line))
    if tokens:
        return " ".join(token[0].upper() for token in tokens), tokens[0].start(), tokens[-1].end()
    words = list(WORDS.finditer(line))
    rest = re.sub(r"\b(?:and|then)\b", "", WORDS.sub("", line), flags=re.IGNORECASE)
    if not words or re.search(r"[^\W_]", rest):
        return None
    plain = [re.sub(r"[ _]", "", word[1]).upper() for word in words]
    return " ".join(SPELLED.get(word, f"I_{word}") for word in plain), words[0].start(), words[-1].end()


@reader
def read_actions(text: str, choices: tuple[str, ...]) -> Extraction:
    """Stated, or the actions of the last line that has any."""
    for statement in statements(text):
        actions = sequence(statement.text)
        if actions:
            answer, start, end = actions
            after = statement.start + end
            closed = statement.rule == "boxed" or re.match(r"[\"'*`]{0,3}[.\n]", text[after : after + 4]) is not None
            return found(answer, statement.rule, statement.start + start, after, explicit=closed)
    at = len(text)
    for line in reversed(text.split("\n")):
        at -= len(line)
        actions = sequence(line)
        if actions:
            answer, start, end = actions
            alone = not re.search(r"[^\W_]", line[:start] + line[end:])
            rule = "line of actions" if alone else "last line with actions"
            return found(answer, rule, at + start, at + end, explicit=alone and at + len(line) < len(text))
        at -= 1
    return NOTHING
