"""One SFTP server and who logs in there: read from a step, from a stored connection, or from a URL (H4.4, H6)."""

from __future__ import annotations

import re
from typing import Any, Literal, Protocol
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import Struct

from hengio import address
from hengio.definition import hostkey
from hengio.definition.configs import SftpKey, SftpPassword
from hengio.definition.hostkey import HostKeys
from hengio.errors import Refused

FORM = "sftp://user:password@host:22?host_key=SHA256:…"
PORT = 22
_HOST = re.compile(r"[^\s/@\[\]\x00-\x1f\x7f]{1,255}|\[[0-9A-Fa-f:.]{2,45}\]")
_TEXT_BYTES = 1_024
_SWITCHES = {"true": True, "false": False}

SftpAuth = SftpPassword | SftpKey


class SftpTarget(Struct, frozen=True, kw_only=True):
    """A server and a login. `name` is that of the connection, None for a server that a step itself names.

    `host_keys` are always verified. Without them the server is refused, unless `verify_host_key` is false.
    """

    host: str
    username: str
    auth: SftpAuth
    port: int = PORT
    name: str | None = None
    host_keys: HostKeys | None = None
    verify_host_key: bool = True

    @property
    def place(self) -> str:
        """`host:port`, as messages name the server."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def circuit(self) -> str:
        """Whose failures are counted together: `sftp NAME` or `sftp host:port`."""
        return f"sftp {self.name or self.place}"

    def __repr__(self) -> str:
        """Without what logs in."""
        return f"SftpTarget(name={self.name!r}, place={self.place!r}, username={self.username!r})"


class SftpConnections(Protocol):
    """Where named connections come from."""

    def find(self, name: str) -> SftpTarget | None: ...


class _Stored(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A connection as it is stored."""

    type: Literal["sftp"]
    host: str
    username: str
    auth: SftpAuth
    port: int = PORT
    host_key: str | None = None
    verify_host_key: bool = True


def target(
    *,
    host: str,
    username: str,
    auth: SftpAuth,
    port: int = PORT,
    name: str | None = None,
    host_key: str | None = None,
    verify_host_key: bool = True,
) -> SftpTarget:
    """The target, once each part can be one. Raises `Refused`, which never repeats a secret."""
    if not _HOST.fullmatch(host):
        raise Refused("the host is neither a name nor an address", hint="write it without sftp://, user or port")
    if not 0 < port < 65_536:
        raise Refused(f"the port {port} is not one of 1 to 65535")
    if not username or not username.isprintable() or len(username) > _TEXT_BYTES:
        raise Refused("the username is empty, too long, or has control characters")
    if isinstance(auth, SftpPassword) and not 0 < len(auth.password) <= _TEXT_BYTES:
        raise Refused("the password is empty or too long")
    return SftpTarget(
        host=host.strip("[]"),
        username=username,
        auth=auth,
        port=port,
        name=name,
        host_keys=None if host_key is None else hostkey.parse(host_key),
        verify_host_key=verify_host_key,
    )


def stored(name: str, document: Any) -> SftpTarget:
    """A connection from its stored object: `{"type": "sftp", "host", "port", "username", "auth", "host_key"}`.

    `auth` is `{"type": "password", "password"}` or `{"type": "key", "private_key", "passphrase"}`; `port`, `host_key`
    and `verify_host_key` may be left out. Raises `Refused` with the field that is wrong, never its value.
    """
    try:
        found = msgspec.convert(document, _Stored)
    except msgspec.ValidationError as error:  # its text names fields and types, but also a tag that is none
        text = str(error) if "nvalid value" not in str(error) else "type or auth.type is none that is known"
        raise Refused(f"connection '{name}': {text}") from None
    try:
        return target(
            host=found.host,
            username=found.username,
            auth=found.auth,
            port=found.port,
            name=name,
            host_key=found.host_key,
            verify_host_key=found.verify_host_key,
        )
    except Refused as error:
        raise Refused(f"connection '{name}': {error.message}", hint=error.hint) from None


def of_url(name: str, url: str) -> dict[str, Any]:
    """The stored object that `sftp://user:password@host:port?host_key=…` stands for.

    Parts are percent-encoded where a URL needs it. Also `verify_host_key=false`. Raises `Refused`, which repeats
    nothing of the URL.
    """
    host, port = address.server(url, what=f"connection '{name}'")
    parts = urlsplit(url)
    if parts.scheme.lower() != "sftp" or parts.path not in {"", "/"} or not (host and parts.username):
        raise Refused(f"connection '{name}' is not of the form {FORM}")
    return {
        "type": "sftp",
        "host": host,
        "port": PORT if port is None else port,
        "username": unquote(parts.username),
        "auth": {"type": "password", "password": unquote(parts.password or "")},
        **_options(name, parts.query),
    }


def _options(name: str, query: str) -> dict[str, Any]:
    """The options of a URL. A `+` is one: base64 has them, and nobody writes a space here."""
    pairs = [part.partition("=") for part in query.split("&") if part]
    options: dict[str, Any] = {unquote(key): unquote(value) for key, _, value in pairs}
    if options.keys() - {"host_key", "verify_host_key"}:
        raise Refused(f"connection '{name}' has an unknown option after its ?", hint=FORM)
    if (switch := options.get("verify_host_key")) is not None:
        if switch.lower() not in _SWITCHES:
            raise Refused(f"connection '{name}': verify_host_key is neither true nor false")
        options["verify_host_key"] = _SWITCHES[switch.lower()]
    return options


class KnownSftp:
    """`SftpConnections` of a mapping."""

    def __init__(self, known: dict[str, SftpTarget]) -> None:
        self._known = known

    def find(self, name: str) -> SftpTarget | None:
        return self._known.get(name)
