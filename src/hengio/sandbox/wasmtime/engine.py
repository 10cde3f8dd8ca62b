"""The engines: what they have in common is metering by fuel and epochs, and a ticker.

Time is kept by the host's clock alone. The epoch only makes a guest ask: each store's deadline is one tick away, and
when it passes, `_on_epoch` looks at the call's own deadline and cancel flag and grants one more tick. So one cancelled
guest ends within a tick without touching its neighbours, a late ticker can not stretch a deadline by more than its own
delay, and a call shorter than a tick pays nothing. A single bulk instruction can not be interrupted; the memory limit
bounds how long it takes.
"""

from __future__ import annotations

import ctypes
import threading
import time
from ctypes import c_uint8, c_uint64

from wasmtime import Config, Engine, _ffi

from hengio.sandbox.wasmtime.capi import KEEP, EpochCallback, raw
from hengio.sandbox.wasmtime.config import WASM_STACK_BYTES, WINCH, CompilerName, Tier, make_config
from hengio.sandbox.wasmtime.guest import Guest, Stop

TICK_SECONDS = 0.01
THREAD_STACK_BYTES = WASM_STACK_BYTES + (2 << 20)
"""A guest's stack and what Python needs above it for host functions; with less, a deep guest ends the process."""
_IDLE_TICKS = 50
"""Ticks without a guest after which the ticker parks."""
_CONTINUE = 0
"""`WASMTIME_UPDATE_DEADLINE_CONTINUE`."""
_POOL = {
    "total_stacks": 1,  # those of asynchronous calls, of which there are none
    "max_memory_size": 4 << 30,
    "linear_memory_keep_resident": 128 << 10,
    "table_keep_resident": 64 << 10,
    "max_tables_per_module": 4,
    "table_elements": 1_000_000,
    "max_core_instance_size": 4 << 20,
}
"""Ceilings of a pool slot (address space, not memory: each call's own limits are far below), and what is kept warm."""


class _Running(threading.local):
    guest: Guest


running = _Running()
"""The guest whose code runs on this thread."""


def _on_epoch(_context: int, _data: int, delta: int, kind: int) -> int | None:
    try:
        running.guest.check()
        c_uint64.from_address(delta).value = 1
        c_uint8.from_address(kind).value = _CONTINUE
    except BaseException as error:  # noqa: BLE001 - an exception out of a C callback would end the process
        if isinstance(error, Stop):
            error.at_call = False
        running.guest.stop = error
        return int(KEEP.error_new(b"stopped"))
    return None


_kept = EpochCallback(_on_epoch)
ON_EPOCH = ctypes.cast(_kept, ctypes.c_void_p).value
"""The address to give to `store_epoch_deadline_callback`."""


def _pooled(config: Config, slots: int) -> None:
    name = "wasmtime_pooling_allocation_config"
    pool = getattr(_ffi, f"{name}_new")()
    counts = {"total_core_instances": slots, "total_memories": slots, "total_tables": slots * 4}
    for key, value in {**counts, **_POOL}.items():
        getattr(_ffi, f"{name}_{key}_set")(pool, value)
    _ffi.wasmtime_pooling_allocation_strategy_set(config.ptr(), pool)
    getattr(_ffi, f"{name}_delete")(pool)


class GuestEngine:
    """An engine that runs guests. `compiler` is the word in outcomes; `store_limits_memory` is false for one whose
    memories enforce the limit themselves."""

    def __init__(self, config: Config, *, tier: Tier, store_limits_memory: bool = True) -> None:
        self.handle = Engine(config)
        self.address = raw(self.handle)
        self.tier = tier
        self.compiler: CompilerName = "winch" if tier in WINCH else "cranelift"
        self.store_limits_memory = store_limits_memory
        self.ticker = Ticker(self.address)

    @classmethod
    def pooled(cls, tier: Tier, *, slots: int) -> GuestEngine:
        """One that serves: its instances come from a pool with room for `slots` of them at a time."""
        config = make_config(tier)
        _pooled(config, slots)
        return cls(config, tier=tier)

    def close(self) -> None:
        """Stop the ticker. Guests must have ended."""
        self.ticker.close()


class Ticker:
    """Advances the epoch every 10 ms while a guest runs, and sleeps otherwise."""

    def __init__(self, engine: int) -> None:
        self._engine = engine
        self._guests: set[Guest] = set()
        self._parked = True
        self._wake = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def enter(self, guest: Guest) -> None:
        """The guest is about to run. Adding comes before looking at `_parked`, as the ticker does it the other way."""
        self._guests.add(guest)
        if self._parked:
            self._start()
            self._wake.set()

    def leave(self, guest: Guest) -> None:
        self._guests.discard(guest)

    def guests(self) -> tuple[Guest, ...]:
        """Those running now."""
        return tuple(self._guests)

    def close(self) -> None:
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="hengio-ticker", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        idle = 0
        self._parked = False
        while not self._closed:
            idle = 0 if self._guests else idle + 1
            if idle > _IDLE_TICKS:
                self._park()
                idle = 0
            time.sleep(TICK_SECONDS)
            if self._guests:
                KEEP.engine_increment_epoch(self._engine)

    def _park(self) -> None:
        self._wake.clear()
        self._parked = True
        if not self._guests and not self._closed:
            self._wake.wait()
        self._parked = False
