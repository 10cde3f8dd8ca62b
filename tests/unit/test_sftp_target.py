"""SFTP targets and host keys as people write them."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from hengio.definition import hostkey
from hengio.definition.configs import SftpKey, SftpPassword
from hengio.errors import Refused
from hengio.targets.sftp.target import SftpTarget, of_url, stored

pytestmark = pytest.mark.requirement("H4.4")

BLOB = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20" + bytes(range(32))
KEY = f"ssh-ed25519 {base64.b64encode(BLOB).decode()}"
PRINT = "SHA256:" + base64.b64encode(hashlib.sha256(BLOB).digest()).decode().rstrip("=")
SECRET = "hush-hush"


def document(**fields: Any) -> dict[str, Any]:
    whole = {
        "type": "sftp",
        "host": "files.example",
        "username": "me",
        "auth": {"type": "password", "password": SECRET},
        "host_key": KEY,
    }
    return {name: value for name, value in {**whole, **fields}.items() if value is not None}


def from_url(name: str, url: str) -> SftpTarget:
    return stored(name, of_url(name, url))


def test_a_stored_connection_is_read_and_never_shows_its_secret() -> None:
    found = stored("bank", document(port=2222))
    assert (found.place, found.circuit, found.username) == ("files.example:2222", "sftp bank", "me")
    assert found.auth == SftpPassword(password=SECRET)
    assert SECRET not in f"{found!r} {found} {found.auth!r}"
    key = stored("bank", document(auth={"type": "key", "private_key": SECRET, "passphrase": SECRET}))
    assert key.auth == SftpKey(private_key=SECRET, passphrase=SECRET)
    assert SECRET not in f"{key!r} {key.auth!r}"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"host": None}, "`host`"),
        ({"host": 5}, "$.host"),
        ({"host": "sftp://files.example"}, "host"),
        ({"host": "me@files.example"}, "host"),
        ({"host": ""}, "host"),
        ({"port": 0}, "port"),
        ({"port": 65_536}, "port"),
        ({"username": "a\nb"}, "username"),
        ({"auth": None}, "`auth`"),
        ({"auth": {"type": SECRET}}, "type"),
        ({"auth": {"type": "password", "password": 5}}, "$.auth.password"),
        ({"auth": {"type": "password", "password": ""}}, "password"),
        ({"auth": SECRET}, "$.auth"),
        ({"type": "database"}, "type"),
        ({"colour": "red"}, "`colour`"),
        ({"host_key": "none"}, "host_key"),
    ],
)
def test_a_stored_connection_that_is_none_names_what_is_wrong_and_no_secret(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused) as caught:
        stored("bank", document(**fields))
    assert words in caught.value.message
    assert caught.value.message.startswith("connection 'bank'")
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"


def test_a_url_is_another_spelling() -> None:
    found = from_url("bank", f"sftp://m%40e:p%2Fss%3F@files.example:2222?host_key={PRINT}")
    assert (found.host, found.port, found.username, found.name) == ("files.example", 2222, "m@e", "bank")
    assert found.auth == SftpPassword(password="p/ss?")
    assert found.host_keys == hostkey.parse(PRINT)
    assert found.verify_host_key
    plain = from_url("b", "SFTP://me:x@[::1]/?verify_host_key=false")
    assert (plain.place, plain.verify_host_key, plain.host_keys) == ("[::1]:22", False, None)


@pytest.mark.parametrize(
    "url",
    [
        f"sftp://me:{SECRET}@host/path",
        f"sftp://me:{SECRET}@host?key={SECRET}",
        f"sftp://me:{SECRET}@host:port",
        f"sftp://me:{SECRET}/a@host",
        f"sftp://{SECRET}@host",
        f"sftp://me:{SECRET}@",
        f"https://me:{SECRET}@host",
        f"sftp://me:{SECRET}@host?host_key={SECRET}",
        f"sftp://me:{SECRET}@host?verify_host_key=maybe",
    ],
)
def test_a_url_that_is_none_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(Refused) as caught:
        from_url("bank", url)
    assert "bank" in caught.value.message
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        f"{KEY} somebody",
        f"host,1.2.3.4 {KEY}",
        f"|1|abc=|def= {KEY}",
        f"# scan\n\nhost {KEY}\n",
        PRINT,
        f"{PRINT}=",
    ],
)
def test_a_host_key_in_any_form_means_the_same_key(text: str) -> None:
    keys = hostkey.parse(text)
    assert keys.fingerprints == {PRINT}
    assert keys.accept(BLOB)
    assert not keys.accept(BLOB + b"x")
    assert not keys.accept(b"")


def test_a_known_kind_is_asked_for_first_and_a_fingerprint_for_each_kind() -> None:
    assert hostkey.parse(KEY).rounds()[0] == ("ssh-ed25519",)
    asked = [name for algorithms in hostkey.parse(f"{KEY}\n{PRINT}").rounds() for name in algorithms]
    assert sorted(asked) == sorted(hostkey.ALGORITHMS)
    assert "ssh-rsa" not in hostkey.ALGORITHMS


@pytest.mark.parametrize(
    "text",
    [
        *("", "#", "SHA256:short", "MD5:aa:bb", "ssh-dss AAAA", "ssh-ed25519", "ssh-ed25519 !!!", "x" * 100_000),
        *(f"@cert-authority * {KEY}", f"@revoked * {KEY}", KEY.replace("ssh-ed25519", "ssh-rsa"), "ssh-ed25519 AAAA"),
        f"a b c {KEY}",
    ],
)
def test_what_is_no_host_key_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="host_key"):
        hostkey.parse(text)
