"""Replaying a tape: the call that repeats it, and whether what came of it is the same. Pure."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from msgspec import Struct

from hengio.errors import Problem, Refused
from hengio.model.module import Limits
from hengio.model.outcome import Outcome
from hengio.model.tape import End, Request, Sleep, Stopped, Tape
from hengio.sandbox.protocol import Call
from hengio.sandbox.tapes.play import Divergence, Player
from hengio.sandbox.tapes.shown import shown

_PATIENCE = 10
"""How many times the recorded limit a replay may take, where time was not what ended the call."""
_SHOWN = 60
"""Bytes of outputs that a divergence quotes around the first difference; letters of words."""
_NAME = 20


class Replayed(Struct, frozen=True, kw_only=True):
    """The verdict. `fuel` says whether that was compared, or why not. `full` means that the tape ended before the call
    did: it is the same as far as the tape goes, which is not known to be far enough."""

    identical: bool
    divergence: Divergence | None
    events: int
    full: bool
    fuel: str
    expected: End
    came: End | None
    redacted: bool


class _Nothing:
    """No context: what a guest asks of it is on the tape."""

    def get(self, _path: str) -> tuple[bool, Any]:
        return False, None

    def set(self, _key: str, _value: Any) -> str | None:
        return "there is no context"


def player(tape: Tape) -> Player:
    """Plays the tape from its beginning."""
    return Player(tape.events, stopped=_stopped(tape.end), missing=tape.missing > 0)


def call(tape: Tape, playing: Player, *, digest: str, ceilings: Limits) -> Call:
    """The call that repeats the tape with the binary of `digest`. Raises `Refused` for a tape that asks for more than
    this installation allows."""
    over = [
        Problem(f"limits.{name}", f"is {value:g}, not from 0 to {most:g}")
        for name, most in msgspec.structs.asdict(ceilings).items()
        if not 0 <= (value := getattr(tape.limits, name)) <= most
    ]
    if over:
        hint = "the ceilings are settings: sandbox.fuel_ceiling and those beside it"
        raise Refused("the tape asks for more than this installation allows", problems=over, hint=hint)
    seconds = tape.limits.timeout_seconds
    if _stopped(tape.end) is None:
        seconds = min(seconds * _PATIENCE, ceilings.timeout_seconds)
    return Call(
        digest=digest,
        module_name=tape.module_name,
        function=tape.function,
        input=tape.input,
        limits=msgspec.structs.replace(tape.limits, timeout_seconds=seconds),
        context=_Nothing(),
        output_mode=tape.output_mode,
        env=tape.env,
        directories=tape.directories,
        tape="always",
        played=playing,
    )


def compared(tape: Tape, playing: Player, outcome: Outcome) -> Replayed:
    """What the replay of the tape came to."""
    playing.finish()
    came = None if outcome.tape is None else outcome.tape.end
    not_compared = _fuel_differs_by_itself(tape, outcome)
    divergence = playing.divergence
    if divergence is None and not playing.ran_out:
        divergence = _ends_differ(tape.end, outcome, came, fuel=not not_compared)
    return Replayed(
        identical=divergence is None and not playing.ran_out,
        divergence=divergence,
        events=len(tape.events),
        full=playing.ran_out,
        fuel=not_compared or ("equal" if came is not None and came.fuel_used == tape.end.fuel_used else "differs"),
        expected=tape.end,
        came=came,
        redacted=bool(tape.redacted),
    )


def _stopped(end: End) -> Stopped | None:
    match end.outcome:
        case "timed_out" | "cancelled":
            return end.outcome
        case _:
            return None


def _fuel_differs_by_itself(tape: Tape, outcome: Outcome) -> str:
    """Why fuel can not be compared, if it can not."""
    again = outcome.tape
    if again is None:
        return "not compared: the module did not run"
    for what, then, now in (
        ("module", tape.digest, again.digest),
        ("compiler", tape.compiler, again.compiler),
        ("engine", tape.runtime, again.runtime),
    ):
        if then != now:
            return f"not compared: another {what} ({shown(now, _NAME)}, recorded with {shown(then, _NAME)})"
    last = tape.events[-1] if tape.events else None
    if _stopped(tape.end) and not (isinstance(last, Sleep | Request) and last.stopped):
        return "not compared: the clock ended the call while it computed"
    return ""


def _ends_differ(end: End, outcome: Outcome, came: End | None, *, fuel: bool) -> Divergence | None:
    now = outcome.kind.value, "" if outcome.failure is None else outcome.failure.code
    if (end.outcome, end.code) != now:
        return Divergence(None, _outcome(end.outcome, end.code), _outcome(*now))
    output = (came.output if came is not None else None) or b""
    if not _same_output(end, output):
        return _outputs_differ(end, output)
    if fuel and came is not None and came.fuel_used != end.fuel_used:
        return Divergence(None, f"fuel {end.fuel_used}", f"fuel {came.fuel_used}")
    return None


def _same_output(end: End, output: bytes) -> bool:
    """Compared as far as the tape has it: by its digest, or else by its size."""
    if end.output_sha256:
        return hashlib.sha256(output).hexdigest() == end.output_sha256
    return len(output) == end.output_size


def _outcome(kind: str, code: str) -> str:
    return f"the outcome {shown(kind, _SHOWN)}" + (f" ({shown(code, _SHOWN)})" if code and code != kind else "")


def _outputs_differ(end: End, output: bytes) -> Divergence:
    """The first byte at which they differ, where the recorded output is there."""
    if end.output is None:
        digest = f" with SHA-256 {shown(end.output_sha256)}" if end.output_sha256 else ""
        return Divergence(None, f"an output of {end.output_size} bytes{digest}", f"one of {len(output)} bytes")
    pairs = enumerate(zip(end.output, output, strict=False))
    at = next((place for place, (one, other) in pairs if one != other), min(len(end.output), len(output)))
    return Divergence(None, f"at byte {at} of the output: {_around(end.output, at)}", _around(output, at))


def _around(data: bytes, at: int) -> str:
    return shown(data[max(0, at - _SHOWN // 2) : at + _SHOWN // 2]) or "nothing"
