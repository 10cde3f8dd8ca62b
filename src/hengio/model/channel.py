"""Channels of a module: which of its versions those jobs get that follow `name@stable` or `name@canary`. Pure."""

from __future__ import annotations

import hashlib
from typing import Literal, get_args

from msgspec import Struct

from hengio.clock import Micros

Channel = Literal["stable", "canary"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
ChannelWhy = Literal["set", "ended", "promoted", "rolled_back", "rolled_back_by_itself"]
_BUCKETS = 10_000
"""A percentage has two decimals."""


class ChannelChange(Struct, frozen=True, kw_only=True):
    """A channel of the module `name` from then on: the change `number` of it, counted from 1.

    `module_id` None: it leads nowhere. `percent` is the share of those on `stable` that a canary takes. `before` is the
    number of the change that a rollback goes back to; 0 for none.
    """

    name: str
    channel: Channel
    number: int
    module_id: str | None
    percent: float = 0.0
    before: int
    why: ChannelWhy
    at: Micros
    by: str
    note: str = ""


class Channels(Struct, frozen=True, kw_only=True):
    """The channels of a module as they are now; None for one that never was set."""

    stable: ChannelChange | None = None
    canary: ChannelChange | None = None

    def of(self, channel: Channel) -> ChannelChange | None:
        """One of them."""
        return self.stable if channel == "stable" else self.canary

    def chosen(self, channel: Channel, execution_id: str) -> str | None:
        """The id of the module that an execution gets; None if the channel leads nowhere. One on `canary` without a
        canary gets what `stable` is."""
        stable = None if self.stable is None else self.stable.module_id
        canary = self.canary
        if canary is None or canary.module_id is None:
            return stable
        takes = channel == "canary" or takes_part(execution_id, canary.name, canary.percent)
        return canary.module_id if takes else stable


def followed(reference: str) -> tuple[str, Channel] | None:
    """Name and channel of `name@stable` and `name@canary`; None for a reference of another form."""
    name, _, wanted = reference.partition("@")
    channel = next((known for known in CHANNELS if known == wanted), None)
    return None if channel is None else (name, channel)


def takes_part(execution_id: str, name: str, percent: float) -> bool:
    """Whether an execution is among that share of all: always the same, and those of a small share are among those of
    any larger one. Of another module it is another share."""
    if not execution_id:
        return False
    found = hashlib.sha256(f"{name}\x00{execution_id}".encode()).digest()
    return int.from_bytes(found[:8], "big") % _BUCKETS < round(percent * _BUCKETS / 100)
