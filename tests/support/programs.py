"""The guests of tests/guests, built when they are first asked for, and again when their sources change."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "tests" / "guests"
BUILT = ROOT / "build" / "guests"
NOT_INSTALLED = 2
"""How `tests/guests/build` ends without the compiler."""
MAY_BE_MISSING = frozenset({"tinygo"})
"""Whose compiler is no package of any kind: where its sources cannot be had, the test is skipped everywhere."""


def program(name: str) -> Path:
    """The binary of a guest. Without its compiler the test is skipped, or fails where `HENGIO_TEST_GUESTS` is 1."""
    folder = BUILT / f"{name}-{_stamp(name)}"
    binary = folder / f"{name}.wasm"
    if binary.exists():
        return binary
    aside = folder.with_suffix(f".{os.getpid()}")
    done = subprocess.run(
        [SOURCES / "build", aside, name], check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    needed = os.environ.get("HENGIO_TEST_GUESTS") == "1" and name not in MAY_BE_MISSING
    if done.returncode == NOT_INSTALLED and not needed:
        pytest.skip(f"the guest {name} cannot be built here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    folder.mkdir(exist_ok=True)
    (aside / f"{name}.wasm").replace(binary)  # whole or not at all, also for tests that run at the same time
    aside.rmdir()
    return binary


def _stamp(name: str) -> str:
    """Changes with what the binary is made of."""
    folders = {SOURCES / name.removesuffix("-command"), SOURCES / name.removesuffix("-command").removeprefix("tiny")}
    files = sorted(path for folder in folders for path in folder.iterdir() if path.is_file())
    parts = (path.read_bytes() for path in (*files, SOURCES / "build"))
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
