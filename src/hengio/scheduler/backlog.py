"""The nominal times of a schedule that are to be decided: few of them, however long nobody was there. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice, takewhile

from msgspec import Struct

from hengio.clock import SECOND, Micros
from hengio.timetable.occurrence import Occurrence
from hengio.timetable.timetable import Timetable

MOST = 1_000
"""So many are decided one by one; what is older is one row of the ledger that stands for all of it."""
_FIRST_SPAN = 900 * SECOND


class Backlog(Struct, frozen=True):
    """The latest of the times to decide, ascending. `older` are the bounds of those before them, if there are any."""

    times: tuple[Occurrence, ...]
    older: tuple[Micros, Micros] | None = None


def backlog(table: Timetable, *, since: Micros, now: Micros) -> Backlog:
    """Everything after `since`, up to and including `now`."""
    times = tuple(islice(_until(table, since, now), MOST + 1))
    if len(times) <= MOST:
        return Backlog(times)
    newest = _newest(table, since=since, now=now)
    return Backlog(newest, older=(since + 1, newest[0].at - 1))


def _newest(table: Timetable, *, since: Micros, now: Micros) -> tuple[Occurrence, ...]:
    """The last of them, found from the end: a longer look back until it holds enough."""
    span = _FIRST_SPAN
    while True:
        start = max(since, now - span)
        found = deque(_until(table, start, now), maxlen=MOST)
        if len(found) == MOST or start == since:
            return tuple(found)
        span *= 4


def _until(table: Timetable, since: Micros, now: Micros) -> Iterator[Occurrence]:
    return takewhile(lambda each: each.at <= now, table.after(since))
