"""Regular expressions that an adapter's configuration brings, tried with a time limit before peft uses them.

peft matches them with every module's name, and one written with malice, or by accident, can take for ever. Nothing
within Python stops a match that has begun, so they are first matched in a process of their own.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kshot.types import UserError

SECONDS = 10.0
PATTERNS = ("target_modules", "exclude_modules", "feedforward_modules", "layers_pattern", "target_parameters")
KEYED = ("rank_pattern", "alpha_pattern")  # whose keys are patterns
PLAIN = re.compile(r"[\w.\-]*")
TRY = """
import json, re, sys
patterns, names = json.load(sys.stdin)
for pattern in patterns:
    for kind in (pattern, rf"(.*\\.)?({pattern})$", rf".*\\.{pattern}\\.(\\d+)\\."):
        for name in names:
            re.match(kind, name), re.fullmatch(kind, name)
"""


def check_patterns(what: str, config: Mapping[str, Any], names: Iterable[str], seconds: float = SECONDS) -> None:
    """Raises UserError where a pattern is none, or has not matched all names within the time."""
    found = [pattern for pattern in patterns_in(config) if not PLAIN.fullmatch(pattern)]
    for pattern in found:
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise UserError(f"{what} chooses modules by {pattern[:80]!r}, which is no pattern ({error}).") from error
    if not found:
        return
    try:
        subprocess.run(
            [sys.executable, "-I", "-S", "-c", TRY],
            input=json.dumps([found, list(names)]).encode(),
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UserError(
            f"{what} chooses modules by a pattern that takes more than {seconds:g} seconds "
            f"({found[0][:80]!r}); write the modules' names instead."
        ) from None


def patterns_in(config: Mapping[str, Any]) -> Iterator[str]:
    """The texts that peft reads as regular expressions."""
    for name in PATTERNS:
        value = config.get(name)
        if isinstance(value, str):
            yield value
        elif name == "layers_pattern" and isinstance(value, list | tuple):
            yield from (one for one in value if isinstance(one, str))
    for name in KEYED:
        yield from (config.get(name) or {})
