"""What a check of a definition found: errors forbid the job, warnings are told and kept out of the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from hengio.errors import Problem

MOST = 100


class Findings:
    """Errors and warnings in the order they were found, the first 100 of each.

    `written` says where the author wrote what is at a path of the canonical document; `told` is what they know already.
    """

    def __init__(self, told: Iterable[Problem] = (), *, written: Callable[[str], str] = str) -> None:
        self.errors: list[Problem] = list(told)[:MOST]
        self.warnings: list[Problem] = []
        self._written = written

    @property
    def full(self) -> bool:
        """Whether there are as many errors as are told; looking for more is of no use."""
        return len(self.errors) >= MOST

    @property
    def warned(self) -> bool:
        """The same of warnings."""
        return len(self.warnings) >= MOST

    def error(self, path: str, message: str, hint: str = "") -> None:
        self.errors_from([Problem(path, message, hint)])

    def errors_from(self, problems: Iterable[Problem]) -> None:
        found = [replace(each, path=self._written(each.path)) for each in problems]
        self.errors = [*self.errors, *found][:MOST]

    def warn(self, path: str, message: str, hint: str = "") -> None:
        if not self.warned:
            self.warnings.append(Problem(self._written(path), message, hint))
