"""A group of commands whose mistakes are one sentence each, whatever went wrong and whatever the terminal can show."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import click

from kshot.types import EngineError, UserError

SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
RESUMABLE = ("bench", "demo", "tune", "judge", "search")
LONGEST = 2_000  # characters of a sentence; a dataset's row may be in it
OF_THE_MACHINE = {
    errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST,
    errno.ENAMETOOLONG, errno.ELOOP, errno.EIO, errno.ENXIO,
}  # fmt: skip
"""Errors of a path or a disk, which its user can mend."""


class Commands(click.Group):
    """Turns the user's mistakes into one sentence and exit code 2, our own into one and 1, Ctrl-C into a hint."""

    def main(self, *args: Any, **options: Any) -> Any:
        show_whatever_comes()
        return super().main(*args, **options)

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        with cleaned():
            return super().make_context(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with cleaned():
                return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except UserError as error:
            leave(ctx, str(error), 2)
        except EngineError as error:
            leave(ctx, f"the engine failed: {error} What was answered is kept; the same command resumes.", 1)
        except KeyboardInterrupt:
            click.echo(err=True)
            goes_on = ctx.invoked_subcommand in RESUMABLE
            kept = " What was answered is kept; give the same command again to resume." if goes_on else ""
            leave(ctx, f"stopped.{kept}", 130)
        except BrokenPipeError:  # who reads the output has gone, as `| head` does
            raise
        except BaseException as error:  # a user's own file may exit, too
            if isinstance(error.__context__, BrokenPipeError):  # of which rich makes a SystemExit
                raise error.__context__ from None
            sentence = of_the_machine(error)
            if sentence:
                leave(ctx, sentence, 2)
            from kshot.harness.runs.crash import told

            said, theirs = told(error)
            leave(ctx, said, 2 if theirs else 1)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from kshot.registry import suggest

        name = args[0] if args else ""
        if name and not name.startswith("-") and self.get_command(ctx, name) is None:
            raise UserError(f"unknown command {name!r}: {suggest(name, self.commands)}")
        found, command, rest = super().resolve_command(ctx, args)
        if command is not None and not ctx.resilient_parsing:
            refuse_twice(ctx, command, rest)
        return found, command, rest


@contextmanager
def cleaned() -> Iterator[None]:
    """click's own errors repeat what was typed; nothing in them may steer the terminal either."""
    try:
        yield
    except click.ClickException as error:
        from kshot.eval.report.safe_text import clean

        error.message = clean(error.message)  # type: ignore[misc]  # final, and shown as it is
        raise


def leave(ctx: click.Context, sentence: str, code: int) -> None:
    """Says a sentence on a line of its own, with nothing in it that could steer the terminal, and exits."""
    from kshot.eval.report.safe_text import clean

    text = " ".join(clean(sentence).split("\n"))
    click.echo(f"kshot: {text if len(text) <= LONGEST else f'{text[:LONGEST]} ...'}", err=True)
    ctx.exit(code)


def of_the_machine(error: BaseException) -> str | None:
    """The sentence for a path or a disk that does not do; None for any other error."""
    if isinstance(error, OSError) and error.errno in OF_THE_MACHINE:
        which = error.filename if error.filename is not None else "a file"
        return f"{which} cannot be used ({error.strerror}): give another path, its permission, or its disk some room."
    if isinstance(error, RuntimeError) and "home directory" in str(error):  # of a ~ in a path
        return "a path begins with ~ and there is no such home folder: write it in full."
    return None


def refuse_twice(ctx: click.Context, command: click.Command, args: Sequence[str]) -> None:
    """Raises UserError where an option stands twice that is taken once: the first would be dropped without a word."""
    if isinstance(command, click.Group):
        return
    with suppress(click.UsageError):  # click says it in its own words
        _, _, given = command.make_parser(click.Context(command, parent=ctx)).parse_args(list(args))
        for option in given:
            if isinstance(option, click.Option) and not option.multiple and given.count(option) > 1:
                raise UserError(f"{max(option.opts, key=len)} is given {given.count(option)} times: give it once.")


def show_whatever_comes() -> None:
    """What a stream's encoding lacks is shown as a question mark: a bullet must not end a run of hours."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Callable[..., None] | None = getattr(stream, "reconfigure", None)
        if reconfigure and getattr(stream, "errors", "") not in ("replace", "backslashreplace"):
            with suppress(ValueError, OSError):  # closed
                reconfigure(errors="replace")
