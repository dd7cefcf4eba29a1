"""Where a user's templates are rendered: jinja2's sandbox, with bounds on what is made, and nothing that is drawn.

Meets: a template opens no file, reaches nothing of Python, gives the same text each time, and makes no more than
`LARGEST` characters at a time, whatever its author intended. Concedes: nothing bounds its time; Ctrl-C ends it.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import (
    Environment,
    StrictUndefined,
    Template,
    TemplateSyntaxError,
    Undefined,
    UndefinedError,
    nodes,
    pass_environment,
)
from jinja2.compiler import CodeGenerator, Frame
from jinja2.filters import FILTERS, make_attrgetter
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from kshot.types import UserError

LARGEST = 10_000_000  # characters
SEVERAL: tuple[type[Any], ...] = (list, tuple, dict, type({}.keys()), type({}.values()), type({}.items()))
ENTRY = 100  # that an entry of a list counts for, beside its text
WIDTHLESS = (
    *("abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "int", "items", "last", "length"),
    *("list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "select", "selectattr", "sort"),
    *("title", "trim", "truncate", "unique", "upper", "wordcount"),
)
"""jinja2's filters that give no more than they are given, and the same each time."""
METHODS: dict[type, frozenset[str]] = {
    str: frozenset(
        (
            *(
                "capitalize",
                "casefold",
                "count",
                "endswith",
                "find",
                "index",
                "isalnum",
                "isalpha",
                "isdecimal",
                "isdigit",
            ),
            *("islower", "isspace", "isupper", "join", "lower", "lstrip", "partition", "removeprefix", "removesuffix"),
            *(
                "replace",
                "rfind",
                "rindex",
                "rpartition",
                "rsplit",
                "rstrip",
                "split",
                "splitlines",
                "startswith",
                "strip",
            ),
            *("swapcase", "title", "upper"),
        )
    ),
    dict: frozenset(("get", "items", "keys", "values")),
    list: frozenset(("count", "index")),
    tuple: frozenset(("count", "index")),
    **dict.fromkeys((int, float, bool, bytes, complex, range), frozenset()),
}
"""What a template may call of Python's own values: nothing that pads to a width."""


class Joining(CodeGenerator):
    """jinja2's compiler, with the sandbox's own way of `a ~ b`."""

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        self.write("environment.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of all templates of a user."""

    intercepted_binops = frozenset(("*", "**", "+", "%"))
    code_generator_class = Joining

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, finalize=bounded)
        own = {"join": join, "replace": replaced, "string": string, "tojson": tojson}
        self.filters = {**{name: FILTERS[name] for name in WIDTHLESS}, **own}
        self.globals.pop("lipsum")

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        kinds = [kind for kind in METHODS if isinstance(obj, kind)]
        return super().is_safe_attribute(obj, attr, value) and all(attr in METHODS[kind] for kind in kinds)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or (operator == "%" and isinstance(left, str)):
            raise UserError(f"it computes {type(left).__name__} {operator}, which no template may")
        if operator == "+":
            bounded((left, right))
        elif operator == "*":
            check(weight(left) * weight(right))
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, obj: Any, *args: Any, **kwargs: Any) -> Any:
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        if isinstance(owner, str) and name == "replace":
            check_replaced(owner, *args, **kwargs)
        if isinstance(owner, str) and name == "join":
            parts = [list(part) for part in args]
            bounded(parts)
            check(len(owner) * sum(map(len, parts)))
            args = tuple(parts)
        return super().call(context, obj, *args, **kwargs)

    def wrap_str_format(self, value: Any) -> None:
        """No text formats: a width in it would be a length."""

    def concat(self, parts: Iterable[str]) -> str:
        """What a block makes, of a macro or {% set %} too."""
        return "".join(bounded(list(parts)))

    def joined(self, parts: Iterable[Any]) -> str:
        """What `a ~ b` makes."""
        return "".join(map(str, bounded(tuple(parts))))


# ---------------------------------------------------------------- bounds


def check(characters: float) -> None:
    """Raises UserError for too many."""
    if not characters <= LARGEST:
        raise UserError(f"it makes more than {LARGEST:,} characters; make it smaller")


