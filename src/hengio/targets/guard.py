"""The network guard: where Hengio itself connects to on behalf of a definition (H4.6).

Public addresses are open. Private, loopback, link-local and other special ones are refused unless the setting
`network.allow` names them. Whoever connects asks the guard for addresses and connects to one of those, never to the
name again: a name server that answers otherwise a moment later changes nothing.

Guests do not come by here: their grants say where they may go (`sandbox/host/http`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from msgspec import Struct

from hengio import url as urls
from hengio.errors import Refused, Unavailable
from hengio.internet import is_metadata, is_public, plain
from hengio.targets.names import Resolve, resolved
from hengio.url import Address, literal

SETTING = "network.allow"
_FORM = re.compile(r"(\[[0-9a-fA-F:./]+\]|[^\[\]:\s]+)(?::(\d{1,5}))?")
_EXAMPLES = (
    "write a host, *. before a name, an address or a network, with :port if only that: 10.20.0.0/16, erp.lan:8443"
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class AddressRefused(Refused):
    """The address is not public, and no setting allows it."""

    code = "address_refused"


class Allowed(Struct, frozen=True, kw_only=True):
    """One entry of the setting. Exactly one of `host`, `suffix` and `network` is set; `port` None is every port."""

    host: str | None = None
    suffix: str | None = None
    network: Network | None = None
    port: int | None = None

    def opens(self, host: str, port: int, address: Address) -> bool:
        """Whether that host at that address may be reached. Metadata services are opened by their address only."""
        if self.port not in {None, port}:
            return False
        if self.network is not None:
            return address in self.network
        if self.suffix is not None:
            return literal(host) is None and host.endswith(self.suffix) and not _locked(address)
        if self.host == "localhost":
            return host == "localhost" and address.is_loopback
        return host == self.host and not _locked(address)


class Guard:
    """Says which addresses may be connected to. `allow` holds the entries of the setting `network.allow`: `host`,
    `*.suffix`, an address or a network, each with `:port` if it is for that port only.

    Constructing raises `Refused` for an entry that means nothing.
    """

    def __init__(self, allow: Iterable[str] = (), *, resolve: Resolve | None = None) -> None:
        self._allowed = tuple(map(allowed, allow))
        self._resolve = resolve or resolved

    async def addresses(self, host: str, port: int, *, named: bool = False) -> list[Address]:
        """The addresses of a host that may be connected to, at least one: connect to one of these and no other.

        `named`: an administrator's own connection names the host, so that private addresses are meant; link-local ones
        and metadata services still need the setting. Raises `AddressRefused`, `Refused` for a host that is none, and
        `Unavailable` for a name that has no address now.
        """
        name = urls.normal_host(f"[{host}]" if ":" in host and not host.startswith("[") else host)
        known = literal(name)
        found = [plain(each) for each in ([known] if known is not None else await self._resolve(name, port))]
        if not found:
            raise Unavailable("the host has no address")
        self.check(name, port, found, named=named)
        return found

    def check(self, host: str, port: int, addresses: Iterable[Address], *, named: bool = False) -> None:
        """The same for addresses that are known already: raises `AddressRefused` unless **all** of them may be
        connected to. A name server's answer can not mix good and bad. `host` is in its one spelling (`url`)."""
        for address in map(plain, addresses):
            if not self._opens(host, port, address, named=named):
                shown = "" if literal(host) == address else f" leads to {address}, which"
                raise AddressRefused(
                    f"{host}{shown} is not a public address",
                    hint=f"if port {port} there is meant, an administrator can allow it in the setting {SETTING}",
                )

    def _opens(self, host: str, port: int, address: Address, *, named: bool) -> bool:
        if is_public(address) or (named and not _locked(address)):
            return True
        return any(entry.opens(host, port, address) for entry in self._allowed)


def allowed(text: str) -> Allowed:
    """An entry of the setting. Raises `Refused` for one that means nothing."""
    try:
        return Allowed(network=ipaddress.ip_network(text))
    except ValueError:
        pass
    found = _FORM.fullmatch(text)
    port = int(found[2]) if found and found[2] else None
    if found is None or (port is not None and not 0 < port < 65_536):
        raise Refused(f"{SETTING}: '{text}' is no host, address or network", hint=_EXAMPLES)
    try:
        return _of(found[1], port)
    except (Refused, ValueError) as error:
        raise Refused(f"{SETTING}: '{text}' is no host, address or network: {error}", hint=_EXAMPLES) from error


def _of(host: str, port: int | None) -> Allowed:
    if host.startswith("[") or "/" in host:
        return Allowed(network=ipaddress.ip_network(host.strip("[]")), port=port)
    name = urls.normal_host(host.removeprefix("*."))
    address = literal(name)
    if host.startswith("*."):
        if address is not None:
            raise Refused("a wildcard stands before an address")
        return Allowed(suffix=f".{name}", port=port)
    return (
        Allowed(host=name, port=port) if address is None else Allowed(network=ipaddress.ip_network(address), port=port)
    )


def _locked(address: Address) -> bool:
    """What no name may lead to: only an address or a network in the setting opens it."""
    return is_metadata(address) or address.is_unspecified or address.is_multicast
