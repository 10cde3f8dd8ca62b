"""`hengio token`: what programs log in with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hengio.access.permissions import Caller
from hengio.cli import tables
from hengio.cli.people import at_desk
from hengio.cli.present import escape, print_json, terminal
from hengio.cli.when import shown
from hengio.clock import to_iso
from hengio.model.person import ApiToken, Everyone, User
from hengio.wiring.people import People


def list_tokens(user: str | None, *, data_dir: Path | None, as_json: bool) -> int:
    """Everybody's, or one user's."""

    async def find(people: People, _: Caller) -> tuple[Everyone, list[ApiToken]]:
        whose = None if user is None else (await people.users.find(user)).id
        return await people.users.everyone(), await people.tokens.all(whose)

    everyone, found = at_desk(find, data_dir=data_dir)
    if as_json:
        print_json([document(token, everyone.users[token.user_id].name) for token in found])
        return 0
    lines = [
        (
            token.id,
            everyone.users[token.user_id].name,
            token.name,
            f"{token.prefix}…",
            " ".join(token.scopes),
            shown(token.expires_at),
            "never" if token.last_used_at is None else shown(token.last_used_at),
        )
        for token in found
    ]
    headings = ("id", "user", "for", "begins with", "scopes", "until (UTC)", "used (UTC)")
    tables.show(headings, lines, none="there are no tokens")
    return 0


def create_token(
    user: str, name: str, *, scopes: Sequence[str], days: int, data_dir: Path | None, as_json: bool
) -> int:
    """Make one; its text is shown here and nowhere else."""

    async def create(people: People, caller: Caller) -> tuple[User, ApiToken, str]:
        found = await people.users.find(user)
        return found, *await people.tokens.create(caller, found, name=name, scopes=scopes, days=days)

    found, token, text = at_desk(create, data_dir=data_dir)
    if as_json:
        print_json({**document(token, found.name), "token": text})
        return 0
    terminal().print(f"the token of [bold]{escape(found.name)}[/], which is not shown again", soft_wrap=True)
    terminal().print(f"  {text}", markup=False, soft_wrap=True)
    return 0


def revoke_token(token: str, *, data_dir: Path | None, as_json: bool) -> int:
    """End it."""
    found = at_desk(lambda people, caller: people.tokens.revoke(caller, token), data_dir=data_dir)
    if as_json:
        print_json({"revoked": found.id})
    else:
        terminal().print(f"[bold]{escape(found.name)}[/] ({found.prefix}…) leads nowhere now", soft_wrap=True)
    return 0


def document(token: ApiToken, user: str) -> dict[str, Any]:
    """A token in JSON, without what it is found by."""
    return {
        "id": token.id,
        "user": user,
        "name": token.name,
        "prefix": token.prefix,
        "scopes": list(token.scopes),
        "created_at": to_iso(token.created_at),
        "expires_at": to_iso(token.expires_at),
        "last_used_at": None if token.last_used_at is None else to_iso(token.last_used_at),
    }
