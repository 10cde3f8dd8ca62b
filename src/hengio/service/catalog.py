"""What a definition may name on this installation."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from hengio.model.module import Module, ModuleFacts
from hengio.model.reference import named


@dataclass(frozen=True, slots=True)
class Installed:
    """Modules, variables and connections as they are now: a `definition.outside.Catalog`."""

    registered: tuple[Module, ...]
    variables: Collection[str]
    connections: Collection[str]

    @property
    def modules(self) -> Collection[str]:
        """Every registered module, as `name@version`."""
        return [f"{module.name}@{module.version}" for module in self.registered]

    def module(self, reference: str) -> ModuleFacts | None:
        """The facts of the module that a `module_id` names; None if there is none."""
        found = named(self.registered, reference)
        return None if found is None else found.facts
