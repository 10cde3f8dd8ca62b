"""Ctrl-C and SIGTERM while a command works: hand back what runs, say so, end with the shell's usual code."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Any

from hengio.cli.present import terminal
from hengio.settings import Settings

GRACE_SECONDS = 2.0
"""How long a command that was interrupted waits for the step at hand; a server has `worker.stop_seconds`."""


def brief(settings: Settings) -> Settings:
    """The same settings with a stop that a person at a terminal would wait for."""
    stop = min(settings.worker.stop_seconds, GRACE_SECONDS)
    return settings.model_copy(update={"worker": settings.worker.model_copy(update={"stop_seconds": stop})})


async def interruptible(work: Coroutine[Any, Any, int]) -> int:
    """Run `work`, which yields an exit code. The first signal cancels it, and 128 + the signal is the code; the second
    ends the process where it is, as kill -9 would: what was committed stays, the next start goes on from there."""
    task = asyncio.ensure_future(work)
    received: list[int] = []

    def on_signal(number: int) -> None:
        if received:
            os._exit(128 + number)
        received.append(number)
        message = "stopping; the next run in this folder goes on from the last finished step (again: end at once)"
        terminal(beside=True).print(message)
        task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not received:
            raise
        return 128 + received[0]
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
