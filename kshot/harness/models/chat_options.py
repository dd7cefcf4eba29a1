"""What a chat template takes beside the messages, `enable_thinking=false` say, and what it says by itself.

Meets: an option that the template does not know, or that is written so that it would change nothing, is refused in a
sentence. Concedes: whether a value is one that the template expects only its author knows.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from kshot.registry import suggest
from kshot.spec import split_spec
from kshot.types import UserError

if TYPE_CHECKING:
    from jinja2 import nodes

OWN = frozenset({"messages", "raise_exception", "strftime_now"})  # what transformers hands to every template
Role = Literal["system", "user"]
MARK = "kshot-marks-the-place"
AMBIGUOUS = {"yes": "true", "no": "false", "on": "true", "off": "false", "None": "null"}
"""What reads like true, false or nothing, and would reach a template as text, which is always true there."""


def read_options(text: str) -> dict[str, Any]:
    """Options as they are written, `enable_thinking=false` or `(enable_thinking=false,date="26 July, 2024")`.

    A value is true, false, null, a number, or text; text that looks like one of them stands in JSON's quotes.

    >>> read_options("(enable_thinking=false,budget=512,language=German)")
    {'budget': 512, 'enable_thinking': False, 'language': 'German'}
    """
    text = text.strip()
    if not text:
        return {}
    _, given = split_spec(text if text.startswith("(") else f"({text})")
    return {key: value_of(key, value) for key, value in sorted(given.items())}


def value_of(key: str, text: str) -> Any:
    """An option's value. Raises UserError for a word that a template would take for something else."""
    if not key.isidentifier():
        raise UserError(f"{key!r} cannot be a chat option: a template's options are names, such as enable_thinking.")
    if text in AMBIGUOUS or text.lower() in AMBIGUOUS:
        meant = AMBIGUOUS.get(text) or AMBIGUOUS[text.lower()]
        raise UserError(
            f'chat option {key} is {text!r}, which a template takes for text: write {meant}, or "{text}" in its quotes.'
        )
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text


def write_options(options: Mapping[str, Any]) -> str:
    """Options as one text that is the same for the same options."""
    return json.dumps(options, sort_keys=True, separators=(",", ":"))


def parsed(tokenizer: Any) -> tuple[nodes.Template, frozenset[str]]:
    """A tokenizer's chat template as jinja2 reads it, and the names that it has from jinja2 itself."""
    from jinja2 import Environment
    from jinja2.ext import Extension
    from jinja2.parser import Parser

    class GenerationTag(Extension):  # transformers' own tag around what an assistant says
        def __init__(self, environment: Environment) -> None:
            super().__init__(environment)
            self.tags = {"generation"}

        def parse(self, parser: Parser) -> list[nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    environment = Environment(
        trim_blocks=True, lstrip_blocks=True, extensions=[GenerationTag, "jinja2.ext.loopcontrols"]
    )
    return environment.parse(tokenizer.get_chat_template()), frozenset(environment.globals)


def known_options(tokenizer: Any) -> frozenset[str]:
    """The names that a tokenizer's chat template reads, and that are nobody else's to give."""
    from jinja2 import meta

    template, own = parsed(tokenizer)
    return frozenset(meta.find_undeclared_variables(template)) - reserved(tokenizer) - own


def reserved(tokenizer: Any) -> frozenset[str]:
    """What apply_chat_template itself is told or tells: messages, tools, add_generation_prompt, bos_token ..."""
    parameters = inspect.signature(tokenizer.apply_chat_template).parameters
    return OWN | frozenset(parameters) | frozenset(tokenizer.special_tokens_map)


def check_options(
    tokenizer: Any, name: str, options: Mapping[str, Any], rendered: Callable[[Mapping[str, Any]], str]
) -> None:
    """Raises UserError for an option that the model's template does not take, or not as it is written.

    `rendered` gives a short conversation with some options.
    """
    from jinja2 import TemplateError

    try:
        taken, known = reserved(tokenizer), known_options(tokenizer)
    except TemplateError as error:
        raise UserError(f"the chat template of {name} cannot be read ({error}): leave --chat-option out.") from error
    for key, value in options.items():
        if key in taken:
            raise UserError(f"chat option {key} is given by kshot itself or by the tokenizer; leave it out.")
        if key not in known:
            knows = suggest(key, known) if known else "it knows none."
            raise UserError(f"the chat template of {name} knows no option {key!r}: {knows}")
        if type(value) is int and value in (0, 1):  # `is false` holds of false alone
            bare, given, meant = (rendered(said) for said in ({}, {key: value}, {key: bool(value)}))
            if given == bare != meant:
                right = f"{key}={'true' if value else 'false'}"
                raise UserError(f"chat option {key}={value} changes nothing in the template of {name}: write {right}.")


def own_system(rendered: Callable[[Sequence[tuple[Role, str]]], str]) -> str:
    """The system message that a chat template puts in where a conversation has none; "" where it does not.

    `rendered` makes text of (role, content) turns.
    """
    try:
        bare = rendered([("user", "x")])
        before, _, after = rendered([("system", MARK), ("user", "x")]).partition(MARK)
    except UserError:  # a template without such a role
        return ""
    inside = len(bare) >= len(before) + len(after) and bare.startswith(before) and bare.endswith(after)
    return bare[len(before) : len(bare) - len(after)].strip() if inside else ""


def date_written(tokenizer: Any, name: str, rendered: str) -> str:
    """What to say of a chat template that wrote today's date into a short conversation; "" of one that did not."""
    from jinja2 import TemplateError, nodes

    try:
        template, _ = parsed(tokenizer)
    except (TemplateError, ValueError):  # no Jinja, or several templates of which none is the first
        return ""
    calls = [
        call
        for call in template.find_all(nodes.Call)
        if isinstance(call.node, nodes.Name) and call.node.name == "strftime_now"
    ]
    forms = [call.args[0].value for call in calls if call.args and isinstance(call.args[0], nodes.Const)]
    if not any(datetime.now().strftime(form) in rendered for form in forms):
        return ""
    options = sorted(option for option in known_options(tokenizer) if "date" in option)
    remedy = f'fix it with --chat-option {options[0]}="26 Jul 2024"' if options else "it has no option that fixes it"
    return f"the chat template of {name} writes today's date into prompts, so that tomorrow's are others: {remedy}."
