r"""A document as prompt, target and choices, by lm-evaluation-harness' rules (`ConfigurableTask` in lm_eval/api/task.py).

A text is a column's name where there is such a column, and otherwise Jinja: undefined names are errors, a newline at its
end stays, `regex_replace` is a filter. It is rendered in kshot's sandbox, so that it reaches nothing of Python and makes
no more than the sandbox allows; what that does not know is an error and never another text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import Template, TemplateError, nodes

from kshot.prompts.sandbox import Sandbox, bounded, check
from kshot.registry import words_of
from kshot.types import UserError

Document = Mapping[str, Any]
Rule = str | int | list[Any] | dict[Any, Any] | Callable[[Any], Any]
"""What doc_to_text and its kin say."""


def regex_replace(string: str, pattern: str, repl: str, count: int = 0) -> str:
    """Their filter, bounded."""
    text = re.sub(pattern, repl, string, count=count)
    check(len(text))
    return text


class TaskSandbox(Sandbox):
    """kshot's sandbox with the settings of lm-evaluation-harness' environment."""

    def __init__(self) -> None:
        super().__init__()
        self.keep_trailing_newline = True
        self.filters["regex_replace"] = regex_replace
        del self.filters["tojson"]  # kshot's is not Jinja's


@lru_cache(maxsize=1)
def environment() -> TaskSandbox:
    """The one environment, in which nothing is kept."""
    return TaskSandbox()


@lru_cache(maxsize=1024)
def compiled(text: str) -> Template:
    """A template ready to render. Raises UserError for one that is none, or asks for another file."""
    try:
        for node in environment().parse(text).find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
            raise UserError(f"line {node.lineno} of its template asks for another file, and a template stands alone")
        return environment().from_string(text)
    except (TemplateError, RecursionError) as error:
        raise UserError(f"its template {text!r:.60} is no Jinja that is read here ({error})") from error


def apply_template(text: str, doc: Document) -> str:
    """A template's text for a document. Raises UserError, without the place, for what fails."""
    template = compiled(text)
    try:
        return str(bounded(template.render(**doc)))
    except Exception as error:  # a template is a program of its writer's, and may raise anything
        raise UserError(f"its template {text!r:.60} fails ({type(error).__name__}: {error})") from error


@dataclass(frozen=True)
class Rendering:
    """How documents are rendered: the columns that there are, and whether there are choices."""

    columns: frozenset[str]
    choices: bool  # whether the task has a doc_to_choice, where digits are a choice's index

    def text(self, rule: Rule, doc: Document) -> Any:
        """doc_to_text: a text, or the index of a choice."""
        if isinstance(rule, str):
            if rule in self.columns:
                return doc[rule]
            text = apply_template(rule, doc)
            return index_in(text) if text.isdigit() and self.choices else text
        return called(rule, doc)

    def target(self, rule: Rule, doc: Document) -> Any:
        """doc_to_target: a text, the index of a choice, or several of either."""
        if isinstance(rule, str):
            if rule in self.columns:
                return doc[rule]
            text = apply_template(rule, doc)
            if text.isdigit() and self.choices:
                return index_in(text)
            if len(text) >= 2 and text[0] == "[" and text[-1] == "]":
                try:
                    return ast.literal_eval(text)
                except (SyntaxError, ValueError, RecursionError, MemoryError):
                    return text
            return text
        return rule if isinstance(rule, list) else called(rule, doc)

    def listed(self, rule: Rule, doc: Document) -> list[str]:
        """doc_to_choice: the choices. Raises UserError where they are no list of texts."""
        found: Any
        if isinstance(rule, str):
            found = doc[rule] if rule in self.columns else literal(apply_template(rule, doc))
        elif isinstance(rule, list):
            found = rule
        elif isinstance(rule, dict):
            found = list(rule.values())
        else:
            found = called(rule, doc)
        if not isinstance(found, list | tuple) or not found or not all(isinstance(one, str) for one in found):
            raise UserError(f"doc_to_choice gives {found!r:.60} and no list of texts")
        return list(found)

    def prefix(self, rule: str | None, doc: Document) -> str:
        """gen_prefix; "" for none."""
        if not rule:
            return ""
        return str(doc[rule]) if rule in self.columns else apply_template(rule, doc)


def called(rule: Rule, doc: Document) -> Any:
    """What a rule gives that is no text: itself, or what a function makes of the document."""
    if not callable(rule):
        return rule
    try:
        return rule(doc)
    except Exception as error:  # the user's own code may raise anything, and the sentence must name it
        raise UserError(f"its function failed ({type(error).__name__}: {words_of(error)})") from error


def index_in(digits: str) -> Any:
    """The index that digits are. Raises UserError for those that Python does not read as a number, as "007"."""
    try:
        return ast.literal_eval(digits)
    except (SyntaxError, ValueError) as error:
        raise UserError(f"{digits!r:.60} stands where a choice's index does, and is no number that is read") from error


def literal(text: str) -> Any:
    """A Python literal. Raises UserError for a text that is none."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"doc_to_choice gives {text!r:.60}, which is no list as Python writes it") from error


# ---------------------------------------------------------------- how texts are joined (lm_eval/api/utils.py)


def needs_delimiter(before: str, behind: str) -> bool:
    """Whether neither of two texts has a blank where they meet."""
    return before != "" and not (before[-1].isspace() or behind[0].isspace())


def joined(before: str, behind: str, delimiter: str = " ") -> str:
    """Two texts, with a delimiter where neither has a blank and both are there."""
    if not before or not behind:
        return before or behind
    return before + delimiter + behind if needs_delimiter(before, behind) else before + behind
