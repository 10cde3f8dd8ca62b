"""Where a file that a step wrote is to be found."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from hengio.settings import Settings


def place(chosen: Settings, key: str) -> str:
    """A path where the object store is a folder, seen from here if it is below; else the store's URL with the key."""
    folder = urlsplit(chosen.objects)
    if folder.scheme != "file":
        return f"{chosen.objects}/files/{key}"
    path = Path(unquote(folder.path)) / "files" / key
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
