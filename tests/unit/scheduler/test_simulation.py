"""What a simulation says of a month of schedules (H1.5, H1.7)."""

from __future__ import annotations

from typing import Any

import pytest

from hengio.errors import Refused
from hengio.model.schedule import Calendar, CronSchedule, FixedDelay, FixedRate
from hengio.scheduler.simulation import course
from hengio.scheduler.simulation.advice import about, overall
from hengio.scheduler.simulation.durations import ASSUMED, Durations
from hengio.scheduler.simulation.follow import Subject
from hengio.scheduler.simulation.simulate import fires, simulate
from hengio.scheduler.simulation.span import Span
from tests.support.schedules import HOUR, at, hourly
from tests.support.simulating import DAWN, a_subject, days, outlook, simulated

TET = at("2027-02-01T00:00:00+07:00")
SPRING = at("2027-03-01T00:00:00-05:00")
NEW_YORK = "America/New_York"


def told(subject: Subject, span: Span | None = None) -> list[str]:
    """What there is to say of the one job."""
    return [one.text for one in about(outlook(subject, span), span or days(1))]


@pytest.mark.requirement("H1.4", "H1.7")
def test_a_month_with_tet_leaves_out_its_days_and_names_them() -> None:
    schedule = CronSchedule(expression="0 0 8,14 * * ?", calendar=Calendar(skip_holidays="VN"))
    subject, span = a_subject(schedule, since=TET), days(28, since=TET)
    done = outlook(subject, span)
    left = sum(done.left_out.values())
    assert left >= 5
    assert any("Tết" in name for name in done.left_out)
    assert (done.fires, done.skipped, done.days) == (2 * (28 - left), {"holiday": 2 * left}, 28 - left)
    assert any(f"it fires on {28 - left} of 28 dates" in text for text in told(subject, span))


@pytest.mark.requirement("H1.2", "H1.7")
def test_a_month_in_new_york_tells_of_the_time_that_does_not_exist() -> None:
    schedule = CronSchedule(expression="0 30 2 * * ?", timezone=NEW_YORK, on_gap="skip")
    subject, span = a_subject(schedule, since=SPRING), days(31, since=SPRING, zone=NEW_YORK)
    done = outlook(subject, span)
    assert (done.fires, done.skipped, span.dates) == (30, {"dst-gap": 1}, 31)
    assert span.seconds == 31 * 86_400 - 3_600
    assert any("the clock jumps over 1 of its times: 2027-03-14" in text for text in told(subject, span))
    assert any("the clock is changed on 2027-03-14" in text for text in told(subject, span))


@pytest.mark.requirement("H1.7")
def test_an_hour_that_comes_twice_has_the_executions_of_both() -> None:
    since = at("2026-11-01T00:00:00-04:00")
    done = simulated(a_subject(hourly(timezone=NEW_YORK), since=since), days(1, since=since, zone=NEW_YORK))
    assert list(done.heat.begun) == [1, 2, *[1] * 22]


SLOW = FixedRate(interval_seconds=60)


@pytest.mark.requirement("H1.5")
@pytest.mark.parametrize(
    ("policy", "fired", "skipped", "cancelled", "at_once"),
    [
        ({}, 720, {"overlap": 720}, 0, 1),
        ({"overlap": "queue"}, 1_440, {}, 0, 1),
        ({"exclusive": False}, 1_440, {}, 0, 2),
        ({"overlap": "cancel_running"}, 1_440, {}, 1_439, 1),
    ],
)
def test_executions_that_take_longer_than_the_interval(
    policy: dict[str, Any], fired: int, skipped: dict[str, int], cancelled: int, at_once: int
) -> None:
    done = outlook(a_subject(SLOW, 70.0, **policy))
    assert (done.fires, done.skipped, done.cancelled, done.greatest_concurrency) == (fired, skipped, cancelled, at_once)


@pytest.mark.requirement("H1.5")
def test_overlaps_are_told_with_what_can_be_done() -> None:
    subject = a_subject(SLOW, 70.0)
    [remark] = about(outlook(subject), days(1))
    assert remark.text == "it runs 70 s on average every 60 s: 720 of 1,440 fires are skipped as overlap"
    assert remark.hint
    assert "cancelled by the next one" in told(a_subject(SLOW, 70.0, overlap="cancel_running"))[0]
    assert "up to 2 executions of it run at once" in told(a_subject(SLOW, 70.0, exclusive=False))


@pytest.mark.requirement("H1.5")
def test_a_queue_that_grows_is_told() -> None:
    done = outlook(a_subject(SLOW, 90.0, overlap="queue"))
    waits = done.waits
    assert (waits.left, done.begun, waits.longest_queue) == (480, 960, 480)
    assert waits.longest_seconds == 1_439 * 30
    assert waits.mean_seconds == pytest.approx(1_439 * 15)
    assert done.busy == pytest.approx(1.0, abs=0.001)
    assert "480 executions wait at the end" in told(a_subject(SLOW, 90.0, overlap="queue"))[0]


def test_a_queue_that_would_fill_the_memory_is_followed_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "MOST_WAITING", 100)
    for jitter in (0.0, 30.0):
        schedule = FixedRate(interval_seconds=60, jitter_seconds=jitter)
        done = outlook(a_subject(schedule, 600.0, overlap="queue"))
        assert done.halted is not None
        assert done.fires < 200
        assert done.waits.longest_queue <= 101


