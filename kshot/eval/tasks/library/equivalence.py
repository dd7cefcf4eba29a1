r"""Whether two expressions are the same: 1/2 and \frac{1}{2}, [2,5) and 2 \le x < 5.

Meets: judged by math-verify (github.com/huggingface/Math-Verify), which others report by; asked only where texts differ,
and imported then. Concedes: what it cannot read in five seconds is taken for another expression.
"""

from __future__ import annotations

import importlib.util
import re
import threading
from functools import lru_cache

from kshot.types import Sample, Score, UserError

BAR = "\\vert "  # for "|", which parts alternatives in a target
SECONDS = 5
BLANKS = re.compile(r"\\[,;:! ]|\\left(?![a-z])|\\right(?![a-z])|\s+")
DECORATED = re.compile(r"\\(?:text|mathrm|mbox)\{([^{}]*)\}")


def same_expression(answer: str | None, sample: Sample) -> Score:
    """1 where the answer is the target, as an expression. Raises UserError where math-verify is needed and not there."""
    if answer is None:
        return Score(0.0, False)
    return Score(float(equal(sample.target.replace(BAR, "|"), answer.replace(BAR, "|"))), True)


def check_there() -> None:
    """Raises UserError where math-verify is not installed: before a run, not in the midst of it."""
    if importlib.util.find_spec("math_verify") is None:
        raise UserError('mathematics is judged by math-verify, which is not installed: pip install "kshot[math]".')


@lru_cache(maxsize=4096)
def equal(right: str, answer: str) -> bool:
    """Whether two expressions are the same, as texts but for blanks, or as math-verify has it."""
    if plain(right) == plain(answer):
        return True
    check_there()
    from math_verify import parse, verify

    seconds = SECONDS if threading.current_thread() is threading.main_thread() else None  # it stops by a signal
    known, said = (parse(f"${each}$", parsing_timeout=seconds) for each in (right, answer))
    return bool(verify(known, said, timeout_seconds=seconds))


def plain(text: str) -> str:
    r"""An expression without blanks, \left and \right, dollars and a stop at its end; \dfrac is \frac."""
    text = DECORATED.sub(r"\1", text.strip().strip("$").rstrip("."))
    return BLANKS.sub("", re.sub(r"\\[dt]frac", r"\\frac", text))
