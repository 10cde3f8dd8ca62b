"""`hengio job schema`: the JSON Schema of a definition."""

from __future__ import annotations

from hengio.cli.present import print_json
from hengio.definition.schema import published


def show_schema() -> int:
    """Print the schema of the step types that this version has; it is one JSON document in any case."""
    print_json(published())
    return 0
