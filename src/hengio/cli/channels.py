"""`hengio module channel|promote|rollback`: which version those get that follow a channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import Struct

from hengio.cli import tables
from hengio.cli.modules import at_module_desk
from hengio.cli.person import person
from hengio.cli.present import escape, print_json, terminal
from hengio.clock import to_iso
from hengio.errors import Refused
from hengio.model.channel import Channel, ChannelChange
from hengio.storage.modules import ModuleFilter
from hengio.wiring.modules import ModuleDesk

_MOST_VERSIONS = 10_000


class Wanted(Struct, frozen=True, kw_only=True):
    """How the command line wants a channel to be."""

    channel: Channel
    version: str | None
    percent: float | None
    note: str
    end: bool


def show_channels(name: str, *, data_dir: Path | None, as_json: bool) -> int:
    """Where the channels lead, and what was changed."""

    async def find(desk: ModuleDesk) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        now, versions = await desk.channels.show(name), await _versions(desk, name)
        current = [_document(one, versions) for one in (now.stable, now.canary) if one is not None]
        return current, [_document(one, versions) for one in await desk.channels.history(name)]

    current, history = at_module_desk(find, data_dir=data_dir)
    if as_json:
        print_json({"name": name, "channels": current, "history": history})
        return 0
    _say(f"[bold]{escape(name)}[/]")
    for one in current:
        share = f", {one['percent']:g} % of stable" if one["channel"] == "canary" and one["module_id"] else ""
        _say(f"  {one['channel']}  {escape(one['version'] or 'leads nowhere')}{share}")
    rows = [(one["at"], one["channel"], one["version"] or "", one["why"], one["by"], one["note"]) for one in history]
    tables.show(("when", "channel", "version", "why", "by", "note"), rows, none="  no channel was ever set")
    return 0


def change_channel(name: str, wanted: Wanted, *, data_dir: Path | None, as_json: bool) -> int:
    """Lead a channel to a version, or take the canary away."""
    if wanted.end == (wanted.version is not None):
        raise Refused("say which version the channel leads to, or --end")
    if wanted.end and wanted.channel == "stable":
        raise Refused("stable does not end", hint="hengio module rollback leads it to where it led before")

    async def change(desk: ModuleDesk) -> dict[str, Any]:
        if wanted.version is None:
            done = await desk.channels.end(name, by=person(), note=wanted.note)
        else:
            done = await desk.channels.set(
                name, wanted.channel, wanted.version, by=person(), percent=wanted.percent, note=wanted.note
            )
        return _document(done, await _versions(desk, name))

    return _told(name, at_module_desk(change, data_dir=data_dir), as_json=as_json)


def promote_canary(name: str, *, note: str, data_dir: Path | None, as_json: bool) -> int:
    """Make the canary stable."""

    async def promote(desk: ModuleDesk) -> dict[str, Any]:
        done = await desk.channels.promote(name, by=person(), note=note)
        return _document(done, await _versions(desk, name))

    return _told(name, at_module_desk(promote, data_dir=data_dir), as_json=as_json)


def roll_back(name: str, channel: Channel, *, note: str, data_dir: Path | None, as_json: bool) -> int:
    """Lead a channel to where it led before."""

    async def back(desk: ModuleDesk) -> dict[str, Any]:
        done = await desk.channels.rollback(name, channel, by=person(), note=note)
        return _document(done, await _versions(desk, name))

    return _told(name, at_module_desk(back, data_dir=data_dir), as_json=as_json)


async def _versions(desk: ModuleDesk, name: str) -> dict[str, str]:
    found = await desk.modules.page(ModuleFilter(name=name), limit=_MOST_VERSIONS)
    return {module.id: module.version for module in found}


def _document(change: ChannelChange, versions: dict[str, str]) -> dict[str, Any]:
    """A change for programs; the version of a module that was deleted is not known any more."""
    return {
        "channel": change.channel,
        "number": change.number,
        "module_id": change.module_id,
        "version": versions.get(change.module_id or ""),
        "percent": change.percent,
        "why": change.why,
        "at": to_iso(change.at),
        "by": change.by,
        "note": change.note,
    }


def _told(name: str, done: dict[str, Any], *, as_json: bool) -> int:
    if as_json:
        print_json({"name": name, **done})
    elif done["module_id"] is None:
        _say(f"{escape(name)}@{done['channel']} leads nowhere from now on")
    else:
        share = f" for {done['percent']:g} % of those on stable" if done["channel"] == "canary" else ""
        _say(f"{escape(name)}@{done['channel']} is {escape(done['version'] or done['module_id'])}{share} from now on")
    return 0


def _say(text: str) -> None:
    terminal().print(text, soft_wrap=True)
