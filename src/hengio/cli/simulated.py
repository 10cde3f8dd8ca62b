"""A simulation as one JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import asdict

from hengio import codec
from hengio.cli.when import both
from hengio.scheduler.simulation.advice import Remark
from hengio.scheduler.simulation.load import Minute
from hengio.scheduler.simulation.simulate import Listed
from hengio.scheduler.simulation.span import Span
from hengio.scheduler.simulation.tally import Outlook
from hengio.service.simulation import Simulated

MOST_DATES = 92
"""Longer times are told by the weekday."""
_EPOCH = date(1970, 1, 1).toordinal()
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_REASONS = ("holiday", "dst-gap", "overlap", "paused")


def document(found: Simulated, *, with_fires: bool) -> dict[str, Any]:
    """Times are local and in UTC, durations in seconds."""
    done, span = found.done, found.done.span
    zone = ZoneInfo(span.zone)
    told = {
        "from": both(span.since, zone),
        "to": both(span.until, zone),
        "timezone": span.zone,
        "dates": span.dates,
        "fires": done.fires,
        "skipped": {reason: sum(job.skipped.get(reason, 0) for job in done.jobs) for reason in _REASONS},
        "compute_seconds": round(done.compute_seconds, 3),
        "peak": {"executions": done.peak, "at": both(done.peak_at, zone)},
        "jobs": [_job(job, remarks, zone) for job, remarks in zip(done.jobs, found.remarks, strict=True)],
        "heat": _heat(found, most=MOST_DATES),
        "busiest_minutes": [_minute(minute, zone) for minute in done.minutes],
        "remarks": _remarks(found.overall),
        "without_schedule": list(found.without),
    }
    return {**told, "nominal_times": [_listed(one, zone) for one in found.listed]} if with_fires else told


def rows(span: Span, counts: Sequence[int], *, most: int, add: bool) -> list[tuple[str, list[int]]]:
    """24 numbers for each date, or, if there are more dates than that, for each weekday: added up, or the greatest."""
    dates = [counts[day * 24 : day * 24 + 24] for day in range(span.dates)]
    if span.dates <= most:
        return [(_date(span.first_day + day), list(row)) for day, row in enumerate(dates)]
    found: dict[int, list[int]] = {weekday: [0] * 24 for weekday in range(7)}
    for day, row in enumerate(dates):
        sums = found[(span.first_day + day + 3) % 7]
        for hour, count in enumerate(row):
            sums[hour] = sums[hour] + count if add else max(sums[hour], count)
    return [(_WEEKDAYS[weekday], sums) for weekday, sums in found.items()]


def _heat(found: Simulated, *, most: int) -> dict[str, Any]:
    span, heat = found.done.span, found.done.heat
    begun, peaks = rows(span, heat.begun, most=most, add=True), rows(span, heat.peak, most=most, add=False)
    by = "date" if span.dates <= most else "weekday"
    told = [{by: name, "begun": row, "peak": peak} for (name, row), (_, peak) in zip(begun, peaks, strict=True)]
    return {"by": by, "rows": told}


def _job(job: Outlook, remarks: Sequence[Remark], zone: ZoneInfo) -> dict[str, Any]:
    row, durations = job.subject.row, job.subject.durations
    waits = {name: round(value, 3) for name, value in asdict(job.waits).items()}
    return {
        "job": job.subject.name,
        "job_id": row.job_id,
        "schedule": codec.decode(row.schedule),
        "exclusive": row.exclusive,
        "overlap": row.overlap,
        "enabled": row.enabled,
        "paused": row.paused,
        "problem": job.problem,
        "duration": {
            "source": durations.source,
            "count": len(durations.values) if durations.source == "measured" else 0,
            "mean_seconds": round(durations.mean, 3),
            "median_seconds": round(durations.median, 3),
            "p95_seconds": round(durations.p95, 3),
        },
        "fires": job.fires,
        "skipped": {reason: job.skipped.get(reason, 0) for reason in _REASONS},
        "cancelled": job.cancelled,
        "begun": job.begun,
        "waits": waits,
        "longest_overlap_seconds": round(job.overlap_seconds, 3),
        "busy_share": round(job.busy, 6),
        "greatest_concurrency": job.greatest_concurrency,
        "compute_seconds": round(job.compute_seconds, 3),
        "first_fire": both(job.first_fire, zone),
        "last_fire": both(job.last_fire, zone),
        "shortest_interval_seconds": job.every_seconds,
        "dates_with_fires": job.days,
        "dates_left_out": dict(job.left_out),
        "clock_changes": [{"date": _date(day), "note": note} for day, note in job.changes.items()],
        "remarks": _remarks(remarks),
    }


def _minute(minute: Minute, zone: ZoneInfo) -> dict[str, Any]:
    most = [{"job": name, "begun": count} for name, count in minute.most]
    return {"at": both(minute.at, zone), "begun": minute.begun, "jobs": minute.jobs, "most": most}


def _listed(one: Listed, zone: ZoneInfo) -> dict[str, Any]:
    verdict = one.verdict
    return {
        "job": one.name,
        "nominal_time": both(verdict.at, zone),
        "due_at": both(verdict.due_at, zone),
        "state": verdict.state.value,
        "reason": verdict.reason,
        "note": verdict.note,
    }


def _remarks(remarks: Sequence[Remark]) -> list[dict[str, str]]:
    return [{"level": one.level, "text": one.text, "hint": one.hint} for one in remarks]


def _date(day: int) -> str:
    return date.fromordinal(day + _EPOCH).isoformat()
