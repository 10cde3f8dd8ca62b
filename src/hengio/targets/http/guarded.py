"""What the network guard says to each hop of a request that a definition makes (H4.6)."""

from __future__ import annotations

from collections.abc import Collection

from hengio.targets.guard import Guard
from hengio.url import Address, Url


class Guarded:
    """A `Permit`: every method, and the addresses that the guard allows. `named` are the origins that an
    administrator's own connection names; wherever those redirect to counts as anybody's."""

    def __init__(self, guard: Guard, *, named: Collection[str] = ()) -> None:
        self._guard = guard
        self._named = named

    def hop(self, method: str, url: Url) -> None:
        pass

    def address(self, method: str, url: Url, address: Address) -> None:
        self._guard.check(url.host, url.port, [address], named=url.origin in self._named)