@pytest.mark.requirement("H1.3")
def test_a_fixed_delay_fires_after_each_execution() -> None:
    done = outlook(a_subject(FixedDelay(delay_seconds=50), 10.0))
    assert (done.fires, done.skipped, done.every_seconds) == (1_440, {}, 60.0)
    assert done.first_fire == DAWN + 50_000_000
    slower = outlook(a_subject(FixedDelay(delay_seconds=50), 70.0))
    assert slower.fires == 86_400 // 120


@pytest.mark.requirement("H1.5")
def test_a_herd_at_the_full_hour_is_seen_and_jitter_spreads_it() -> None:
    herd = [a_subject(hourly(), 5.0, name=f"job-{number:02}") for number in range(50)]
    done = simulated(herd)
    first = done.minutes[0]
    assert (first.begun, first.jobs, len(first.most), done.peak) == (50, 50, 20, 50)
    assert [minute.at for minute in done.minutes] == [DAWN + hour * HOUR for hour in range(10)]
    assert sum(done.heat.begun) == done.fires == 50 * 24
    assert "in the busiest minute 50 executions of 50 jobs begin" in overall(done)[0].text
    spread = simulated([a_subject(hourly(jitter_seconds=1_800.0), 5.0, name=f"job-{n:02}") for n in range(50)])
    assert spread.minutes[0].begun < 10
    assert spread.peak < 5
    assert spread.fires == done.fires


def test_more_at_once_than_a_worker_runs_is_told() -> None:
    done = simulated([a_subject(hourly(), 5.0, name=f"job-{number}") for number in range(5)])
    assert "up to 5 executions run at once, and a worker runs 4" in overall(done, at_once=4)[0].text
    assert overall(done, at_once=5) == ()


@pytest.mark.requirement("H1.8")
@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"paused": True}, "its schedule is paused: it will not fire"),
        ({"enabled": False}, "it is disabled: it will not fire"),
        ({"problem": "damaged"}, "it is not followed: it was stopped: damaged"),
    ],
)
def test_what_does_not_fire_is_told(row: dict[str, Any], text: str) -> None:
    subject = a_subject(hourly(), **row)
    assert told(subject) == [text]
    assert outlook(subject).fires == 0


def test_what_is_paused_is_counted_as_the_ledger_would() -> None:
    assert outlook(a_subject(hourly(), paused=True)).skipped == {"paused": 24}


def test_a_schedule_that_never_fires_in_that_time_is_told() -> None:
    assert told(a_subject(CronSchedule(expression="0 0 0 1 1 ? 2030"))) == ["it never fires in this time"]
    off = CronSchedule(expression="0 0 8 * * ?", calendar=Calendar(blackout_dates=("2026-11-30",)))
    assert told(a_subject(off))[0] == "it never fires in this time, all of its times are left out"


def test_a_schedule_that_cannot_be_evaluated_harms_no_other() -> None:
    bad, good = a_subject(hourly(timezone="Mars/Olympus"), name="bad"), a_subject(hourly(), name="good")
    worse = a_subject(CronSchedule(expression="nonsense"), name="worse")
    first, second, third = simulated([bad, good, worse]).jobs
    assert first.problem is not None
    assert "there is no time zone" in first.problem
    assert (second.problem, second.fires) == (None, 24)
    assert third.problem is not None
    assert [one.name for one in fires([bad, good, worse], days(1), limit=3)] == ["good"] * 3


def test_what_would_take_too_long_is_refused() -> None:
    every = [a_subject(CronSchedule(expression="* * * * * ?"), name=f"job-{number}") for number in range(12)]
    with pytest.raises(Refused, match="up to 3") as refused:
        simulate(every, days(30))
    assert "'job-9'" in refused.value.hint
    monthly = [a_subject(CronSchedule(expression="* * * 1 * ?"), name=f"job-{number}") for number in range(12)]
    assert len(simulate(monthly[:1], days(2)).jobs) == 1


def test_the_first_fires_are_those_of_all_jobs_in_their_order() -> None:
    subjects = [a_subject(hourly(), 5_000.0, name="a"), a_subject(FixedRate(interval_seconds=1_800), name="b")]
    found = [(one.name, one.verdict.at - DAWN, one.verdict.reason) for one in fires(subjects, days(1), limit=5)]
    half = HOUR // 2
    assert found == [
        ("a", 0, None),
        ("b", half - 1, None),
        ("b", 2 * half - 1, None),
        ("a", HOUR, "overlap"),
        ("b", 3 * half - 1, None),
    ]


def test_a_fixed_rate_keeps_its_grid_before_it_was_saved() -> None:
    later = a_subject(FixedRate(interval_seconds=3_600), since=DAWN + 10 * HOUR + 7)
    done = outlook(later)
    assert (done.fires, done.first_fire) == (24, DAWN + 7)


def test_an_execution_counts_only_in_the_time_that_is_simulated() -> None:
    done = outlook(a_subject(CronSchedule(expression="0 0 23 * * ?"), 7_200.0))
    assert (done.compute_seconds, done.busy) == (3_600.0, pytest.approx(1 / 24))


def test_a_duration_is_drawn_evenly_and_always_the_same() -> None:
    durations = Durations.of("measured", [1.0, 2.0, 3.0, 4.0])
    draw, again = durations.drawn("job"), durations.drawn("job")
    drawn = [draw(DAWN + second * 1_000_000) for second in range(4_000)]
    assert drawn == [again(DAWN + second * 1_000_000) for second in range(4_000)]
    assert all(900 < drawn.count(value) < 1_100 for value in durations.values)
    assert (durations.mean, durations.median, durations.p95) == (2.5, 2.5, 4.0)
    assert (ASSUMED.source, ASSUMED.mean) == ("assumed", 1.0)
