"""`python -m kshot`."""

from kshot.cli import main

main()
