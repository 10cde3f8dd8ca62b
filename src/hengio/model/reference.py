"""How a `module_id` names a module: an id, `name`, `name@1.2.3`, `name@^1.2`, `name@stable` or `sha256:…`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from hengio.errors import Refused
from hengio.ids import is_id, is_name
from hengio.model.channel import Channels, followed
from hengio.model.module import Module
from hengio.model.version import is_range, is_version, matches, order

FORMS = (
    "write an id, `name`, `name@1.2.3`, `name@^1`, `name@^1.2`, `name@^1.2.3`, `name@stable`, `name@canary` "
    "or `sha256:` and 64 hex digits"
)
NONE: Mapping[str, Channels] = {}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def is_reference(text: str) -> bool:
    """Whether `text` has one of the forms in which a module can be named, be there such a module or not."""
    if text.startswith("sha256:"):
        return _DIGEST.fullmatch(text) is not None
    name, marked, wanted = text.partition("@")
    if not marked:
        return is_name(name) or is_id(name)
    return is_name(name) and (is_version(wanted) or is_range(wanted) or followed(text) is not None)


def named(modules: Iterable[Module], reference: str, channels: Mapping[str, Channels] = NONE) -> Module | None:
    """The module that `reference` means, the newest version where several fit; None if there is none. `channels` are
    those of each name; of `name@stable` no share goes to the canary here.

    Raises `Refused` for a text that has none of the forms.
    """
    if not is_reference(reference):
        raise Refused(f"'{reference[:100]}' does not name a module", hint=FORMS)
    if (channel := followed(reference)) is not None:
        wanted = channels.get(channel[0], Channels()).chosen(channel[1], "")
        return next((module for module in modules if module.id == wanted), None)
    fitting = [module for module in modules if _fits(module, reference)]
    return max(fitting, key=lambda module: order(module.version), default=None)


def _fits(module: Module, reference: str) -> bool:
    if reference.startswith("sha256:"):
        return module.digest == reference.removeprefix("sha256:")
    name, _, wanted = reference.partition("@")
    return reference == module.id or (name == module.name and matches(module.version, wanted))
