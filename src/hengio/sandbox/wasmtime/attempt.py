"""Runs a guest once on one engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hengio.sandbox.wasmtime import command, reactor
from hengio.sandbox.wasmtime.compile import Compiled
from hengio.sandbox.wasmtime.component import run as component
from hengio.sandbox.wasmtime.component.compile import CompiledComponent
from hengio.sandbox.wasmtime.engine import GuestEngine
from hengio.sandbox.wasmtime.guest import Guest, Stop
from hengio.sandbox.wasmtime.instance import Instance

Runnable = Compiled | CompiledComponent
_KINDS: dict[str, tuple[Any, Callable[..., bytes]]] = {
    "reactor": (Instance, reactor.run),
    "command": (Instance, command.run),
    "component": (component.ComponentInstance, component.run),
}


class Attempt(NamedTuple):
    """The bytes it returned or why it was stopped, the fuel left, and its memory at the end."""

    data: bytes
    stop: Stop | None
    fuel_left: int
    peak_bytes: int


def attempt(engine: GuestEngine, compiled: Runnable, guest: Guest) -> Attempt:
    """Run it to its end. Nothing a guest does is raised; a fault of the host's own (a listener that raises) is."""
    data, stop = b"", None
    kind, run = _KINDS[compiled.kind]
    engine.ticker.enter(guest)
    try:
        instance = kind(engine, compiled, guest)
        try:
            data = run(instance, compiled, guest)
        except Stop as caught:
            stop = caught
        finally:
            fuel_left, peak = instance.close()
    finally:
        engine.ticker.leave(guest)
    return Attempt(data, stop, fuel_left, peak)
