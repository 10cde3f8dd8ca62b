"""Which addresses belong to the public Internet. All others are reached only where a grant names them."""

from __future__ import annotations

import ipaddress

from hengio.url import Address

_HIDDEN = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT (RFC 6598)
        "192.0.0.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",
        "240.0.0.0/4",
        "::/96",  # IPv4-compatible
        "64:ff9b::/96",  # NAT64 (RFC 6052): carries any IPv4 address
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",  # Teredo and others
        "2001:db8::/32",
        "2002::/16",  # 6to4 (RFC 3056): carries any IPv4 address
        "fc00::/7",  # unique local: a cloud's metadata service, too
        "fec0::/10",
    )
)


def plain(address: Address) -> Address:
    """An IPv4 address that came as an IPv6 one, as itself."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_public(address: Address) -> bool:
    """Whether it is an ordinary address of the public Internet.

    Not: private, loopback, link-local (a cloud's metadata service), carrier-grade NAT, multicast, reserved,
    unspecified, and those that carry an IPv4 address inside.
    """
    address = plain(address)
    if address.is_multicast or address.is_unspecified or address.is_reserved or not address.is_global:
        return False
    return not any(address in network for network in _HIDDEN if network.version == address.version)
