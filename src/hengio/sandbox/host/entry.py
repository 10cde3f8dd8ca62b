"""What a listing says of a file or folder."""

from __future__ import annotations

from msgspec import Struct

from hengio.clock import Micros


class Entry(Struct, frozen=True, array_like=True, omit_defaults=True):
    """`name` is one segment, empty where something was asked for by its path. A folder is where files are: it has
    neither size (bytes) nor time of change."""

    name: str
    is_folder: bool = False
    size: int = 0
    modified_at: Micros = 0
