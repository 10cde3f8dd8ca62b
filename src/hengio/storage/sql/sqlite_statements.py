"""The statements of hot writes on SQLite. A table of values reaches one as a JSON text (`json_each`) or row by row."""

from __future__ import annotations

from collections.abc import Sequence

from hengio.storage.sql import rows
from hengio.storage.sql.states import BEGUN, CLAIMABLE, HELD, RETURNABLE

NOW = "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


INSERT_EXECUTIONS = _insert("executions", rows.EXECUTION_COLUMNS) + (
    " ON CONFLICT (job_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING"
)
KEYED = """
SELECT e.job_id, e.idempotency_key, e.id FROM json_each(?) AS k CROSS JOIN executions AS e
ON e.job_id = k.value ->> 0 AND e.idempotency_key = k.value ->> 1
"""
INSERT_STEP_RUNS = _insert("step_runs", rows.STEP_RUN_COLUMNS) + " ON CONFLICT DO NOTHING"
# A job that allows no execution beside another gets at most one claim here, and none while another is under way. Of the
# rows of one `turn`, SQLite takes `w` from that with the least id.
CLAIM = f"""
WITH pending AS (
    SELECT e.id, CASE WHEN e.exclusive THEN e.job_id ELSE e.id END AS turn, e.job_id, e.exclusive, w.value AS w
    FROM json_each(?) AS w CROSS JOIN executions AS e ON e.id = w.value ->> 0 AND e.dispatch_number = w.value ->> 1
    WHERE e.state IN {CLAIMABLE}
), taken AS (
    SELECT min(id) AS id, w FROM pending
    WHERE NOT exclusive OR NOT EXISTS (
        SELECT 1 FROM executions AS o
        WHERE o.job_id = pending.job_id AND o.id <> pending.id AND o.exclusive AND {BEGUN}
    )
    GROUP BY turn
)
UPDATE executions
SET state = 'running', claim = claim + 1, worker = w ->> 2, lease_until = {NOW} + (w ->> 3),
    started_at = COALESCE(started_at, w ->> 4)
FROM taken
WHERE executions.id = taken.id
RETURNING {", ".join(f"executions.{column}" for column in rows.EXECUTION_COLUMNS)}, {rows.REVISION}
"""
PENDING = """
SELECT id, dispatch_number FROM executions
WHERE id IN (SELECT value FROM json_each(?)) AND state = 'pending'
"""
HOLDS = f"""
SELECT id, claim FROM executions
WHERE id IN (SELECT value FROM json_each(?)) AND state IN {HELD}
"""
CLOSE = "UPDATE executions SET state = ?, finished_at = ?, failure = ?, lease_until = NULL WHERE id = ?"
PARK = f"""
UPDATE executions
SET state = 'pending', due_at = p.value ->> 2, parked_claim = claim, dispatch_number = dispatch_number + 1,
    worker = NULL, lease_until = NULL
FROM json_each(?) AS p
WHERE executions.id = p.value ->> 0 AND claim = p.value ->> 1 AND state IN {RETURNABLE}
RETURNING executions.id, claim, dispatch_number
"""
EXTEND = f"""
UPDATE executions SET lease_until = {NOW} + ?
WHERE id = ? AND claim = ? AND state IN {HELD}
"""
