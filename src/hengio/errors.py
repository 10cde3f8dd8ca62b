"""The error tree, named by who must act; doors translate it once (HTTP status, exit code).

A failing guest or step is a value (`model.outcome`), never one of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, at one place: a JSON path such as `$.steps[2].next`, or a file."""

    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class HengioError(Exception):
    """Anything Hengio refuses or cannot do. `hint` says what the reader can do about it."""

    code = "error"
    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.problems = tuple(problems)

    def __str__(self) -> str:
        lines = [self.message, *(f"  {problem}" for problem in self.problems)]
        return "\n".join(lines)


class Refused(HengioError):
    """What was given is not acceptable; the one who sent it must change it."""

    code = "refused"
    exit_code = 2


class Distrusted(Refused):
    """A module that is not signed as it must be (R14). Its `code` says why; each time it was to run, that is a security
    alert. `module` is its `name@version`."""

    code = "distrusted"

    def __init__(self, code: str, message: str, *, module: str, module_id: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.module = module
        self.module_id = module_id


class NotFound(HengioError):
    """Nothing of that name or id exists."""

    code = "not_found"
    exit_code = 3


class Conflict(HengioError):
    """It clashes with what exists or with what somebody else did meanwhile."""

    code = "conflict"
    exit_code = 4


class Forbidden(HengioError):
    """It exists but this caller may not do it."""

    code = "forbidden"
    exit_code = 5


class Unavailable(HengioError):
    """Something outside (database, object store, disk) does not answer now; trying again may help."""

    code = "unavailable"
    exit_code = 6


class Corrupt(HengioError):
    """Stored bytes are not what was stored: an operator must look."""

    code = "corrupt"
    exit_code = 7


class Limited(HengioError):
    """It came too often; after `retry_after_seconds` it may be asked for again."""

    code = "limited"
    exit_code = 8

    def __init__(self, message: str, *, retry_after_seconds: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class Unauthenticated(HengioError):
    """Nobody that is known here asks: what proves who asks is missing, wrong or too old. It does not say which."""

    code = "unauthenticated"
    exit_code = 9


class TooLarge(Refused):
    """More was sent than is taken."""

    code = "too_large"


class Unsupported(Refused):
    """It was sent in a form that is not read here."""

    code = "unsupported"
