"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import wraps
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from kshot.harness.models.devices import DEVICES, DTYPES, QUANTIZED, check_device
from kshot.types import UserError


class Batch(click.ParamType[int | None]):
    """A number of rows, or auto (None)."""

    name = "auto|ROWS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        from kshot.harness.engines.transformers import rows_of

        return None if value is None else rows_of(value)


BATCH = Batch()
BATCH_HELP = "Rows decoded together; auto: as many as their memory allows, at most 128 on a CPU and 256 on a GPU."


Decorator = Callable[[Any], Any]


def template_option(default: str) -> Decorator:
    """--template, of a command that asks so where nothing is said."""
    return click.option(
        "--template",
        default=default,
        show_default=True,
        help="auto (the model's chat template where it has one), chat, or plain; or FILE.jinja, which words samples. A "
        "task's own templates are named by strategies, few-shot:template=0 (`kshot list strategies`).",
    )


TEMPLATE = template_option("auto")
MODEL_OPTIONS: list[Decorator] = [
    click.option(
        "--model", default="smollm2-135m", show_default=True, help="Bundled name, hub id, folder, or .gguf file."
    ),
    click.option("--revision", help="Branch, tag or commit of a hub model; --model owner/name@REVISION says the same."),
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps."),
    click.option(
        "--dtype",
        default="auto",
        show_default=True,
        help="auto (float32 on a CPU, bfloat16 on a GPU), float32, bfloat16, float16.",
    ),
    click.option(
        "--quantize",
        default="none",
        show_default=True,
        help="Weights in fewer bits: none, int8, or nf4 (needs bitsandbytes).",
    ),
    TEMPLATE,
    click.option("--batch", type=BATCH, default="auto", show_default=True, help=BATCH_HELP),
    click.option(
        "--trust-remote-code", is_flag=True, help="Let a hub model run code of its own. Off unless you trust it."
    ),
]

SEVERAL_MODELS = click.option(
    "--model",
    multiple=True,
    default=("smollm2-135m",),
    show_default="smollm2-135m",
    help="Bundled name, hub id, folder, or .gguf file. Repeatable: one after another, and one report of all.",
)

with_json = click.option(
    "--json", "as_json", is_flag=True, help="Print the results as JSON and nothing else (docs/results.md)."
)

KNOWN = {
    "device": DEVICES,
    "dtype": DTYPES,
    "quantize": QUANTIZED,
    "template": ("auto", "chat", "plain"),
}


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """The model that a command was given, and how it is to be run; the fields are those of MODEL_OPTIONS."""

    model: str
    device: str
    dtype: str
    template: str
    batch: int | None
    trust_remote_code: bool
    revision: str | None = None
    quantize: str = "none"

    @property
    def wording(self) -> str:
        """The file that --template names, which words samples; "" where it says how a model is asked."""
        return self.template if names_file(self.template) else ""

    @property
    def mode(self) -> str:
        """How the model is asked: auto, chat or plain."""
        return "auto" if self.wording else self.template

    def engine(self, adapter: Path | None = None, chat_options: Sequence[str] = ()) -> str:
        """The specification of the engine that the options are short for; chat options as KEY=VALUE.

        Raises UserError for a chat option that cannot be read, and for an adapter on a quantised model.
        """
        from kshot.spec import write_spec

        if adapter and self.quantize != "none":
            raise UserError(
                f"--quantize {self.quantize} with --adapter: an adapter is put on whole weights; leave one out."
            )
        left_out = ("revision", "quantize") if adapter else ("revision",)
        params = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in left_out}
        params["batch"] = "auto" if self.batch is None else str(self.batch)
        params["template"] = self.mode
        if chat_options:
            params["chat_options"] = f"({write_spec('', pairs(chat_options)).removeprefix(':')})"
        return write_spec("adapted", {**params, "adapter": adapter}) if adapter else write_spec("transformers", params)


def with_model(command: Callable[..., None], *, template: str = "auto") -> Callable[..., None]:
    """Decorator: adds MODEL_OPTIONS to a command, which gets them as one `options`; `template` is its default."""

    @wraps(command)
    def wrapped(**given: Any) -> None:
        options = ModelOptions(**{field.name: given.pop(field.name) for field in fields(ModelOptions)})
        command(options=checked(options), **given)

    for option in reversed(MODEL_OPTIONS):
        wrapped = (template_option(template) if option is TEMPLATE else option)(wrapped)
    return wrapped


def with_models(command: Callable[..., None]) -> Callable[..., None]:
    """Decorator: the same with a --model that may be given several times, and `options` a tuple, one each."""

    @wraps(command)
    def wrapped(**given: Any) -> None:
        models = given.pop("model")
        shared = {field.name: given.pop(field.name) for field in fields(ModelOptions) if field.name != "model"}
        if shared["revision"] is not None and len(models) > 1:
            raise UserError(
                f"--revision {shared['revision']} stands beside {len(models)} models: write owner/name@REVISION."
            )
        command(options=tuple(checked(ModelOptions(model=model, **shared)) for model in models), **given)

    for option in reversed([SEVERAL_MODELS, *MODEL_OPTIONS[1:]]):
        wrapped = option(wrapped)
    return wrapped


