"""What a reasoning model thinks aloud, by the marks that it is set between; none of it is an answer.

Known are the marks of DeepSeek-R1, Qwen3, SmolLM3 and their kin (<think>, <thinking>, <reasoning> ...), of gpt-oss
(<|channel|>analysis, also where a tokenizer dropped its marks and "analysis...assistantfinal" is left), Magistral
([THINK]), Kimi, Seed-OSS, Command A and Gemma, and of ollama's command line. A chat template may have written the
opening mark, so that a lone closing one ends what was thought from the text's beginning. An unclosed block holds no
answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NAMES = (
    r"(?:seed:)?(?:think(?:ing|s)?|thoughts?|(?:inner|internal)[ _-]?(?:thoughts?|monologue)|reason(?:ing)?|reflection"
    r"|scratch_?pad|thinking[ _-]process|chain[ _-]of[ _-]thought|cot|antthinking|analysis)"
)
CHANNEL = r"<\|channel\|?>\s?[a-z]{0,20}[^<>\n]{0,20}(?:<\|constrain\|>[^<>\n]{0,20})?(?:<\|message\|>)?"
# first whatever looks like a mark, so that a text of nothing but "<" is read in one go; then which it is
MARK = re.compile(
    rf"{CHANNEL}|<[^<>\n]{{1,80}}>|\[/?(?:THINK|THINKING|REASONING)\]|\u25c1/?think\u25b7"
    r"|(?-i:assistantfinal(?=[^a-z]))|\.\.\.\s?done\s(?:thinking|reasoning)\."
    r"|\A\s{0,9}(?-i:analysis(?=[A-Z]))",
    re.IGNORECASE,
)
CLOSING = re.compile(
    rf"</\s?{NAMES}\s?>|\[/.*|\u25c1/.*|<\|(?:end_of_thought|END_THINKING|/(?:think|thinking|thought|reasoning)|end_think|think_end)\|>|<unused95>"
    r"|<channel\|>|<\|channel\|>\s?final.*<\|message\|>|assistantfinal|\.\.\..*",
    re.IGNORECASE | re.DOTALL,
)
OPENING = re.compile(
    rf"<\s?{NAMES}(?:\s[^<>]*)?>|\[[^/].*|\u25c1[^/].*|<\|(?:begin_of_thought|START_THINKING|think|thinking|thought|reasoning|begin_think|think_start)\|>"
    r"|<unused94>|<\|channel>\s?thought.*|<\|channel\|>\s?(?:analysis|commentary).*|\s*analysis",
    re.IGNORECASE | re.DOTALL,
)
OTHER = re.compile(
    r"<\|(?:im_)?start\|>\s?(?:assistant|user)|<\|[A-Za-z_]{1,30}\|>|</s>|<(?:eos|end_of_turn)>"
)  # marks of turns and of the end
HINTS = ("<", "[", "\u25c1", "assistantfinal", "analysis", "hinking")


def blocks(text: str) -> list[tuple[int, int, bool]]:
    """Start, end and whether it is closed, of every stretch that is thought aloud."""
    if not any(hint in text for hint in HINTS):
        return []
    result: list[tuple[int, int, bool]] = []
    opened: int | None = None
    for mark in MARK.finditer(text):
        if OPENING.fullmatch(mark[0]):
            opened = mark.start() if opened is None else opened
        elif CLOSING.fullmatch(mark[0]):
            if opened is None:  # its opening mark is the chat template's, or inside a block that was closed already
                result = []
            result.append((opened or 0, mark.end(), True))
            opened = None
    if opened is not None:
        result.append((opened, len(text), False))
    return result


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text as long as it was, with blanks and a new line for what is thought aloud and for marks of turns."""

    text: str
    last: int  # where what follows the last block begins; 0: there is none
    opened: int | None  # where a block begins that is never closed

    def after(self) -> str:
        """The text with blanks for all that stands before or in the last block."""
        return " " * self.last + self.text[self.last :]


HTML = re.compile(
    r"</?(?:b|i|u|em|strong|p|br|span|code|mark)\s?/?>|^[ \t]*```[a-z]{0,15}[ \t]*$", re.IGNORECASE | re.MULTILINE
)


def spoken(text: str, start: int) -> Spoken:
    """A text from `start` on, as it was spoken."""
    said = text[start:]
    found = blocks(text)
    for begin, end, _ in found:
        if end > start:
            begin = max(begin, start) - start
            said = said[:begin] + " " * (end - start - begin - 1) + "\n" + said[end - start :]
    said = OTHER.sub(lambda mark: " " * (len(mark[0]) - 1) + "\n", said) if "<" in said else said
    said = HTML.sub(lambda mark: " " * len(mark[0]), said) if "<" in said or "```" in said else said
    opened = max(found[-1][0] - start, 0) if found and not found[-1][2] else None
    closed = next((end for _, end, whole in reversed(found) if whole), start)
    return Spoken(said if opened is None else said[:opened] + "\n", max(closed - start, 0), opened)
