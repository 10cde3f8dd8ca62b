"""The execution log, read from the step runs that are its entries (R8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import JSON, ColumnElement, Connection, and_, cast, func, literal_column, or_, select

from hengio import codec
from hengio.clock import Micros
from hengio.model.call import CallFilter, ModuleCall
from hengio.model.statistics import CallStatistics, Spread, spread
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

    async def statistics(self, module_id: str, *, since: Micros, most: int) -> CallStatistics:
        columns = _runs.c
        newest = (
            select(columns.completed_at, columns.kind, columns.detail)
            .where(columns.module_id.is_not(None), columns.module_id == module_id, columns.completed_at >= since)
            .order_by(columns.completed_at.desc())
            .limit(most + 1)
            .subquery()
        )

        def measured(connection: Connection) -> list[tuple[Any, ...]]:
            taken = [_number(newest.c.detail, name, connection.dialect.name) for name in _MEASURED]
            found = connection.execute(select(newest.c.completed_at, newest.c.kind, *taken))
            return [tuple(row) for row in found]

        found = await self._database.read(measured)
        return _statistics(sorted(found, key=lambda row: row[0], reverse=True), most)


_MEASURED = ("fuel_used", "peak_memory_bytes", "duration_ms")
_GOOD = "succeeded"


def _number(detail: ColumnElement[Any], name: str, dialect: str) -> ColumnElement[Any]:
    """A number of the detail, as the database reads it; NULL where it is not there."""
    if dialect == "sqlite":
        return func.json_extract(detail, f"$.{name}")
    return cast(detail, JSON).op("->>")(literal_column(f"'{name}'"))


def _statistics(rows: Sequence[tuple[Any, ...]], most: int) -> CallStatistics:
    looked_at = rows[:most]
    outcomes = Counter(row[1] for row in looked_at)

    def of(place: int) -> Spread | None:
        return spread(float(row[place]) for row in looked_at if row[place] is not None)

    return CallStatistics(
        runs=len(looked_at),
        failures=len(looked_at) - outcomes[_GOOD],
        outcomes=dict(sorted(outcomes.items())),
        fuel=of(2),
        memory_bytes=of(3),
        duration_ms=of(4),
        last_run_at=looked_at[0][0] if looked_at else None,
        more=len(rows) > most,
    )


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
