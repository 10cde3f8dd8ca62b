"""Resources of `http:read` and `http:write`: `scheme://host[:port]/path` (ABI: Permissions).

- The host is a name, `*.` before a name (any number of labels in its place, but at least one), an address, or a network
  in brackets: `http://[10.0.0.0/8]:8080/**`, `https://[fd00::/8]/**`.
- No port is the scheme's own. In the path `*` stands for anything within a segment, `**` for any number of segments.

A name allows only public addresses. To reach a private one (loopback, link-local, private, carrier-grade NAT …), some
grant must name it as an address or network; `localhost` names loopback.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from msgspec import Struct

from hengio import url as urls
from hengio.errors import Refused
from hengio.grants import glob
from hengio.internet import is_public, plain
from hengio.url import Address, Url

_FORM = re.compile(r"(https?)://([^\[\]/?#]+?|\[[0-9a-fA-F:./]+\])(?::(\d{1,5}))?(/[^?#]*)", re.IGNORECASE)
_EXAMPLE = "write scheme://host[:port]/path, such as https://api.example.com/v1/**"
_STAR = "hengiostarhengio"
"""Stands for a wildcard while a path is brought into its normal form."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class HttpPattern(Struct, frozen=True):
    """A parsed resource. Exactly one of `host`, `suffix` and `network` is set; `path` is
    the pattern's segments."""

    scheme: str
    port: int
    path: tuple[str, ...]
    host: str | None = None
    suffix: str | None = None
    network: Network | None = None

    def names(self, target: Url) -> bool:
        """Whether this pattern is for that scheme, host, port and path."""
        return self._fits(target) and self._is_host(target)

    def opens(self, target: Url, address: Address) -> bool:
        """Whether it names that address for that scheme, port and path, whatever the host is called."""
        if not self._fits(target):
            return False
        if self.host == "localhost" == target.host:
            return address.is_loopback
        return self.network is not None and address in self.network

    def _fits(self, target: Url) -> bool:
        same = (self.scheme, self.port) == (target.scheme, target.port)
        return same and glob.matches(self.path, target.path.split("/")[1:])

    def _is_host(self, target: Url) -> bool:
        if self.network is not None:
            address = target.address
            return address is not None and plain(address) in self.network
        if self.suffix is not None:
            return target.address is None and target.host.endswith(self.suffix) and target.host != self.suffix
        return target.host == self.host


@lru_cache(maxsize=4_096)
def parse(resource: str) -> HttpPattern:
    """Raises `Refused` for a resource that is not of this form."""
    found = _FORM.fullmatch(resource)
    if found is None:
        raise Refused(f"'{resource}' is no resource of http", hint=_EXAMPLE)
    scheme, host, port, path = found[1].lower(), found[2], found[3], found[4]
    number = int(port) if port else urls.PORTS[scheme]
    if not 0 < number < 65_536:
        raise Refused(f"'{resource}' has no such port", hint=_EXAMPLE)
    segments = _path(path, resource)
    try:
        return _of_host(host, scheme=scheme, port=number, path=segments)
    except (Refused, ValueError) as error:
        hint = "a name, *. before a name, an address, or a network as [10.0.0.0/8]"
        raise Refused(f"'{resource}' has no host that can be matched: {error}", hint=hint) from error


def allows(patterns: tuple[HttpPattern, ...], target: Url) -> bool:
    """Whether one of them names the target."""
    return any(pattern.names(target) for pattern in patterns)


def admits(patterns: tuple[HttpPattern, ...], target: Url, address: Address) -> bool:
    """Whether the target, which they name, may be reached at that address."""
    address = plain(address)
    return is_public(address) or any(pattern.opens(target, address) for pattern in patterns)


def _of_host(host: str, *, scheme: str, port: int, path: tuple[str, ...]) -> HttpPattern:
    if host.startswith("["):
        return HttpPattern(scheme, port, path, network=ipaddress.ip_network(host[1:-1]))
    name = urls.normal_host(host.removeprefix("*."))
    literal = urls.literal(name)
    if host.startswith("*."):
        if literal is not None:
            raise Refused("a wildcard stands before an address")
        return HttpPattern(scheme, port, path, suffix=f".{name}")
    if literal is not None:
        return HttpPattern(scheme, port, path, network=ipaddress.ip_network(literal))
    return HttpPattern(scheme, port, path, host=name)


def _path(path: str, resource: str) -> tuple[str, ...]:
    """The segments of a path in its normal form, which wildcards go through as words."""
    if any("**" in segment and segment != "**" for segment in path.split("/")):
        raise Refused(f"'{resource}': ** stands for whole segments", hint=_EXAMPLE)
    normal = urls.normal_path(path.replace("*", _STAR))
    if normal.count(_STAR) != path.count("*"):
        raise Refused(f"'{resource}': its path goes back over a wildcard", hint=_EXAMPLE)
    return tuple(normal.replace(_STAR, "*").split("/")[1:])
