"""Channels of modules: setting them, promoting a canary, and going back in one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from hengio.clock import Clock
from hengio.errors import Conflict, Refused
from hengio.ids import is_name, new_id
from hengio.model.audit import AuditAction, AuditEntry
from hengio.model.channel import Channel, ChannelChange, Channels, ChannelWhy
from hengio.model.version import is_version
from hengio.storage.protocol import Storage

PERCENT = 10.0
"""What a canary takes if nothing is said."""
_NEVER = ChannelChange(name="", channel="stable", number=0, module_id=None, before=0, why="set", at=0, by="")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelService:
    """What people do about channels. Each change is audited, and counts for executions that have not come to the module
    yet; `changed` tells who remembers."""

    storage: Storage
    clock: Clock
    changed: Callable[[], None] = lambda: None

    async def show(self, name: str) -> Channels:
        """The channels of a module. `NotFound` where no module has that name and none ever had channels."""
        found = await self.storage.channels.of(name)
        if found == Channels():
            await self.storage.modules.find(name)
        return found

    async def history(self, name: str, *, limit: int = 50) -> list[ChannelChange]:
        """What was changed about them, the newest first."""
        return await self.storage.channels.history(name, limit=limit)

    async def set(
        self, name: str, channel: Channel, version: str, *, by: str, percent: float | None = None, note: str = ""
    ) -> ChannelChange:
        """Lead a channel to a version. A canary takes `percent` of what follows `stable`, 10 if nothing is said.
        Nothing is written where it is so already.

        `NotFound`; `Refused` for a version that is disabled, and for a canary where there is no `stable`.
        """
        if not is_name(name) or not is_version(version):
            raise Refused(f"'{name}@{version}' names no version of a module", hint="such as clean 1.2.0")
        module = await self.storage.modules.find(f"{name}@{version}")
        if not module.enabled:
            raise Refused(f"module {module.reference} is disabled", hint="hengio module enable lets it run")
        now = await self.storage.channels.of(name)
        share = _percent(channel, percent)
        if channel == "canary" and (now.stable is None or now.stable.module_id is None):
            raise Refused(f"module '{name}' has no channel stable", hint="a canary takes a share of it: set it first")
        current = now.of(channel)
        if current is not None and (current.module_id, current.percent) == (module.id, share):
            return current
        change = self._change(name, now, channel, "set", by, module_id=module.id, percent=share, note=note)
        await self._add([change], "channel.set", by)
        return change

    async def end(self, name: str, *, by: str, why: ChannelWhy = "ended", note: str = "") -> ChannelChange:
        """Take the canary away: all that follows `stable` gets what that is. `Conflict` if there is none."""
        now = await self.storage.channels.of(name)
        if now.canary is None or now.canary.module_id is None:
            raise Conflict(f"module '{name}' has no canary")
        change = self._change(name, now, "canary", why, by, module_id=None, percent=0.0, note=note)
        await self._add([change], "channel.set" if why == "ended" else "channel.rolled_back", by)
        return change

    async def promote(self, name: str, *, by: str, note: str = "") -> ChannelChange:
        """Make the canary what `stable` is, and end it as a canary, in one transaction. `Conflict` if there is none."""
        now = await self.storage.channels.of(name)
        if now.canary is None or now.canary.module_id is None:
            raise Conflict(f"module '{name}' has no canary", hint="hengio module channel NAME canary VERSION sets one")
        stable = self._change(name, now, "stable", "promoted", by, module_id=now.canary.module_id, note=note)
        canary = self._change(name, now, "canary", "promoted", by, module_id=None, note=note)
        await self._add([stable, canary], "channel.promoted", by)
        return stable

    async def rollback(self, name: str, channel: Channel = "stable", *, by: str, note: str = "") -> ChannelChange:
        """Lead a channel to where it led before the change that holds; called again, to where it led before that.

        `Conflict` where nothing was before, or where that module was deleted.
        """
        now = await self.storage.channels.of(name)
        current = now.of(channel)
        if current is None or (channel == "stable" and not current.before):
            raise Conflict(f"the channel {channel} of module '{name}' was nothing before")
        earlier = _NEVER
        if current.before:
            earlier = await self.storage.channels.change(name, channel, current.before)
        if earlier.module_id is not None and not await self.storage.modules.known([earlier.module_id]):
            raise Conflict(f"the channel {channel} of module '{name}' led to a module that was deleted")
        change = self._change(name, now, channel, "rolled_back", by, module_id=earlier.module_id, note=note)
        change = replace(change, percent=earlier.percent, before=earlier.before)
        await self._add([change], "channel.rolled_back", by)
        return change

    def _change(
        self, name: str, now: Channels, channel: Channel, why: ChannelWhy, by: str, **fields: Any
    ) -> ChannelChange:
        """The next change of a channel, after which a rollback leads to what is now."""
        number = 0 if (current := now.of(channel)) is None else current.number
        made = ChannelChange(
            name=name,
            channel=channel,
            number=number + 1,
            module_id=None,
            before=number,
            why=why,
            at=self.clock.now(),
            by=by,
        )
        return replace(made, **fields)

    async def _add(self, changes: list[ChannelChange], action: AuditAction, by: str) -> None:
        told = [
            {
                "channel": one.channel,
                "module_id": one.module_id,
                "percent": one.percent,
                "why": one.why,
                "note": one.note,
            }
            for one in changes
        ]
        entry = AuditEntry(
            id=new_id(),
            at=changes[0].at,
            action=action,
            actor=by,
            subject=changes[0].name,
            detail={"changes": told},
        )
        await self.storage.channels.add(changes, entry=entry)
        self.changed()


def _percent(channel: Channel, percent: float | None) -> float:
    if channel == "stable":
        if percent is not None:
            raise Refused("only a canary takes a percentage", hint="stable is what all others get")
        return 0.0
    share = PERCENT if percent is None else percent
    if not 0 <= share <= 100 or round(share, 2) != share:
        raise Refused(f"{share:g} is no percentage", hint="from 0 to 100, with two decimals at most")
    return share
