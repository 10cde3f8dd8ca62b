"""`hengio role`: names for permissions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hengio.access import roles
from hengio.access.permissions import PERMISSIONS, Caller
from hengio.cli import tables
from hengio.cli.people import at_desk
from hengio.cli.present import escape, print_json, terminal
from hengio.cli.sure import check
from hengio.model.person import Role
from hengio.wiring.people import People


def list_roles(*, data_dir: Path | None, as_json: bool) -> int:
    """Built-in ones, too."""
    everyone = at_desk(lambda people, _: people.users.everyone(), data_dir=data_dir)
    found = sorted(roles.every(everyone.roles).values(), key=lambda role: role.name)
    if as_json:
        print_json([document(role) for role in found])
        return 0
    lines = [(role.name, "built in" if role.builtin else "", _shown(role), role.description) for role in found]
    tables.show(("role", "", "permissions", ""), lines, none="")
    return 0


def create_role(
    name: str, permissions: Sequence[str], *, description: str, data_dir: Path | None, as_json: bool
) -> int:
    """Create or replace."""
    role = Role(name=name, permissions=tuple(sorted(set(permissions))), description=description)
    at_desk(lambda people, caller: people.users.set_role(caller, role), data_dir=data_dir, make=True)
    if as_json:
        print_json(document(role))
    else:
        terminal().print(f"[bold]{escape(role.name)}[/] gives {escape(_shown(role))}", soft_wrap=True)
    return 0


def delete_role(name: str, *, sure: bool, data_dir: Path | None, as_json: bool) -> int:
    """Once somebody is sure."""
    check(f"delete the role '{name}'", sure=sure)

    async def delete(people: People, caller: Caller) -> None:
        await people.users.delete_role(caller, name)

    at_desk(delete, data_dir=data_dir)
    if as_json:
        print_json({"deleted": name})
    else:
        terminal().print(f"[bold]{escape(name)}[/] is gone", soft_wrap=True)
    return 0


def document(role: Role) -> dict[str, Any]:
    """A role in JSON."""
    return {
        "name": role.name,
        "permissions": list(role.permissions),
        "description": role.description,
        "builtin": role.builtin,
    }


def _shown(role: Role) -> str:
    return "everything" if set(role.permissions) == PERMISSIONS else " ".join(role.permissions) or "nothing"
