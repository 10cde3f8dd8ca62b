"""Every dependency that `pyproject.toml` names is pinned with a hash in the lock file of its group."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GROUPS: dict[str, list[str]] = {"run": PROJECT["project"]["dependencies"], **PROJECT["dependency-groups"]}


def name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return re.sub(r"[._-]+", "-", found[0]).lower()


@pytest.mark.parametrize("group", GROUPS)
def test_what_is_asked_for_is_pinned_with_a_hash(group: str) -> None:
    file = ROOT / "requirements" / f"{'dev' if group == 'check' else group}.txt"
    pinned = re.findall(
        r"^([a-z0-9-]+)==\S+(?: ; [^\\]*)? ?\\\n +--hash=", file.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {name(requirement) for requirement in GROUPS[group]} <= set(pinned)
