"""The registry of engines, and an engine by name before it is made.

An engine is made by a function of keyword-only hyperparameters, which imports what is heavy when it is called. Some
names mean the same in every engine: `model` is what it runs, `adapter` the folder of what was trained on it; `template`
(auto, chat, plain) is there where prompts are rendered here, with that model's tokenizer, or that of `tokenizer` where
the model is elsewhere ("": the prompts are rendered there too); `chat` (yes, no, auto) says whether messages are taken
as they are; `engine` is itself the specification of an engine: `ray:engine=transformers(model=x),replicas=4`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from kshot.registry import Registry, hyperparameters
from kshot.spec import nested, split_spec, write_spec
from kshot.types import Engine, UserError

if TYPE_CHECKING:
    from kshot.harness.models.render import Renderer

E = TypeVar("E", bound=Callable[..., Engine])
ENGINES: Registry[Callable[..., Engine]] = Registry("engine")
DEFAULT_MODEL = "smollm2-135m"
INNER = "engine"  # the hyperparameter that is itself the specification of an engine
NEEDED: dict[str, Any] = {
    "id": str, "chat": bool, "capacity": int, "submit": Callable, "collect": Callable, "close": Callable,
}  # fmt: skip
"""What an engine has; a user's own may lack it."""


def engine(function: E) -> E:
    """Decorator: registers an engine under its function's name, underscores as dashes.

    The function takes keyword-only hyperparameters, each with a default, and gives the engine.
    """
    ENGINES.add(function.__name__.replace("_", "-"))(function)
    return function


@dataclass(frozen=True, slots=True)
class NamedEngine:
    """An engine that has been named and not made. Called, it loads what it needs and is there; raises UserError."""

    name: str  # canonical: the specification that makes it again
    function: Callable[..., Engine]
    params: Mapping[str, Any]

    def __call__(self) -> Engine:
        made = self.function(**self.params)
        for name, kind in NEEDED.items():
            if not isinstance(getattr(made, name, None), kind):
                raise UserError(f"{self.name} gave {made!r:.80}, which is no engine: its {name} is not there; mend it.")
        return made

    @property
    def innermost(self) -> NamedEngine:
        """The engine that holds the model: itself, or the one within it."""
        return find_engine(self.params[INNER]).innermost if INNER in self.params else self

    @property
    def model(self) -> str:
        """The model's name as it was given; of an engine without one, such as a script, the engine's."""
        inner = self.innermost
        return str(inner.params.get("model") or split_spec(inner.name)[0].rpartition(":")[2])

    @property
    def adapter(self) -> str:
        """The folder of the adapter on its model, or ""."""
        return str(self.innermost.params.get("adapter", ""))

    @property
    def chat(self) -> bool:
        """Whether it takes messages as far as its specification says; a chat template may still be lacking."""
        return self.innermost.params.get("chat", True) not in (False, "no")

    @property
    def renders(self) -> bool:
        """Whether the model's tokenizer is read here, and not behind a server."""
        return "template" in self.innermost.params and self.innermost.params.get("tokenizer") != ""

    @property
    def tokenizer(self) -> str:
        """The model whose tokenizer is read here."""
        return str(self.innermost.params.get("tokenizer", self.model))

    def note(self) -> str:
        """What the model's user should know; fetches the model where needed. Raises UserError where it can't be had."""
        from kshot.harness.models.sources import resolve

        return resolve(self.tokenizer).note if self.renders else ""

    def renderer(self) -> Renderer | None:
        """What makes text and tokens of its prompts, without the model's weights; None where that is not done here."""
        from kshot.harness.models.chat_options import read_options
        from kshot.harness.models.load import load_tokenizer
        from kshot.harness.models.sources import resolve

        if not self.renders:
            return None
        params = self.innermost.params
        trusted = bool(params.get("trust_remote_code", False))
        options = read_options(str(params.get("chat_options", "")))
        return load_tokenizer(resolve(self.tokenizer), params["template"], options, trust_remote_code=trusted)


def find_engine(spec: str) -> NamedEngine:
    """The engine that a specification names, not yet made: `transformers:model=x`, or `file.py:name`.

    Its name is canonical, an engine within it likewise. Raises UserError for an unknown name or hyperparameter, or a
    value of the wrong kind.

    >>> find_engine("scripted:seed=0,chat=no").name
    'scripted:chat=False'
    """
    name, function, params = ENGINES.parse(spec)
    if INNER in params:
        params[INNER] = nested(find_engine(params[INNER]).name)
    defaults = hyperparameters(function)
    canonical = write_spec(name, {key: value for key, value in params.items() if value != defaults[key]})
    return NamedEngine(canonical, function, params)


def get_engine(spec: str) -> Engine:
    """The engine that a specification names, ready for requests. Raises UserError."""
    return find_engine(spec)()
