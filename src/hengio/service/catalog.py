"""What a definition may name on this installation."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from hengio.model.channel import Channels
from hengio.model.module import Module, ModuleFacts
from hengio.model.reference import named


@dataclass(frozen=True, slots=True)
class Installed:
    """Modules with their channels, variables and connections as they are now: a `definition.outside.Catalog`."""

    registered: tuple[Module, ...]
    variables: Collection[str]
    connections: Collection[str]
    channels: Mapping[str, Channels] = field(default_factory=dict)

    @property
    def modules(self) -> Collection[str]:
        """Every registered module, as `name@version`."""
        return [f"{module.name}@{module.version}" for module in self.registered]

    def module(self, reference: str) -> ModuleFacts | None:
        """The facts of the module that a `module_id` names; None if there is none."""
        found = named(self.registered, reference, self.channels)
        return None if found is None else found.facts
