"""What becomes of times that daylight saving leaves out or repeats (H1.2)."""

from __future__ import annotations

from itertools import islice

import pytest

from hengio.model.schedule import CronSchedule
from hengio.timetable.compile import timetable
from tests.support.timetables import at, cron, told

NEW_YORK = "America/New_York"


def days(schedule: CronSchedule, start: str, count: int) -> list[tuple[str, str | None, str]]:
    return told(islice(timetable(schedule, anchor=0).after(at(start) - 1), count))


@pytest.mark.requirement("H1.2")
def test_a_fixed_time_in_a_gap_is_moved_behind_it() -> None:
    assert days(cron("0 30 2 * * ?", NEW_YORK), "2026-03-08T00:00-05:00", 2) == [
        ("2026-03-08T03:30:00-04:00", None, "02:30 does not exist that day, moved to 03:30"),
        ("2026-03-09T02:30:00-04:00", None, ""),
    ]
