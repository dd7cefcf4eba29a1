"""The grammar of a specification: `few-shot:k=4,order=reversed`, a name and its hyperparameters.

It nests by parentheses: `self-consistency:base=few-shot(k=4,order=shuffled),n=10`. A value with any of `,()="` in it
stands in double quotes, written as JSON: `zero-shot-cot:lead="Step by step, then."`. `file.py:name` is a name too.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from kshot.types import UserError

HEAD = re.compile(r"(?:[^=]*?\.py:)?[^():=,]+")  # a name; a path may hold what a name may not
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def split_spec(spec: str) -> tuple[str, dict[str, str]]:
    """`name:a=1,b=x(c=2)` as ("name", {"a": "1", "b": "x(c=2)"}); `name(a=1)` reads the same."""
    spec = spec.strip()
    head = HEAD.match(spec)
    name = head.group(0) if head else ""
    rest = spec[len(name) :]
    if rest.startswith("(") and rest.endswith(")"):
        rest = rest[1:-1]
    elif rest.startswith(":"):
        rest = rest[1:]
    elif rest:
        raise UserError(f"cannot read {spec!r}: write it as name:key=value,key=value.")
    given: dict[str, str] = {}
    for part in split_outside_parentheses(rest):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not key:
            several = f"; several values of {last} are a+b" if (last := next(reversed(given), "")) else ""
            raise UserError(f"cannot read {part!r} in {spec!r}: write it as name:key=value,key=value{several}.")
        if key in given:
            raise UserError(f"{key!r} is given twice in {spec!r}: keep one.")
        given[key] = unquoted(value)
    return name.strip(), given


def files_in(spec: str) -> list[str]:
    """The files of `file.py:name` that a specification names, itself or in any hyperparameter, however deep.

    >>> files_in("self-consistency:base=mine.py:careful(k=2),n=5")
    ['mine.py']
    """
    try:
        name, given = split_spec(spec)
    except UserError:  # what cannot be read names nothing
        return []
    own = [name.rpartition(":")[0]] if ".py:" in name else []
    return own + [file for value in given.values() for file in files_in(value)]


def values_in(spec: str, key: str) -> list[str]:
    """The values of a hyperparameter in a specification, itself or in any value within it, however deep.

    >>> values_in("self-consistency:base=few-shot(template=own.jinja),n=5", "template")
    ['own.jinja']
    """
    try:
        given = split_spec(spec)[1]
    except UserError:  # what cannot be read says nothing
        return []
    own = [given[key]] if key in given else []
    return own + [found for value in given.values() for found in values_in(value, key)]


def split_outside_parentheses(text: str, separator: str = ",") -> list[str]:
    """Parts between separators that stand outside parentheses and quotes; empty parts are left out."""
    parts, depth, current, at = [], 0, "", 0
    while at < len(text):
        character = text[at]
        quoted = QUOTED.match(text, at) if character == '"' and current.rstrip().endswith("=") else None
        if quoted:
            current += quoted.group(0)
            at = quoted.end()
            continue
        depth += (character == "(") - (character == ")")
        if depth < 0:
            break
        if character == separator and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
        at += 1
    if depth != 0:
        raise UserError(f"the parentheses in {text!r} do not match.")
    return [part.strip() for part in [*parts, current] if part.strip()]


def unquoted(value: str) -> str:
    """A value without its double quotes. Raises UserError where what they hold is no JSON string."""
    if not QUOTED.fullmatch(value):
        if value.startswith('"'):
            raise UserError(f"cannot read the quoted value {value}: its quotes have to close at its very end.")
        return value
    try:
        text: str = json.loads(value)
        text.encode()
    except UnicodeEncodeError:
        raise UserError(f"the quoted value {value} holds half of a character; write the whole of it.") from None
    except json.JSONDecodeError as error:
        raise UserError(f"cannot read the quoted value {value}: {error.msg}; write it as a JSON string.") from None
    return text


def convert(text: str, default: Any, where: str) -> Any:
    """A value of the default's type from text; a tuple of strings is written a+b. Raises UserError."""
    try:
        if isinstance(default, bool):
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]
        if isinstance(default, int):
            return int(text)
        if isinstance(default, float):
            number = float(text)
            if not math.isfinite(number):
                raise ValueError
            return number
    except (ValueError, KeyError):
        kind = {bool: "true or false", int: "a whole number", float: "a number"}[type(default)]
        raise UserError(f"{where}: {text!r} is not {kind}.") from None
    if isinstance(default, tuple):
        return tuple(part for part in text.split("+") if part)
    return text


def write_spec(name: str, params: dict[str, Any]) -> str:
    """The inverse of reading: `name:a=1,b=x(c=2)`."""
    listed = ",".join(f"{key}={write_value(item)}" for key, item in params.items())
    return f"{name}:{listed}" if listed else name


def write_value(item: Any) -> str:
    """A hyperparameter's value as text; in quotes where it would not be read back as it is."""
    text = "+".join(map(str, item)) if isinstance(item, tuple) else str(item)
    try:
        safe = split_spec(f"name:key={text}")[1] == {"key": text}
    except UserError:
        safe = False
    return text if safe else json.dumps(text, ensure_ascii=False)


def with_parameter(spec: str, key: str, value: str) -> str:
    """A specification with a hyperparameter that it does not say itself, or in the `base` within it.

    >>> with_parameter("self-consistency:base=few-shot(k=4),n=5", "system", "Be brief.")
    'self-consistency:base=few-shot(k=4),n=5,system=Be brief.'
    """
    name, given = split_spec(spec)
    within = given
    while key not in within and "base" in within:
        within = split_spec(within["base"])[1]
    return spec if key in within else write_spec(name, {**given, key: value})


def opened(spec: str) -> str:
    """A specification that stood inside another: `few-shot(k=4)` is `few-shot:k=4`; any other text is left as it is."""
    try:
        return write_spec(*split_spec(spec)) if spec.strip().endswith(")") else spec.strip()
    except UserError:  # a file's name, such as "data (1)"
        return spec.strip()


def nested(spec: str) -> str:
    """A specification as it stands inside another: `few-shot:k=4,order=reversed` is `few-shot(k=4,order=reversed)`."""
    name, given = split_spec(spec)
    return f"{name}({','.join(f'{key}={write_value(value)}' for key, value in given.items())})" if given else name
