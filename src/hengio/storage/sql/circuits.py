"""The circuits of targets, as each worker last saw them."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from hengio.model.circuit import Circuit, CircuitState
from hengio.storage.sql import tables
from hengio.storage.sql.database import Database

_circuits = tables.circuits


class SqlCircuits:
    """`CircuitStore` on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, circuit: Circuit, *, worker: str) -> None:
        def write(connection: Connection) -> None:
            mine = (_circuits.c.target == circuit.target) & (_circuits.c.worker == worker)
            connection.execute(delete(_circuits).where(mine))
            if circuit.state is not CircuitState.CLOSED:
                connection.execute(
                    insert(_circuits).values(
                        target=circuit.target,
                        worker=worker,
                        state=circuit.state.value,
                        failures=circuit.failures,
                        changed_at=circuit.changed_at,
                        reason=circuit.reason,
                    )
                )

        await self._database.write(write)

    async def forget(self, *, worker: str | None) -> None:
        gone = delete(_circuits) if worker is None else delete(_circuits).where(_circuits.c.worker == worker)
        await self._database.write(lambda connection: connection.execute(gone))

    async def all(self) -> list[tuple[Circuit, str]]:
        query = select(_circuits).order_by(_circuits.c.target, _circuits.c.worker)
        found = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [
            (
                Circuit(
                    target=row["target"],
                    state=CircuitState(row["state"]),
                    failures=row["failures"],
                    changed_at=row["changed_at"],
                    reason=row["reason"],
                ),
                row["worker"],
            )
            for row in found
        ]
