"""What a server answers that is no answer: what passes is tried again, what never will be is told in one sentence.

Waits grow exponentially and are drawn from the whole span ("full jitter": Brooker 2015, AWS architecture blog,
"Exponential backoff and jitter"), so that requests that failed together do not come back together; a server that says
how long to wait is believed (RFC 9110, section 10.2.3).
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from kshot.types import UserError

FIRST_WAIT, LONGEST_WAIT = 0.5, 20.0  # seconds
PASSING = frozenset({408, 409, 425, 429})  # and all from 500
SPENT = ("insufficient_quota", "billing_hard_limit_reached", "credit balance", "exceeded your current quota")
TOO_LONG = ("context length", "context_length", "context window", "maximum context", "too long", "exceed context")
REPORTED = 300  # characters of what a server said


class Fault(Exception):
    """What may pass: a server that is busy, gone, or was cut off. `after`: seconds that it asks to wait."""

    def __init__(self, said: str, after: float | None = None) -> None:
        super().__init__(said)
        self.said = said
        self.after = after


class Malformed(Fault):
    """A whole answer that is not of the protocol: tried again a few times only."""


class Refusal(UserError):
    """What a server refuses and always will; `status` is HTTP's, `message` what it said itself."""

    def __init__(self, sentence: str, status: int, message: str = "") -> None:
        super().__init__(sentence)
        self.status = status
        self.message = message


def wait_for(fault: Fault, tries: int, draw: random.Random) -> float:
    """Seconds before the next try, after so many that failed."""
    span = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(tries - 1, 10))
    if fault.after is None:
        return draw.uniform(0, span)
    return fault.after + draw.uniform(0, min(span, 1 + fault.after / 10))  # all others have been told the same


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to wait: a number, a date of HTTP, or its milliseconds; None where it asks nothing."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        try:
            seconds = float(text) * unit
        except ValueError:
            try:
                seconds = parsedate_to_datetime(text).timestamp() - time.time()
            except (ValueError, TypeError, IndexError, OverflowError):
                continue
        if seconds == seconds:
            return min(max(seconds, 0.0), 1e6)
    return None


def said_in(body: bytes) -> tuple[str, str]:
    """What an error's body says, and its code; of a page of HTML nothing."""
    text = body[:20_000].decode("utf-8", errors="replace").strip()
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return ("" if text.startswith("<") else text[:REPORTED]), ""
    code = ""
    for _ in range(3):  # {"error": {"message": ...}}, {"detail": ...}, {"message": ...}
        if not isinstance(value, dict):
            break
        code = str(value.get("code") or value.get("type") or code)
        value = next((value[key] for key in ("error", "message", "detail") if value.get(key)), "")
    said = value if isinstance(value, str) else json.dumps(value)
    return " ".join(said.split())[:REPORTED], code


def verdict(status: int, headers: Mapping[str, str], body: bytes, where: str) -> Exception:
    """What an answer with an error's status means: a Fault, or a Refusal with its remedy."""
    said, code = said_in(body)
    heard = f"{status}: {said}" if said else str(status)
    low = f"{said} {code}".lower()
    if status == 429 and any(word in low for word in SPENT):
        return Refusal(f"the account at {where} has no credit left ({heard}): top it up.", status, said)
    if status in PASSING or status >= 500:
        return Fault(f"the server at {where} answers {heard}", retry_after(headers))
    if 300 <= status < 400:
        return Refusal(
            f"the server at {where} sends on to another address ({status}), where neither prompts nor the key are "
            "sent: give that address as base_url.",
            status,
            said,
        )
    if any(word in low for word in TOO_LONG):
        remedy = "use fewer or shorter exemplars or fewer new tokens, or a model with a longer context"
        why = "a prompt does not fit into the model's context"
    else:
        why, remedy = REASONS.get(status, ("the server refuses a request", "change what it names, or leave it out"))
    return Refusal(f"{why} (the server at {where} answers {heard}): {remedy}.", status, said)


REASONS = {
    401: ("the key is missing or wrong", "set OPENAI_API_KEY, or give key_env=NAME or key_file=FILE"),
    403: ("the key does not allow this", "ask for access to the model, or give another model= or key"),
    404: ("there is no such model or address", "check model= and base_url=, which most often ends in /v1"),
    405: ("there is no such address", "check base_url=, which most often ends in /v1"),
}
