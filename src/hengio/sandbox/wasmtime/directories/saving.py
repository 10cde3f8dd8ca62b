"""Saves what a guest wrote into `/out`, once its call ended well."""

from __future__ import annotations

from collections.abc import Iterable

from hengio import codec
from hengio.model.outcome import Failure, OutcomeKind
from hengio.sandbox.protocol import Status
from hengio.sandbox.wasmtime.directories.content import Written
from hengio.sandbox.wasmtime.guest import Guest, Stop

_AGAIN = frozenset({Status.UNAVAILABLE, Status.DEADLINE})


def save(guest: Guest, files: Iterable[tuple[str, Written]]) -> tuple[OutcomeKind, Failure] | None:
    """One file after another, sorted by path; each is whole in the files area or not there.

    What has gone wrong, else None. After a failure the files that come before it are saved, as those of `file_write`
    would be.
    """
    for path, file in files:
        try:
            answer = guest.world.ask("file_write", path.encode(), file.data)
        except Stop as stop:
            return stop.kind, Failure(stop.code, f"{stop.message} (while /out/{path} was saved)")
        if answer.status is not Status.OK:
            why = codec.decode(answer.reply)
            message = f"/out/{path} could not be saved: {why['message']}"
            return OutcomeKind.FAILED, Failure(why["code"], message, retryable=answer.status in _AGAIN)
    return None
