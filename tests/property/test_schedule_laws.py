"""Whoever looks, whenever: each nominal time of a schedule is decided exactly once (H1.5, H1.6, H1.8)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hengio.clock import SECOND, Micros
from hengio.model.fire import FireState
from hengio.model.schedule import Calendar, CronSchedule, FixedRate, Misfire, Schedule
from hengio.scheduler.backlog import MOST
from hengio.scheduler.plan import Plan
from hengio.scheduler.verdict import Verdict
from hengio.storage.schedules import Due
from hengio.timetable.compile import timetable
from tests.support.schedules import DAY, HOUR, MINUTE, a_due, at, planned

BEGIN = at("2026-02-10T00:00:00+07:00")
EXPRESSIONS = (
    "0 0 * * * ?",
    "0 */20 6-9 * * ?",
    "*/30 * * * * ?",
    "0 30 2 * * ?",
    "0 0 8 ? * MON-FRI",
    "15 7 1/3 * * ?",
)
misfires = st.builds(
    Misfire,
    policy=st.sampled_from(["fire_once", "fire_all", "skip"]),
    window_seconds=st.sampled_from([None, 600.0, 7_200.0]),
    limit=st.integers(1, 5),
)
calendars = st.sampled_from([Calendar(), Calendar(skip_holidays="VN"), Calendar(blackout_dates=("2026-02-11",))])
schedules = st.one_of(
    st.builds(
        CronSchedule,
        expression=st.sampled_from(EXPRESSIONS),
        timezone=st.sampled_from(["Asia/Ho_Chi_Minh", "America/New_York", "Australia/Lord_Howe"]),
        misfire=misfires,
        calendar=calendars,
    ),
    st.builds(FixedRate, interval_seconds=st.integers(40, 9_000), misfire=misfires),
)
looks = st.lists(st.sampled_from([1 * SECOND, 20 * SECOND, MINUTE, 9 * MINUTE, HOUR, 5 * HOUR, DAY]), max_size=12)
backwards = st.lists(st.sampled_from([0, 0, 0, 90 * SECOND, 2 * HOUR]), min_size=12, max_size=12)
overlaps = st.sampled_from([None, "skip", "queue", "cancel_running"])


def followed(schedule: Schedule, steps: Sequence[Micros], jumps: Sequence[Micros], overlap: str | None) -> list[Plan]:
    """Looks after each of the steps, with a clock that sometimes goes back."""
    due: Due = a_due(schedule, since=BEGIN, overlap=overlap)
    now, done = BEGIN, []
    for step, jump in zip(steps, jumps, strict=False):
        now = now + step - jump
        plan = planned(due, now=now)
        done.append(plan)
        row = replace(due.row, decided_until=plan.decided_until, next_at=plan.next_at, anchor=plan.anchor)
        due = replace(due, row=row)
    return done


def nominal(schedule: Schedule, until: Micros) -> list[Micros]:
    times = []
    for one in timetable(schedule, anchor=BEGIN).after(BEGIN):
        if one.at > until:
            break
        times.append(one.at)
    return times


def verdicts(done: Sequence[Plan]) -> list[Verdict]:
    return [verdict for plan in done for verdict in plan.verdicts]


@pytest.mark.requirement("H1.6", "H1.8")
@given(schedules, looks, backwards, overlaps)
def test_each_nominal_time_is_decided_exactly_once(
    schedule: Schedule, steps: list[Micros], jumps: list[Micros], overlap: str | None
) -> None:
    done = followed(schedule, steps, jumps, overlap)
    until = done[-1].decided_until if done else BEGIN
    told = verdicts(done)
    single = [verdict.at for verdict in told if verdict.until is None]
    periods = [(verdict.at, verdict.until) for verdict in told if verdict.until is not None]
    covered = [moment for moment in nominal(schedule, until) if not any(a <= moment <= b for a, b in periods)]
    assert single == covered
    assert all(len(plan.verdicts) <= MOST + 1 for plan in done)


@pytest.mark.requirement("H1.8")
@given(schedules, looks, backwards)
def test_the_next_look_is_at_the_next_nominal_time(
    schedule: Schedule, steps: list[Micros], jumps: list[Micros]
) -> None:
    for plan in followed(schedule, steps, jumps, "queue"):
        upcoming = next(timetable(schedule, anchor=BEGIN).after(plan.decided_until), None)
        assert plan.next_at == (None if upcoming is None else upcoming.at)
        assert plan.problem is None


@pytest.mark.requirement("H1.5")
@given(schedules, looks)
def test_what_fires_obeys_the_misfire_policy(schedule: Schedule, steps: list[Micros]) -> None:
    """Nothing that was missed fires under `skip`, one time for all of it under `fire_once`, up to the limit under
    `fire_all`; nothing fires that is older than the window."""
    policy, now = schedule.misfire, BEGIN
    for step, plan in zip(steps, followed(schedule, steps, [0] * len(steps), "queue"), strict=True):
        now += step
        fires = [verdict.at for verdict in plan.verdicts if verdict.state is FireState.FIRED]
        left_out = [v for v in plan.verdicts if v.state is FireState.MISSED or v.reason == "misfire"]
        if not fires or not left_out:
            continue
        match policy.policy:
            case "skip":
                assert all(now - one <= MINUTE for one in fires)
            case "fire_once":
                assert len(fires) == 1
            case "fire_all":
                assert len(fires) <= policy.limit
        if policy.window_seconds is not None and policy.policy != "skip":
            assert all(now - one <= policy.window_seconds * SECOND for one in fires)


@pytest.mark.requirement("H1.5", "H5.8")
@given(schedules, looks)
def test_at_most_one_execution_begins_at_a_look_where_none_may_run_beside_another(
    schedule: Schedule, steps: list[Micros]
) -> None:
    for overlap in ("skip", "cancel_running"):
        for plan in followed(schedule, steps, [0] * len(steps), overlap):
            assert sum(verdict.due_at is not None for verdict in plan.verdicts) <= 1
