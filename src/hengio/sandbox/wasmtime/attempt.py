"""Runs a guest once on one engine."""

from __future__ import annotations

from typing import NamedTuple

from hengio.sandbox.wasmtime import command, reactor
from hengio.sandbox.wasmtime.compile import Compiled
from hengio.sandbox.wasmtime.engine import GuestEngine
from hengio.sandbox.wasmtime.guest import Guest, Stop
from hengio.sandbox.wasmtime.instance import Instance

_RUN = {"reactor": reactor.run, "command": command.run}


class Attempt(NamedTuple):
    """The bytes it returned or why it was stopped, the fuel left, and its memory at the end."""

    data: bytes
    stop: Stop | None
    fuel_left: int
    peak_bytes: int


def attempt(engine: GuestEngine, compiled: Compiled, guest: Guest) -> Attempt:
    """Run it to its end. Nothing a guest does is raised; a fault of the host's own (a listener that raises) is."""
    data, stop = b"", None
    engine.ticker.enter(guest)
    try:
        instance = Instance(engine, compiled, guest)
        try:
            data = _RUN[compiled.kind](instance, compiled, guest)
        except Stop as caught:
            stop = caught
        finally:
            fuel_left, peak = instance.close()
    finally:
        engine.ticker.leave(guest)
    return Attempt(data, stop, fuel_left, peak)
