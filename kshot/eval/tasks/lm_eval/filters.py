"""From what a model wrote to an answer: lm-evaluation-harness' filters, in the order of the task file (lm_eval/filters).

What its `regex` puts in the place of what it does not find, "[invalid]", is no answer here: it is counted apart, votes
for nothing and is worth nothing. Whatever was found counts, in a reply that was cut off too, as it does there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from kshot.eval.tasks.lm_eval.schema import FILTERS
from kshot.registry import suggest
from kshot.types import Extraction, Extractor, UserError

INVALID = "[invalid]"
Step = Callable[[Any, tuple[str, ...]], Any]
"""(what came of the text so far, the document's choices) -> what comes of it."""


def reader_of(steps: Sequence[Mapping[str, Any]], name: str, where: str) -> Extractor:
    """The reader that a list of filters is.

    Raises UserError, which begins with `where`, for a filter that there is not, or a parameter that it does not have.
    """
    pipeline = [step_of(step, where) for step in steps]
    names = [step.get("function") for step in steps]
    if "take_first" in names[:-1]:
        raise UserError(
            f"{where}: take_first stands before other filters, which would read letter by letter; put it last."
        )

    def read(text: str, choices: tuple[str, ...]) -> Extraction:
        found: Any = text
        for step in pipeline:
            found = None if found is None else step(found, choices)
        if found == INVALID or found is None:
            return Extraction(None, name)
        return Extraction(str(found), name, explicit=True)

    return read


def step_of(step: Mapping[str, Any], where: str) -> Step:
    """One filter with its parameters bound."""
    given = {key: value for key, value in step.items() if key != "function"}
    name = step.get("function")
    if not isinstance(name, str):
        raise UserError(f"{where}: a filter's function is {name!r:.60}; kshot takes filters by name alone.")
    if name not in MAKERS:
        known = FILTERS.get(name)
        why = f"kshot does not take it ({known.what})" if known and known.what else "kshot does not have it"
        raise UserError(f"{where}: the filter {name}: {why}; {suggest(name, MAKERS)}")
    maker, keys = MAKERS[name]
    for key in given:
        if key not in keys:
            known_keys = suggest(key, keys) if keys else "it takes none."
            raise UserError(f"{where}: the filter {name} has no parameter {key!r}: {known_keys}")
    try:
        return maker(**given)
    except (re.error, TypeError, AttributeError) as error:
        raise UserError(f"{where}: the filter {name} cannot be made ({error}); mend its parameters.") from error


def regex(regex_pattern: str = r"#### (\-?[0-9\.\,]+)", group_select: int = 0, fallback: str = INVALID) -> Step:
    """What a pattern finds: of several places the one selected, of several groups the first that is not empty."""
    pattern = re.compile(regex_pattern)
    check_regex(group_select, fallback)

    def step(text: Any, choices: tuple[str, ...]) -> Any:
        found = found_by(pattern, text if isinstance(text, str) else "", group_select)
        return fallback if found is None else found

    return step


def check_regex(group_select: object, fallback: object) -> None:
    """Raises TypeError for parameters of another kind."""
    if not isinstance(group_select, int) or not isinstance(fallback, str):
        raise TypeError(f"group_select is a whole number and fallback a text, not {group_select!r} and {fallback!r}")


def found_by(pattern: re.Pattern[str], text: str, at: int) -> str | None:
    """What a pattern finds, bare of blanks; None where it finds nothing, or nothing but empty groups."""
    found = pattern.findall(text)
    if not -len(found) <= at < len(found):
        return None
    one = found[at]
    if isinstance(one, tuple):
        one = next(filter(None, one), None)
    return None if one is None else str(one).strip()


def mapped(mapping_dict: Mapping[str, Any] | None = None, default_value: Any = None) -> Step:
    """Another text for each of some."""
    table = dict(mapping_dict or {})
    if not all(isinstance(one, str) for one in (*table, *table.values())) or not isinstance(default_value, str | None):
        raise TypeError("map takes texts to texts here: write numbers in quotes")
    return lambda text, choices: table.get(text, default_value)


@lru_cache(maxsize=1)
def punctuation() -> dict[int, None]:
    """What takes all signs of punctuation out."""
    return {n: None for n in range(0x110000) if unicodedata.category(chr(n)).startswith("P")}


def multi_choice_regex(
    regex_pattern: str = r"#### (\-?[0-9\.\,]+)",
    group_select: int = 0,
    fallback: str = INVALID,
    ignore_case: bool = False,
    ignore_punctuation: bool = False,
    regexes_to_ignore: Sequence[str] | None = None,
) -> Step:
    """What a pattern finds; else the choice whose words stand there, as "(A)"; else a letter behind a colon."""
    pattern = re.compile(regex_pattern)
    check_regex(group_select, fallback)
    ignored = [re.compile(one) for one in regexes_to_ignore or ()]

    def plain(text: str) -> str:
        for one in ignored:
            text = one.sub("", text)
        text = text.lower() if ignore_case else text
        return text.translate(punctuation()) if ignore_punctuation else text

    def step(text: Any, choices: tuple[str, ...]) -> Any:
        text = text if isinstance(text, str) else ""
        found = found_by(pattern, text, group_select)
        if found:
            return found
        letters = [chr(65 + at) for at in range(len(choices))]
        words = [plain(choice.strip()) for choice in choices]
        names = {word: f"({letter})" for word, letter in zip(words, letters, strict=True)}
        worded = re.compile("|".join(sorted(map(re.escape, words), key=len, reverse=True)))
        found = found_by(worded, plain(text), group_select)
        if found:
            return names.get(found, found)
        lettered = re.compile(rf":[\s]*({'|'.join(letters)})")
        found = found_by(lettered, text, group_select)
        return f"({found})" if found else fallback

    return step


MAKERS: Mapping[str, tuple[Callable[..., Step], tuple[str, ...]]] = {
    "take_first": (lambda: lambda text, choices: text, ()),
    "regex": (regex, ("regex_pattern", "group_select", "fallback")),
    "remove_whitespace": (lambda: lambda text, choices: text.strip(), ()),
    "lowercase": (lambda: lambda text, choices: text.lower(), ()),
    "uppercase": (lambda: lambda text, choices: text.upper(), ()),
    "map": (mapped, ("mapping_dict", "default_value")),
    "multi_choice_regex": (
        multi_choice_regex,
        ("regex_pattern", "group_select", "fallback", "ignore_case", "ignore_punctuation", "regexes_to_ignore"),
    ),
}


def needs_choices(steps: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a list of filters looks at the document's choices."""
    return any(step.get("function") == "multi_choice_regex" for step in steps)
