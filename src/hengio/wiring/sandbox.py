"""The sandbox and its limits, from settings; by itself, for commands that need nothing else."""

from __future__ import annotations

from typing import Literal

import msgspec

from hengio.model.module import Limits
from hengio.sandbox.wasmtime.artefacts.store import Artefacts
from hengio.sandbox.wasmtime.compiling.workshop import CompileLimits
from hengio.sandbox.wasmtime.sandbox import SandboxSettings, WasmtimeSandbox
from hengio.settings import Settings


def open_sandbox(
    settings: Settings,
    *,
    tiers: Literal["both", "optimized"] | None = None,
    artefacts: Artefacts | None = None,
) -> WasmtimeSandbox:
    """The sandbox as it is set; `tiers` is for commands that want one fuel count for one module. It closes
    `artefacts`."""
    chosen = settings.sandbox
    made = SandboxSettings(
        cache_bytes=chosen.cache_mb << 20,
        cache_modules=chosen.cache_modules,
        tiers=tiers or chosen.tiers,
        compile_limits=CompileLimits(seconds=chosen.compile_seconds, memory_bytes=chosen.compile_mb << 20),
    )
    if chosen.threads is not None:
        made = msgspec.structs.replace(made, threads=chosen.threads)
    return WasmtimeSandbox(made, artefacts=artefacts)


def default_limits(settings: Settings) -> Limits:
    """What a call may use when its step asks for nothing."""
    chosen = settings.sandbox
    return Limits(fuel=chosen.fuel, timeout_seconds=chosen.timeout_seconds, memory_bytes=chosen.memory_mb << 20)


def highest_limits(settings: Settings) -> Limits:
    """The most a step may ask for."""
    chosen = settings.sandbox
    return Limits(
        fuel=chosen.fuel_ceiling,
        timeout_seconds=chosen.timeout_ceiling_seconds,
        memory_bytes=chosen.memory_ceiling_mb << 20,
    )
