"""How host code ends a guest."""

from __future__ import annotations

from typing import Any

from hengio.model.outcome import Frame, OutcomeKind


class Stop(Exception):
    """Ends a guest for a reason of its own: `kind` and a stable `code` go to the outcome."""

    def __init__(self, kind: OutcomeKind, code: str, message: str, *, details: Any = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.message = message
        self.details = details
        self.retryable: bool | None = None
        self.backtrace: tuple[Frame, ...] = ()
        self.at_call = True
        """Whether it ended inside a call of the host, where compiled code has written its fuel back."""

    def out_of_memory(self, message: str) -> Stop:
        """The same end, once it is known that memory was the true reason."""
        found = Stop(OutcomeKind.OUT_OF_MEMORY, "out_of_memory", message, details=self.details)
        found.backtrace, found.at_call = self.backtrace, self.at_call
        return found
