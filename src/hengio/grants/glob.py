"""Path globs: `*` for anything within a segment, `**` for any number of segments, also none.

Matching takes at most length times length steps whatever the pattern: it only ever goes back to the last wildcard,
which is enough, as a later one can take up all that an earlier one could.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

ANY, ALL = "*", "**"


def matches(pattern: Sequence[str], segments: Sequence[str]) -> bool:
    """Whether the segments of a path match those of a pattern."""
    return _matches(pattern, segments, ALL, lambda glob, segment: _matches(glob, segment, ANY, str.__eq__))


def covers(wide: Sequence[str], narrow: Sequence[str]) -> bool:
    """Whether every path that `narrow` matches is matched by `wide`. False also for a few where it is, such as `*/**`
    and `**/a`: a wildcard is covered by a wildcard only."""
    return _matches(
        wide, narrow, ALL, lambda glob, segment: segment != ALL and _matches(glob, segment, ANY, str.__eq__)
    )


def _matches(pattern: Sequence[str], items: Sequence[str], wild: str, fits: Callable[[str, str], bool]) -> bool:
    at = place = 0
    star, resume = -1, 0
    while place < len(items):
        if at < len(pattern) and pattern[at] == wild:
            star, resume = at, place
            at += 1
        elif at < len(pattern) and fits(pattern[at], items[place]):
            at += 1
            place += 1
        elif star >= 0:  # the last wildcard takes one more
            at = star + 1
            resume += 1
            place = resume
        else:
            return False
    return all(one == wild for one in pattern[at:])
