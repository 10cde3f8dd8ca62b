"""Decides for schedules on SQLite: one transaction of the writer thread, which alone writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from hengio import codec
from hengio.storage.schedules import Decide, Decided
from hengio.storage.sql.firing import BUSY, FIRE_COLUMNS, LAST, SCHEDULE_COLUMNS, Taken, Wanted
from hengio.storage.sql.sqlite_statements import INSERT_EXECUTIONS

TAKE = f"SELECT {', '.join(SCHEDULE_COLUMNS)} FROM schedules WHERE next_at <= ? ORDER BY next_at, job_id LIMIT ?"
TAKE_ONE = f"SELECT {', '.join(SCHEDULE_COLUMNS)} FROM schedules WHERE next_at <= ? AND job_id = ?"
AMONG = "IN (SELECT value FROM json_each(?))"
CANCEL = """
UPDATE executions
SET state = CASE state WHEN 'pending' THEN 'cancelled' ELSE 'cancelling' END,
    finished_at = CASE state WHEN 'pending' THEN c.value ->> 2 END, failure = c.value ->> 1
FROM json_each(?) AS c
WHERE executions.job_id = c.value ->> 0 AND state IN ('pending', 'running')
"""
INSERT_FIRES = f"""
INSERT INTO fires ({", ".join(FIRE_COLUMNS)})
SELECT {", ".join(f"value ->> {place}" for place in range(len(FIRE_COLUMNS)))} FROM json_each(?) WHERE true
ON CONFLICT (job_id, nominal_time) DO NOTHING
RETURNING job_id, nominal_time
"""
UPDATE_SCHEDULES = """
UPDATE schedules
SET decided_until = ?2, next_at = ?3, anchor = ?4, finished = ?5, problem = ?6,
    last_execution_id = COALESCE(?7, last_execution_id)
WHERE job_id = ?1
"""


def decide(raw: sqlite3.Connection, decide: Decide, wanted: Wanted) -> Decided:
    """As `ScheduleStore.decide`, inside the caller's transaction."""
    taken = Taken(dict(zip(SCHEDULE_COLUMNS, row, strict=True)) for row in _take(raw, wanted))
    if not taken:
        return taken.answer()
    taken.busy(raw.execute(f"{BUSY} {AMONG} GROUP BY job_id", _json(taken.exclusive_ids())))
    taken.last(raw.execute(f"{LAST} {AMONG}", _json(taken.last_ids())))
    taken.decide(decide)
    if table := taken.replaced():
        raw.execute(CANCEL, _json(table))
    if table := taken.fires():
        taken.written(raw.execute(INSERT_FIRES, _json(table)).fetchall())
    if table := taken.executions():
        raw.executemany(INSERT_EXECUTIONS, table)
    raw.executemany(UPDATE_SCHEDULES, taken.schedules())
    return taken.answer()


def _take(raw: sqlite3.Connection, wanted: Wanted) -> list[tuple[Any, ...]]:
    if wanted.job_id is None:
        return raw.execute(TAKE, (wanted.before, wanted.limit)).fetchall()
    return raw.execute(TAKE_ONE, (wanted.before, wanted.job_id)).fetchall()


def _json(table: Sequence[object]) -> tuple[str]:
    return (codec.encode(table).decode(),)
