"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from kshot.types import UserError


class Batch(click.ParamType[int | None]):
    """A number of rows, or auto (None)."""

    name = "auto|ROWS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        if value is None or value == "auto":
            return None
        try:
            return int(value)
        except ValueError:
            raise UserError(f"--batch is {value!r}; give a number of rows, or auto.") from None


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

F = TypeVar("F", bound=Callable[..., Any])


def with_options(options: list[Any]) -> Callable[[F], F]:
    """Decorator: adds shared options to a command."""

    def add(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return add
