"""Connections: setting, showing and deleting them, and finding who uses one (H6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from hengio import address, codec
from hengio.clock import Clock
from hengio.codec import Json
from hengio.definition import server, words
from hengio.definition.needs import needs
from hengio.errors import Conflict, NotFound, Refused
from hengio.ids import is_name, new_id
from hengio.model.audit import AuditAction, AuditEntry
from hengio.model.connection import Connection, ConnectionType
from hengio.model.variable import MOST_BYTES
from hengio.redaction.mask import LEAST_BYTES
from hengio.redaction.parts import secrets
from hengio.storage.protocol import Storage
from hengio.storage.vault import ConnectionRow, Sealing, Stored
from hengio.targets.http.target import http_target
from hengio.targets.sftp.target import of_url, stored
from hengio.vault import cipher
from hengio.vault.keys import KeyRing
from hengio.vault.known import connection as opened

_TYPES = get_args(ConnectionType)
_SCHEMES: dict[str, ConnectionType] = {"http": "http", "https": "http", "sftp": "sftp"}
_KNOWN = ("sqlite", "postgresql", "postgres", "mysql", "mariadb", "oracle", *_SCHEMES)
"""The schemes that are told to people."""
_NEEDED: dict[str, str] = {"database": "url", "http": "url", "sftp": "host"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionService:
    """What people ask of connections. Nothing it raises holds any part of an object."""

    storage: Storage
    ring: KeyRing
    clock: Clock

    async def set(self, name: str, given: Json, *, actor: str, description: str | None = None) -> Connection:
        """Create or replace it; `given` is a URL or an object with a `type`. Audited, without what is in it.

        Raises `Refused`, and `KeyMissing` where the key is not here under which values are sealed.
        """
        if not is_name(name):
            hint = "a letter, then letters, digits, '-' or '_'"
            raise Refused(f"'{words.cut(name)}' cannot name a connection", hint=hint)
        connection = connection_of(name, given)
        _check(connection)
        known = await self.storage.connections.find(name)
        row = ConnectionRow(
            name=name,
            type=connection.type,
            stored=Stored(""),
            description=(known.description if known else "") if description is None else description,
            updated_at=self.clock.now(),
            updated_by=actor,
        )
        text = codec.encode(connection.document)

        def seal(sealing: Sealing) -> Stored:
            return cipher.seal(self.ring.holding(sealing), row.place, text)

        entry = self._entry("connection.set", name, actor, {"type": row.type, "replaced": known is not None})
        await self.storage.connections.put(row, entry=entry, seal=seal)
        return opened(row, connection.document)

    async def all(self) -> list[ConnectionRow]:
        """What there is, by name, sealed as it is kept."""
        return await self.storage.connections.all()

    async def find(self, name: str) -> Connection:
        """Raises `NotFound`, `KeyMissing` and `Corrupt`."""
        row = await self.storage.connections.find(name)
        if row is None:
            raise await self._unknown(name)
        return opened(row, codec.decode(cipher.opened(self.ring, row.place, row.stored)))

    async def delete(self, name: str, *, actor: str, force: bool = False) -> None:
        """Delete it. `Conflict` tells which jobs and modules name it, unless `force`."""
        if await self.storage.connections.find(name) is None:
            raise await self._unknown(name)
        if not force and (users := await self.users(name)):
            raise Conflict(f"the connection '{name}' is used by {', '.join(users)}", hint="--force deletes it anyway")
        entry = self._entry("connection.deleted", name, actor, {})
        if not await self.storage.connections.delete(name, entry=entry):
            raise await self._unknown(name)

    async def users(self, name: str) -> Sequence[str]:
        """The steps of stored jobs that name it, and modules whose grants do."""
        jobs = await self.storage.jobs.all()
        steps = [
            f"step '{step.id}' of job '{stored.job.name}'"
            for stored in jobs
            for step in stored.job.steps
            if name in needs(step).connections
        ]
        modules = [
            f"the permissions of module {module.name}@{module.version}"
            for module in await self.storage.modules.all()
            if any(
                grant.permission.startswith("database") and grant.resource.partition("/")[0] == name
                for grant in module.grants
            )
        ]
        return [*steps, *modules]

    async def _unknown(self, name: str) -> NotFound:
        known = [row.name for row in await self.storage.connections.all()]
        return NotFound(f"there is no connection '{words.cut(name)}'", hint=words.nearest(name, known))

    def _entry(self, action: AuditAction, name: str, actor: str, detail: dict[str, Any]) -> AuditEntry:
        return AuditEntry(id=new_id(), at=self.clock.now(), action=action, actor=actor, subject=name, detail=detail)


def connection_of(name: str, given: Json) -> Connection:
    """A connection of a URL or an object. Raises `Refused`, which repeats nothing of it."""
    document = _of_url(name, given) if isinstance(given, str) else given
    if not isinstance(document, dict):
        raise Refused(f"connection '{name}' is neither a URL nor an object", hint='such as {"type": "http", "url": …}')
    type_: ConnectionType | None = next((known for known in _TYPES if known == document.get("type")), None)
    if type_ is None:
        raise Refused(f"connection '{name}' has no type that is known", hint=f"`type` is one of {', '.join(_TYPES)}")
    needed = _NEEDED[type_]
    if not isinstance(document.get(needed), str) or not document[needed]:
        raise Refused(f"connection '{name}' has no `{needed}`", hint=f"a connection of type {type_} needs one, a text")
    if isinstance(document.get("url"), str):
        address.server(document["url"], what=f"connection '{name}'")
    if len(codec.encode(document)) > MOST_BYTES:
        raise Refused(f"connection '{name}' is larger than {MOST_BYTES >> 10} KiB")
    return Connection(name=name, type=type_, document=document)


def _check(connection: Connection) -> None:
    """Refuse what a step could not use."""
    match connection.type:
        case "http":
            http_target(connection.name, connection.document)
        case "sftp":
            stored(connection.name, connection.document)
        case "database":
            from hengio.targets import opening  # every driver there is: only who sets a database waits for them

            _check_scheme(connection.name, connection.document["url"])
            opening.named(connection.name, connection.document["url"], folder=Path())  # opens nothing yet


def _check_scheme(name: str, url: str) -> None:
    """Refuse a text that is no URL of anything known; the scheme is not repeated, it may be part of a password."""
    scheme, found, _ = url.partition("://")
    if not found or (scheme.lower() not in _SCHEMES and server.kind(f"{scheme.lower()}://") is None):
        raise Refused(f"connection '{name}' has no URL of a kind that is known", hint=f"known are {', '.join(_KNOWN)}")


def short_secrets(connection: Connection) -> bool:
    """Whether it has a secret that is too short to be masked."""
    return any(len(found.text.encode()) < LEAST_BYTES for found in secrets("", connection.document))


def _of_url(name: str, url: str) -> dict[str, Any]:
    """The object that a URL stands for."""
    address.server(url, what=f"connection '{name}'")
    type_ = _SCHEMES.get(url.partition(":")[0].lower(), "database")
    return of_url(name, url) if type_ == "sftp" else {"type": type_, "url": url}
