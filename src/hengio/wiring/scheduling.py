"""The scheduler, from settings."""

from __future__ import annotations

from hengio.clock import Clock
from hengio.dispatch.protocol import Dispatcher
from hengio.scheduler.firing import Firing
from hengio.settings import Settings
from hengio.storage.protocol import Storage


def open_firing(settings: Settings, storage: Storage, dispatcher: Dispatcher, clock: Clock) -> Firing:
    """What decides for schedules, in the loop and before a schedule is changed."""
    return Firing(
        store=storage.schedules,
        dispatcher=dispatcher,
        clock=clock,
        patience_seconds=settings.scheduler.misfire_seconds,
    )
