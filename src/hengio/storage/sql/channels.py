"""Channels of modules: changes are added, and of each channel the last one holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, and_, func, insert, select
from sqlalchemy.exc import IntegrityError

from hengio.errors import Conflict, NotFound
from hengio.model.audit import AuditEntry
from hengio.model.channel import Channel, ChannelChange, Channels
from hengio.storage.chain import AuditKeys
from hengio.storage.sql import audit, tables
from hengio.storage.sql.database import Database

_changes = tables.module_channels


class SqlChannels:
    """`ChannelStore` on SQL."""

    def __init__(self, database: Database, keys: AuditKeys) -> None:
        self._database = database
        self._audit_keys = keys

    async def of(self, name: str) -> Channels:
        return channels(await self._found(latest(name))).get(name, Channels())

    async def current(self) -> Mapping[str, Channels]:
        return channels(await self._found(latest()))

    async def history(self, name: str, *, limit: int) -> list[ChannelChange]:
        order = _changes.c.at.desc(), _changes.c.number.desc(), _changes.c.channel
        return await self._found(select(_changes).where(_changes.c.name == name).order_by(*order).limit(limit))

    async def change(self, name: str, channel: Channel, number: int) -> ChannelChange:
        wanted = and_(_changes.c.name == name, _changes.c.channel == channel, _changes.c.number == number)
        for found in await self._found(select(_changes).where(wanted)):
            return found
        raise NotFound(f"channel {channel} of module '{name}' has no change {number}")

    async def add(self, changes: Sequence[ChannelChange], *, entry: AuditEntry) -> None:
        values = [msgspec.structs.asdict(change) for change in changes]

        def write(connection: Connection) -> None:
            connection.execute(insert(_changes), values)
            audit.append(connection, [entry], keys=self._audit_keys)

        try:
            await self._database.write(write)
        except IntegrityError as error:
            name = changes[0].name
            raise Conflict(
                f"the channels of module '{name}' were changed meanwhile", hint="look at them again"
            ) from error

    async def _found(self, query: Select[Any]) -> list[ChannelChange]:
        found = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [ChannelChange(**row) for row in found]


def latest(name: str | None = None) -> Select[Any]:
    """The last change of every channel, or of those of one module."""
    last = select(_changes.c.name, _changes.c.channel, func.max(_changes.c.number).label("number"))
    if name is not None:
        last = last.where(_changes.c.name == name)
    found = last.group_by(_changes.c.name, _changes.c.channel).subquery()
    same = [getattr(found.c, column) == getattr(_changes.c, column) for column in ("name", "channel", "number")]
    return select(_changes).join(found, and_(*same))


def channels(changes: Sequence[ChannelChange]) -> dict[str, Channels]:
    """What the last changes make, by name."""
    found: dict[str, Channels] = {}
    for change in changes:
        before = found.get(change.name, Channels())
        found[change.name] = msgspec.structs.replace(before, **{change.channel: change})
    return found
