"""`python -m hengio` is the `hengio` command."""

from hengio.cli.main import run

run()
