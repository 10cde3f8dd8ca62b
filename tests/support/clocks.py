"""What clocks on walls around the world show, found with nothing but `zoneinfo`, instant by instant.

It shares nothing with `hengio.timetable`: whether a time is left out or comes twice is asked of `datetime.fold`
(PEP 495), and every minute of a walk is looked at.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo, available_timezones

SECOND = 1_000_000
_DAY = 86_400


@dataclass(frozen=True)
class Reading:
    """A minute on the wall and the instants, in seconds, at which it is shown; one that is left out has none.

    `shifted` is the instant that it has by the offset before the gap.
    """

    wall: datetime
    instants: tuple[int, ...]
    shifted: int


def changes(zone: str, year: int) -> list[int]:
    """The instants, to the hour before, around which the offset changes in a year."""
    info, start = ZoneInfo(zone), int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    hours = range(start, start + 366 * _DAY, 3_600)
    offsets = [datetime.fromtimestamp(at, info).utcoffset() for at in hours]
    return [at for at, one, other in zip(hours, offsets, offsets[1:], strict=False) if one != other]


def listed_changes(zone: str) -> list[int]:
    """The instants at which a zone's offset changes, as its file lists them (RFC 8536); later ones follow a rule."""
    content = next(path for each in TZPATH if (path := Path(each, zone)).is_file()).read_bytes()
    header = struct.Struct(">4sc15x6l")
    _, _, *sizes = header.unpack_from(content)
    second = header.size + _block(sizes, 4)
    _, _, *sizes = header.unpack_from(content, second)
    _, _, _, times, types, _ = sizes
    at = second + header.size
    instants = struct.unpack_from(f">{times}q", content, at)
    kinds = bytes([0]) + content[at + 8 * times : at + 9 * times]  # before the first change the first type holds
    offsets = [struct.unpack_from(">l", content, at + 9 * times + 6 * each)[0] for each in range(types)]
    return [
        when for when, (one, other) in zip(instants, pairwise(kinds), strict=True) if offsets[one] != offsets[other]
    ]


def _block(sizes: list[int], width: int) -> int:
    """The length of what follows a header, whose counts are in the order of the RFC."""
    universal, standard, leaps, times, types, letters = sizes
    return times * (width + 1) + types * 6 + letters + leaps * (width + 4) + standard + universal


@cache
def clocks_that_change(year: int) -> dict[tuple[tuple[int, timedelta], ...], list[str]]:
    """All zones that change their clock in a year; those that show the same all year long together."""
    found: dict[tuple[tuple[int, timedelta], ...], list[str]] = {}
    for zone in sorted(available_timezones() - {"localtime", "Factory"}):
        info = ZoneInfo(zone)
        shown = tuple(
            (at, datetime.fromtimestamp(at + 3_600, info).utcoffset() or timedelta()) for at in changes(zone, year)
        )
        if shown:
            before = datetime.fromtimestamp(shown[0][0], info).utcoffset() or timedelta()
            found.setdefault(((0, before), *shown), []).append(zone)
    return found


def around(change: int, *, days: int = 1) -> tuple[int, int]:
    """From midnight UTC some days before a change to as many after its day, in seconds."""
    middle = change // _DAY * _DAY
    return middle - days * _DAY, middle + (days + 1) * _DAY


def readings(zone: str, start: int, end: int, *, step: int = 60) -> list[Reading]:
    """Every step on the wall that is shown from an instant to before another, or that lies in a gap between them."""
    info = ZoneInfo(zone)
    shown: dict[datetime, list[int]] = {}
    for at in range(start, end, step):
        shown.setdefault(datetime.fromtimestamp(at, info).replace(tzinfo=None, fold=0), []).append(at)
    first, last = min(shown), max(shown)
    walls = (first + timedelta(seconds=each) for each in range(0, int((last - first).total_seconds()) + 1, step))
    found = []
    for wall in {*walls, *shown}:
        if wall in shown:
            found.append(Reading(wall, tuple(shown[wall]), shown[wall][0]))
        else:
            at = int(wall.replace(tzinfo=info).timestamp())  # fold=0 in a gap: by the offset before it
            if start <= at < end and is_left_out(wall, info):
                found.append(Reading(wall, (), at))
    return found


def is_left_out(wall: datetime, info: ZoneInfo) -> bool:
    back = datetime.fromtimestamp(wall.replace(tzinfo=info).timestamp(), info).replace(tzinfo=None, fold=0)
    return back != wall


def expected(shown: Iterable[Reading], *, gap: str, overlap: str) -> dict[int, str | None]:
    """Fires and times left out, by their instants in microseconds: None for a fire, else the reason.

    `gap` is `shift`, `skip` or `pass`, `overlap` is `first`, `second` or `both`.
    """
    found: dict[int, str | None] = {}
    for reading in shown:
        match reading.instants:
            case ():
                at = reading.shifted * SECOND
                if gap == "shift":
                    found[at] = None
                elif gap == "skip":
                    found.setdefault(at, "dst-gap")
            case (only,):
                found[only * SECOND] = None
            case several:
                taken = {"first": several[:1], "second": several[1:], "both": several}[overlap]
                found.update(dict.fromkeys((at * SECOND for at in taken), None))
    return found
