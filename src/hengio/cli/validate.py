"""`hengio job validate`: what is wrong with a definition, place by place."""

from __future__ import annotations

from pathlib import Path

from hengio.cli.inputs import read_bytes
from hengio.cli.present import print_json, show_problems
from hengio.definition.parse import InvalidDefinition, read
from hengio.definition.validate import validate


def validate_file(file: Path, *, as_json: bool) -> int:
    """Check a definition by itself; what lies outside it (modules, connections) is not looked at."""
    try:
        report = validate(read(read_bytes(file, what="definition")))
        answer = report.as_json()
    except InvalidDefinition as error:
        problems = [{"path": one.path, "message": one.message, "hint": one.hint} for one in error.problems]
        answer = {"valid": False, "errors": problems, "warnings": [], "normalized": None}
    if as_json:
        print_json(answer)
    else:
        show_problems(file, answer)
    return 0 if answer["valid"] else InvalidDefinition.exit_code
