"""Formats: the same template with other separators and another case, drawn from a small grammar.

After Sclar et al. 2023 (arXiv 2310.11324, section 3), whose grammar varies what stands between a descriptor and its
text, what stands between two such parts, and the descriptors' case; the lists here are ours.
"""

from __future__ import annotations

import random
import re
from dataclasses import replace
from functools import lru_cache
from itertools import product

from kshot.types import Template, UserError

BESIDE = (": ", ":", " : ", ":: ", " - ", " = ", ":\n", " ")  # between a descriptor and its text
BETWEEN = ("\n", " \n", " || ", " ; ", " <sep> ", "\n\n")  # between two parts
CASES = ("as written", "lower", "upper", "title")
PART = re.compile(r"(?P<name>[^\s{}:：][^{}:：\n]*)[:：](?P<gap>[ ]?)(?P<text>\{\{[^{}\n]*\}\})")
GRAMMAR = tuple(random.Random("formats").sample(list(product(BESIDE, BETWEEN, CASES)), 192))


def formatted(template: Template, seed: int) -> Template:
    """The template in the format of that number, from 0; no two numbers give the same.

    There are 192, or fewer where the descriptors have no case to vary. Raises UserError for a number beyond them, and
    for a template whose lines are not each `Name: {{ field }}`.
    """
    found = formats_of(template)
    if not 0 <= seed < len(found):
        raise UserError(f"format_seed is {seed}; it must lie between 0 and {len(found) - 1}, or be -1 for none.")
    return found[seed]


@lru_cache(maxsize=64)
def formats_of(template: Template) -> tuple[Template, ...]:
    """Every format of a template, once, in an order that is the same for all."""
    parts = [PART.fullmatch(line) for line in template.text.splitlines()]
    if not parts or any(part is None for part in parts):
        raise UserError(
            f"format_seed needs a template whose lines are each 'Name: {{{{ field }}}}', and {template.text[:60]!r} is "
            "not; leave it out, or give another template."
        )
    found = {}
    for beside, between, case in GRAMMAR:
        text = between.join(f"{cased(part['name'], case)}{beside}{part['text']}" for part in parts if part)
        found[text] = replace(template, text=text, between="\n\n" if between != "\n\n" else "\n\n\n")
    return tuple(found.values())


def cased(name: str, case: str) -> str:
    """A descriptor in a case.

    >>> cased("Answer Type", "lower")
    'answer type'
    """
    return {"as written": name, "lower": name.lower(), "upper": name.upper(), "title": name.title()}[case]
