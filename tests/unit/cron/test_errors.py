"""What is wrong with an expression is told by field, column and what is allowed there (H1.1, H3.6)."""

from __future__ import annotations

import pytest

from hengio.cron.errors import CronError
from hengio.cron.parse import MOST_CHARACTERS, parse

MONTH_DAYS = "1 to 31, L (the last day), L-3 (three days before it), 15W (the weekday nearest to the 15th) or LW"
WEEK_DAYS = "1 (SUN) to 7 (SAT), 6L or FRIL (the last Friday), 6#3 or FRI#3 (the third Friday)"
LAYOUT = "`sec min hour day-of-month month day-of-week [year]`, or the five fields of Unix"
SIX = "`? L W #` belong to Quartz's six fields: put a second in front"


def fault(text: str) -> CronError:
    with pytest.raises(CronError) as raised:
        parse(text)
    return raised.value


@pytest.mark.requirement("H1.1", "H3.6")
@pytest.mark.parametrize(
    ("text", "field", "column", "message", "hint"),
    [
        ("0 61 * * * *", "minute", 3, "`61` in the minute field (column 3) is not from 0 to 59", "it takes 0 to 59"),
        ("0  0 24 * * ?", "hour", 6, "`24` in the hour field (column 6) is not from 0 to 23", "it takes 0 to 23"),
        ("0 0 0 ? * MON,MOM", "day-of-week", 15, "`MOM` in the day-of-week field (column 15) is no day-of-week",
         "did you mean `MON`? it takes 1 to 7, or SUN to SAT"),
        ("0 0 0 ? JUNE *", "month", 9, "`JUNE` in the month field (column 9) is no month",
         "did you mean `JUN`? it takes 1 to 12, or JAN to DEC"),
        ("0 0 0 ? * 0", "day-of-week", 11, "`0` in the day-of-week field (column 11) is not from 1 to 7",
         "it takes 1 to 7, or SUN to SAT"),
        ("0 0 0 ? * 8L", "day-of-week", 11, "`8` in the day-of-week field (column 11) is not from 1 to 7",
         "it takes 1 to 7, or SUN to SAT"),
        ("0 0 0 ? * 3W", "day-of-week", 11, "`3W` in the day-of-week field (column 11) belongs to the day of the month",
         WEEK_DAYS),
        ("0 0 0 ? * FRI#6", "day-of-week", 14, "`#6` in the day-of-week field (column 14) does not count from 1 to 5",
         WEEK_DAYS),
        ("0 0 0 32W * ?", "day-of-month", 7, "`32` in the day-of-month field (column 7) is not from 1 to 31",
         "it takes 1 to 31"),
        ("0 0 0 L-31 * ?", "day-of-month", 7,
         "`L-31` in the day-of-month field (column 7) goes back by more than 30 days", MONTH_DAYS),
        ("0 0 0 1-10W * ?", "day-of-month", 7, "`1-10W` in the day-of-month field (column 7) cannot be read",
         MONTH_DAYS),
        ("0 0 0 1,,2 * ?", "day-of-month", 9, "an empty entry in the day-of-month field (column 9) cannot be read",
         "it takes 1 to 31"),
        ("0 0/ 0 * * ?", "minute", 4, "`/` in the minute field (column 4) is no step",
         "write a number from 1 to 59 behind the `/`"),
        ("0 */60 0 * * ?", "minute", 4, "`/60` in the minute field (column 4) is no step",
         "write a number from 1 to 59 behind the `/`"),
        ("0 */0 0 * * ?", "minute", 4, "`/0` in the minute field (column 4) is no step",
         "write a number from 1 to 59 behind the `/`"),
        ("0 0 0 * * ? 1969", "year", 13, "`1969` in the year field (column 13) is not from 1970 to 2199",
         "it takes 1970 to 2199"),
        ("0 0 0 * * ? 2030-2026", "year", 13, "`2030-2026` in the year field (column 13) ends before it begins",
         "write the smaller number first"),
        ("0 0 ? * * *", "hour", 5, "`?` in the hour field (column 5) is for days only", "it takes 0 to 23"),
        ("0 0 L * * ?", "hour", 5, "`L` in the hour field (column 5) is for days only", "it takes 0 to 23"),
        ("0 0 0 1 * MON", "day-of-week", 11,
         "day-of-month and day-of-week are both restricted, which Quartz does not take",
         "write `?` in the one that is not meant; the five fields of Unix take days that either means"),
        ("0 0 0 ? * ?", "day-of-week", 11, "`?` in both day fields says nothing of the day",
         "write `*` in one of them for every day"),
        ("0 0 0 ?,1 * ?", "day-of-month", 7, "`?,1` in the day-of-month field (column 7) mixes `?` with something",
         "`?` stands alone and means: see the other day field"),
        ("* * L * *", "day-of-month", 5, "`L` in the day-of-month field (column 5) is no Unix cron", SIX),
        ("* * ? * 1", "day-of-month", 5, "`?` in the day-of-month field (column 5) is no Unix cron", SIX),
        ("* * 15W * *", "day-of-month", 5, "`15W` in the day-of-month field (column 5) is no Unix cron", SIX),
        ("* * * * 1,MON#2", "day-of-week", 11, "`MON#2` in the day-of-week field (column 11) is no Unix cron", SIX),
        ("* * * * FRIL", "day-of-week", 9, "`FRIL` in the day-of-week field (column 9) is no Unix cron", SIX),
        ("* * * * 8", "day-of-week", 9, "`8` in the day-of-week field (column 9) is not from 0 to 7",
         "it takes 0 to 7, or SUN to SAT"),
        ("@reboot", "", 1, "`@reboot` is no time",
         "start the job by hand, or with a webhook, when the machine is up"),
        ("@dayly", "", 1, "`@dayly` is no cron expression", "did you mean `@daily`?"),
        ("0 2 * *", "", 1, "a cron expression has 6 or 7 fields, or the 5 of Unix; this has 4", LAYOUT),
        ("", "", 1, "a cron expression has 6 or 7 fields, or the 5 of Unix; this has 0", LAYOUT),
    ],
)  # fmt: skip
def test_a_fault_is_told_by_its_field_and_what_is_allowed(
    text: str, field: str, column: int, message: str, hint: str
) -> None:
    found = fault(text)
    assert (found.field, found.column, found.message, found.hint) == (field, column, message, hint)


