"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from kshot.types import UserError


class Batch(click.ParamType[int | None]):
    """A number of rows, or auto (None)."""

    name = "auto|ROWS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        from kshot.harness.engines.transformers import rows_of

        return None if value is None else rows_of(value)


BATCH = Batch()
BATCH_HELP = "Rows decoded together; auto: as many as their memory allows, at most 128 on a CPU and 256 on a GPU."

MODEL_OPTIONS = [
    click.option(
        "--model", default="smollm2-135m", show_default=True, help="Bundled name, hub id, folder, or .gguf file."
    ),
    click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda."),
    click.option(
        "--dtype",
        default="auto",
        show_default=True,
        help="auto (float32 on a CPU, bfloat16 on a GPU), float32, bfloat16, float16.",
    ),
    click.option(
        "--template",
        default="auto",
        show_default=True,
        help="auto (the model's chat template where it has one), chat, or plain text.",
    ),
    click.option("--batch", type=BATCH, default="auto", show_default=True, help=BATCH_HELP),
    click.option(
        "--trust-remote-code", is_flag=True, help="Let a hub model run code of its own. Off unless you trust it."
    ),
]


KNOWN = {
    "device": ("auto", "cpu", "cuda"),
    "dtype": ("auto", "float32", "bfloat16", "float16"),
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

    def engine(self, adapter: Path | None = None) -> str:
        """The specification of the engine that the options are short for."""
        from kshot.spec import write_spec

        params = {field.name: getattr(self, field.name) for field in fields(self)}
        params["batch"] = "auto" if self.batch is None else str(self.batch)
        return write_spec("adapted", {**params, "adapter": adapter}) if adapter else write_spec("transformers", params)


def with_model(command: Callable[..., None]) -> Callable[..., None]:
    """Decorator: adds MODEL_OPTIONS to a command, which gets them as one `options`."""

    @wraps(command)
    def wrapped(**given: Any) -> None:
        options = ModelOptions(**{field.name: given.pop(field.name) for field in fields(ModelOptions)})
        check_known(options)
        command(options=options, **given)

    for option in reversed(MODEL_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def check_known(options: ModelOptions) -> None:
    """Raises UserError for a device, dtype or template that is none, before a model is fetched."""
    from kshot.registry import suggest

    for name, known in KNOWN.items():
        given = getattr(options, name)
        if given not in known:
            raise UserError(f"unknown {name} {given!r}: {suggest(given, known)}")


def refuse_beside_engine() -> None:
    """Raises UserError where an option stands on the command line that --engine says itself and would drop."""
    context = click.get_current_context()
    said = (*(field.name for field in fields(ModelOptions)), "adapter")
    given = [name for name in said if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given:
        raise UserError(
            f"--{given[0].replace('_', '-')} stands beside --engine, whose specification says it all: write it there "
            f"(--engine NAME:{given[0]}=..., see `kshot list engines`), or leave it out."
        )


def data_folder(data: Path | None) -> Path | None:
    """--data as a whole path. Raises UserError where it is no folder."""
    if data is not None and not data.is_dir():
        raise UserError(f"--data {data} is not a folder; give one that holds SET/SPLIT.jsonl.")
    return data.resolve() if data else None