def weight(value: Any) -> float:
    """How long a value's text is, about; of a number, its magnitude. Raises UserError where it is too long."""
    if isinstance(value, int | float):
        return abs(value)
    if isinstance(value, str):
        return len(value)
    waiting, characters = [value], 0
    while waiting:
        one = waiting.pop()
        characters += ENTRY
        if isinstance(one, str):
            characters += len(one)
        elif isinstance(one, SEVERAL):
            check(characters + ENTRY * (len(waiting) + len(one)))
            waiting.extend(one.items() if isinstance(one, dict) else one)
        elif isinstance(one, Undefined):
            str(one)  # raises what is wrong with it
        elif isinstance(one, Namespace):
            raise UserError("it writes a namespace out; write its values")
        check(characters)
    return characters


def bounded(value: Any) -> Any:
    """The value, where its text is not too long. Raises UserError."""
    if not isinstance(value, int | float):
        check(weight(value))
    return value


def check_replaced(text: str, old: str, new: str, count: int = -1) -> None:
    """Raises UserError where a replacement makes too much."""
    found = len(text) + 1 if old == "" else str(text).count(old)
    check(len(text) + len(new) * (found if count is None or count < 0 else min(found, count)))


@pass_environment
def join(environment: Environment, value: Any, d: str = "", attribute: str | int | None = None) -> str:
    """The filter `join`, bounded."""
    parts = list(value if attribute is None else map(make_attrgetter(environment, attribute), value))
    bounded(parts)
    check(len(d) * len(parts))
    return str(d).join(map(str, parts))


def replaced(value: Any, old: str, new: str, count: int | None = None) -> str:
    """The filter `replace`, bounded."""
    text = str(bounded(value))
    check_replaced(text, old, new, -1 if count is None else count)
    return text.replace(old, new, -1 if count is None else count)


def string(value: Any) -> str:
    """The filter `string`, bounded."""
    return str(bounded(value))


def tojson(value: Any) -> str:
    """The filter `tojson`, bounded and as it is to be read, not as it may stand in HTML."""
    return json.dumps(bounded(value), ensure_ascii=False)


# ---------------------------------------------------------------- what templates write


@lru_cache(maxsize=256)
def compiled(text: str) -> Template:
    """A template ready to render.

    Raises UserError, with the line, for one that is no Jinja or asks for another file.
    """
    sandbox = environment()
    try:
        for node in sandbox.parse(text).find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
            raise UserError(f", line {node.lineno}: it asks for another file, and a template stands alone; mend it.")
        return sandbox.from_string(text)
    except TemplateSyntaxError as error:
        raise UserError(f", line {error.lineno}: {str(error.message).rstrip('.')}; mend it.") from error
    except RecursionError as error:
        raise UserError(": it is nested too deep; mend it.") from error


def write(text: str, values: Mapping[str, Any]) -> str:
    """A template's text with these values.

    Raises UserError for what it does not know or cannot do: the line, if any, and what is wrong, to stand behind its
    name.
    """
    pieces: list[str] = []
    written = 0
    template = compiled(text)
    try:
        for piece in template.generate(values):
            pieces.append(piece)
            written += len(piece)
            check(written)
    except UndefinedError as error:
        known = ", ".join(sorted(values))
        raise UserError(f"{line_of(error)}: {error.message}; it may use {known}.") from error
    except UserError as error:
        raise UserError(f"{line_of(error)}: {error}.") from error
    except Exception as error:  # a template is a program of its user's, and may raise anything
        said = str(error).rstrip(".")
        raise UserError(f"{line_of(error)}: it fails ({type(error).__name__}: {said}); mend it.") from error
    return "".join(pieces)


def line_of(error: BaseException) -> str:
    """The template's line that an error comes from, as it is said; "" where it cannot be told."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
    return f", line {lines[-1]}" if lines else ""


@lru_cache(maxsize=1)
def environment() -> Sandbox:
    """The one sandbox, in which nothing is kept."""
    return Sandbox()


@lru_cache(maxsize=256)
def names_in(text: str) -> frozenset[str]:
    """The variables that a template uses; it must be Jinja, as `write` has found."""
    from jinja2 import meta

    return frozenset(meta.find_undeclared_variables(Environment().parse(text)))


@lru_cache(maxsize=64)
def keeps_answer(text: str) -> bool:
    """Whether a template writes the answer as it is and makes nothing else hang on it: what a question has none of."""
    tree = Environment().parse(text)
    written = [part for output in tree.find_all(nodes.Output) for part in output.nodes]
    written += [part for whole in written if isinstance(whole, nodes.Concat) for part in whole.nodes]
    plain = sum(isinstance(part, nodes.Name) and part.name == "answer" for part in written)
    return plain == sum(name.name == "answer" for name in tree.find_all(nodes.Name))
