"""URLs in one spelling, and which resources of http name them."""

from __future__ import annotations

import ipaddress

import pytest

from hengio import url
from hengio.errors import Refused
from hengio.grants import http
from hengio.internet import is_public

SPELLINGS = [
    ("http://EXAMPLE.com./a/../b/./c?x=1#f", "http://example.com/b/c?x=1"),
    ("HTTPS://example.com:443", "https://example.com/"),
    ("http://[::ffff:127.0.0.1]/", "http://127.0.0.1/"),
    ("http://[0:0:0:0:0:0:0:1]:8080/", "http://[::1]:8080/"),
    ("http://bücher.example/ü", "http://xn--bcher-kva.example/%C3%BC"),
    ("http://127。0。0。1/", "http://127.0.0.1/"),
    ("http://①②⑦.0.0.1/", "http://127.0.0.1/"),
    ("http://a.example/%2e%2e/%2E/x", "http://a.example/x"),
    ("http://a.example/x/..", "http://a.example/"),
    ("http://a.example/a%2Fb", "http://a.example/a%2Fb"),
]

REFUSED = [
    "ftp://a.example/",
    "//a.example/",
    "http:///x",
    "http://",
    "http://user@a.example/",
    "http://a.example@127.0.0.1/",
    "http://a.example\\@127.0.0.1/",
    "http://0x7f.1/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://127.0.0.1.1/",
    "http://999.1.1.1/",
    "http://[fe80::1%25eth0]/",
    "http://[::1/",
    "http://::1/",
    "http://a.example:0/",
    "http://a.example:65536/",
    "http://a.example:80:80/",
    "http://a.exa%6dple/",
    "http://a.example/\r\nHost: b",
    "http://a.example/ b",
    "http://a.example/%zz",
    "http://a.example/%2e%2e%2fsecret",
    "http://a.example/x%5c..%5cy",
    "http://a..example/",
    "http://-a.example/",
    "http://*.example/",
    f"http://a.example/{'x' * 9000}",
]


@pytest.mark.parametrize(("given", "normal"), SPELLINGS)
def test_a_url_has_one_spelling(given: str, normal: str) -> None:
    assert str(url.parse(given)) == normal
    assert str(url.parse(normal)) == normal


@pytest.mark.requirement("R3.4")
@pytest.mark.parametrize("given", REFUSED)
def test_what_could_be_read_in_two_ways_is_refused(given: str) -> None:
    with pytest.raises(Refused):
        url.parse(given)


@pytest.mark.requirement("R4.1", "R4.7")
@pytest.mark.parametrize(
    ("resource", "yes", "no"),
    [
        (
            "https://api.example.com/v1/**",
            ["https://api.example.com/v1/a/b", "https://API.example.com:443/v1/", "https://api.example.com/v1/x?y=1"],
            [
                "http://api.example.com/v1/a",
                "https://api.example.com:8443/v1/a",
                "https://api.example.com/v2/a",
                "https://api.example.com/v1/../v2",
                "https://api.example.com/v11",
                "https://x.api.example.com/v1/a",
                "https://api.example.com.evil.example/v1/a",
            ],
        ),
        (
            "https://*.example.com/*",
            ["https://a.example.com/x", "https://a.b.example.com/"],
            ["https://example.com/x", "https://a.example.com/x/y", "https://aexample.com/x", "https://10.0.0.1/x"],
        ),
        (
            "http://a.example/x-*/**/z",
            ["http://a.example/x-1/z", "http://a.example/x-/q/r/z"],
            ["http://a.example/x/z"],
        ),
        (
            "http://[10.0.0.0/8]:8080/**",
            ["http://10.1.2.3:8080/"],
            ["http://11.0.0.1:8080/", "http://10.1.2.3/", "http://ten.example:8080/"],
        ),
        ("http://[::1]/**", ["http://[::1]/x"], ["http://[::2]/x", "http://127.0.0.1/x"]),
    ],
)
def test_a_resource_names_what_it_says_and_nothing_else(resource: str, yes: list[str], no: list[str]) -> None:
    pattern = http.parse(resource)
    assert [text for text in yes if not pattern.names(url.parse(text))] == []
    assert [text for text in no if pattern.names(url.parse(text))] == []


@pytest.mark.parametrize(
    "resource",
    [
        *("https://a.example", "a.example/x", "ftp://a.example/", "https://*/x", "https://a.*.example/x"),
        *("https://*.10.0.0.1/", "https://a.example/**x", "https://a.example:99999/", "https://u@a.example/"),
        *("https://[10.0.0.1/8]/", "https://a.example/x?y=1", "https://a.example/*/../x", "**", ""),
    ],
)
def test_a_resource_that_means_nothing_is_refused(resource: str) -> None:
    with pytest.raises(Refused):
        http.parse(resource)


PRIVATE = [
    *("127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
    *("192.0.0.8", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "203.0.113.9"),
    *("::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1"),
    *("2002:7f00:1::", "2001::1", "ff02::1", "2001:db8::1", "fec0::1", "100::1"),
]


@pytest.mark.requirement("R3.4")
@pytest.mark.parametrize("text", PRIVATE)
def test_an_address_that_is_not_of_the_public_internet_needs_a_grant_of_its_own(text: str) -> None:
    address = ipaddress.ip_address(text)
    assert not is_public(address)
    target = url.parse("http://name.example/x")
    assert not http.admits((http.parse("http://name.example/**"), http.parse("http://*.example/**")), target, address)


def test_a_private_address_is_opened_by_a_grant_that_names_it_for_that_scheme_port_and_path() -> None:
    target, address = url.parse("http://db.example:8080/x"), ipaddress.ip_address("10.1.2.3")

    def opened(resource: str) -> bool:
        return http.admits((http.parse("http://db.example:8080/**"), http.parse(resource)), target, address)

    assert opened("http://[10.0.0.0/8]:8080/**")
    assert opened("http://10.1.2.3:8080/x")
    assert not opened("http://[10.0.0.0/8]:8081/**")
    assert not opened("http://[10.0.0.0/8]:8080/y/**")
    assert not opened("https://[10.0.0.0/8]:8080/**")
    assert not opened("http://localhost:8080/**")


@pytest.mark.parametrize("text", ["1.1.1.1", "8.8.8.8", "::ffff:8.8.8.8", "2606:4700::1111"])
def test_public_addresses_need_none(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


def test_localhost_names_loopback_only_for_itself() -> None:
    patterns = (http.parse("http://localhost/**"),)
    loopback = ipaddress.ip_address("127.0.0.1")
    assert http.admits(patterns, url.parse("http://localhost/"), loopback)
    assert not http.admits(patterns, url.parse("http://other.example/"), loopback)
    assert not http.admits(patterns, url.parse("http://localhost/"), ipaddress.ip_address("10.0.0.1"))
