"""What changes from one set of grants to another: what was added, taken away, made wider or narrower. Pure.

It errs on one side only: what is not told as growth allows nothing that was not allowed before.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from hengio.grants import database, files, glob, http
from hengio.grants.http import HttpPattern
from hengio.model.grant import Grant


class Replaced(Struct, frozen=True):
    """A grant that took the place of another one."""

    before: Grant
    after: Grant


class Difference(Struct, frozen=True, kw_only=True):
    """From one set of grants to another.

    `wider` and `narrower` are grants in whose place one came that allows all that it allowed, or nothing else.
    `growth` are the grants by which something may be allowed that was not before: to give these is to give more rights.
    """

    kept: tuple[Grant, ...] = ()
    added: tuple[Grant, ...] = ()
    removed: tuple[Grant, ...] = ()
    wider: tuple[Replaced, ...] = ()
    narrower: tuple[Replaced, ...] = ()
    growth: tuple[Grant, ...] = ()


def compare(before: Sequence[Grant], after: Sequence[Grant]) -> Difference:
    """The difference. Grants that mean nothing raise `Refused`."""
    gone = [grant for grant in dict.fromkeys(before) if grant not in after]
    new = [grant for grant in dict.fromkeys(after) if grant not in before]
    wider = [Replaced(old, one) for one in new for old in gone if covers(one, old)]
    grown = {pair.after for pair in wider}
    narrower = [Replaced(old, one) for one in new if one not in grown for old in gone if covers(old, one)]
    replaced = {pair.before for pair in (*wider, *narrower)}
    placed = {pair.after for pair in (*wider, *narrower)}
    return Difference(
        kept=tuple(grant for grant in dict.fromkeys(before) if grant in after),
        added=tuple(grant for grant in new if grant not in placed),
        removed=tuple(grant for grant in gone if grant not in replaced),
        wider=tuple(wider),
        narrower=tuple(narrower),
        growth=tuple(grant for grant in new if not any(covers(old, grant) for old in before)),
    )


def covers(wide: Grant, narrow: Grant) -> bool:
    """Whether whatever `narrow` allows `wide` allows, too. False also where that cannot be told."""
    if wide.permission != narrow.permission:
        return False
    match wide.permission.partition(":")[0]:
        case "http":
            return _covers_http(http.parse(wide.resource), http.parse(narrow.resource))
        case "database":
            whole, part = database.parse(wide.resource), database.parse(narrow.resource)
            return whole == part or (whole.table is None and whole.connection == part.connection)
        case _:
            return glob.covers(files.parse(wide.resource), files.parse(narrow.resource))


def _covers_http(wide: HttpPattern, narrow: HttpPattern) -> bool:
    same = (wide.scheme, wide.port) == (narrow.scheme, narrow.port)
    return same and glob.covers(wide.path, narrow.path) and _covers_host(wide, narrow)


def _covers_host(wide: HttpPattern, narrow: HttpPattern) -> bool:
    """A network is also what opens private addresses, so only a network covers one."""
    if wide.network is not None:
        return narrow.network is not None and _within(narrow.network, wide.network)
    if wide.suffix is not None:
        return (narrow.suffix or narrow.host or "").endswith(wide.suffix)
    return wide.host == narrow.host and narrow.host is not None


def _within(narrow: http.Network, wide: http.Network) -> bool:
    same = narrow.version == wide.version
    return same and narrow.network_address in wide and narrow.broadcast_address in wide
