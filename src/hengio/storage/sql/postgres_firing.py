"""Decides for schedules on PostgreSQL: rows that one process holds are passed by by the others, so that any number may
look at once."""

from __future__ import annotations

from typing import TypeAlias

import asyncpg

from hengio.storage.schedules import Decide, Decided
from hengio.storage.sql.batch import columns
from hengio.storage.sql.firing import BUSY, FIRE_COLUMNS, LAST, SCHEDULE_COLUMNS, Taken, Wanted
from hengio.storage.sql.postgres_statements import INSERT_EXECUTIONS, unnest

_FIRE_TYPES = "text bigint int text bigint text text text bigint".split()
_SCHEDULE_TYPES = "text bigint bigint bigint bool text text".split()

TAKE = f"""
SELECT {", ".join(SCHEDULE_COLUMNS)} FROM schedules WHERE next_at <= $1
ORDER BY next_at, job_id LIMIT $2 FOR UPDATE SKIP LOCKED
"""
TAKE_ONE = f"SELECT {', '.join(SCHEDULE_COLUMNS)} FROM schedules WHERE next_at <= $1 AND job_id = $2 FOR UPDATE"
AMONG = "= ANY($1::text[])"
# Rows of executions are locked in the order of their ids, as everywhere.
CANCEL = """
WITH replaced AS (
    SELECT e.id, c.failure, c.at
    FROM executions e JOIN unnest($1::text[], $2::text[], $3::bigint[]) AS c(job_id, failure, at) ON c.job_id = e.job_id
    WHERE e.state IN ('pending', 'running')
    ORDER BY e.id FOR NO KEY UPDATE OF e
)
UPDATE executions x
SET state = CASE x.state WHEN 'pending' THEN 'cancelled' ELSE 'cancelling' END,
    finished_at = CASE x.state WHEN 'pending' THEN replaced.at END, failure = replaced.failure
FROM replaced WHERE x.id = replaced.id
"""
INSERT_FIRES = f"""
INSERT INTO fires ({", ".join(FIRE_COLUMNS)}) SELECT * FROM {unnest(_FIRE_TYPES)}
ON CONFLICT (job_id, nominal_time) DO NOTHING
RETURNING job_id, nominal_time
"""
UPDATE_SCHEDULES = f"""
UPDATE schedules s
SET decided_until = d.decided_until, next_at = d.next_at, anchor = d.anchor, finished = d.finished,
    problem = d.problem, last_execution_id = COALESCE(d.last_execution_id, s.last_execution_id)
FROM {unnest(_SCHEDULE_TYPES)} AS d(job_id, decided_until, next_at, anchor, finished, problem, last_execution_id)
WHERE s.job_id = d.job_id
"""
Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"


async def decide(connection: Connection, decide: Decide, wanted: Wanted) -> Decided:
    """As `ScheduleStore.decide`, inside the caller's transaction."""
    if wanted.job_id is None:
        found = await connection.fetch(TAKE, wanted.before, wanted.limit)
    else:
        found = await connection.fetch(TAKE_ONE, wanted.before, wanted.job_id)
    taken = Taken(dict(row) for row in found)
    if not taken:
        return taken.answer()
    if ids := taken.exclusive_ids():
        taken.busy([(row[0], row[1]) for row in await connection.fetch(f"{BUSY} {AMONG} GROUP BY job_id", ids)])
    if ids := taken.last_ids():
        taken.last([tuple(row) for row in await connection.fetch(f"{LAST} {AMONG}", ids)])
    taken.decide(decide)
    if table := taken.replaced():
        await connection.execute(CANCEL, *columns(table))
    if table := taken.fires():
        taken.written([tuple(row) for row in await connection.fetch(INSERT_FIRES, *columns(table))])
    if table := taken.executions():
        await connection.execute(INSERT_EXECUTIONS, *columns(table))
    await connection.execute(UPDATE_SCHEDULES, *columns(taken.schedules()))
    return taken.answer()
