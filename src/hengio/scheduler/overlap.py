"""What becomes of a fire whose job has an execution that is not over (H1.5, H5.8). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from msgspec import Struct

from hengio.clock import SECOND, Micros
from hengio.model.fire import FireState
from hengio.scheduler.verdict import Verdict, skipped
from hengio.storage.schedules import Due
from hengio.timetable.occurrence import Occurrence


class Begun(Struct, frozen=True):
    """What is decided about each fire; `instead` says that what is not over is cancelled for the one that begins."""

    verdicts: tuple[Verdict, ...]
    instead: bool = False


def begin(fires: Sequence[Occurrence], due: Due, *, now: Micros, jitter_seconds: float, late: bool) -> Begun:
    """Which of the fires begin, and when. `late` ones are to be made up for: they queue, unless the job says `skip`."""
    policy = due.row.overlap or ("queue" if late else "skip")

    def fired(one: Occurrence) -> Verdict:
        due_at = max(now, one.at + jitter(due.row.job_id, one.at, jitter_seconds))
        return Verdict(at=one.at, state=FireState.FIRED, note=one.note, due_at=due_at)

    if not due.row.exclusive or policy in ("queue", "allow"):
        return Begun(tuple(fired(one) for one in fires))
    if policy == "cancel_running":
        before = tuple(skipped(one.at, "overlap", "the next one was due at the same time") for one in fires[:-1])
        return Begun((*before, *(fired(one) for one in fires[-1:])), instead=due.busy is not None and bool(fires))
    if due.busy is not None:
        return Begun(tuple(skipped(one.at, "overlap", f"execution {due.busy} was not over") for one in fires))
    after = tuple(skipped(one.at, "overlap", "the one before it had just begun") for one in fires[1:])
    return Begun((*(fired(one) for one in fires[:1]), *after))


def jitter(job_id: str, at: Micros, seconds: float) -> Micros:
    """A delay below `seconds` that is the same whoever asks, and spreads the jobs of one moment evenly."""
    if not seconds:
        return 0
    drawn = int.from_bytes(blake2b(f"{job_id} {at}".encode(), digest_size=8).digest(), "big")
    return drawn * int(seconds * SECOND) >> 64
