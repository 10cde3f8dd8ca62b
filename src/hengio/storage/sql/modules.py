"""Registered modules and how a job's `module_id` finds one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from hengio import codec
from hengio.errors import NotFound
from hengio.model.audit import AuditEntry
from hengio.model.channel import ChannelChange, Channels, followed
from hengio.model.grant import Grant
from hengio.model.module import Module, ModuleFacts
from hengio.model.reference import is_reference, named
from hengio.model.signature import Signature
from hengio.storage.chain import AuditKeys
from hengio.storage.modules import EVERY_MODULE, ModuleFilter, taken
from hengio.storage.sql import audit, tables
from hengio.storage.sql import channels as pointers
from hengio.storage.sql.database import Database

_modules = tables.modules
_facts = msgspec.json.Decoder(ModuleFacts)
_grants = msgspec.json.Decoder(tuple[Grant, ...])
_signatures = msgspec.json.Decoder(Signature)
_MOST_LISTED = 30


class SqlModules:
    """`ModuleStore` on SQL."""

    def __init__(self, database: Database, keys: AuditKeys) -> None:
        self._database = database
        self._audit_keys = keys

    async def add(self, module: Module, *, entry: AuditEntry | None = None) -> Module:
        try:
            return await self._database.write(lambda connection: _add(connection, module, entry, self._audit_keys))
        except IntegrityError:  # somebody else registered that version meanwhile
            return await self._database.write(lambda connection: _add(connection, module, entry, self._audit_keys))

    async def find(self, reference: str) -> Module:
        if not is_reference(reference):
            named((), reference)  # refuses it, with the forms that there are
        known, channels = await self._database.read(lambda connection: _fitting(connection, reference))
        found = named(known, reference, channels)
        if found is None:
            raise await self._unknown(reference)
        return found

    async def get(self, module_id: str) -> Module:
        for module in await self._found(select(_modules).where(_modules.c.id == module_id)):
            return module
        raise NotFound(f"there is no module '{module_id}'")

    async def all(self) -> list[Module]:
        return await self._found(select(_modules).order_by(_modules.c.name, _modules.c.created_at))

    async def page(
        self, wanted: ModuleFilter = EVERY_MODULE, *, limit: int, after: Module | None = None
    ) -> list[Module]:
        columns = _modules.c
        query = select(_modules).order_by(columns.name, columns.created_at.desc(), columns.id.desc()).limit(limit)
        if wanted.search:
            query = query.where(columns.name.icontains(wanted.search, autoescape=True))
        if wanted.name is not None:
            query = query.where(columns.name == wanted.name)
        if wanted.enabled is not None:
            query = query.where(columns.enabled == wanted.enabled)
        return await self._found(query if after is None else query.where(_later(after)))

    async def known(self, ids: Collection[str]) -> set[str]:
        query = select(_modules.c.id).where(_modules.c.id.in_(ids))
        return await self._database.read(lambda connection: set(connection.execute(query).scalars()))

    async def grant(self, module_id: str, grants: tuple[Grant, ...], *, entry: AuditEntry | None = None) -> Module:
        return await self._change(module_id, {"grants": codec.encode(grants).decode()}, entry)

    async def sign(
        self, module_id: str, signature: Signature, requested: tuple[Grant, ...], *, entry: AuditEntry
    ) -> Module:
        values = {"signature": codec.encode(signature).decode(), "requested": codec.encode(requested).decode()}
        return await self._change(module_id, values, entry)

    async def enable(self, module_id: str, *, enabled: bool, entry: AuditEntry) -> Module:
        return await self._change(module_id, {"enabled": enabled}, entry)

    async def delete(self, module_id: str, *, entry: AuditEntry) -> None:
        def write(connection: Connection) -> None:
            if not connection.execute(delete(_modules).where(_modules.c.id == module_id)).rowcount:
                raise NotFound(f"there is no module '{module_id}'")
            _audit(connection, entry, self._audit_keys)

        await self._database.write(write)

    async def _change(self, module_id: str, values: Mapping[str, Any], entry: AuditEntry | None) -> Module:
        change = update(_modules).where(_modules.c.id == module_id).values(values).returning(_modules)

        def write(connection: Connection) -> Module:
            row = connection.execute(change).mappings().first()
            if row is None:
                raise NotFound(f"there is no module '{module_id}'")
            _audit(connection, entry, self._audit_keys)
            return _module(row)

        return await self._database.write(write)

    async def _found(self, query: Select[Any]) -> list[Module]:
        found = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [_module(row) for row in found]

    async def _unknown(self, reference: str) -> NotFound:
        if (channel := followed(reference)) is not None:
            hint = f"hengio module channel {channel[0]} {channel[1]} VERSION sets it"
            return NotFound(f"the channel {channel[1]} of module '{channel[0]}' leads to no module", hint=hint)
        query = select(_modules.c.name, _modules.c.version).order_by(_modules.c.name, _modules.c.version)
        known = await self._database.read(lambda connection: connection.execute(query).all())
        there = _listed(f"{name}@{version}" for name, version in known)
        return NotFound(f"there is no module '{reference}'", hint=f"registered modules: {there}")


def _fitting(connection: Connection, reference: str) -> tuple[list[Module], dict[str, Channels]]:
    """The modules among which the reference finds its own, and the channels of their name if it follows one."""
    channel = followed(reference)
    name = reference.partition("@")[0]
    digest = reference.removeprefix("sha256:")
    fits = _modules.c.digest == digest if digest != reference else _modules.c.name == name
    if name == reference:
        fits = or_(fits, _modules.c.id == reference)
    found = [_module(row) for row in connection.execute(select(_modules).where(fits)).mappings().all()]
    if channel is None:
        return found, {}
    changes = connection.execute(pointers.latest(name)).mappings().all()
    return found, pointers.channels([ChannelChange(**row) for row in changes])


def _later(module: Module) -> ColumnElement[bool]:
    """What comes after `module`, by name and from new to old."""
    columns = _modules.c
    older = or_(
        columns.created_at < module.created_at, and_(columns.created_at == module.created_at, columns.id < module.id)
    )
    return or_(columns.name > module.name, and_(columns.name == module.name, older))


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _MOST_LISTED} more" if len(every) > _MOST_LISTED else ""
    return ", ".join(every[:_MOST_LISTED]) + more or "none"


def _audit(connection: Connection, entry: AuditEntry | None, keys: AuditKeys) -> None:
    if entry is not None:
        audit.append(connection, [entry], keys=keys)


def _add(connection: Connection, module: Module, entry: AuditEntry | None, keys: AuditKeys) -> Module:
    query = select(_modules).where(_modules.c.name == module.name, _modules.c.version == module.version)
    known = connection.execute(query).mappings().first()
    if known is None:
        connection.execute(insert(_modules).values(_values(module)))
        _audit(connection, entry, keys)
        return module
    if known["digest"] != module.digest:
        raise taken(module.reference)
    return _module(known)


def _values(module: Module) -> dict[str, Any]:
    return {
        "id": module.id,
        "name": module.name,
        "version": module.version,
        "digest": module.digest,
        "size": module.size,
        "facts": codec.encode(module.facts).decode(),
        "enabled": module.enabled,
        "created_at": module.created_at,
        "grants": codec.encode(module.grants).decode(),
        "requested": codec.encode(module.requested).decode(),
        "signature": None if module.signature is None else codec.encode(module.signature).decode(),
        "registered_by": module.registered_by,
    }


def _module(row: Mapping[str, Any] | Any) -> Module:
    return Module(
        id=row["id"],
        name=row["name"],
        version=row["version"],
        digest=row["digest"],
        size=row["size"],
        facts=_facts.decode(row["facts"]),
        created_at=row["created_at"],
        enabled=bool(row["enabled"]),
        grants=_grants.decode(row["grants"]),
        requested=_grants.decode(row["requested"]),
        signature=None if row["signature"] is None else _signatures.decode(row["signature"]),
        registered_by=row["registered_by"],
    )
