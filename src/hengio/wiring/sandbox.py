"""The sandbox and its limits, from settings; by itself, for commands that need nothing else."""

from __future__ import annotations

from hengio.model.module import Limits
from hengio.sandbox.wasmtime.sandbox import SandboxSettings, WasmtimeSandbox
from hengio.settings import Settings


def open_sandbox(settings: Settings) -> WasmtimeSandbox:
    """The sandbox, with as many guest threads as are set."""
    chosen = settings.sandbox
    sizes = SandboxSettings(cache_bytes=chosen.cache_mb << 20, cache_modules=chosen.cache_modules)
    if chosen.threads is not None:
        sizes = SandboxSettings(
            threads=chosen.threads, cache_bytes=chosen.cache_mb << 20, cache_modules=chosen.cache_modules
        )
    return WasmtimeSandbox(sizes)


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
