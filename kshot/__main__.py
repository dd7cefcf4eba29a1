"""`python -m kshot`."""

from kshot.cli.main import main

main()
