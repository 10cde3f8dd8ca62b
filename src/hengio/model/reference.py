"""How a job's `module_id` names a module: an id, `name`, `name@version`, `name@^1.2` or `sha256:…`. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from hengio.model.module import Module
from hengio.model.version import matches, order


def named(modules: Iterable[Module], reference: str) -> Module | None:
    """The module that `reference` means, the newest version where several fit; None if there is none."""
    fitting = [module for module in modules if _fits(module, reference)]
    return max(fitting, key=lambda module: order(module.version), default=None)


def _fits(module: Module, reference: str) -> bool:
    if reference.startswith("sha256:"):
        return module.digest == reference.removeprefix("sha256:")
    name, _, wanted = reference.partition("@")
    return reference == module.id or (name == module.name and matches(module.version, wanted))
