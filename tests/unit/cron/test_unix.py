"""Unix expressions have five fields and rules of their own for days (H1.1)."""

from __future__ import annotations

import pytest

from hengio.cron.parse import parse
from tests.unit.cron.test_quartz import days, walls


@pytest.mark.requirement("H1.1")
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 2 * * 1-5", ["2026-01-01", "2026-01-02", "2026-01-05"]),
        ("0 2 * * 0", ["2026-01-04", "2026-01-11"]),
        ("0 2 * * 7", ["2026-01-04", "2026-01-11"]),
        ("0 2 * * 5-7", ["2026-01-02", "2026-01-03", "2026-01-04", "2026-01-09"]),
        ("0 2 * * sat-mon", ["2026-01-03", "2026-01-04", "2026-01-05", "2026-01-10"]),
        ("0 2 * * 7-1", ["2026-01-04", "2026-01-05", "2026-01-11"]),
        ("0 2 * * */2", ["2026-01-01", "2026-01-03", "2026-01-04", "2026-01-06"]),
        ("0 2 * * 0-wed", ["2026-01-04", "2026-01-05", "2026-01-06", "2026-01-07", "2026-01-11"]),
        ("0 2 * jul,feb *", ["2026-02-01", "2026-02-02"]),
    ],
)
def test_weekdays_count_from_sunday_which_is_0_and_7(expression: str, expected: list[str]) -> None:
    assert days(expression, "2026-01-01", len(expected)) == expected


@pytest.mark.requirement("H1.1")
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 2 13 * 5", ["2026-01-02", "2026-01-09", "2026-01-13", "2026-01-16"]),
        ("0 2 1-7 * MON", ["2026-01-01", "2026-01-02", "2026-01-03"]),
        ("0 2 */2 * MON", ["2026-01-05", "2026-01-19", "2026-02-09"]),
        ("0 2 13 * */5", ["2026-02-13", "2026-03-13", "2026-09-13"]),
        ("0 2 13 * *", ["2026-01-13", "2026-02-13"]),
    ],
)
def test_two_restricted_days_mean_either_unless_one_begins_with_a_star(expression: str, expected: list[str]) -> None:
    assert days(expression, "2026-01-01", len(expected)) == expected


@pytest.mark.requirement("H1.1")
@pytest.mark.parametrize(
    ("macro", "meant"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        (" @Annually ", "0 0 1 1 *"),
    ],
)
def test_macros_stand_for_expressions(macro: str, meant: str) -> None:
    assert walls(macro, "2026-01-01", 5) == walls(meant, "2026-01-01", 5)
    assert parse(macro).dialect == "unix"
