"""How numbers are written, by language: whether a comma begins the decimals or groups the thousands.

As CLDR has it (Unicode Common Locale Data Repository, numbers/symbols: decimal and group). A language with a decimal
comma also brings how it states an answer; English and Chinese, which bring far more, are files of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Convention:
    """How a language writes numbers."""

    name: str
    comma: bool = False  # 8,5 is eight and a half, 1.234 a thousand and more
    nouns: tuple[str, ...] = ()  # the answer, in lower case
    states: str = ""  # what follows them where it is given: "is", bounded


COPULA = r"[^\S\n]?:?[^\S\n]"
CONVENTIONS: Mapping[str, Convention] = {
    "en": Convention("English"),
    "zh": Convention("Chinese"),
    "de": Convention("German", True, ("antwort", "lösung", "ergebnis"), rf"{COPULA}(?:ist|lautet|beträgt)\b:?|:"),
    "fr": Convention("French", True, ("réponse", "résultat"), rf"{COPULA}(?:finale?{COPULA})?est\b:?|[^\S\n]?:"),
    "es": Convention("Spanish", True, ("respuesta", "resultado"), rf"{COPULA}(?:final{COPULA})?es\b:?|:"),
    "it": Convention("Italian", True, ("risposta", "risultato"), rf"{COPULA}(?:finale{COPULA})?è(?!\w):?|:"),
    "pt": Convention("Portuguese", True, ("resposta", "resultado"), rf"{COPULA}(?:final{COPULA})?é(?!\w):?|:"),
    "nl": Convention("Dutch", True, ("antwoord", "resultaat"), rf"{COPULA}(?:is|luidt)\b:?|:"),
    "ru": Convention("Russian", True, ("ответ", "результат"), r"[^\S\n]?[:\u2014-]"),
}
NOUNS = frozenset(noun for convention in CONVENTIONS.values() for noun in convention.nouns)
STATED = re.compile(
    "|".join(rf"(?<!\w)(?:{'|'.join(c.nouns)})(?!\w)(?:{c.states})" for c in CONVENTIONS.values() if c.nouns),
    re.IGNORECASE,
)


def stated_elsewhere(text: str) -> Iterator[re.Match[str]]:
    """Where a text states its answer in one of these languages; most texts have none of their words."""
    folded = text.lower()
    return STATED.finditer(text) if any(noun in folded for noun in NOUNS) else iter(())
