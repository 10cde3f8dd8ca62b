"""Why a guest ended, from what the engine reports: kind, cause in words, and the guest's own backtrace."""

from __future__ import annotations

import ctypes
from ctypes import c_uint8, c_uint64

from hengio.model.outcome import Frame, OutcomeKind
from hengio.sandbox.wasmtime.capi import KEEP, Scratch
from hengio.sandbox.wasmtime.guest import Guest, Stop

TRAPPED = OutcomeKind.TRAPPED
CAUSES: dict[int, tuple[OutcomeKind, str, str]] = {
    0: (OutcomeKind.STACK_OVERFLOW, "stack_overflow", "the call stack is exhausted"),
    1: (TRAPPED, "out_of_bounds", "a memory access out of bounds"),
    3: (TRAPPED, "table_out_of_bounds", "a table access out of bounds"),
    4: (TRAPPED, "null_call", "an indirect call of a null entry"),
    5: (TRAPPED, "bad_signature", "an indirect call of a function of another type"),
    6: (TRAPPED, "integer_overflow", "an integer overflow"),
    7: (TRAPPED, "division_by_zero", "an integer division by zero"),
    8: (TRAPPED, "bad_conversion", "a float that does not fit an integer"),
    9: (TRAPPED, "unreachable", "the guest gave up (an unreachable instruction: usually a panic or an assertion)"),
    11: (OutcomeKind.OUT_OF_FUEL, "out_of_fuel", "the fuel is used up"),
}
"""`wasmtime_trap_code_enum` → kind, cause, words. Others are a trap without a name of their own here."""
_BY_TEXT = {
    "call stack exhausted": 0,
    "out of bounds memory access": 1,
    "undefined element: out of bounds table access": 3,
    "uninitialized element": 4,
    "indirect call type mismatch": 5,
    "integer overflow": 6,
    "integer divide by zero": 7,
    "invalid conversion to integer": 8,
    "wasm `unreachable` instruction executed": 9,
    "all fuel consumed by WebAssembly": 11,
}
"""Of a component only Wasmtime's words for a trap are to be had, after `wasm trap: `."""
_TRAP = "wasm trap: "
_OVER_LIMIT = ("exceeds", "resource limit exceeded")
"""Wasmtime says an initial memory or table over the limit only as text (`… minimum size of N … exceeds … limits`), as
it does of too many of them."""
_CAUSE = "Caused by:"
"""Wasmtime's text of an error is a backtrace, then this and the reason."""
_LONGEST_NAME = 400
"""Bytes of a function's name that are told."""
_UNKNOWN_OFFSET = ctypes.c_size_t(-1).value


def take(scratch: Scratch, error: int | None, guest: Guest) -> Stop:
    """What ended the guest, as a `Stop` to raise; frees the trap or error. Re-raises a fault of the host itself."""
    trap = scratch.words[Scratch.TRAP]
    scratch.words[Scratch.TRAP] = 0
    stop = _from_trap(scratch, trap) if trap else _from_error(scratch, error or 0)
    if guest.stop is None:
        return stop
    if not isinstance(guest.stop, Stop):
        raise guest.stop
    guest.stop.backtrace = stop.backtrace
    return guest.stop


def _from_trap(scratch: Scratch, trap: int) -> Stop:
    code = c_uint8()
    known = KEEP.trap_code(trap, ctypes.addressof(code))
    unknown = (TRAPPED, "trapped", f"trap {code.value}")
    stop = Stop(*(CAUSES.get(code.value, unknown) if known else unknown))
    stop.at_call = stop.kind is OutcomeKind.OUT_OF_FUEL
    KEEP.wasm_trap_trace(trap, scratch.out)
    stop.backtrace = _frames(scratch)
    KEEP.wasm_trap_delete(trap)
    return stop


def _from_error(scratch: Scratch, error: int) -> Stop:
    """An error of the engine: a limit that the module's own declarations exceed, else a call stopped by the clock."""
    message = _text(scratch, error)
    KEEP.error_wasm_trace(error, scratch.out)
    frames = _frames(scratch)
    KEEP.error_delete(error)
    known = _BY_TEXT.get(message.rpartition(_TRAP)[2])
    if known is not None:
        stop = Stop(*CAUSES[known])
        stop.at_call = stop.kind is OutcomeKind.OUT_OF_FUEL
    elif any(words in message for words in _OVER_LIMIT):
        stop = Stop(OutcomeKind.OUT_OF_MEMORY, "out_of_memory", f"the module does not fit its limits: {message}")
    else:
        stop = Stop(TRAPPED, "trapped", message)
    stop.backtrace = frames
    return stop


def _text(scratch: Scratch, error: int) -> str:
    KEEP.error_message(error, scratch.out)
    size, data = scratch.words[Scratch.OUT], scratch.words[Scratch.OUT + 1]
    text = ctypes.string_at(data, size).decode(errors="replace")
    KEEP.wasm_byte_vec_delete(scratch.out)
    causes = text.partition(_CAUSE)[2] or text.partition("\n")[0]
    return "; ".join(line.strip() for line in causes.strip().splitlines())


def _frames(scratch: Scratch) -> tuple[Frame, ...]:
    """The frames in the vector at `scratch.out`, which is freed."""
    count, data = scratch.words[Scratch.OUT], scratch.words[Scratch.OUT + 1]
    addresses = (c_uint64 * count).from_address(data) if count else ()
    frames = tuple(Frame(_function(frame), _offset(frame)) for frame in addresses)
    KEEP.wasm_frame_vec_delete(scratch.out)
    return frames


def _offset(frame: int) -> int | None:
    """The byte of the binary; unknown where a function's prologue overflowed the stack."""
    offset: int = KEEP.wasm_frame_module_offset(frame)
    return None if offset == _UNKNOWN_OFFSET else offset


def _function(frame: int) -> str:
    """The name section's name (a `wasm_name_t`: size, data), else the function's number."""
    name = KEEP.frame_func_name(frame)
    if not name:
        return f"func[{KEEP.wasm_frame_func_index(frame)}]"
    size, data = (c_uint64 * 2).from_address(name)
    return ctypes.string_at(data, min(size, _LONGEST_NAME)).decode(errors="replace")
