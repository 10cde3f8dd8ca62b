"""The bulk of a simulation comes to what the scheduler's own decisions come to, one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import cycle, pairwise, takewhile
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hengio.clock import SECOND, Micros
from hengio.model.schedule import ZONE, Calendar, CronSchedule, FixedDelay, FixedRate, OneTime, Schedule
from hengio.scheduler.simulation.delays import Delays
from hengio.scheduler.simulation.follow import Subject, follow
from hengio.scheduler.simulation.nominal import Nominal
from hengio.scheduler.simulation.running import Running
from hengio.scheduler.simulation.simulate import simulate
from hengio.scheduler.simulation.span import Span
from hengio.scheduler.simulation.tally import Outlook
from hengio.scheduler.simulation.world import World
from hengio.timetable.compile import timetable
from tests.support.schedules import DAY, HOUR, MINUTE, at
from tests.support.simulating import DAWN, a_subject

ZONES = st.sampled_from(["Asia/Ho_Chi_Minh", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"])
MOMENTS = st.sampled_from(
    [
        at("2027-02-04T22:10:11+07:00"),  # before Tết
        at("2026-03-07T20:00:00-05:00"),  # before the clock is set ahead in New York
        at("2026-10-31T20:00:00-04:00"),  # before it is set back
        at("2026-04-04T18:00:00+11:00"),  # before it is set back by half an hour on Lord Howe Island
        at("2011-12-29T02:00:00-10:00"),  # before Samoa leaves out a day
    ]
)
CALENDARS = st.sampled_from(
    [
        Calendar(),
        Calendar(),
        Calendar(skip_holidays="VN"),
        Calendar(business_days_only=True),
        Calendar(skip_holidays="VN", business_days_only=True, shift="next_business_day"),
        Calendar(blackout_dates=("2026-03-08", "2027-02-05"), shift="previous_business_day"),
    ]
)
GAPS = st.sampled_from([None, "skip", "shift"])
EXPRESSIONS = st.sampled_from(
    [
        "*/40 * * * * ?",
        "0 * * * * ?",
        "5,25 */7 * * * ?",
        "0 30 1-4 * * ?",
        "0 0 0/3 * * ?",
        "0 0,5,10 */2 * * ?",
        "0 15,45 2 ? * SUN",
        "0 0 9 ? * MON-FRI",
        "30 2 * * *",
        "0 0 0 30 2 ?",
    ]
)


@st.composite
def plain(draw: st.DrawFn) -> Schedule:
    """A schedule that fires again and again."""
    zone, seconds = draw(ZONES), draw(st.integers(90, 4_000))
    match draw(st.sampled_from(["cron", "cron", "rate", "delay"])):
        case "cron":
            return CronSchedule(expression=draw(EXPRESSIONS), on_gap=draw(GAPS), timezone=zone)
        case "rate":
            return FixedRate(interval_seconds=seconds, timezone=zone)
        case _:
            return FixedDelay(delay_seconds=seconds, timezone=zone)


@st.composite
def odd(draw: st.DrawFn) -> Schedule:
    """A schedule with dates, a calendar and wishes for changes of the clock."""
    zone, calendar = draw(ZONES), draw(CALENDARS)
    start = draw(st.sampled_from([None, "2026-03-08", "2027-02-05T01:30:00+07:00"]))
    end = draw(st.sampled_from([None, "2027-02-05", "2027-02-06T01:30:00+07:00"]))
    more: Any = {"timezone": zone, "calendar": calendar, "start_date": start, "end_date": end}
    match draw(st.sampled_from(["cron", "rate", "once", "delay"])):
        case "cron":
            overlap = draw(st.sampled_from([None, "first", "second", "both"]))
            return CronSchedule(expression=draw(EXPRESSIONS), on_gap=draw(GAPS), on_overlap=overlap, **more)
        case "rate":
            return FixedRate(interval_seconds=draw(st.integers(90, 9_000)), **more)
        case "delay":
            more["calendar"] = calendar if calendar.shift == "skip" else Calendar()
            return FixedDelay(delay_seconds=draw(st.integers(90, 9_000)), **more)
        case _:
            return OneTime(execute_at=draw(st.sampled_from(["2026-03-08T02:30:00", "2027-02-06T00:00:00"])), **more)


schedules = plain() | odd()
DURATIONS = [(0.5,), (0.5, 80.3, 700.7), (700.7, 4_001.1), (80.3, 9_000.9), (4_000.4,), (3.3, 20_000.2)]
POLICIES: list[dict[str, Any]] = [
    {"overlap": None},
    {"overlap": "queue"},
    {"overlap": "cancel_running"},
    {"exclusive": False, "overlap": "allow"},
    {"exclusive": False, "overlap": "queue"},
]


@st.composite
def subjects(draw: st.DrawFn) -> tuple[Subject, Span]:
    since = draw(MOMENTS) + draw(st.integers(0, 3_600)) * SECOND
    schedule = replace(draw(schedules), jitter_seconds=draw(st.sampled_from([0.0, 0.0, 30.0, 4_000.0])))
    seconds = draw(st.sampled_from(DURATIONS))
    row = {**draw(st.sampled_from(POLICIES)), "enabled": draw(st.sampled_from([True] * 9 + [False]))}
    anchor = since + draw(st.integers(-99_999, 99_999)) * SECOND
    span = Span(since, since + draw(st.integers(1, 30)) * HOUR, draw(ZONES))
    return a_subject(schedule, *seconds, since=anchor, **row), span


def decided(subject: Subject, span: Span) -> tuple[Counter[str], list[tuple[Micros, Micros]]]:
    """What the scheduler decides about each time, and when executions begin and end."""
    world = World(subject, span)
    states = Counter(verdict.reason or verdict.state.value for verdict in world.verdicts())
    return states, [(run.start, run.end) for run in world.runs if run.start is not None and run.end is not None]


def summed(done: Outlook) -> Counter[str]:
    return Counter({"fired": done.fires, **done.skipped}) - Counter()


@settings(max_examples=150, deadline=None)
@given(subjects())
@pytest.mark.requirement("H1.5", "H1.7")
def test_a_simulation_counts_what_the_scheduler_decides(drawn: tuple[Subject, Span]) -> None:
    subject, span = drawn
    states, runs = decided(subject, span)
    [done] = simulate([subject], span).jobs
    assert summed(done) == states
    assert done.begun == len(runs)
    worked = sum(min(end, span.until) - start for start, end in runs)
    assert done.compute_seconds == pytest.approx(worked / SECOND)


STEPS = st.lists(st.sampled_from([700, 5_003, 30_011]), min_size=1, max_size=3)


@settings(max_examples=100, deadline=None)
@given(subjects(), STEPS)
def test_executions_begin_and_end_as_the_scheduler_has_them_however_long_the_stretches(
    drawn: tuple[Subject, Span], steps: list[int]
) -> None:
    subject, span = drawn
    assert followed(subject, span, steps) == sorted(decided(subject, span)[1])


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("jitter", [0.0, 250.0, 4_000.0])
@pytest.mark.parametrize(
    ("expression", "steps"),
    [("0 */5 * * * ?", [700, 18_000]), ("7 0,5,10 */2 * * ?", [700, 6_600]), ("7 0,10 */4 * * ?", [700, 14_000])],
)
@pytest.mark.parametrize("seconds", [(4_000.4,), (80.3, 299.9, 700.7, 1_200.2)])
@pytest.mark.requirement("H1.5")
def test_busy_jobs_run_as_the_scheduler_has_them(
    policy: dict[str, Any], jitter: float, expression: str, steps: list[int], seconds: tuple[float, ...]
) -> None:
    schedule = CronSchedule(expression=expression, jitter_seconds=jitter)
    subject, span = a_subject(schedule, *seconds, **policy), Span(DAWN, DAWN + 10 * HOUR, ZONE)
    assert followed(subject, span, steps) == sorted(decided(subject, span)[1])


def followed(subject: Subject, span: Span, steps: list[int]) -> list[tuple[Micros, Micros]]:
    """When executions begin and end in bulk, followed in stretches of so many seconds in turn."""
    follower, high, turns = follow(subject, span), span.since, cycle(steps)
    found: list[tuple[Micros, Micros]] = []
    while high < span.until:
        low, high = high, min(high + next(turns) * SECOND, span.until)
        begun = follower.advance(high).begun
        assert all(low <= start < high for start in begun.starts)
        for told, real in begun.revised:
            place = next(place for place, (_, end) in enumerate(found) if end == told)
            found[place] = (found[place][0], real)
        found += zip(begun.starts, begun.ends, strict=True)
    return sorted(found)


SAMOA = CronSchedule(expression="0 0 0/3 ? * FRI", timezone="Pacific/Apia", on_gap="shift")


@settings(max_examples=150, deadline=None)
@example(SAMOA, at("2011-12-29T02:00:00-10:00"), [60 * 3_600])
@given(schedules, MOMENTS, st.lists(st.integers(1, 50 * 3_600), min_size=1, max_size=5))
def test_times_in_bulk_are_those_of_the_timetable(schedule: Schedule, since: Micros, steps: list[int]) -> None:
    high, found = since, []
    nominal = Nominal(schedule, anchor=since - DAY, since=since)
    for step in steps:
        high += step * SECOND
        found += nominal.until(high)
    told = list(takewhile(lambda one: one.at < high, timetable(schedule, anchor=since - DAY).after(since - 1)))
    assert found == [one.at for one in told if one.skip is None]
    assert nominal.left_out.times == Counter(one.skip for one in told if one.skip is not None)


@settings(max_examples=100, deadline=None)
@given(schedules, MOMENTS)
def test_a_delay_is_followed_by_the_first_time_of_its_timetable(schedule: Schedule, ended: Micros) -> None:
    if not isinstance(schedule, FixedDelay):
        return
    until = ended + 9 * DAY
    times = takewhile(lambda one: one.at < until, timetable(schedule, anchor=ended).after(ended))
    first = next((one.at for one in times if one.skip is None), None)
    assert Delays(schedule, since=ended).after(ended, until=until) == first


RUNS = st.lists(st.tuples(st.integers(0, 100), st.integers(1, 60)), max_size=30)


@given(RUNS, st.lists(st.integers(1, 99), max_size=4, unique=True))
def test_the_most_at_once_is_what_a_count_at_each_moment_says(drawn: list[tuple[int, int]], cuts: list[int]) -> None:
    runs = sorted((start, start + length) for start, length in drawn if start < 100)
    bounds = [0, *sorted(cuts), 100]
    running, peaks = Running(), []
    for low, high in pairwise(bounds):
        here = [run for run in runs if low <= run[0] < high]
        peaks += running.pass_([start for start, _ in here], [end for _, end in here], [(low, high)])
    assert peaks == [max(_counts(runs, low, high)) for low, high in pairwise(bounds)]
    assert running.most == max(peaks)


def _counts(runs: list[tuple[int, int]], low: int, high: int) -> Iterator[int]:
    return (sum(start <= moment < end for start, end in runs) for moment in range(low, high))


@given(MOMENTS, ZONES, st.integers(1, 40))
def test_the_hours_of_a_span_have_no_holes_and_know_their_date(since: Micros, zone: str, count: int) -> None:
    span = Span.days_from(since, count, zone)
    assert (span.hours[0].start, span.hours[-1].end) == (span.since, span.until)
    assert all(one.end == other.start for one, other in pairwise(span.hours))
    assert all(0 < hour.end - hour.start <= HOUR for hour in span.hours)
    for hour in span.hours[::7]:
        day = span.day(hour.start)
        assert span.day(span.next_day(day) - MINUTE // 60) == day
