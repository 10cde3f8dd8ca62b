"""One nominal time of a schedule, and how several at the same instant become one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from heapq import merge
from operator import attrgetter
from typing import Literal

from msgspec import Struct

from hengio.clock import SECOND, Micros, to_datetime

DAY: Micros = 86_400 * SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SkipReason = Literal["holiday", "dst-gap"]


class Occurrence(Struct, frozen=True):
    """A nominal time of a schedule.

    `skip` is why the schedule itself leaves it out; such a time is recorded with its reason (H1.6). `note` is for
    people. `offset` is that of the schedule's zone at that instant, in seconds east of UTC.
    """

    at: Micros
    skip: SkipReason | None = None
    note: str = ""
    offset: int = 0

    @property
    def local(self) -> str:
        """What the clock on the wall shows, with its offset: `2026-11-23T02:00:00+07:00`."""
        zone = timezone(timedelta(seconds=self.offset))
        return to_datetime(self.at).astimezone(zone).isoformat()

    def joined(self, other: Occurrence) -> Occurrence:
        """This and another one at the same instant: a fire if one of both is a fire, with the notes of both."""
        skip = None if self.skip is None or other.skip is None else self.skip
        return Occurrence(self.at, skip, noted(self.note, other.note), self.offset)


def noted(*notes: str) -> str:
    """Notes in one; what is said twice is said once."""
    parts = [part for note in notes if note for part in note.split("; ")]
    return "; ".join(dict.fromkeys(parts))


def merged(streams: Sequence[Iterator[Occurrence]]) -> Iterator[Occurrence]:
    """Ascending streams as one whose instants are unique; lazy."""
    if len(streams) == 1:
        yield from streams[0]
        return
    held: Occurrence | None = None
    for each in merge(*streams, key=attrgetter("at")):
        if held is not None and held.at == each.at:
            held = held.joined(each)
            continue
        if held is not None:
            yield held
        held = each
    if held is not None:
        yield held


def clock(wall: Micros) -> str:
    """The time of day that a wall shows: `02:30`, with seconds where there are any."""
    shown = to_datetime(wall)
    return shown.strftime("%H:%M:%S" if shown.second else "%H:%M")


def date_of(day: int) -> str:
    """The date of a day that is counted from 1970-01-01: `2026-11-23`."""
    return to_datetime(day * DAY).strftime("%Y-%m-%d")
