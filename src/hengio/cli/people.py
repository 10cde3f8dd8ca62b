"""The people of an installation as commands use them: on the database, also beside a running server. Whoever has the
folder may do everything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from hengio import log, settings
from hengio.access.permissions import Caller, desk
from hengio.cli.person import person
from hengio.wiring import process
from hengio.wiring.people import People, people

T = TypeVar("T")


def at_desk(work: Callable[[People, Caller], Awaitable[T]], *, data_dir: Path | None, make: bool = False) -> T:
    """Do that as who uses the command line. `make` makes a database where none is yet."""
    log.configure(level="warning", style="text")

    async def run() -> T:
        async with people(settings.load(data_dir=data_dir), make=make) as opened:
            return await work(opened, desk(person()))

    return process.run(run())
