"""How long an execution was at work: steps that run beside each other count once, waits between them not at all."""

from __future__ import annotations

from hengio.clock import Micros


class Worked:
    """The union of the spans in which steps ran. Spans are added in the order in which they end."""

    def __init__(self) -> None:
        self._spans: list[tuple[Micros, Micros]] = []
        self._total: Micros = 0

    def add(self, started: Micros, ended: Micros) -> None:
        """A step ran from `started` to `ended`."""
        while self._spans and self._spans[-1][1] >= started:
            first, last = self._spans.pop()
            self._total -= last - first
            started, ended = min(first, started), max(last, ended)
        self._spans.append((started, ended))
        self._total += ended - started

    def until(self, now: Micros, *, running_since: Micros | None = None) -> Micros:
        """All the time at work, with that of steps which have been running since then."""
        if running_since is None:
            return self._total
        before = sum(max(min(last, running_since) - first, 0) for first, last in self._spans)
        return before + now - running_since
