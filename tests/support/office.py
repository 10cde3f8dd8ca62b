"""LibreOffice, as the program that other people make and open spreadsheets with."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

SECONDS = 120


@cache
def soffice() -> str:
    """The program. Without it the test is skipped, or fails where `HENGIO_TEST_SERVERS` is 1."""
    found = shutil.which("soffice")
    if found is None and os.environ.get("HENGIO_TEST_SERVERS") != "1":
        pytest.skip("LibreOffice is not installed: there is no soffice")
    assert found is not None, "LibreOffice is not installed: there is no soffice"
    return found


def converted(path: Path, kind: str, *, written: str = "", read: str = "") -> Path:
    """The file as LibreOffice saves it in another form, such as `xlsx` or `csv`, in a folder beside it.

    `written` and `read` name its filters and their options.
    """
    folder = path.parent / "converted"
    profile = path.parent / "profile"
    command = [soffice(), f"-env:UserInstallation={profile.as_uri()}", "--headless"]
    command += [f"--infilter={read}"] if read else []
    command += ["--convert-to", f"{kind}:{written}" if written else kind, "--outdir", str(folder), str(path)]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=SECONDS)
    return folder / path.with_suffix(f".{kind}").name
