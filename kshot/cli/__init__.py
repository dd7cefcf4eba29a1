"""The command line: parse, call, print. `main` is the program; a file holds the commands of one subject."""

from kshot.cli.main import main

__all__ = ["main"]
