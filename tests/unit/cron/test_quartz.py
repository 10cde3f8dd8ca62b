"""Quartz expressions, feature by feature, on dates that were looked up in a calendar (H1.1)."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice

import pytest

from hengio.cron.parse import parse

EPOCH = datetime(1970, 1, 1)


def walls(expression: str, start: str, count: int) -> list[str]:
    seconds = (datetime.fromisoformat(start) - EPOCH) // timedelta(seconds=1)
    found = islice(parse(expression).walls(seconds), count)
    return [(EPOCH + timedelta(seconds=each)).isoformat(" ") for each in found]


def days(expression: str, start: str, count: int) -> list[str]:
    return [each[: len("2026-01-01")] for each in walls(expression, start, count)]


@pytest.mark.requirement("H1.1")
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 0 2 L * ?", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("0 0 2 l-3 * ?", ["2026-01-28", "2026-02-25", "2026-03-28"]),
        ("0 0 2 L-30 * ?", ["2026-01-01", "2026-03-01", "2026-05-01"]),
        ("0 0 2 LW * ?", ["2026-01-30", "2026-02-27", "2026-03-31", "2026-04-30", "2026-05-29"]),
        ("0 0 2 L-3W * ?", ["2026-01-28", "2026-02-25", "2026-03-27"]),
        ("0 0 2 15W * ?", ["2026-01-15", "2026-02-16", "2026-03-16", "2026-04-15", "2026-05-15", "2026-06-15"]),
        ("0 0 2 1W * ?", ["2026-01-01", "2026-02-02", "2026-03-02", "2026-04-01", "2026-05-01", "2026-06-01",
                          "2026-07-01", "2026-08-03"]),
        ("0 0 2 31W * ?", ["2026-01-30", "2026-03-31", "2026-05-29", "2026-07-31"]),
        ("0 0 2 30W 5 ?", ["2026-05-29", "2027-05-31"]),
        ("0 0 2 1,15W,L * ?", ["2026-01-01", "2026-01-15", "2026-01-31", "2026-02-01", "2026-02-16", "2026-02-28"]),
        ("0 0 2 28-3 * ?", ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-28"]),
        ("0 0 2 29 2 ?", ["2028-02-29", "2032-02-29", "2036-02-29"]),
        ("0 0 2 */10 * ?", ["2026-01-01", "2026-01-11", "2026-01-21", "2026-01-31", "2026-02-01"]),
    ],
)  # fmt: skip
def test_days_of_the_month(expression: str, expected: list[str]) -> None:
    assert days(expression, "2026-01-01", len(expected)) == expected


@pytest.mark.requirement("H1.1")
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 0 2 ? * 1", ["2026-01-04", "2026-01-11"]),
        ("0 0 2 ? * 7", ["2026-01-03", "2026-01-10"]),
        ("0 0 2 ? * L", ["2026-01-03", "2026-01-10"]),
        ("0 0 2 ? * mon-Fri", ["2026-01-01", "2026-01-02", "2026-01-05"]),
        ("0 0 2 * * MON-FRI", ["2026-01-01", "2026-01-02", "2026-01-05"]),
        ("0 0 2 ? * FRI-MON", ["2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05", "2026-01-09"]),
        ("0 0 2 ? * 6L", ["2026-01-30", "2026-02-27", "2026-03-27"]),
        ("0 0 2 ? * FRIL", ["2026-01-30", "2026-02-27", "2026-03-27"]),
        ("0 0 2 ? * 6#3", ["2026-01-16", "2026-02-20", "2026-03-20"]),
        ("0 0 2 ? * FRI#5", ["2026-01-30", "2026-05-29", "2026-07-31"]),
        ("0 0 2 ? * MON#1,FRIL,WED", ["2026-01-05", "2026-01-07", "2026-01-14", "2026-01-21", "2026-01-28",
                                      "2026-01-30"]),
        ("0 0 2 ? * 2/2", ["2026-01-02", "2026-01-05", "2026-01-07"]),
        ("0 0 2 * * *", ["2026-01-01", "2026-01-02"]),
        ("0 0 2 * * ?", ["2026-01-01", "2026-01-02"]),
        ("0 0 2 ? * *", ["2026-01-01", "2026-01-02"]),
    ],
)  # fmt: skip
def test_days_of_the_week(expression: str, expected: list[str]) -> None:
    assert days(expression, "2026-01-01", len(expected)) == expected


@pytest.mark.requirement("H1.1")
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 0 2 1 NOV-FEB ?", ["2026-01-01", "2026-02-01", "2026-11-01", "2026-12-01", "2027-01-01"]),
        ("0 0 2 1 jan,JUL ?", ["2026-01-01", "2026-07-01"]),
        ("0 0 2 1 12-12 ?", ["2026-12-01", "2027-12-01"]),
        ("0 0 2 1 */5 ?", ["2026-01-01", "2026-06-01", "2026-11-01", "2027-01-01"]),
        ("0 0 2 1 1 ? 2027-2029", ["2027-01-01", "2028-01-01", "2029-01-01"]),
        ("0 0 2 1 1 ? 2027/5", ["2027-01-01", "2032-01-01"]),
        ("0 0 2 1 1 ? 1999,2199", ["2199-01-01"]),
        ("0 0 2 1 1 ? *", ["2026-01-01", "2027-01-01"]),
    ],
)
def test_months_and_years(expression: str, expected: list[str]) -> None:
    assert days(expression, "2026-01-01", len(expected)) == expected


@pytest.mark.requirement("H1.1")
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 30 22-2 * * ?", ["00:30:00", "01:30:00", "02:30:00", "22:30:00", "23:30:00"]),
        ("0 0 22-4/3 * * ?", ["01:00:00", "04:00:00", "22:00:00"]),
        ("50-10/10 0 0 * * ?", ["00:00:00", "00:00:10", "00:00:50"]),
        ("0 5/20 0 * * ?", ["00:05:00", "00:25:00", "00:45:00"]),
        ("/20 0 0 * * ?", ["00:00:00", "00:00:20", "00:00:40"]),
        ("*/20 0 0 * * ?", ["00:00:00", "00:00:20", "00:00:40"]),
        ("0 10-30/10,5 0 * * ?", ["00:05:00", "00:10:00", "00:20:00", "00:30:00"]),
        ("  0\t0  12 *  * ? ", ["12:00:00"]),
    ],
)
def test_times_of_the_day(expression: str, expected: list[str]) -> None:
    assert [each[-len("00:00:00") :] for each in walls(expression, "2026-01-01", len(expected))] == expected


def test_the_first_moment_counts_and_what_is_before_it_does_not() -> None:
    assert walls("5,10 30 2 * * ?", "2026-01-01 02:30:05", 1) == ["2026-01-01 02:30:05"]
    assert walls("5,10 30 2 * * ?", "2026-01-01 02:30:06", 1) == ["2026-01-01 02:30:10"]
    assert walls("5,10 30 2 * * ?", "2026-01-01 02:30:11", 1) == ["2026-01-02 02:30:05"]


@pytest.mark.parametrize("expression", ["0 0 0 30 2 ?", "0 0 0 31W 4 ?", "0 0 0 ? 2 MON#5 2026"])
def test_an_expression_may_never_fire(expression: str) -> None:
    assert walls(expression, "1970-01-01", 1) == []


def test_times_end_with_the_year_2199() -> None:
    assert walls("0 0 0 1 1 ?", "2198-06-01", 5) == ["2199-01-01 00:00:00"]
    assert walls("0 0 0 1 1 ?", "2300-01-01", 1) == []
    assert walls("0 0 0 1 1 ?", "1960-01-01", 1) == ["1970-01-01 00:00:00"]


@pytest.mark.requirement("H1.2")
@pytest.mark.parametrize(
    ("expression", "wildcard", "every_hour"),
    [
        ("0 30 2 * * ?", False, False),
        ("*/5 30 2 * * ?", False, False),
        ("0 * 2 * * ?", True, False),
        ("0 /5 2 * * ?", True, False),
        ("0 0 */2 * * ?", True, False),
        ("0 0 * * * ?", True, True),
        ("0 0 0-23 * * ?", False, True),
        ("0,30 * * * *", True, True),
        ("0 2 * * *", False, False),
    ],
)
def test_a_wildcard_is_an_hour_or_minute_that_begins_with_a_star(
    expression: str, wildcard: bool, every_hour: bool
) -> None:
    known = parse(expression)
    assert (known.is_wildcard, known.every_hour) == (wildcard, every_hour)


def test_an_expression_is_a_value() -> None:
    assert parse("0 0 2 * * ?") == parse("0 0 2 * * ?")
    assert parse("0 0 2 * * ?") != parse("0 0 3 * * ?")
    assert (parse("0 0 2 * * ?").dialect, parse("0 2 * * *").dialect) == ("quartz", "unix")
