"""`python -m kshot.cli`."""

from kshot.cli import main

main()
