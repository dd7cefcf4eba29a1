"""A group of commands whose mistakes are one sentence each."""

from __future__ import annotations

from typing import Any

import click

from kshot.types import EngineError, UserError

SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Commands(click.Group):
    """Turns the user's mistakes into one sentence and exit code 2, Ctrl-C into a hint how to go on."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"kshot: {error}", err=True)
            ctx.exit(2)
        except EngineError as error:
            click.echo(
                f"kshot: the engine failed: {error} What was answered is kept; the same command resumes.", err=True
            )
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("\nkshot: stopped. What was answered is kept; give the same command again to resume.", err=True)
            ctx.exit(130)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from kshot.registry import suggest

        name = args[0] if args else ""
        if name and not name.startswith("-") and self.get_command(ctx, name) is None:
            raise UserError(f"unknown command {name!r}: {suggest(name, self.commands)}")
        return super().resolve_command(ctx, args)
