"""Circuit breakers: a target that is away is left alone for a while instead of being asked again and again (H5.5).

One circuit a target (`http api.example.com:443`, `database warehouse`, `sftp bank`). It opens after several failures in
a row, and refuses at once while it is open; then one caller may try, whose answer closes it or keeps it open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import Struct

from hengio.clock import SECOND, Clock
from hengio.definition.words import plain
from hengio.errors import Unavailable
from hengio.log import get_logger
from hengio.model.circuit import Circuit, CircuitState

log = get_logger("targets")

MOST_CIRCUITS = 10_000


class CircuitOpen(Unavailable):
    """The target failed so often that it is left alone for now; nothing was sent."""

    code = "circuit_open"


class BreakerPolicy(Struct, frozen=True, kw_only=True):
    """Open after `failures` in a row, for `open_seconds`. 0 failures: never."""

    failures: int = 5
    open_seconds: float = 30.0


class Asked:
    """One use of a target. An answer that only says "not now" (503) counts as a failure, too: tell it. What is told
    here holds however the use ends."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.silent = False

    def unavailable(self, reason: str) -> None:
        """The target answered, but that it cannot serve."""
        self.reason = reason

    def unknown(self) -> None:
        """Nothing was learned of the target: it was not waited for."""
        self.silent = True


class Breakers:
    """The circuits of this process. `on_change` hears of every circuit that opens, half-opens or closes."""

    def __init__(
        self, clock: Clock, policy: BreakerPolicy | None = None, *, on_change: Callable[[Circuit], None] | None = None
    ) -> None:
        self._clock = clock
        self._policy = policy or BreakerPolicy()
        self._on_change = on_change
        self._circuits: dict[str, Circuit] = {}

    @contextmanager
    def asking(self, target: str) -> Iterator[Asked]:
        """Around one use of the target. Raises `CircuitOpen` instead, while its circuit is open.

        `Unavailable` out of the block is a failure; any other error is an answer. A block that was cancelled says
        nothing.
        """
        probing = self._admit(target)
        asked = Asked()
        try:
            yield asked
        except Unavailable as error:
            self._failed(target, error.message)
            raise
        except Exception:
            self._ended(target, asked, probing=probing)
            raise
        except BaseException:
            if probing:
                self._reopen(target)
            raise
        self._ended(target, asked, probing=probing)

    def circuits(self) -> list[Circuit]:
        """Every circuit that has seen a failure since its last success, by target."""
        return [self._circuits[target] for target in sorted(self._circuits)]

    def _admit(self, target: str) -> bool:
        """Whether this use is the one that tries an open circuit."""
        circuit = self._circuits.get(target)
        if circuit is None or circuit.state is CircuitState.CLOSED:
            return False
        until = circuit.changed_at + int(self._policy.open_seconds * SECOND)
        if circuit.state is CircuitState.OPEN and self._clock.now() >= until:
            self._change(circuit, CircuitState.HALF_OPEN)
            return True
        left = max((until - self._clock.now()) / SECOND, 0.0)
        raise CircuitOpen(
            f"{target} is left alone after {circuit.failures} failures: {circuit.reason}",
            hint=f"it is tried again in {left:.0f} s" if left else "somebody is trying it now",
        )

    def _failed(self, target: str, reason: str) -> None:
        if not self._policy.failures:
            return
        circuit = self._circuits.get(target)
        if circuit is None:
            if len(self._circuits) >= MOST_CIRCUITS:
                self._forget_one()
            circuit = Circuit(target=target, state=CircuitState.CLOSED, failures=0, changed_at=self._clock.now())
        counted = Circuit(
            target=target,
            state=circuit.state,
            failures=circuit.failures + 1,
            changed_at=circuit.changed_at,
            reason=plain(reason)[:500],
        )
        self._circuits[target] = counted
        trying = circuit.state is CircuitState.HALF_OPEN
        if trying or (circuit.state is CircuitState.CLOSED and counted.failures >= self._policy.failures):
            self._change(counted, CircuitState.OPEN)

    def _ended(self, target: str, asked: Asked, *, probing: bool) -> None:
        """A use that ended by itself, in an answer unless something else was told."""
        if asked.silent:
            if probing:
                self._reopen(target)
        elif asked.reason is None:
            self._answered(target)
        else:
            self._failed(target, asked.reason)

    def _answered(self, target: str) -> None:
        circuit = self._circuits.pop(target, None)
        if circuit is not None and circuit.state is not CircuitState.CLOSED:
            self._tell(Circuit(target=target, state=CircuitState.CLOSED, failures=0, changed_at=self._clock.now()))

    def _reopen(self, target: str) -> None:
        """The one that tried was cancelled: the next may try at once."""
        circuit = self._circuits.get(target)
        if circuit is not None and circuit.state is CircuitState.HALF_OPEN:
            since = self._clock.now() - int(self._policy.open_seconds * SECOND)
            self._circuits[target] = Circuit(
                target=target,
                state=CircuitState.OPEN,
                failures=circuit.failures,
                changed_at=since,
                reason=circuit.reason,
            )

    def _change(self, circuit: Circuit, state: CircuitState) -> None:
        changed = Circuit(
            target=circuit.target,
            state=state,
            failures=circuit.failures,
            changed_at=self._clock.now(),
            reason=circuit.reason,
        )
        self._circuits[circuit.target] = changed
        self._tell(changed)

    def _tell(self, circuit: Circuit) -> None:
        log.warning("circuit", target=circuit.target, state=circuit.state.value, reason=circuit.reason)
        if self._on_change is not None:
            self._on_change(circuit)

    def _forget_one(self) -> None:
        closed = (target for target, circuit in self._circuits.items() if circuit.state is CircuitState.CLOSED)
        self._circuits.pop(next(closed, next(iter(self._circuits))))
