"""Schedules whose time has come, with everything filled in that a test does not care about."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from hengio import codec
from hengio.clock import SECOND, Micros
from hengio.codec import Raw
from hengio.model.schedule import CronSchedule, Misfire, Schedule
from hengio.scheduler.plan import Plan, plan
from hengio.storage.schedules import Due, ScheduleRow
from tests.support.builders import NOON

PATIENCE_SECONDS = 60
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def at(text: str) -> Micros:
    """The moment of an ISO 8601 text with its offset."""
    return int(datetime.fromisoformat(text).timestamp()) * SECOND


def hourly(**fields: Any) -> CronSchedule:
    """Fires at each full hour."""
    return CronSchedule(expression="0 0 * * * ?", **fields)


def misfire(policy: Any, **fields: Any) -> Misfire:
    """What becomes of missed fires."""
    return Misfire(policy=policy, **fields)


def a_due(schedule: Schedule, *, since: Micros = NOON, **fields: Any) -> Due:
    """A schedule for which everything up to `since` was decided; other fields are of the row or of what is due."""
    of_due = {name: fields.pop(name) for name in ("busy", "last_over", "last_ended_at") if name in fields}
    row = ScheduleRow(
        job_id="job",
        job_version=1,
        schedule=Raw(codec.encode(schedule)),
        input=Raw(b"null"),
        enabled=True,
        paused=False,
        exclusive=True,
        overlap=None,
        anchor=since,
        decided_until=since,
        next_at=since,
        finished=False,
        problem=None,
        last_execution_id=None,
    )
    return Due(row=replace(row, **fields), **of_due)


def planned(due: Due, *, now: Micros) -> Plan:
    """What is to be done about it."""
    return plan(due, now=now, patience=PATIENCE_SECONDS * SECOND)


def told(done: Plan, *, base: Micros = NOON, unit: Micros = HOUR) -> list[tuple[float, str]]:
    """The verdicts of a plan: how many units after `base`, and what."""
    return [
        ((one.at - base) / unit, one.state.value if one.reason is None else f"{one.state.value} {one.reason}")
        for one in done.verdicts
    ]
