"""The marks that a reasoning model thinks aloud between, where a reply would come without them.

Meets: what is thought is told from what is answered although the chat template has opened the block, so that the reply
begins within it (DeepSeek-R1, QwQ), or the tokenizer counts the marks among what decoding leaves out (Magistral,
Command A). Concedes: a reply that goes on from a turn of ours (a lead) is left as it is.
"""

from __future__ import annotations

import re
from typing import Any

THOUGHT = r"(?:seed:)?(?:think(?:ing)?|thought|reasoning)"
OPENING = re.compile(
    rf"<{THOUGHT}>|\[THINK\]|\u25c1think\u25b7|<\|(?:(?:start|begin)_(?:of_)?)?{THOUGHT}(?:_start)?\|>|<unused94>",
    re.IGNORECASE,
)
CLOSING = re.compile(
    rf"</{THOUGHT}>|\[/THINK\]|\u25c1/think\u25b7|<\|(?:/|end_(?:of_)?){THOUGHT}\|>|<\|{THOUGHT}_end\|>|<unused95>",
    re.IGNORECASE,
)


def left_open(rendered: str) -> str:
    """The mark that a rendered prompt ends in, where it opens what is thought; "" where it does not."""
    text = rendered.rstrip()
    found = [mark for mark in OPENING.finditer(text, max(0, len(text) - 40)) if mark.end() == len(text)]
    return found[0][0] if found else ""


def marks_left_out(tokenizer: Any) -> tuple[frozenset[int], frozenset[int]]:
    """The special tokens of a tokenizer: those that are such marks, and all others."""
    special = {id: str(token) for id, token in getattr(tokenizer, "added_tokens_decoder", {}).items() if token.special}
    marks = {id for id, text in special.items() if OPENING.fullmatch(text) or CLOSING.fullmatch(text)}
    return frozenset(marks), frozenset(special) - marks
