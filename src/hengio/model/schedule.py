"""When a job is to run by itself (H1): the author's data, not yet any point in time.

Times are ISO 8601 texts: `2026-11-23`, or `2026-11-23T08:00:00` with or without an offset; without one they are meant
in the schedule's time zone. What a shape cannot say (ranges, that a zone exists) is checked by `definition.schedules`.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

ZONE = "Asia/Ho_Chi_Minh"
"""The time zone of a schedule that names none (H1.2)."""


class Calendar(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Days on which the job does not run (H1.4), and what becomes of a fire that falls on one.

    `skip_holidays` is the country whose public holidays are left out, such as `VN`. `business_days_only` leaves out
    Saturdays and Sundays. `blackout_dates` are days of one's own. `shift` moves a fire from such a day to the business
    day next to it, or skips it.
    """

    skip_holidays: str | None = None
    business_days_only: bool = False
    shift: Literal["skip", "next_business_day", "previous_business_day"] = "skip"
    blackout_dates: tuple[str, ...] = ()


class Misfire(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What becomes of fires that nobody was there for (H1.5).

    `policy` makes up for them once, for all of them, or not. `window_seconds` is how late a fire may be made up for;
    without it, however late. `limit` is how many of them `fire_all` makes up for at most.
    """

    policy: Literal["fire_once", "fire_all", "skip"] = "fire_once"
    window_seconds: float | None = None
    limit: int = 100


class _Schedule(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="type"):
    """What every schedule may say.

    `timezone` is an IANA time zone. Fires lie from `start_date` to `end_date`, both included. `calendar` is the days to
    leave out. `misfire` is what becomes of missed fires. `jitter_seconds` delays each by a random time up to that.
    """

    timezone: str = ZONE
    start_date: str | None = None
    end_date: str | None = None
    calendar: Calendar = Calendar()
    misfire: Misfire = Misfire()
    jitter_seconds: float = 0.0


class CronSchedule(_Schedule, frozen=True, kw_only=True, tag="cron"):
    """Fires where a cron `expression` says: the 6 or 7 fields of Quartz, or the 5 of Unix (H1.1).

    `on_gap` is for a time that daylight saving leaves out. `on_overlap` is for one that comes twice. Without them a
    fixed hour and minute fires exactly once (H1.2).
    """

    expression: str
    on_gap: Literal["skip", "shift"] | None = None
    on_overlap: Literal["first", "second", "both"] | None = None


class FixedRate(_Schedule, frozen=True, kw_only=True, tag="fixed_rate"):
    """Fires every `interval_seconds` from a fixed anchor, however long an execution takes (H1.3)."""

    interval_seconds: int


class FixedDelay(_Schedule, frozen=True, kw_only=True, tag="fixed_delay"):
    """Fires `delay_seconds` after the previous execution ended (H1.3)."""

    delay_seconds: int


class OneTime(_Schedule, frozen=True, kw_only=True, tag="one_time"):
    """Fires once, at the date and time `execute_at` (H1.3)."""

    execute_at: str


Schedule = CronSchedule | FixedRate | FixedDelay | OneTime