@pytest.mark.requirement("H1.1")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 0 ٣ * * ?", r"'\u0663' at column 5 does not belong to a cron expression"),
        ("0 0 ³ * * ?", r"'\xb3' at column 5 does not belong to a cron expression"),
        ("0 0 0 ? * MOΝ", r"'\u039d' at column 13 does not belong to a cron expression"),
        ("0 0 " + "9" * 1_000 + " * * ?",
         "`99999999999999999999…` in the hour field (column 5) is not from 0 to 23"),
        ("0 0 0 ? * FRI#" + "9" * 1_000,
         "`#9999999999999999999…` in the day-of-week field (column 14) does not count from 1 to 5"),
        ("0 0 0 L-" + "9" * 1_000 + " * ?",
         "`L-999999999999999999…` in the day-of-month field (column 7) goes back by more than 30 days"),
        ("0 0 0/" + "9" * 1_000 + " * * ?", "`/9999999999999999999…` in the hour field (column 6) is no step"),
        ("0 0 0 ? * " + "M" * 1_000, "`MMMMMMMMMMMMMMMMMMMM…` in the day-of-week field (column 11) is no day-of-week"),
        ("* " * MOST_CHARACTERS, "a cron expression has at most 2000 characters; this has 4000"),
        ("@" + "x" * 1_000, "`@xxxxxxxxxxxxxxxxxxx` is no cron expression"),
    ],
)  # fmt: skip
def test_hostile_text_is_refused_and_cut_short(text: str, message: str) -> None:
    assert fault(text).message == message
