"""The statements of hot writes on PostgreSQL. A table of values reaches one column by column (`unnest`)."""

from __future__ import annotations

from collections.abc import Sequence

from hengio.storage.sql import rows
from hengio.storage.sql.states import BEGUN, CLAIMABLE, HELD, RETURNABLE

NOW = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint"

_EXECUTION_TYPES = (
    "text text int text text text text bool bigint bigint bigint int int int int text bigint bigint bigint text "
    "text text text text text"
).split()
_STEP_RUN_TYPES = (
    "text text int int int int text text text bigint bigint text text bigint text text text bool text text"
).split()


def unnest(types: Sequence[str]) -> str:
    return "unnest(" + ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(types, 1)) + ")"


INSERT_EXECUTIONS = (
    f"INSERT INTO executions ({', '.join(rows.EXECUTION_COLUMNS)}) SELECT * FROM {unnest(_EXECUTION_TYPES)} "
    "ON CONFLICT (job_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING"
)
KEYED = """
SELECT e.job_id, e.idempotency_key, e.id
FROM executions e JOIN unnest($1::text[], $2::text[]) AS k(job_id, key)
  ON e.job_id = k.job_id AND e.idempotency_key = k.key
"""
INSERT_STEP_RUNS = (
    f"INSERT INTO step_runs ({', '.join(rows.STEP_RUN_COLUMNS)}) SELECT * FROM {unnest(_STEP_RUN_TYPES)} "
    "ON CONFLICT DO NOTHING"
)
# A job that allows no execution beside another gets at most one claim here, and none while another is under way. The
# unique index is behind this for claims of two processes; alone it would cost the whole batch its transaction.
CLAIM = f"""
WITH pending AS (
    SELECT e.id, e.job_id, e.exclusive, CASE WHEN e.exclusive THEN e.job_id ELSE e.id END AS turn,
        w.worker, w.lease, w.at
    FROM executions e
    JOIN unnest($1::text[], $2::int[], $3::text[], $4::bigint[], $5::bigint[]) AS w(id, number, worker, lease, at)
      ON w.id = e.id AND w.number = e.dispatch_number
    WHERE e.state IN {CLAIMABLE}
    ORDER BY e.id FOR NO KEY UPDATE OF e
), taken AS (
    SELECT DISTINCT ON (turn) id, worker, lease, at FROM pending
    WHERE NOT exclusive OR NOT EXISTS (
        SELECT FROM executions o
        WHERE o.job_id = pending.job_id AND o.id <> pending.id AND o.exclusive AND {BEGUN}
    )
    ORDER BY turn, id
)
UPDATE executions x
SET state = 'running', claim = x.claim + 1, worker = taken.worker, lease_until = {NOW} + taken.lease,
    started_at = COALESCE(x.started_at, taken.at)
FROM taken WHERE x.id = taken.id
RETURNING {", ".join("x." + column for column in rows.EXECUTION_COLUMNS)}, {rows.REVISION}
"""
PENDING = "SELECT id, dispatch_number FROM executions WHERE id = ANY($1::text[]) AND state = 'pending'"
# Wherever several rows are locked it is in the order of their ids, or two transactions could wait for each other.
HOLDS = f"""
SELECT id, claim FROM executions
WHERE id = ANY($1::text[]) AND state IN {HELD}
ORDER BY id FOR NO KEY UPDATE
"""
CLOSE = """
UPDATE executions x SET state = c.state, finished_at = c.finished_at, failure = c.failure, lease_until = NULL
FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) AS c(state, finished_at, failure, id)
WHERE x.id = c.id
"""
PARK = f"""
UPDATE executions x
SET state = 'pending', due_at = p.due_at, parked_claim = x.claim, dispatch_number = x.dispatch_number + 1,
    worker = NULL, lease_until = NULL
FROM unnest($1::text[], $2::int[], $3::bigint[]) AS p(id, claim, due_at)
WHERE x.id = p.id AND x.claim = p.claim AND x.state IN {RETURNABLE}
RETURNING x.id, x.claim, x.dispatch_number
"""
EXTEND = f"""
WITH held AS (
    SELECT e.id
    FROM executions e JOIN unnest($1::text[], $2::int[]) AS h(id, claim) ON h.id = e.id AND h.claim = e.claim
    WHERE e.state IN {HELD}
    ORDER BY e.id FOR NO KEY UPDATE OF e
)
UPDATE executions x SET lease_until = {NOW} + $3 FROM held WHERE x.id = held.id
"""
