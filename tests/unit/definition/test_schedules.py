"""A schedule is data with a shape of its own, checked at creation (H1, H3.6)."""

from __future__ import annotations

from typing import Any

import pytest

from hengio.definition.validate import Report, validate

CRON = {"type": "cron", "expression": "0 0 2 ? * MON-FRI"}
RATE = {"type": "fixed_rate", "interval_seconds": 900}
COUNTRIES = "two capital letters as in ISO 3166, such as `VN`; for a part of a country `DE-BY`"


def scheduled(schedule: Any) -> Report:
    step = {"id": "a", "type": "database", "config": {"connection": "shop", "query": "SELECT 1"}}
    return validate({"name": "j", "schedule": schedule, "steps": [step]})


@pytest.mark.requirement("H3.1", "H3.6")
@pytest.mark.parametrize(
    "schedule",
    [
        CRON,
        {"type": "cron", "expression": "0 0 2 L * ? 2026-2030", "timezone": "Europe/Berlin", "on_gap": "shift",
         "on_overlap": "both", "start_date": "2026-11-23", "end_date": "2027-11-23T08:00:00+07:00"},
        RATE,
        {**RATE, "misfire": {"policy": "fire_all", "window_seconds": 3600.0, "limit": 10}, "jitter_seconds": 2.5},
        {"type": "fixed_delay", "delay_seconds": 60},
        {"type": "one_time", "execute_at": "2026-11-23T08:00"},
        {**CRON, "calendar": {"skip_holidays": "VN", "business_days_only": True, "shift": "next_business_day",
                              "blackout_dates": ["2027-02-06"]}},
    ],
)  # fmt: skip
def test_every_kind_of_schedule_is_kept_as_it_was_written(schedule: dict[str, Any]) -> None:
    report = scheduled(schedule)
    assert report.errors == ()
    assert report.normalized["schedule"] == schedule
    assert report.warnings == ()


