"""The name of a stored procedure, as each dialect writes it (H4.2). It is the one part of a call that is text."""

from __future__ import annotations

from msgspec import Struct

from hengio.definition.procedure import parts
from hengio.errors import Refused
from hengio.targets.lexing import Dialect
from hengio.targets.statement import Parameters, Work


class Procedure(Struct, frozen=True):
    """A name, in a schema if it has one."""

    name: str
    schema: str | None = None

    def quoted(self, mark: str) -> str:
        """As an identifier in quotes."""
        return ".".join(f"{mark}{part}{mark}" for part in (self.schema, self.name) if part is not None)


def named(text: str, dialect: Dialect) -> Procedure:
    """The procedure that `text` names: `name` or `schema.name`. Raises `Refused` for what is neither."""
    found = [_folded(part, dialect) for part in parts(text)]
    return Procedure(found[-1], found[0] if len(found) > 1 else None)


def call(procedure: Procedure, parameters: Parameters, dialect: Dialect) -> Work:
    """The statement that calls it where a statement is enough: PostgreSQL's CALL, Oracle's block."""
    name = procedure.quoted('"')
    if isinstance(parameters, dict):
        words = ", ".join(f'"{_parameter(each, dialect)}" => :{each}' for each in parameters)
    else:
        words = ", ".join("?" for _ in parameters)
    written = f"CALL {name}({words})" if dialect == "postgres" else f"BEGIN {name}({words}); END;"
    return Work(written, [parameters])


def _parameter(name: str, dialect: Dialect) -> str:
    found = parts(name, what="a parameter")
    if len(found) > 1:
        raise Refused("a parameter's name has no `.` in it")
    return _folded(found[0], dialect)


def _folded(name: str, dialect: Dialect) -> str:
    """As the database itself reads a name without quotes."""
    return name.lower() if dialect == "postgres" else name.upper() if dialect == "oracle" else name
