"""Connecting and logging in: to an address that was checked, to a server whose key is known, with one secret (H4.4).

Nothing of the machine takes part: no configuration file, agent, known hosts, keys or tickets of the account that runs
Hengio, and no compression, so that what arrives is as much as was sent.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import asyncssh

from hengio.definition import hostkey
from hengio.definition.configs import SftpKey, SftpPassword
from hengio.errors import HengioError, Refused
from hengio.log import get_logger
from hengio.targets.sftp.faults import FOREIGN, HostKeyRefused, of_login
from hengio.targets.sftp.target import SftpTarget
from hengio.url import Address

log = get_logger("targets")

CONNECT_SECONDS = 10.0
LOGIN_SECONDS = 30.0
KEEPALIVE_SECONDS = 15.0
_NOTHING_OF_THE_MACHINE: dict[str, Any] = {
    "config": None,
    "known_hosts": ([], [], []),
    "x509_trusted_certs": None,
    "x509_trusted_cert_paths": [],
    "agent_path": None,
    "agent_forwarding": False,
    "pkcs11_provider": None,
    "client_host_keysign": False,
    "host_based_auth": False,
    "gss_kex": False,
    "gss_auth": False,
    "canonicalize_hostname": False,
    "proxy_command": None,
    "compression_algs": None,
    "send_env": None,
    "env": None,
}

_CUT = (asyncssh.ConnectionLost, ConnectionError)
_NO_SUCH_KEY = (asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed, *_CUT)
"""How a round ends that asked for keys which the server does not have. One that has none of a kind may cut the line
before both sides have said what they know."""


async def connect(target: SftpTarget, addresses: list[Address]) -> asyncssh.SSHClientConnection:
    """A connection that is logged in. Raises `HostKeyRefused`, `Forbidden` for the login, `Refused`, `Unavailable`."""
    secret = await asyncio.to_thread(_credentials, target)
    refused: HengioError = Refused("there is nothing to ask the server for")
    offered: dict[str, None] = {}
    for algorithms in _rounds(target):
        witness = _Witness(target)
        options = _options(target, witness, {**secret, "server_host_key_algs": list(algorithms)})
        try:
            return await _login(target, addresses, options)
        except _NO_SUCH_KEY as error:
            refused = of_login(error, username=target.username)
            if isinstance(error, _CUT) and witness.offered:
                raise refused from None
            if witness.offered:
                offered[witness.offered] = None
    raise _stranger(target, list(offered)) if offered else refused


class _Witness(asyncssh.SSHClient):
    """Judges the server's key, and remembers what was shown."""

    def __init__(self, target: SftpTarget) -> None:
        self._target = target
        self.offered = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.offered = hostkey.fingerprint(key.public_data)
        if self._target.host_keys is not None:
            return self._target.host_keys.accept(key.public_data)
        if self._target.verify_host_key:
            return False
        log.warning("sftp_host_key_not_verified", server=self._target.place, offered=self.offered)
        return True


def _options(target: SftpTarget, witness: _Witness, more: dict[str, Any]) -> asyncssh.SSHClientConnectionOptions:
    try:
        return asyncssh.SSHClientConnectionOptions(
            client_factory=lambda: witness,
            username=target.username,
            keepalive_interval=KEEPALIVE_SECONDS,
            **_NOTHING_OF_THE_MACHINE,
            **more,
        )
    except (ValueError, KeyError, OSError):  # an account without a name is one, too: the library asks for it
        hint = "if they are as they should be, set USER in the environment of this process"
        raise Refused("the username or password has characters that SSH does not carry", hint=hint) from None


async def _login(
    target: SftpTarget, addresses: list[Address], options: asyncssh.SSHClientConnectionOptions
) -> asyncssh.SSHClientConnection:
    line = await _line(target, addresses)
    try:
        async with asyncio.timeout(LOGIN_SECONDS):
            return await asyncssh.connect(target.host, target.port, sock=line, config=None, options=options)
    except _NO_SUCH_KEY:
        line.close()
        raise
    except FOREIGN as error:
        line.close()
        raise of_login(error, username=target.username) from None
    except BaseException:
        line.close()
        raise


async def _line(target: SftpTarget, addresses: list[Address]) -> socket.socket:
    """A socket that is connected to the first of the addresses which accepts."""
    failed: Exception = OSError("no address")
    for address in addresses:
        line = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
        try:
            line.setblocking(False)
            async with asyncio.timeout(CONNECT_SECONDS):
                await asyncio.get_running_loop().sock_connect(line, (str(address), target.port))
        except OSError as error:
            line.close()
            failed = error
        except BaseException:
            line.close()
            raise
        else:
            return line
    raise of_login(failed, username=target.username) from None


def _credentials(target: SftpTarget) -> dict[str, Any]:
    """The one way to log in that the target has. Blocking: opening a key is slow on purpose."""
    match target.auth:
        case SftpPassword(password=password):
            return {
                "password": password,
                "client_keys": None,
                "public_key_auth": False,
                "preferred_auth": ("password", "keyboard-interactive"),
            }
        case SftpKey() as key:
            return {
                "client_keys": [_private_key(key)],
                "password_auth": False,
                "kbdint_auth": False,
                "preferred_auth": ("publickey",),
            }


def _private_key(key: SftpKey) -> asyncssh.SSHKey:
    text = key.private_key.strip() + "\n"
    try:
        return asyncssh.import_private_key(text, key.passphrase)
    except (asyncssh.KeyEncryptionError, asyncssh.KeyImportError, ValueError):
        raise _unreadable(key) from None


def _unreadable(key: SftpKey) -> Refused:
    hint = "give the whole text, from -----BEGIN to -----END, and its passphrase if it has one"
    way = "" if key.passphrase is None else " with this passphrase"
    return Refused(f"the private key cannot be read{way}", hint=hint)


def _rounds(target: SftpTarget) -> tuple[tuple[str, ...], ...]:
    return (hostkey.ALGORITHMS,) if target.host_keys is None else target.host_keys.rounds()


def _stranger(target: SftpTarget, offered: list[str]) -> HostKeyRefused:
    shown = ", ".join(offered)
    if target.host_keys is None:
        return HostKeyRefused(
            f"no host_key is given for {target.place}, so that the server cannot be told from another",
            hint=f"it offers {shown}: if its operator confirms that, set host_key to it",
        )
    log.warning("sftp_host_key_mismatch", server=target.place, offered=shown)
    return HostKeyRefused(
        f"the server at {target.place} has not the host_key that is given: it may be another",
        hint=f"it offers {shown}: if its operator confirms a change, set host_key to it",
    )
