"""Follows many schedules through a span of time (H1.5, H1.7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice, takewhile
from operator import itemgetter

from msgspec import Struct

from hengio.clock import SECOND, Micros
from hengio.cron.errors import CronError
from hengio.cron.parse import parse
from hengio.errors import HengioError, Refused
from hengio.model.schedule import Calendar, CronSchedule, FixedDelay, FixedRate, OneTime
from hengio.scheduler.simulation.follow import Subject, follow
from hengio.scheduler.simulation.load import Heat, Load, Minute
from hengio.scheduler.simulation.span import Hour, Span
from hengio.scheduler.simulation.tally import Outlook, Tally
from hengio.scheduler.simulation.world import World
from hengio.scheduler.verdict import Verdict
from hengio.timetable.occurrence import DAY

MOST_TIMES = 30_000_000
"""More nominal times are refused: it would take minutes."""
MOST_DAYS = 3_660
_AT_ONCE = 250_000
"""About so many are followed before what they come to is added up."""
_NAMED = 3
_SLOW = 50
"""By how much those times take longer that cannot be worked out by adding."""


class Simulation(Struct, frozen=True, kw_only=True):
    """What schedules come to in a span: job by job, and together. `peak` executions run at once, first at `peak_at`."""

    span: Span
    jobs: tuple[Outlook, ...]
    heat: Heat
    minutes: tuple[Minute, ...]
    peak: int
    peak_at: Micros | None

    @property
    def fires(self) -> int:
        return sum(job.fires for job in self.jobs)

    @property
    def compute_seconds(self) -> float:
        return sum(job.compute_seconds for job in self.jobs)


class Listed(Struct, frozen=True):
    """What is decided about one nominal time of a job."""

    name: str
    verdict: Verdict


def simulate(subjects: Sequence[Subject], span: Span) -> Simulation:
    """Follow all of them, from the beginning of the span on, when nothing runs. A schedule that cannot be evaluated has
    that as its `problem`. Raises `Refused` for more than 30 million nominal times."""
    density = _checked(subjects, span)
    tallies: list[Tally] = []
    broken: dict[int, Outlook] = {}
    for place, subject in enumerate(subjects):
        try:
            _check_followed(subject)
            tallies.append(Tally(subject, span, follow(subject, span)))
        except HengioError as error:
            broken[place] = Outlook(subject=subject, problem=_told(error))
    load = Load(span, [subject.name for place, subject in enumerate(subjects) if place not in broken])
    for hours in _stretches(span, density):
        load.add([tally.advance(hours[-1].end) for tally in tallies], hours)
    done = iter(tallies)
    outlooks = tuple(broken.get(place) or next(done).outlook() for place in range(len(subjects)))
    return Simulation(
        span=span,
        jobs=outlooks,
        heat=load.heat(),
        minutes=load.minutes(),
        peak=load.running.most,
        peak_at=load.running.at,
    )


def fires(subjects: Sequence[Subject], span: Span, *, limit: int) -> list[Listed]:
    """What is decided about the first nominal times of all of them, at most so many, as `plan` decides it."""
    streams = [_verdicts(subject, span) for subject in subjects]
    return [Listed(name, verdict) for _, name, verdict in islice(merge(*streams, key=itemgetter(0, 1)), limit)]


def _verdicts(subject: Subject, span: Span) -> Iterator[tuple[Micros, str, Verdict]]:
    try:
        _check_followed(subject)
        for verdict in World(subject, span).verdicts():
            yield verdict.at, subject.name, verdict
    except HengioError:
        return  # the outlook tells what is wrong with it


class _Stopped(Refused):
    """A schedule that fires no more, whatever its times are."""


def _check_followed(subject: Subject) -> None:
    if subject.row.problem is not None:
        raise _Stopped(f"it was stopped: {subject.row.problem}")


def _told(error: HengioError) -> str:
    return "; ".join([error.message, *(problem.message for problem in error.problems)])


class Density(Struct, frozen=True):
    """How many nominal times an hour and a day may have."""

    hourly: float
    daily: float


def _stretches(span: Span, density: Density) -> Iterator[Sequence[Hour]]:
    """Hours that are followed at once: the fewer, the more there is in each."""
    hours = span.hours
    days = int(_AT_ONCE / max(density.daily, 1e-9))
    count = min(days * 24 or max(1, int(_AT_ONCE / density.hourly)), len(hours))
    for first in range(0, len(hours), count):
        yield hours[first : first + count]


def _checked(subjects: Sequence[Subject], span: Span) -> Density:
    """How dense the nominal times of all of them together are at most. Raises `Refused` if there are too many."""
    each = [_density(subject) for subject in subjects]
    bound = [_most(subject, span, one) for subject, one in zip(subjects, each, strict=True)]
    if sum(bound) > MOST_TIMES:
        worst = sorted(zip(bound, (subject.name for subject in subjects), strict=True), reverse=True)[:_NAMED]
        told = ", ".join(f"'{name}' ({int(count):,})" for count, name in worst)
        message = f"there are up to {int(sum(bound)):,} nominal times, and at most {MOST_TIMES:,} are followed"
        raise Refused(message, hint=f"take fewer --days, or some of the jobs (--job); most have {told}")
    return Density(sum(one.hourly for one in each), sum(one.daily for one in each))


def _density(subject: Subject) -> Density:
    match subject.schedule:
        case CronSchedule(expression=text):
            try:
                expression = parse(text)
            except CronError:
                return Density(0.0, 0.0)  # its outlook tells so
            hourly = len(expression.minutes) * len(expression.seconds)
            return Density(hourly, hourly * len(expression.hours))
        case FixedRate(interval_seconds=seconds) | FixedDelay(delay_seconds=seconds):
            return Density(3_600 / seconds, 86_400 / seconds)
        case OneTime():
            return Density(1.0, 1.0)


def _most(subject: Subject, span: Span, density: Density) -> float:
    """How many nominal times it has at most in the span."""
    match subject.schedule:
        case CronSchedule(expression=text) if density.daily:
            first, last = span.since // DAY - 1, span.until // DAY + 1
            return density.daily * sum(1 for _ in takewhile(lambda day: day <= last, parse(text).days(first)))
        case FixedDelay(calendar=calendar) if subject.row.active and calendar.shift != "skip":
            return density.daily * span.seconds / 86_400 * _SLOW
        case FixedDelay(delay_seconds=seconds, calendar=calendar) if subject.row.active and calendar == Calendar():
            return span.seconds / (seconds + subject.durations.values[0] / SECOND)
        case OneTime():
            return 1.0
        case _:
            return density.daily * span.seconds / 86_400
