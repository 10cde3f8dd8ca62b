"""Resources of `database:read` and `database:write`: the name of a connection (ABI: Permissions).

A single table, `connection/schema.table`, can be held to only where the database itself enforces it: in SQLite, by its
authorizer.
"""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

from hengio.errors import Refused

_FORM = re.compile(r"([^\s/*]{1,200})(?:/([A-Za-z_]\w{0,62})\.([A-Za-z_]\w{0,62}))?")


class DatabaseResource(Struct, frozen=True):
    """A connection; with `table`, only that one table of `schema`."""

    connection: str
    schema: str | None = None
    table: str | None = None


@lru_cache(maxsize=4_096)
def parse(resource: str) -> DatabaseResource:
    """Raises `Refused` for a resource that is not of this form."""
    found = _FORM.fullmatch(resource)
    if found is None:
        raise Refused(f"'{resource}' is no resource of databases", hint="write connection, or connection/schema.table")
    return DatabaseResource(found[1], found[2], found[3])


def is_connection(name: str) -> bool:
    """Whether a connection can have that name."""
    found = _FORM.fullmatch(name)
    return found is not None and found[2] is None
