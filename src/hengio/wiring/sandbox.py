"""The sandbox and its limits, from settings; by itself, for commands that need nothing else."""

from __future__ import annotations

from typing import Literal

import msgspec

from hengio.model.module import Limits
from hengio.sandbox.processes.sandbox import ProcessSandbox
from hengio.sandbox.protocol import Sandbox
from hengio.sandbox.wasmtime.artefacts.store import Artefacts
from hengio.sandbox.wasmtime.compiling.workshop import CompileLimits
from hengio.sandbox.wasmtime.library import SandboxSettings
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox
from hengio.settings import Settings


def open_sandbox(
    settings: Settings,
    *,
    tiers: Literal["both", "optimized", "baseline"] | None = None,
    artefacts: Artefacts | None = None,
) -> Sandbox:
    """The sandbox as it is set; `tiers` is for commands that want one compiler. It closes `artefacts`."""
    made = _made(settings, tiers)
    if settings.sandbox.isolation == "process":
        return ProcessSandbox(made, highest=highest_limits(settings), artefacts=artefacts)
    return WasmtimeSandbox(made, artefacts=artefacts)


def open_replaying(
    settings: Settings, *, tiers: Literal["optimized", "baseline"], artefacts: Artefacts | None = None
) -> Sandbox:
    """A sandbox in this process, which can play tapes: nothing is asked that needs a wall around it."""
    return WasmtimeSandbox(_made(settings, tiers), artefacts=artefacts)


def _made(settings: Settings, tiers: Literal["both", "optimized", "baseline"] | None) -> SandboxSettings:
    chosen = settings.sandbox
    made = SandboxSettings(
        cache_bytes=chosen.cache_mb << 20,
        cache_modules=chosen.cache_modules,
        tiers=tiers or chosen.tiers,
        compile_limits=CompileLimits(seconds=chosen.compile_seconds, memory_bytes=chosen.compile_mb << 20),
    )
    if chosen.threads is not None:
        made = msgspec.structs.replace(made, threads=chosen.threads)
    return made


def default_limits(settings: Settings, *, component: bool = False) -> Limits:
    """What a call may use when its step asks for nothing."""
    chosen = settings.sandbox
    memory = chosen.component_memory_mb if component else chosen.memory_mb
    return Limits(fuel=chosen.fuel, timeout_seconds=chosen.timeout_seconds, memory_bytes=memory << 20)


def highest_limits(settings: Settings) -> Limits:
    """The most a step may ask for."""
    chosen = settings.sandbox
    return Limits(
        fuel=chosen.fuel_ceiling,
        timeout_seconds=chosen.timeout_ceiling_seconds,
        memory_bytes=chosen.memory_ceiling_mb << 20,
    )
