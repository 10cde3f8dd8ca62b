"""The execution log, read from the step runs that are its entries (R8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select

from hengio import codec
from hengio.clock import Micros
from hengio.model.call import CallFilter, ModuleCall
from hengio.storage.sql import tables
from hengio.storage.sql.database import Database
from hengio.storage.sql.rows import failure

_runs = tables.step_runs
_ORDER = (_runs.c.completed_at, _runs.c.execution_id, _runs.c.step_id, _runs.c.visit, _runs.c.attempt)
Cursor = tuple[Micros, str, str, int, int]


class SqlCalls:
    """`CallStore` on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, wanted: CallFilter, *, limit: int, before: ModuleCall | None = None) -> list[ModuleCall]:
        conditions = [_runs.c.module_id.is_not(None), *_conditions(wanted)]
        if before is not None:
            conditions.append(_earlier(before))
        query = select(_runs).where(*conditions).order_by(*[column.desc() for column in _ORDER]).limit(limit)
        found = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [_call(row) for row in found]


def _conditions(wanted: CallFilter) -> list[ColumnElement[bool]]:
    columns = _runs.c
    conditions: list[ColumnElement[bool]] = []
    if wanted.execution_id is not None:
        conditions.append(columns.execution_id == wanted.execution_id)
    if wanted.module_ids is not None:
        conditions.append(columns.module_id.in_(wanted.module_ids))
    if wanted.outcomes is not None:
        conditions.append(columns.kind.in_(wanted.outcomes))
    if wanted.since is not None:
        conditions.append(columns.completed_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(columns.completed_at < wanted.until)
    return conditions


def _earlier(call: ModuleCall) -> ColumnElement[bool]:
    """What comes after `call` in an order from new to old, column by column."""
    values: Cursor = (call.completed_at, call.execution_id, call.step_id, call.visit, call.attempt)
    return or_(
        *(
            and_(*(_ORDER[same] == values[same] for same in range(place)), _ORDER[place] < values[place])
            for place in range(len(_ORDER))
        )
    )


def _call(row: Mapping[str, Any] | Any) -> ModuleCall:
    return ModuleCall(
        execution_id=row["execution_id"],
        step_id=row["step_id"],
        visit=row["visit"],
        attempt=row["attempt"],
        module_id=row["module_id"],
        outcome=row["kind"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        failure=failure(row["failure"]),
        detail={} if row["detail"] is None else codec.decode(row["detail"].encode()),
    )
