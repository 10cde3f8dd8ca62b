"""What an execution is given before its first step runs."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from hengio import codec
from hengio.clock import SECOND, Micros, to_datetime, to_iso
from hengio.model.execution import Execution
from hengio.model.job import Job
from hengio.model.schedule import ZONE


def opening(execution: Execution, job: Job, *, begun_at: Micros | None = None) -> dict[str, Any]:
    """The roots of templates that belong to the execution itself (H3.8). Its date is that of its nominal time, or of
    when it was begun, in the time zone of the job's schedule. A rerun's is that of the first execution of its line,
    which was begun at `begun_at`."""
    sent = {} if execution.webhook is None else {"webhook": codec.decode(execution.webhook)}
    begun = execution.created_at if begun_at is None else begun_at
    started = execution.nominal_time if execution.nominal_time is not None else begun
    return {
        "input": codec.decode(execution.input),
        **sent,
        "execution_id": execution.id,
        "job_id": execution.job_id,
        "nominal_time": None if execution.nominal_time is None else to_iso(execution.nominal_time),
        "execution_date": _zone_date(started // (60 * SECOND), job.schedule.timezone if job.schedule else ZONE),
    }


@lru_cache(maxsize=64)
def _zone_date(minute: int, zone: str) -> str:
    """The date of that minute since 1970 in the zone; remembered, since executions of one minute share it."""
    return to_datetime(minute * 60 * SECOND).astimezone(ZoneInfo(zone)).date().isoformat()
