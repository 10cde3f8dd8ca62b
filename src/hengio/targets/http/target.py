"""HTTP connections: servers that an administrator defined by name, with what proves who asks (H6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol

import msgspec
from msgspec import Struct, field

from hengio import url as urls
from hengio.codec import Json
from hengio.definition import headers as fields
from hengio.definition.configs import HttpAuth
from hengio.errors import Refused
from hengio.url import Url

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|//")


class HttpTarget(Struct, frozen=True, kw_only=True):
    """A server: the URL that requests lie below, and the headers and the authentication they all carry. Never
    printed but for where it is."""

    url: Url
    headers: tuple[tuple[str, str], ...] = ()
    auth: HttpAuth | None = None

    def __repr__(self) -> str:
        return f"HttpTarget({self.url.origin!r})"

    @property
    def origins(self) -> frozenset[str]:
        """Where its administrator sends requests: its own origin, and that of its token server."""
        token_url = getattr(self.auth, "token_url", None)
        return frozenset({self.url.origin, *([urls.parse(token_url).origin] if token_url else [])})

    def below(self, text: str) -> Url:
        """`text`, a path with or without a query, below the connection's URL; or a whole URL that lies there. Raises
        `Refused` for anything else: the connection's credentials are for what is below it."""
        url = urls.parse(text if _ABSOLUTE.match(text) else self._joined(text))
        base = self.url.path.rstrip("/")
        if url.origin != self.url.origin or not (url.path == base or url.path.startswith(f"{base}/")):
            hint = "write a path, such as /orders?state=open; it is put behind the connection's URL"
            raise Refused("the URL is not below that of the connection", hint=hint)
        return url

    def _joined(self, text: str) -> str:
        path, mark, query = text.partition("#")[0].partition("?")
        behind = f"{self.url.path.rstrip('/')}/{path.removeprefix('/')}" if path else self.url.path
        return f"{self.url.origin}{behind}{mark}{query}"


class HttpTargets(Protocol):
    """Where HTTP connections come from."""

    async def find(self, name: str) -> HttpTarget | None:
        """The connection of that name; None if there is none, or one of another kind."""
        ...


class KnownHttpTargets:
    """`HttpTargets` of a mapping."""

    def __init__(self, known: Mapping[str, HttpTarget]) -> None:
        self._known = dict(known)

    async def find(self, name: str) -> HttpTarget | None:
        return self._known.get(name)


class _Stored(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="http"):
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    auth: HttpAuth | None = None


def http_target(name: str, value: Json) -> HttpTarget:
    """The connection that a JSON object `{"type": "http", "url", "headers", "auth"}` describes, or a text that is
    nothing but its URL. Raises `Refused`, which repeats no value."""
    try:
        stored = msgspec.convert({"type": "http", "url": value} if isinstance(value, str) else value, _Stored)
        url = urls.parse(stored.url)
        if (token_url := getattr(stored.auth, "token_url", None)) is not None:
            urls.parse(token_url)
    except msgspec.ValidationError as error:
        place = str(error).rpartition(" - at ")[2] if " - at " in str(error) else ""
        hint = f"look at {place}" if place else 'it is {"type": "http", "url", "headers", "auth"}'
        raise Refused(f"connection '{name}' does not describe an HTTP server", hint=hint) from None
    except Refused as error:
        raise Refused(f"connection '{name}': {error.message}", hint=error.hint) from None
    if url.query is not None:
        raise Refused(f"connection '{name}': its URL has a query", hint="the query belongs to the steps' own URLs")
    if wrong := next((key for key, text in stored.headers.items() if not fields.acceptable(key, text)), None):
        raise Refused(f"connection '{name}': the header `{wrong[:100]!s}` can not be sent")
    headers = tuple((key.lower(), text) for key, text in stored.headers.items())
    return HttpTarget(url=url, headers=headers, auth=stored.auth)


def is_http(url: str) -> bool:
    """Whether a connection's URL is that of an HTTP server."""
    return url.partition(":")[0].lower() in urls.PORTS
