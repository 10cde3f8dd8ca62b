"""Registered modules and how a job's `module_id` finds one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from hengio import codec
from hengio.errors import Conflict, NotFound
from hengio.model.grant import Grant
from hengio.model.module import Module, ModuleFacts
from hengio.model.reference import named
from hengio.storage.sql import tables
from hengio.storage.sql.database import Database

_modules = tables.modules
_facts = msgspec.json.Decoder(ModuleFacts)
_grants = msgspec.json.Decoder(tuple[Grant, ...])


class SqlModules:
    """`ModuleStore` on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, module: Module) -> Module:
        try:
            return await self._database.write(lambda connection: _add(connection, module))
        except IntegrityError:  # somebody else registered that version meanwhile
            return await self._database.write(lambda connection: _add(connection, module))

    async def find(self, reference: str) -> Module:
        known = await self.all()
        found = named(known, reference)
        if found is None:
            names = ", ".join(sorted(f"{module.name}@{module.version}" for module in known)) or "none"
            raise NotFound(f"there is no module '{reference}'", hint=f"registered modules: {names}")
        return found

    async def grant(self, module_id: str, grants: tuple[Grant, ...]) -> Module:
        text = codec.encode(grants).decode()
        change = update(_modules).where(_modules.c.id == module_id).values(grants=text).returning(_modules)
        row = await self._database.write(lambda connection: connection.execute(change).mappings().first())
        if row is None:
            raise NotFound(f"there is no module '{module_id}'")
        return _module(row)

    async def all(self) -> list[Module]:
        query = select(_modules).order_by(_modules.c.name, _modules.c.created_at)
        found = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [_module(row) for row in found]


def _add(connection: Connection, module: Module) -> Module:
    query = select(_modules).where(_modules.c.name == module.name, _modules.c.version == module.version)
    known = connection.execute(query).mappings().first()
    if known is None:
        connection.execute(
            insert(_modules).values(
                id=module.id,
                name=module.name,
                version=module.version,
                digest=module.digest,
                size=module.size,
                facts=codec.encode(module.facts).decode(),
                enabled=module.enabled,
                created_at=module.created_at,
                grants=codec.encode(module.grants).decode(),
            )
        )
        return module
    if known["digest"] != module.digest:
        raise Conflict(
            f"module {module.name}@{module.version} is registered with another binary",
            hint="a version never changes: register the new binary under a new version",
        )
    return _module(known)


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
    )
