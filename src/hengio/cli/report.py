"""What a command tells of many things that it does one after another: to people at once, to programs at its end."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from hengio.cli.present import assembled, print_json, terminal

EACH = 500
"""How many are done between two lines of progress."""


class Told(Protocol):
    """One thing that was done."""

    @property
    def execution_id(self) -> str: ...


T = TypeVar("T", bound=Told)


class Report(Generic[T]):
    """Lines as things are done, and what is left to say when no more are: also when Ctrl-C ended it or an error did.

    `counted` tells the progress on standard error to people.
    """

    def __init__(self, document: Callable[[T], dict[str, Any]], *, as_json: bool, counted: bool) -> None:
        self._document = document
        self._as_json = as_json
        self._counted = counted and not as_json
        self._told: list[T] = []
        self._out, self._beside = terminal(), terminal(beside=True)
        self.failed = 0

    def __enter__(self) -> Report[T]:
        return self

    def tell(self, one: T, end: str, problem: str | None) -> None:
        """One is done, or could not be because of a problem."""
        self._told.append(one)
        self.failed += problem is not None
        if not self._as_json:
            last = end if problem is None else (problem, "red")
            self._out.print(assembled(f"{one.execution_id} ", last), soft_wrap=True)
        if self._counted and len(self._told) % EACH == 0:
            self._beside.print(f"{self._so_far()} so far")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        interrupted = isinstance(error, KeyboardInterrupt)
        if self._as_json and (error is None or interrupted):
            print_json([self._document(one) for one in self._told])
        if interrupted or (self._told and error is not None):
            self._beside.print(f"ended early: {self._so_far()}")
        elif error is None and not self._told and not self._as_json:
            self._out.print("no dead letters")
        elif self._counted and error is None:
            self._beside.print(self._so_far())

    def _so_far(self) -> str:
        return f"{len(self._told) - self.failed} done" + (f", {self.failed} could not be" if self.failed else "")
