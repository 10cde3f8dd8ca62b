"""How engines are configured. Code compiled by one process runs in another only if both make the same engine."""

from __future__ import annotations

from typing import Literal

from wasmtime import Config, _ffi

Tier = Literal["baseline", "optimized", "witness"]
"""Winch, which compiles ten times faster; Cranelift; and Winch for memories of our own (`witness`)."""
WASM_STACK_BYTES = 512 << 10
_WINCH = 2
"""`wasmtime_strategy_enum` in C; Python's own enumeration does not have it."""


def make_config(tier: Tier) -> Config:
    """Metering, and only what the ABI needs of WebAssembly's proposals.

    Off are those through which memory could escape its limit (several or shared memories, 64-bit, garbage collection)
    or a result could differ between machines (relaxed SIMD).
    """
    config = Config()
    config.consume_fuel = True
    config.epoch_interruption = True
    config.max_wasm_stack = WASM_STACK_BYTES
    config.wasm_multi_memory = False
    config.wasm_memory64 = False
    config.wasm_threads = False
    config.shared_memory = False
    config.wasm_gc = False
    config.wasm_function_references = False
    config.wasm_exceptions = False
    config.wasm_relaxed_simd_deterministic = True
    if tier != "optimized":
        _ffi.wasmtime_config_strategy_set(config.ptr(), _WINCH)
    if tier == "witness":  # nothing reserved, no guard pages
        config.memory_reservation = 0
        config.memory_guard_size = 0
        config.memory_init_cow = False
    return config