def checked(options: ModelOptions) -> ModelOptions:
    """Options that are known, a model with its revision. Raises UserError."""
    check_known(options)
    if options.revision is None:
        return options
    return replace(options, model=at_revision(options.model, options.revision), revision=None)


def names_file(template: str) -> bool:
    """Whether it is a file's name, which has a dot or a slash, and no word."""
    return template not in KNOWN["template"] and bool(re.search(r"[./\\]", template))


def pairs(given: Sequence[str]) -> dict[str, str]:
    """Texts KEY=VALUE as a mapping. Raises UserError."""
    found: dict[str, str] = {}
    for text in given:
        key, equals, value = (piece.strip() for piece in text.partition("="))
        if not equals or not key or key in found:
            wrong = "is given twice: keep one" if key in found else "is not KEY=VALUE, such as enable_thinking=false"
            raise UserError(f"--chat-option {text!r} {wrong}.")
        found[key] = value
    return found


def worded(strategies: Sequence[str], options: ModelOptions, system: str | None) -> tuple[str, ...]:
    """Strategies with the template's file and the system message that the command line has for all of them.

    What a strategy says itself it keeps. Raises UserError where a file cannot be read, or has nothing in it.
    """
    from kshot.spec import with_parameter

    said = {"system": "" if system is None else system_text(system), "template": options.wording}
    for key, value in said.items():
        if value:
            strategies = [with_parameter(spec, key, value) for spec in strategies]
    return tuple(strategies)


def system_text(given: str) -> str:
    """--system as a text: its own, or of @FILE. Raises UserError where there is none."""
    text = given
    if given.startswith("@"):
        path = Path(given[1:]).expanduser()
        try:
            text = path.read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else "cannot be read"
            raise UserError(
                f"--system {given}: {path} {why}; give a text file as @FILE, or the text itself."
            ) from error
    if not text.strip():
        raise UserError(f"--system {given!r} says nothing; give a system message, or leave the option out.")
    return text


def at_revision(model: str, revision: str) -> str:
    """A hub model's name with its revision. Raises UserError for any other model, and for two revisions."""
    if "@" in model or not revision:
        raise UserError(f"--revision {revision!r} and --model {model}: name one revision.")
    if Path(model).expanduser().exists() or model.count("/") != 1 or model.endswith(".gguf"):
        raise UserError(
            f"--revision {revision}: {model} is no model of the hub, which alone has revisions; leave it out."
        )
    return f"{model}@{revision}"


def check_known(options: ModelOptions) -> None:
    """Raises UserError for a device, dtype or template that is none, before a model is fetched."""
    from kshot.registry import suggest

    if options.wording and not Path(options.wording).expanduser().is_file():
        raise UserError(
            f"the template file {options.wording} does not exist; give an existing file, or one of "
            f"{', '.join(KNOWN['template'])}."
        )
    for name, known in KNOWN.items():
        given = options.mode if name == "template" else getattr(options, name)
        if name == "template" and (given in ("own", "best") or given.isdecimal()):
            raise UserError(
                f"--template {given} is a strategy's to say, as in --strategy zero-shot:template={given}; --template "
                f"is how the model is asked ({', '.join(known)}), or FILE.jinja."
            )
        if name == "device":
            check_device(given)
        elif given not in known:
            raise UserError(f"unknown {name} {given!r}: {suggest(given, known)}")


def refuse_beside_engine(options: ModelOptions) -> None:
    """Raises UserError where an option stands on the command line that --engine says itself and would drop."""
    context = click.get_current_context()
    said = [*(field.name for field in fields(ModelOptions)), "adapter", "chat_options"]
    if options.wording:  # words samples, whatever answers
        said.remove("template")
    both = {ParameterSource.COMMANDLINE}
    if context.get_parameter_source("engine") is ParameterSource.DEFAULT_MAP:  # of a study file, as the other is
        both.add(ParameterSource.DEFAULT_MAP)
    given = [name for name in said if context.get_parameter_source(name) in both]
    if given:
        option = given[0].replace("_", "-").removesuffix("s")
        raise UserError(
            f"--{option} stands beside --engine, whose specification says it all: write it there "
            f"(--engine NAME:{given[0]}=..., see `kshot list engines`), or leave it out."
        )


def data_folder(data: Path | None) -> Path | None:
    """--data as a whole path. Raises UserError where it is no folder."""
    if data is not None and not data.is_dir():
        raise UserError(f"--data {data} is not a folder; give one that holds SET/SPLIT.jsonl.")
    return data.resolve() if data else None
