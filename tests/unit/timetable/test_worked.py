"""The examples of the reference page are right."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import islice
from typing import Any

import pytest

from hengio.cron.parse import parse
from hengio.model.schedule import Calendar, CronSchedule
from hengio.timetable.compile import timetable
from tests.support.criteria import ROOT
from tests.support.timetables import at, fires

PAGE = (ROOT / "docs" / "reference" / "schedules.md").read_text(encoding="utf-8")
EXPRESSIONS = re.findall(r"^\| `([^`]+ [^`]+)` \| [^|]+ \|$", PAGE, re.MULTILINE)
CLOCKS = re.findall(r"^\| (\w+/\w+) \| `([^`]+)` \| (.*?) ?\| (.+) \|$", PAGE, re.MULTILINE)
TET = re.findall(r"^\| `(\w+)` \| ([\d-]+T[^ ]+) \|$", PAGE, re.MULTILINE)


def test_the_page_has_examples() -> None:
    assert (len(EXPRESSIONS), len(CLOCKS), len(TET)) == (9, 8, 2)


@pytest.mark.requirement("H1.1")
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expressions_can_be_read(expression: str) -> None:
    assert next(parse(expression).walls(), None) is not None


@pytest.mark.requirement("H1.2")
@pytest.mark.parametrize(("zone", "expression", "policy", "told"), CLOCKS)
def test_changes_of_the_clock(zone: str, expression: str, policy: str, told: str) -> None:
    given: dict[str, Any] = dict([policy.strip("`").split(": ")]) if policy else {}
    expected = [datetime.fromisoformat(each) for each in told.split(", ")]
    table = timetable(CronSchedule(expression=expression, timezone=zone, **given), anchor=0)
    found = islice(table.fires(at(told.split(", ", maxsplit=1)[0]) - 1), len(expected))
    assert [each.local for each in found] == [each.isoformat() for each in expected]


@pytest.mark.requirement("H1.4")
@pytest.mark.parametrize(("shift", "told"), TET)
def test_tet(shift: Any, told: str) -> None:
    schedule = CronSchedule(expression="0 0 8 5 * ?", calendar=Calendar(skip_holidays="VN", shift=shift))
    assert fires(schedule, "2027-01-31T00:00Z", 1) == [datetime.fromisoformat(told).isoformat()]
