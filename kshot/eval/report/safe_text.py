"""Text of models and datasets, made safe to look at: nothing in it may steer a terminal or a page's direction.

Meets: terminal escapes are taken out; other control characters, direction overrides and invisible marks are
shown as a picture or a code in place of acting. Concedes: it does not escape markup; each renderer does.
"""

from __future__ import annotations

import re

# CSI, OSC (ended by BEL or ST), and two-character escapes; an unfinished one is caught by its ESC below
ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])|\x9b[0-?]*[ -/]*[@-~]")
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u061c\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def clean(text: str) -> str:
    """The text without terminal escapes, and with what is invisible made visible.

    >>> clean("\\x1b[31mred\\x1b[0m\\x00")
    'red␀'
    """
    return HIDDEN.sub(lambda found: picture(found[0]), ANSI.sub("", text.replace("\r\n", "\n")))


def picture(character: str) -> str:
    """A visible stand-in: the control pictures of Unicode where there is one, else the code point."""
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"
