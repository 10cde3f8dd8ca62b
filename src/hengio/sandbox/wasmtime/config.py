"""How engines are configured. Code compiled by one process runs in another only if both make the same engine."""

from __future__ import annotations

from typing import Literal

from wasmtime import Config, _ffi

Tier = Literal["baseline", "optimized", "witness", "component-baseline", "component"]
"""Core modules on Winch, which compiles ten times faster, and on Cranelift; on Winch with memories of our own
(`witness`); components on both, with memories of our own."""
WINCH: frozenset[Tier] = frozenset({"baseline", "witness", "component-baseline"})
CompilerName = Literal["cranelift", "winch", ""]
"""As outcomes tell it; empty where none is known."""
COMPONENT: frozenset[Tier] = frozenset({"component-baseline", "component"})
OWN_MEMORIES: frozenset[Tier] = COMPONENT | {"witness"}
BETTER: dict[Tier, Tier] = {"baseline": "optimized", "component-baseline": "component"}
"""What follows baseline code."""
WASM_STACK_BYTES = 512 << 10
_WINCH = 2
"""`wasmtime_strategy_enum` in C; Python's own enumeration does not have it."""


def make_config(tier: Tier) -> Config:
    """Metering, and only what the ABI needs of WebAssembly's proposals.

    Off are those through which memory could escape its limit (shared memories, 64-bit, garbage collection, and several
    memories where each is limited for itself) or a result could differ between machines (relaxed SIMD).
    """
    config = Config()
    config.consume_fuel = True
    config.epoch_interruption = True
    config.max_wasm_stack = WASM_STACK_BYTES
    config.wasm_multi_memory = tier in COMPONENT  # the engine's own glue between a component's parts needs it
    config.wasm_component_model = tier in COMPONENT
    for feature in ("async", "more_async_builtins", "async_stackful"):  # it needs an event loop of the engine's
        getattr(_ffi, f"wasmtime_config_wasm_component_model_{feature}_set")(config.ptr(), False)
    config.wasm_memory64 = False
    config.wasm_threads = False
    config.shared_memory = False
    config.wasm_gc = False
    config.wasm_function_references = False
    config.wasm_exceptions = False
    config.wasm_relaxed_simd_deterministic = True
    if tier in WINCH:
        _ffi.wasmtime_config_strategy_set(config.ptr(), _WINCH)
    if tier in OWN_MEMORIES:
        config.memory_init_cow = False  # only memories of the engine can be copies on write
    return config
