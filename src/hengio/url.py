"""A URL in one spelling, so that what is checked is what is connected to (RFC 3986, RFC 3987).

Whatever could be read in two ways is refused instead of guessed: user information, backslashes, control characters,
numeric hosts in any but the usual form, zones, escaped slashes around dots.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Literal
from urllib.parse import quote, unquote

import idna
from msgspec import Struct

from hengio.errors import Refused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Scheme = Literal["http", "https"]
PORTS: dict[str, int] = {"http": 80, "https": 443}
URL_BYTES = 8_192
_PARTS = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.IGNORECASE | re.DOTALL)
_AUTHORITY = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::(\d{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC = re.compile(r"\d+|0x[0-9a-f]*")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PATH_SAFE = "/:@!$&'()*+,;=-._~%"
_QUERY_SAFE = _PATH_SAFE + "?"


class Url(Struct, frozen=True):
    """`host` is lower-case ASCII or the canonical text of an address; `path` begins with `/` and has no dot segments;
    `query` is without its `?`, None if there is none."""

    scheme: str
    host: str
    port: int
    path: str
    query: str | None = None

    @property
    def address(self) -> Address | None:
        """The host, if it is an address and no name."""
        return literal(self.host)

    @property
    def origin(self) -> str:
        """`scheme://host[:port]`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == PORTS[self.scheme] else f":{self.port}")

    @property
    def resource(self) -> str:
        """The URL as a grant names it: without a query."""
        return self.origin + self.path

    def __str__(self) -> str:
        return self.resource + ("" if self.query is None else f"?{self.query}")


def parse(text: str) -> Url:
    """The URL in its one spelling. Raises `Refused` saying what is wrong with it, never quoting all of it."""
    if len(text.encode(errors="replace")) > URL_BYTES:
        raise Refused(f"the URL has more than {URL_BYTES} bytes")
    if _UNSAFE.search(text):
        raise Refused("the URL has a space, a control character or a backslash")
    found = _PARTS.fullmatch(text)
    if found is None:
        raise Refused("the URL is not of the form http(s)://host[:port]/path")
    scheme, authority, path, query = found[1].lower(), found[2], found[3] or "/", found[4]
    host, port = split(authority)
    return Url(
        scheme=scheme,
        host=normal_host(host),
        port=PORTS[scheme] if port is None else port,
        path=normal_path(path),
        query=None if query is None else _escaped(query[1:], _QUERY_SAFE),
    )


def split(authority: str) -> tuple[str, int | None]:
    """Host and port of an authority; `Refused` for user information or a port that is none."""
    if "@" in authority:
        raise Refused("the URL has a user name or password", hint="give it as auth, by the name of a secret")
    found = _AUTHORITY.fullmatch(authority)
    if found is None or not found[1] or (found[2] and not 0 < int(found[2]) < 65_536):
        raise Refused("the URL's host and port cannot be read")
    return found[1], None if found[2] is None else int(found[2])


def normal_host(host: str) -> str:
    """One spelling of a host: an address in canonical form, or a name in lower-case ASCII (IDNA 2008)."""
    if host.startswith("["):
        return _ipv6(host[1:-1])
    if "%" in host:
        raise Refused("the URL's host has an escape in it")
    name = host.removesuffix(".")
    try:
        name = (name if name.isascii() else idna.encode(name, uts46=True).decode()).lower()
    except idna.IDNAError as error:
        raise Refused("the URL's host is not a valid name") from error
    labels = name.split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        return _ipv4(name)
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Refused("the URL's host is not a valid name")
    return name


def normal_path(path: str) -> str:
    """The path with dot segments resolved and one form of escapes; `Refused` where escapes hide dots or slashes."""
    escaped = _escaped(path, _PATH_SAFE)
    done: list[str] = []
    segments = escaped.split("/")[1:]
    for place, segment in enumerate(segments):
        plain = unquote(segment)
        if any(part in {".", ".."} for part in re.split(r"[/\\]", plain)) and plain not in {".", ".."}:
            raise Refused("the URL's path hides a dot segment behind an escape")
        if plain not in {".", ".."}:
            done.append(segment)
            continue
        if plain == ".." and done:
            done.pop()
        if place == len(segments) - 1:
            done.append("")
    return "/" + "/".join(done)


def literal(host: str) -> Address | None:
    """The address that a normal host is, if it is one."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _escaped(text: str, safe: str) -> str:
    if _ESCAPE.search(text):
        raise Refused("the URL has a % that begins no escape")
    try:
        return quote(text, safe=safe)
    except UnicodeEncodeError as error:
        raise Refused("the URL is not valid Unicode") from error


def _ipv4(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError as error:
        hint = "write an address as four decimal numbers without leading zeros"
        raise Refused("the URL's host is a number in an unusual form", hint=hint) from error


def _ipv6(text: str) -> str:
    if "%" in text:
        raise Refused("the URL's host has a zone in it")
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError as error:
        raise Refused("the URL's host is not an IPv6 address") from error
    return str(address.ipv4_mapped or address)
