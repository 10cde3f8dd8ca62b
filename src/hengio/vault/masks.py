"""Which values one step must not show: those of the sensitive variables and connections that it names (H6.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import Struct

from hengio.definition import confidential
from hengio.definition.context import Context
from hengio.definition.needs import Needs, needs
from hengio.model.step import Step
from hengio.redaction.mask import IDLE, Mask
from hengio.redaction.redact import Sensitive, sensitive
from hengio.vault.book import ConnectionBook

_TELLING = ("auth", "headers", "url", "connection_string")
"""What of a step's configuration may hold a password; other parts hold data with names of its own."""
_MOST_PLANS = 10_000
_MOST_MASKS = 256


class _Plan(Struct, frozen=True):
    """What a step names, and the secrets that stand in its configuration itself."""

    step: Step
    needs: Needs
    written: tuple[Sensitive, ...]


class Masks:
    """Makes the masks of steps and keeps them: to build one costs more than to find that there is nothing to mask.

    `always` are values that the host knows and no step is given, such as secrets by reference: a step that reached
    something outside may have been told them.
    """

    def __init__(self, connections: ConnectionBook, always: Callable[[], Iterable[Sensitive]] = tuple) -> None:
        self._connections = connections
        self._always = always
        self._plans: dict[int, _Plan] = {}
        self._made: dict[tuple[Sensitive, ...], Mask] = {}
        self._outer: tuple[tuple[Sensitive, ...], Mask] | None = None

    def of(self, step: Step, context: Context) -> Mask:
        """What the step itself was given."""
        return self._mask(self._values(self._plan(step), context))

    def outside(self, step: Step, context: Context) -> Mask:
        """The same, and everything that it may have been told by what it reached."""
        own = self._values(self._plan(step), context)
        return self._mask((*own, *self._around())) if own else self._always_mask()

    def locked(self, step: Step, context: Context) -> str | None:
        """Why the step cannot run: a variable that it names cannot be read."""
        if not context.locked:
            return None
        named = self._plan(step).needs
        names = context.locked if named.all_variables else [name for name in context.locked if name in named.variables]
        return next((context.locked[name] for name in names), None)

    def _around(self) -> tuple[Sensitive, ...]:
        return (*self._always(), *self._connections.all_secrets)

    def _always_mask(self) -> Mask:
        """The mask of most steps, which name nothing: made again only when connections change."""
        every = self._connections.all_secrets
        if self._outer is None or self._outer[0] is not every:
            self._outer = every, self._mask(self._around())
        return self._outer[1]

    def _values(self, plan: _Plan, context: Context) -> tuple[Sensitive, ...]:
        wanted = plan.needs
        if not context.secret_names and not wanted.connections and not wanted.all_connections:
            return plan.written
        return (*plan.written, *_variables(wanted, context), *self._of_connections(wanted))

    def _of_connections(self, wanted: Needs) -> Iterator[Sensitive]:
        if wanted.all_connections:
            yield from self._connections.all_secrets
        for name in wanted.connections:
            yield from self._connections.secrets(name)

    def _mask(self, values: tuple[Sensitive, ...]) -> Mask:
        if not values:
            return IDLE
        mask = self._made.get(values)
        if mask is None:
            while len(self._made) >= _MOST_MASKS:
                self._made.pop(next(iter(self._made)))
            mask = self._made[values] = Mask(values)
        return mask

    def _plan(self, step: Step) -> _Plan:
        plan = self._plans.get(id(step))
        if plan is None or plan.step is not step:
            while len(self._plans) >= _MOST_PLANS:
                self._plans.pop(next(iter(self._plans)))
            plan = self._plans[id(step)] = _Plan(step, needs(step), tuple(_written(step.config)))
        return plan


def _variables(wanted: Needs, context: Context) -> Iterator[Sensitive]:
    names = context.secret_names if wanted.all_variables else context.secret_names & wanted.variables
    for name in sorted(names):
        yield from sensitive(name, context.admin.get(name))


def _written(config: dict[str, Any]) -> Iterator[Sensitive]:
    """Passwords that an author wrote into the definition itself, also beside templates."""
    for text in confidential.literals({key: config[key] for key in _TELLING if key in config}):
        yield Sensitive("definition", text)


NONE = Masks(ConnectionBook({}))
