"""Many schedules in a database, and what became of those that were due at one moment."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import wasmtime
from pydantic import SecretStr

from benchmarks.ours import ECHO
from hengio.clock import SECOND, Micros
from hengio.model.schedule import ZONE
from hengio.settings import Settings
from hengio.wiring.embedded import embedded

DUE = 1_000
SPREAD_SECONDS = 365 * 86_400
LONGEST_WAIT = 60.0
JOB = {
    "name": "template",
    "schedule": {"type": "cron", "expression": "0 0 2 * * ?"},
    "steps": [{"id": "call", "type": "wasm", "config": {"module_id": "echo", "input": "{{execution_id}}"}}],
}


@dataclass(frozen=True, slots=True)
class Held:
    """Schedules stored a second, seconds until it was ready, megabytes, of those for the schedules, and milliseconds
    from the moment at which a thousand were due until each was begun, and over."""

    stored: float
    ready: float = 0.0
    megabytes: float = 0.0
    grown: float = 0.0
    begun: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)


def filled(data: Path, url: str, count: int) -> float:
    """Store so many jobs whose schedules are due in the course of a year; the seconds that took. They are copies of one
    that was applied."""
    template = asyncio.run(_template(data, url))
    numbers = "" if url else f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count}) "
    among = f"generate_series(1, {count}) AS c(n)" if url else "c"
    due = f"{_now() + 60 * SECOND} + n * {SPREAD_SECONDS * SECOND // count}{'::bigint' if url else ''}"
    began = time.perf_counter()
    _run(
        data,
        url,
        f"INSERT INTO jobs {numbers}SELECT 'held-' || n, 'held ' || n, version, enabled, created_at, updated_at, "
        f"deleted_at FROM jobs, {among} WHERE id = '{template}'",
        f"INSERT INTO job_versions {numbers}SELECT 'held-' || n, version, definition, created_at "
        f"FROM job_versions, {among} WHERE job_id = '{template}'",
        f"INSERT INTO schedules {numbers}SELECT 'held-' || n, job_version, schedule, input, enabled, paused, "
        f"exclusive, overlap, anchor, decided_until, {due}, finished, problem, last_execution_id "
        f"FROM schedules, {among} WHERE job_id = '{template}'",
        "ANALYZE",
    )
    return time.perf_counter() - began


async def _template(data: Path, url: str) -> str:
    settings = Settings(data_dir=data, database_url=SecretStr(url) if url else None)
    async with embedded(settings) as system:
        await system.modules.register("echo", "1.0.0", bytes(wasmtime.wat2wasm(ECHO)))
        stored, _ = await system.jobs.apply(JOB)
    return stored.id


def make_due(data: Path, url: str, *, ahead_seconds: int) -> Micros:
    """Make a thousand of them due at the same second, so far ahead; that moment."""
    due = int(time.time()) + ahead_seconds
    wall = datetime.fromtimestamp(due, ZoneInfo(ZONE))
    schedule = json.dumps({"type": "cron", "expression": f"{wall.second} {wall.minute} {wall.hour} * * ?"})
    names = ", ".join(f"'held-{number}'" for number in range(1, DUE + 1))
    change = f"schedule = '{schedule}', next_at = {due * SECOND}, decided_until = {_now()}"
    _run(data, url, f"UPDATE schedules SET {change} WHERE job_id IN ({names})")
    return due * SECOND


def fired(data: Path, url: str, due: Micros) -> tuple[list[float], list[float]]:
    """Milliseconds from that moment until each execution was begun, and over, once all are."""
    query = f"SELECT started_at, finished_at FROM executions WHERE nominal_time = {due} AND finished_at IS NOT NULL"
    end = due / SECOND + LONGEST_WAIT
    while len(rows := _read(data, url, query)) < DUE:
        assert time.time() < end, f"only {len(rows)} fired"
        time.sleep(0.5)
    return [(row[0] - due) / 1_000 for row in rows], [(row[1] - due) / 1_000 for row in rows]


def _now() -> Micros:
    return int(time.time()) * SECOND


def _run(data: Path, url: str, *statements: str) -> None:
    if url:
        asyncio.run(_on_server(url, statements))
        return
    with closing(sqlite3.connect(data / "hengio.db", timeout=60)) as database, database:
        for statement in statements:
            database.execute(statement)


async def _on_server(url: str, statements: Sequence[str]) -> None:
    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


def _read(data: Path, url: str, query: str) -> list[Any]:
    if url:
        return asyncio.run(_read_on_server(url, query))
    with closing(sqlite3.connect(data / "hengio.db", timeout=60)) as database:
        return database.execute(query).fetchall()


async def _read_on_server(url: str, query: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()
