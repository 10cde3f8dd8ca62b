"""`hengio user`: who may log in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hengio.access.permissions import Caller
from hengio.access.roles import REGULAR
from hengio.cli import tables
from hengio.cli.people import at_desk
from hengio.cli.present import escape, print_json, terminal
from hengio.cli.sure import check
from hengio.cli.variable import text_of
from hengio.cli.when import shown
from hengio.clock import to_iso
from hengio.errors import Refused
from hengio.model.person import User
from hengio.service.passwords import random_password
from hengio.wiring.people import People


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where a password comes from; with none of it, somebody is asked. Never printed, unless it was made here."""

    file: Path | None
    environment: str | None
    random: bool

    def read(self) -> str:
        """The password. `Refused` for several sources."""
        if not self.random:
            return text_of(None, self.file, self.environment, ask="password: ")
        if self.file is not None or self.environment is not None:
            raise Refused("the password is given more than once")
        return random_password()


def list_users(*, data_dir: Path | None, as_json: bool) -> int:
    """By name."""
    everyone = at_desk(lambda people, _: people.users.everyone(), data_dir=data_dir)
    users = [user for user in everyone.users.values() if not user.deleted]
    if as_json:
        print_json([document(user) for user in users])
        return 0
    lines = [
        (user.name, "" if user.enabled else "disabled", ", ".join(user.roles), shown(user.created_at)) for user in users
    ]
    tables.show(
        ("user", "", "roles", "made (UTC)"), lines, none="nobody is there; the first `hengio serve` makes admin"
    )
    return 0


def create_user(name: str, wanted: Wanted, *, roles: Sequence[str] | None, data_dir: Path | None, as_json: bool) -> int:
    """Somebody new."""
    password, given = wanted.read(), [REGULAR] if roles is None else roles
    user = at_desk(
        lambda people, caller: people.users.create(caller, name, password=password, given=given),
        data_dir=data_dir,
        make=True,
    )
    return _told(user, "may log in", made=password if wanted.random else "", as_json=as_json)


def enable_user(name: str, *, enabled: bool, data_dir: Path | None, as_json: bool) -> int:
    """Let in or keep out."""
    user = _changed(lambda people, caller: people.users.enable(caller, name, enabled=enabled), data_dir)
    return _told(user, "may log in" if enabled else "is out, and their logins have ended", as_json=as_json)


def set_password(name: str, wanted: Wanted, *, data_dir: Path | None, as_json: bool) -> int:
    """Another password."""
    password = wanted.read()
    user = _changed(lambda people, caller: people.users.set_password(caller, name, password), data_dir)
    return _told(user, "has another password", made=password if wanted.random else "", as_json=as_json)


def assign_roles(name: str, *, given: list[str] | None, none: bool, data_dir: Path | None, as_json: bool) -> int:
    """Show roles, or set them."""
    if given is not None and none:
        raise Refused("--role and --none can not go together")
    if given is None and not none:
        user = _changed(lambda people, _: people.users.find(name), data_dir)
        return _told(user, f"has the roles: {', '.join(user.roles) or 'none'}", as_json=as_json)
    user = _changed(lambda people, caller: people.users.assign(caller, name, given or []), data_dir)
    return _told(user, f"has the roles: {', '.join(user.roles) or 'none'}", as_json=as_json)


def delete_user(name: str, *, sure: bool, data_dir: Path | None, as_json: bool) -> int:
    """For good, once somebody is sure."""
    check(f"delete the user '{name}'", sure=sure)
    user = _changed(lambda people, caller: people.users.delete(caller, name), data_dir)
    return _told(user, "is gone", as_json=as_json)


def document(user: User) -> dict[str, Any]:
    """A user in JSON, without their hash."""
    return {
        "id": user.id,
        "name": user.name,
        "roles": list(user.roles),
        "enabled": user.enabled,
        "created_at": to_iso(user.created_at),
        "created_by": user.created_by,
    }


def _changed(work: Callable[[People, Caller], Awaitable[User]], data_dir: Path | None) -> User:
    return at_desk(work, data_dir=data_dir)


def _told(user: User, what: str, *, as_json: bool, made: str = "") -> int:
    if as_json:
        print_json({**document(user), **({"password": made} if made else {})})
        return 0
    terminal().print(f"[bold]{escape(user.name)}[/] {escape(what)}", soft_wrap=True)
    if made:
        terminal().print(f"  the password is {made}", markup=False, soft_wrap=True)
    return 0
