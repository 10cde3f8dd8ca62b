"""Names of stored procedures: plain identifiers, so that nothing else can be written where one is expected (H4.2)."""

from __future__ import annotations

import re

from hengio.errors import Refused

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
FORM = "write name or schema.name, of letters, digits and '_'"


def is_name(text: str) -> bool:
    """Whether it is `name` or `schema.name`."""
    found = text.split(".")
    return len(found) <= 2 and all(_NAME.fullmatch(part) for part in found)


def parts(text: str, *, what: str = "a procedure") -> list[str]:
    """The one or two parts of a name. Raises `Refused`."""
    if not is_name(text):
        raise Refused(f"this is no name of {what}", hint=FORM)
    return text.split(".")