@pytest.mark.requirement("H3.5", "H3.6")
@pytest.mark.parametrize(
    ("schedule", "path", "message", "hint"),
    [
        ({}, "", "missing required field `type`", "one of `cron`, `fixed_rate`, `fixed_delay`, `one_time`"),
        ({"type": "corn"}, ".type",
         'expected one of `cron`, `fixed_rate`, `fixed_delay`, `one_time`, got "corn"', "did you mean `cron`?"),
        ({"type": "cron"}, "", "missing required field `expression`", ""),
        ({**CRON, "time_zone": "Asia/Tokyo"}, ".time_zone", "unknown field `time_zone`", "did you mean `timezone`?"),
        ({**CRON, "misfire": {"polcy": "skip"}}, ".misfire.polcy", "unknown field `polcy`", "did you mean `policy`?"),
        ({**CRON, "calendar": {"shift": "nxet_business_day"}}, ".calendar.shift",
         'expected one of `next_business_day`, `previous_business_day`, `skip`, got "nxet_business_day"',
         "did you mean `next_business_day`?"),
        ({**CRON, "timezone": "Asia/Ho_Chi_Min"}, ".timezone", 'there is no time zone "Asia/Ho_Chi_Min"',
         "did you mean `Asia/Ho_Chi_Minh`?"),
        ({**CRON, "timezone": "Asia/Hanoi"}, ".timezone", 'there is no time zone "Asia/Hanoi"',
         "did you mean `Asia/Ho_Chi_Minh`?"),
        ({**CRON, "timezone": "new delhi"}, ".timezone", 'there is no time zone "new delhi"',
         "did you mean `Asia/Kolkata`?"),
        ({**CRON, "skip_holidays": "VN"}, ".skip_holidays", "unknown field `skip_holidays`",
         "`skip_holidays` belongs into `calendar`"),
        ({**CRON, "policy": "skip"}, ".policy", "unknown field `policy`", "`policy` belongs into `misfire`"),
        ({**CRON, "timezone": "../../etc/passwd"}, ".timezone", 'there is no time zone "../../etc/passwd"', ""),
        ({**CRON, "timezone": "localtime"}, ".timezone", 'there is no time zone "localtime"', ""),
        ({**CRON, "expression": "0 2 * *"}, ".expression",
         "a cron expression has 6 or 7 fields, or the 5 of Unix; this has 4",
         "`sec min hour day-of-month month day-of-week [year]`, or the five fields of Unix"),
        ({**RATE, "interval_seconds": 0}, ".interval_seconds", "must be from 1 to 316224000, got 0", ""),
        ({**RATE, "interval_seconds": 10**18}, ".interval_seconds",
         "must be from 1 to 316224000, got 1000000000000000000", ""),
        ({"type": "fixed_delay", "delay_seconds": 10**18}, ".delay_seconds",
         "must be from 1 to 316224000, got 1000000000000000000", ""),
        ({**RATE, "interval_seconds": "often"}, ".interval_seconds", 'expected a whole number, got "often"', ""),
        ({**RATE, "jitter_seconds": -1}, ".jitter_seconds", "must be from 0 to 86400, got -1.0", ""),
        ({**RATE, "misfire": {"limit": 0}}, ".misfire.limit", "must be from 1 to 10000, got 0", ""),
        ({**RATE, "start_date": "23.11.2026"}, ".start_date", '"23.11.2026" is not a date',
         "write it as `2026-11-23` or `2026-11-23T08:00:00+07:00`"),
        ({**RATE, "start_date": "2026-02-30"}, ".start_date", '"2026-02-30" is not a date',
         "write it as `2026-11-23` or `2026-11-23T08:00:00+07:00`"),
        ({**RATE, "start_date": "2026-11-24", "end_date": "2026-11-23"}, ".end_date",
         "must not come before `start_date`", ""),
        ({**RATE, "start_date": "0001-01-01T00:00:00+14:00", "end_date": "0001-01-01"}, None, "", ""),
        ({"type": "one_time", "execute_at": "2026-11-23"}, ".execute_at", '"2026-11-23" is not a date and time',
         "write it as `2026-11-23T08:00:00` or with its offset, `2026-11-23T08:00:00+07:00`"),
        ({**RATE, "calendar": {"skip_holidays": "Vietnam"}}, ".calendar.skip_holidays",
         '"Vietnam" is not a country whose holidays are known', f"did you mean `VN`? {COUNTRIES}"),
        ({**RATE, "calendar": {"skip_holidays": "VNM"}}, ".calendar.skip_holidays",
         '"VNM" is not a country whose holidays are known', f"did you mean `VN`? {COUNTRIES}"),
        ({**RATE, "calendar": {"skip_holidays": "Germny"}}, ".calendar.skip_holidays",
         '"Germny" is not a country whose holidays are known', f"did you mean `DE`? {COUNTRIES}"),
        ({**RATE, "calendar": {"skip_holidays": "DE-BYY"}}, ".calendar.skip_holidays",
         '"DE-BYY" is not a country whose holidays are known', f"did you mean `DE-BY`? {COUNTRIES}"),
        ({**RATE, "calendar": {"skip_holidays": "??"}}, ".calendar.skip_holidays",
         '"??" is not a country whose holidays are known', COUNTRIES),
        ({**CRON, "expression": "0 61 2 ? * MON"}, ".expression",
         "`61` in the minute field (column 3) is not from 0 to 59", "it takes 0 to 59"),
        ({**CRON, "expression": "0 0 2 ? * MOM"}, ".expression",
         "`MOM` in the day-of-week field (column 11) is no day-of-week",
         "did you mean `MON`? it takes 1 to 7, or SUN to SAT"),
        ({**CRON, "expression": "0 0 2 1 * MON"}, ".expression",
         "day-of-month and day-of-week are both restricted, which Quartz does not take",
         "write `?` in the one that is not meant; the five fields of Unix take days that either means"),
        ({**CRON, "expression": "@reboot"}, ".expression", "`@reboot` is no time",
         "start the job by hand, or with a webhook, when the machine is up"),
        ({**CRON, "expression": "0 0 2 30 2 ?"}, ".expression", "it never fires", ""),
        ({**CRON, "expression": "0 0 2 * * ? 2026", "start_date": "2027-01-01"}, ".expression", "it never fires", ""),
        ({**CRON, "expression": "0 0 2 ? * SAT", "calendar": {"business_days_only": True}}, ".expression",
         "it never fires", "its calendar leaves out every time, such as 1970-01-03T02:00:00+08:00: Saturday"),
        ({**CRON, "expression": "0 0 2 1 1 ?", "calendar": {"skip_holidays": "VN"}}, ".expression", "it never fires",
         "its calendar leaves out every time, such as 1971-01-01T02:00:00+08:00: Tết Dương lịch"),
        ({"type": "one_time", "execute_at": "2027-02-06T08:00", "calendar": {"skip_holidays": "VN"}}, ".execute_at",
         "it never fires", "its calendar leaves out every time, such as 2027-02-06T08:00:00+07:00: Tết Nguyên Đán"),
        ({"type": "one_time", "execute_at": "2027-02-06T08:00", "end_date": "2027-02-05"}, ".execute_at",
         "it never fires", ""),
        ({**RATE, "calendar": {"blackout_dates": ["2027-02-06", "Tet"]}}, ".calendar.blackout_dates[1]",
         '"Tet" is not a date', "write it as `2026-11-23`"),
    ],
)  # fmt: skip
def test_a_bad_schedule_is_told_at_its_place(schedule: Any, path: str | None, message: str, hint: str) -> None:
    found = [(each.path, each.message, each.hint) for each in scheduled(schedule).errors]
    assert found == ([] if path is None else [(f"$.schedule{path}", message, hint)])


@pytest.mark.requirement("H1.1")
@pytest.mark.parametrize("expression", ["0 2 * * 1-5", "@daily"])
def test_a_unix_expression_is_accepted_and_told_as_one(expression: str) -> None:
    report = scheduled({"type": "cron", "expression": expression})
    assert report.valid
    assert next((each.path, each.message, each.hint) for each in report.warnings) == (
        "$.schedule.expression",
        f"read as five-field Unix cron: `{expression}`",
        "Sunday is 0 or 7; with a second in front it is a Quartz expression, where Sunday is 1",
    )


def test_the_last_day_of_a_schedule_is_in_it() -> None:
    day = "2026-11-23"
    assert scheduled({**RATE, "start_date": f"{day}T23:59:00", "end_date": day}).valid


@pytest.mark.requirement("H3.4")
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("0 0 2 * * MON-FRI", "0 0 2 ? * MON-FRI"),
        ("0 0 2 * * 2-6 2026", "0 0 2 ? * 2-6 2026"),
        ("0 0 2 * * ?", "0 0 2 * * ?"),
        ("0 0 2 * * *", "0 0 2 * * *"),
        ("0 2 * * 1-5", "0 2 * * 1-5"),
    ],
)
def test_every_day_of_the_month_beside_a_day_of_the_week_means_any(written: str, meant: str) -> None:
    assert scheduled({"type": "cron", "expression": written}).normalized["schedule"]["expression"] == meant
