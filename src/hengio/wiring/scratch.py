"""The folder of a worker's temporary files, on the disk of the data folder: a system's own place may be memory."""

from __future__ import annotations

import shutil
from pathlib import Path

from hengio.settings import Settings


def open_scratch(settings: Settings) -> Path:
    """`data_dir/scratch`, emptied of what a killed process left. Only for who holds the data folder's lock."""
    folder = settings.data_dir.resolve() / "scratch"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
