"""A connection: a named database, SFTP or HTTP target that an administrator defined."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from hengio.clock import Micros

ConnectionType = Literal["database", "sftp", "http"]


class Connection(Struct, frozen=True, kw_only=True):
    """`document` is the JSON object as it was written, its `type` included; nothing of it is ever printed."""

    name: str
    type: ConnectionType
    document: dict[str, Any]
    description: str = ""
    updated_at: Micros = 0
    updated_by: str = ""

    def __repr__(self) -> str:
        return f"Connection({self.name!r}, type={self.type!r})"
