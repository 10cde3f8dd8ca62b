"""The network guard: what is open, what a setting opens, and what only an address opens (H4.6)."""

from __future__ import annotations

import ipaddress

import pytest

from hengio.errors import Refused, Unavailable
from hengio.internet import is_metadata
from hengio.targets.guard import AddressRefused, Guard, allowed
from hengio.url import Address

PUBLIC = "93.184.216.34"


def leading(*answers: list[str]) -> Guard:
    """A guard whose name server gives these answers, one after the other, and then the last for ever."""
    return opening((), *answers)


def opening(allow: tuple[str, ...], *answers: list[str]) -> Guard:
    left = list(answers)

    async def resolve(_host: str, _port: int) -> list[Address]:
        found = left.pop(0) if len(left) > 1 else left[0]
        return [ipaddress.ip_address(text) for text in found]

    return Guard(allow, resolve=resolve)


async def test_a_public_name_gives_the_addresses_to_connect_to() -> None:
    found = await leading([PUBLIC, "2606:2800:220:1::1"]).addresses("Example.COM.", 443)
    assert [str(address) for address in found] == [PUBLIC, "2606:2800:220:1::1"]


@pytest.mark.requirement("H4.6")
@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "168.63.129.16", "100.100.100.200", "192.0.0.192", "198.18.0.1"),
        *("::1", "::", "fe80::1", "fd00:ec2::254", "fc00::1", "ff02::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
        *("64:ff9b::a9fe:a9fe", "2002:7f00:1::", "::7f00:1"),
    ],
)
async def test_what_is_not_public_is_refused_by_address_and_by_name(address: str) -> None:
    for guard, host in (
        (Guard(), address),
        (leading([address]), "name.example"),
        (leading([PUBLIC, address]), "a.example"),
    ):
        with pytest.raises(AddressRefused) as refused:
            await guard.addresses(host, 80)
        assert (refused.value.code, "network.allow" in refused.value.hint) == ("address_refused", True)


@pytest.mark.parametrize(
    "host", ["0x7f.1", "127.1", "2130706433", "0177.0.0.1", "a b", "a/b", "user@a", "", "[::1%25lo]"]
)
async def test_a_host_in_an_odd_spelling_is_refused_before_it_is_resolved(host: str) -> None:
    with pytest.raises(Refused):
        await leading([PUBLIC]).addresses(host, 80)


async def test_a_name_without_an_address_may_have_one_later() -> None:
    with pytest.raises(Unavailable):
        await leading([]).addresses("name.example", 80)
    with pytest.raises(Unavailable):
        await Guard().addresses("no-such-host.invalid", 80)


@pytest.mark.requirement("H4.6")
@pytest.mark.parametrize(
    ("entry", "host", "port", "address"),
    [
        ("10.20.0.0/16", "10.20.3.4", 5432, "10.20.3.4"),
        ("10.20.0.0/16", "erp.internal", 80, "10.20.3.4"),
        ("10.20.3.4", "erp.internal", 80, "10.20.3.4"),
        ("10.20.3.4", "erp.internal", 80, "::ffff:10.20.3.4"),
        ("10.20.0.0/16:8443", "erp.internal", 8443, "10.20.3.4"),
        ("erp.internal", "erp.internal", 80, "10.20.3.4"),
        ("ERP.internal.", "erp.internal", 80, "10.20.3.4"),
        ("erp.internal:8443", "erp.internal", 8443, "10.20.3.4"),
        ("*.internal", "a.b.internal", 80, "fd00::5"),
        ("localhost", "localhost", 80, "::1"),
        ("::1", "::1", 80, "::1"),
        ("[::1]:8080", "::1", 8080, "::1"),
        ("fd00::/8", "fd00::9", 80, "fd00::9"),
        ("[fd00::/8]:22", "fd00::9", 22, "fd00::9"),
        ("169.254.169.254", "metadata.example", 80, "169.254.169.254"),
    ],
)
async def test_the_setting_opens_hosts_suffixes_addresses_and_networks(
    entry: str, host: str, port: int, address: str
) -> None:
    assert len(await opening((entry,), [address]).addresses(host, port)) == 1


@pytest.mark.requirement("H4.6")
@pytest.mark.parametrize(
    ("entry", "host", "port", "address"),
    [
        ("10.20.0.0/16", "10.21.0.1", 80, "10.21.0.1"),
        ("10.20.0.0/16:8443", "10.20.0.1", 8444, "10.20.0.1"),
        ("erp.internal", "crm.internal", 80, "10.20.3.4"),
        ("erp.internal", "erp.internal.example", 80, "10.20.3.4"),
        ("erp.internal:8443", "erp.internal", 80, "10.20.3.4"),
        ("*.internal", "internal", 80, "10.20.3.4"),
        ("*.internal", "evilinternal", 80, "10.20.3.4"),
        ("localhost", "localhost", 80, "10.0.0.1"),
        ("localhost", "127.0.0.1", 80, "127.0.0.1"),
        ("erp.internal", "erp.internal", 80, "169.254.169.254"),
        ("*.internal", "erp.internal", 80, "fe80::1"),
        ("erp.internal", "erp.internal", 80, "0.0.0.0"),
        ("erp.internal", "erp.internal", 80, "64:ff9b::a9fe:a9fe"),
    ],
)
async def test_the_setting_opens_nothing_else(entry: str, host: str, port: int, address: str) -> None:
    with pytest.raises(AddressRefused):
        await opening((entry,), [address]).addresses(host, port)


async def test_a_connection_of_an_administrator_reaches_private_addresses_but_no_metadata() -> None:
    for address in "10.0.0.1", "127.0.0.1", "fd00::1", "100.64.0.1":
        assert await leading([address]).addresses("erp.internal", 80, named=True)
    for address in "169.254.169.254", "fe80::1", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "0.0.0.0":
        with pytest.raises(AddressRefused):
            await leading([address]).addresses("erp.internal", 80, named=True)
    assert await opening(("169.254.0.0/16",), ["169.254.1.1"]).addresses("printer.lan", 80, named=True)


@pytest.mark.requirement("H4.6")
async def test_each_answer_of_a_name_server_is_judged_by_itself() -> None:
    guard = leading([PUBLIC], ["127.0.0.1"])
    assert [str(each) for each in await guard.addresses("rebinding.example", 80)] == [PUBLIC]
    with pytest.raises(AddressRefused):
        await guard.addresses("rebinding.example", 80)


@pytest.mark.parametrize(
    "entry",
    ["", "*", "*.10.0.0.1", "a b", "http://a.example", "a.example:0", "a.example:99999", "10.0.0.1/8", "0x7f.1", "[x]"],
)
def test_an_entry_that_means_nothing_is_refused_by_its_name(entry: str) -> None:
    with pytest.raises(Refused, match=r"network\.allow"):
        allowed(entry)


def test_metadata_services_are_known_also_inside_ipv6() -> None:
    assert is_metadata(ipaddress.ip_address("2002:a9fe:a9fe::1"))
    assert not is_metadata(ipaddress.ip_address("93.184.216.34"))
