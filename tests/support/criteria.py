"""The acceptance criteria in `docs/requirements.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "docs" / "requirements.toml"


@dataclass(frozen=True, slots=True)
class Group:
    """Criteria that belong together, by id (`R3.1`)."""

    id: str
    title: str
    criteria: dict[str, str]
    next_step: bool
    needed: bool


def groups() -> list[Group]:
    """Every group, in the order of the file."""
    document = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
    next_step, beyond = document.pop("next_step"), document.pop("beyond")
    return [
        Group(
            id=group,
            title=body["title"],
            criteria={f"{group}.{number}": text for number, text in body.items() if number != "title"},
            next_step=group in next_step,
            needed=group not in beyond,
        )
        for group, body in document.items()
    ]


def known_ids() -> frozenset[str]:
    """What a test may name: a criterion, or a whole group, of which it shows no criterion by itself."""
    return frozenset(name for group in groups() for name in (group.id, *group.criteria))
