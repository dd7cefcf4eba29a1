"""Formats: the same template with other separators and another case, drawn from a small grammar.

After Sclar et al. 2023 (arXiv 2310.11324, section 3), whose grammar varies what stands between a descriptor and its
text, what stands between two such parts, and the descriptors' case; the lists here are ours.
"""

from __future__ import annotations

import random
import re
from dataclasses import replace
from itertools import product

from kshot.types import Template, UserError

BESIDE = (": ", ":", " : ", ":: ", " - ", " = ", ":\n", " ")  # between a descriptor and its text
BETWEEN = ("\n", " \n", " || ", " ; ", " <sep> ", "\n\n")  # between two parts
CASES = ("as written", "lower", "upper", "title")
PART = re.compile(r"(?P<name>[^\s{}:][^{}:\n]*):(?P<gap>[ ]?)(?P<text>\{\{[^{}\n]*\}\})")
GRAMMAR = tuple(random.Random("formats").sample(list(product(BESIDE, BETWEEN, CASES)), 192))


def formatted(template: Template, seed: int) -> Template:
    """The template in the format of that number, 0 to 191; no two numbers give the same combination.

    Raises UserError for another number, and for a template whose lines are not each `Name: {{ field }}`.
    """
    if not 0 <= seed < len(GRAMMAR):
        raise UserError(f"format_seed is {seed}; it must lie between 0 and {len(GRAMMAR) - 1}, or be -1 for none.")
    lines = template.text.splitlines()
    parts = [PART.fullmatch(line) for line in lines]
    if not lines or any(part is None for part in parts):
        raise UserError(
            f"format_seed needs a template whose lines are each 'Name: {{{{ field }}}}', and {template.text[:60]!r} is "
            "not; leave it out, or give another template."
        )
    beside, between, case = GRAMMAR[seed]
    worded = [f"{cased(part['name'], case)}{beside}{part['text']}" for part in parts if part]
    return replace(template, text=between.join(worded), between="\n\n" if between != "\n\n" else "\n\n\n")


def cased(name: str, case: str) -> str:
    """A descriptor in a case.

    >>> cased("Answer Type", "lower")
    'answer type'
    """
    return {"as written": name, "lower": name.lower(), "upper": name.upper(), "title": name.title()}[case]
