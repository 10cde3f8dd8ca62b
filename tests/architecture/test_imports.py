"""The order of the packages, which `pyproject.toml` writes down as import contracts."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.support.criteria import ROOT

LINTER = Path(sysconfig.get_path("scripts")) / "lint-imports"


@pytest.mark.skipif(not LINTER.exists(), reason="import-linter is not installed (`make check` installs it)")
def test_every_import_contract_is_kept() -> None:
    done = subprocess.run([LINTER, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
