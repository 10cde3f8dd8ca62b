"""Which addresses belong to the public Internet. All others are reached only where a grant or a setting names them."""

from __future__ import annotations

import ipaddress

from hengio.url import Address

_HIDDEN = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT (RFC 6598)
        "168.63.129.16/32",  # Azure's platform, at a public address
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

_METADATA = tuple(
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",  # link-local (RFC 3927), with nearly every cloud's metadata service in it
        "fe80::/10",
        "fd00:ec2::/32",  # Amazon's, by IPv6
        "fd20:ce::/32",  # Google's, by IPv6
        "100.100.100.200/32",  # Alibaba's
        "168.63.129.16/32",  # Azure's
        "192.0.0.192/32",  # Oracle's
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")


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


def is_metadata(address: Address) -> bool:
    """Whether it is link-local, or one at which a cloud tells its machines who they are; also carried by IPv6."""
    return any(
        each in network
        for each in (plain(address), *_carried(address))
        for network in _METADATA
        if network.version == each.version
    )


def _carried(address: Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 address may lead to (RFC 3056, RFC 4380, RFC 6052)."""
    if not isinstance(address, ipaddress.IPv6Address):
        return []
    found: list[Address] = [] if address.teredo is None else [address.teredo[1]]
    if address.sixtofour is not None:
        found.append(address.sixtofour)
    if address in _NAT64 or address in _COMPATIBLE:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return found
