"""What is in the project's tree: the files that are committed, or would be."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.support.criteria import ROOT

# Only for an unpacked archive, which has no list of its own.
_MADE = {
    *(".git", ".venv", "__pycache__", "target", "node_modules", "dist", "build", "reports", "results", "vendor"),
    *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".import_linter_cache"),
    *(".hengio-demo", "hengio-data"),
}


def files() -> list[Path]:
    """Files under version control that are there, and new ones that are not ignored, as paths from the root."""
    if shutil.which("git") and (ROOT / ".git").exists():
        listing = [
            "git",
            "-c",
            f"safe.directory={ROOT}",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]
        names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
        return [Path(name) for name in sorted(filter(None, names)) if (ROOT / name).is_file()]
    return sorted(_walked())


def _walked() -> list[Path]:
    found: list[Path] = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in _MADE]
        found += [(Path(folder) / name).relative_to(ROOT) for name in names]
    return found


def text(path: Path) -> str | None:
    """The text of a file of `files()`; None when it is binary."""
    content = (ROOT / path).read_bytes()
    return None if b"\0" in content else content.decode("utf-8", errors="replace")
