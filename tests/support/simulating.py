"""Jobs to simulate, short to write, and what a simulation says of them in few words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hengio.clock import Micros
from hengio.model.schedule import ZONE, Schedule
from hengio.scheduler.simulation.durations import Durations
from hengio.scheduler.simulation.follow import Subject
from hengio.scheduler.simulation.simulate import Simulation, simulate
from hengio.scheduler.simulation.span import Span
from hengio.scheduler.simulation.tally import Outlook
from tests.support.schedules import a_due, at

DAWN = at("2026-11-30T00:00:00+07:00")
"""A Monday without anything special near it."""


def a_subject(
    schedule: Schedule, *seconds: float, name: str = "job", since: Micros = DAWN - 1, **fields: Any
) -> Subject:
    """A job whose executions take one of these times (a second, if none is given); other fields are of its row."""
    durations = Durations.of("given", seconds or [1.0])
    row = a_due(schedule, since=since, **{"job_id": name, **fields}).row
    return Subject(name=name, row=row, schedule=schedule, durations=durations)


def days(count: int, *, since: Micros = DAWN, zone: str = ZONE) -> Span:
    """So many days from dawn on."""
    return Span.days_from(since, count, zone)


def simulated(subjects: Subject | Sequence[Subject], span: Span | None = None) -> Simulation:
    """What they come to, on one day if nothing else is said."""
    return simulate([subjects] if isinstance(subjects, Subject) else subjects, span or days(1))


def outlook(subject: Subject, span: Span | None = None) -> Outlook:
    """What the one job comes to."""
    [only] = simulated(subject, span).jobs
    return only
