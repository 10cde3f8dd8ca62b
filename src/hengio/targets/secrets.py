"""Secrets by reference: who sends one names it, only the host knows it, and only the hosts it is bound to get it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Protocol
from urllib.parse import quote

from msgspec import Struct

from hengio.url import Url

HIDDEN = "***"


class Secret(Struct, frozen=True, repr_omit_defaults=True):
    """A value and where it may go: host names, `*.` before one for those below it. Never printed."""

    value: str
    hosts: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Secret(hosts={self.hosts!r})"

    def goes_to(self, target: Url) -> bool:
        """Over TLS to a host it is bound to, or in the clear to an address of this machine."""
        bound = any(_is(host.lower(), target.host) for host in self.hosts)
        address = target.address
        here = target.host == "localhost" or (address is not None and address.is_loopback)
        return bound and (target.scheme == "https" or here)


class Secrets(Protocol):
    """Where secrets come from."""

    def find(self, name: str) -> Secret | None: ...


class KnownSecrets:
    """`Secrets` of a mapping."""

    def __init__(self, known: Mapping[str, Secret]) -> None:
        self._known = dict(known)

    def find(self, name: str) -> Secret | None:
        return self._known.get(name)


def redacted(text: str, values: Iterable[str]) -> str:
    """The text without the values, nor their usual encodings."""
    for value in values:
        for form in forms(value):
            text = text.replace(form, HIDDEN)
    return text


def forms(value: str) -> list[str]:
    """The value, and how it is usually written elsewhere; the longest first."""
    encoded = base64.b64encode(value.encode()).decode()
    forms = {value, encoded, encoded.rstrip("="), quote(value, safe="")}
    return sorted((form for form in forms if form), key=len, reverse=True)


def _is(pattern: str, host: str) -> bool:
    return host.endswith(pattern[1:]) and host != pattern[2:] if pattern.startswith("*.") else host == pattern
