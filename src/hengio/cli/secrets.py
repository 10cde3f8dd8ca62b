"""`hengio secrets`: which keys are in use, and encrypting everything under a new one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hengio import log, settings
from hengio.cli.person import person
from hengio.cli.present import print_json, terminal
from hengio.wiring import process
from hengio.wiring.rotation import Rotated, rotate, status
from hengio.wiring.vault import vault


def show_status(*, data_dir: Path | None, as_json: bool) -> int:
    """Ids of keys, never keys."""
    log.configure(level="warning", style="text")

    async def find() -> dict[str, Any]:
        async with vault(settings.load(data_dir=data_dir)) as opened:
            return await status(opened)

    told = process.run(find())
    if as_json:
        print_json(told)
        return 0
    for key in told["keys"]:
        here = "" if key["known"] else "  [red]not here: its values cannot be read[/]"
        new = "  [dim]for what is encrypted from now on[/]" if key["holds"] else ""
        counts = ", ".join(f"{key[kind]} {kind}" for kind in ("variables", "connections", "webhooks"))
        _say(f"[bold]{key['id']}[/] {counts}{new}{here}")
    _say(f"[dim]the current key is {told['current']}, from {told['source']}[/]")
    return 0


def rotate_keys(*, data_dir: Path | None, as_json: bool) -> int:
    """Go over to a new key. What was killed on the way is gone on with."""
    log.configure(level="warning", style="text")

    async def change() -> Rotated:
        async with vault(settings.load(data_dir=data_dir)) as opened:
            return await rotate(opened, actor=person())

    done = process.run(change())
    if as_json:
        print_json({"key": done.key_id, "resealed": done.resealed, "dropped": done.dropped})
    else:
        _say(f"{done.resealed} values are encrypted under the key {done.key_id} now")
        if done.dropped:
            _say(f"[dim]dropped: {', '.join(done.dropped)}; older backups of the database need it[/]")
    return 0


def _say(text: str) -> None:
    terminal().print(text, soft_wrap=True)
