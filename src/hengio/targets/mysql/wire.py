"""One connection to MySQL or MariaDB: the driver, held to what it may do, and its errors as `Fault`s.

The driver alone would go on without TLS where a server (or somebody in between) offers none, send the password in the
clear to a server that asks for it, take several statements in one text, and read any amount of data.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiomysql
from pymysql.constants import CLIENT, COMMAND
from pymysql.err import Error, InternalError

from hengio.definition.server import Server
from hengio.targets.mysql import fault
from hengio.targets.mysql.fault import Fault
from hengio.targets.mysql.values import DECODERS

_MOST_ANSWER_BYTES = 80 << 20
"""Of one row, or of anything else that is not rows."""
_UNTRUSTED = "the server's certificate is not one that is trusted for it"
_RESET = 0x1F  # COM_RESET_CONNECTION
_CLEAR, _OLD = "mysql_clear_password", "mysql_old_password"
_NOT_OURS = (struct.error, LookupError, ValueError, TypeError, AttributeError, AssertionError, RuntimeError)
"""What the driver trips over when the other side is not MySQL."""


class _Connection(aiomysql.Connection):  # type: ignore[misc]  # the driver has no types
    client_flag: int

    def __init__(self, server: Server, address: str, context: ssl.SSLContext | None) -> None:
        super().__init__(
            host=address,
            port=server.port,
            user=server.user,
            password=server.password,
            db=server.database,
            charset="utf8mb4",
            autocommit=None,
            conv=DECODERS,
            ssl=context,
            local_infile=False,
            program_name="hengio",
        )
        self.client_flag = (self.client_flag | CLIENT.FOUND_ROWS) & ~(CLIENT.MULTI_STATEMENTS | CLIENT.LOCAL_FILES)
        self._server = server
        self._here = _is_here(address)
        self.taken = 0

    async def _get_server_information(self) -> None:
        """The server's greeting, before anything is sent; raises `Fault` if the rest would not be safe."""
        await super()._get_server_information()
        if not self.server_capabilities & CLIENT.PLUGIN_AUTH:
            raise Fault(fault.GARBAGE, "the server is older than MySQL 5.5")
        if not self.server_capabilities & CLIENT.SSL and self._server.tls not in {"disable", "prefer"}:
            raise Fault(fault.INSECURE, "the server has no TLS")
        self._check(self._server_auth_plugin)

    async def _request_authentication(self) -> None:
        try:
            await super()._request_authentication()
        except BaseException:
            _end(self)
            raise

    async def _process_auth(self, plugin_name: bytes, auth_packet: Any) -> Any:
        self._check(plugin_name.decode("ascii", "replace"))
        return await super()._process_auth(plugin_name, auth_packet)

    @property
    def server_public_key(self) -> bytes | None:
        """A key that the server sent, to encrypt the password with."""
        return self._key

    @server_public_key.setter
    def server_public_key(self, key: bytes | None) -> None:
        """Anybody may have sent it, so it is good only under TLS or on this machine."""
        if key and not self._secure and not self._here:
            raise Fault(fault.INSECURE, "the server wants the password itself, and the connection has no TLS")
        self._key = key

    def _check(self, plugin: str) -> None:
        """Whether the way to sign in that the server asks for keeps the password to it and us."""
        if plugin == _CLEAR and self._secure and self._server.verified:
            return
        if plugin in {_CLEAR, _OLD}:
            raise Fault(fault.INSECURE, "the server asks for the password in the clear")

    async def _read_bytes(self, num_bytes: int) -> bytes:
        self.taken += num_bytes
        if self.taken > _MOST_ANSWER_BYTES:
            self.close()
            raise Fault(fault.GARBAGE, f"the server sent more than {_MOST_ANSWER_BYTES >> 20} MiB at once")
        data: bytes = await super()._read_bytes(num_bytes)
        return data


class Wire:
    """A connection. Every method raises `Fault`, and nothing else of the driver's."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self.busy = False

    @property
    def number(self) -> int:
        """What the server calls the session, to end it from another one."""
        return int(self._connection.thread_id())

    @property
    def is_mariadb(self) -> bool:
        return "mariadb" in self._connection.get_server_info().lower()

    @property
    def has_roles(self) -> bool:
        """MariaDB, and MySQL from 8."""
        version: str = self._connection.get_server_info()
        return self.is_mariadb or int(version.partition(".")[0]) >= 8

    @property
    def lost(self) -> bool:
        reader = self._connection._reader
        return self._connection.closed or reader is None or reader.at_eof()

    async def run(self, statement: str) -> tuple[list[str], int]:
        """Send one statement and read the head of its answer: the columns, none if it has no rows, and how many rows
        it changed. What follows is read with `row` and `more`."""
        self.busy = True
        with _translated():
            self._connection.taken = 0
            await self._connection.query(statement.encode(), unbuffered=True)
            return self._head()

    async def row(self) -> tuple[Any, ...] | None:
        """The next row as it comes over the wire; None after the last."""
        result = self._connection._result
        with _translated():
            self._connection.taken = 0
            row: tuple[Any, ...] | None = await result._read_rowdata_packet_unbuffered()
        if row is None:
            self.busy = bool(result.has_next)
        return row

    async def more(self) -> tuple[list[str], int] | None:
        """The head of the next answer to the same statement, after all rows of the last; None if that was it."""
        if not self.busy:
            return None
        with _translated():
            self._connection.taken = 0
            await self._connection._read_query_result(unbuffered=True)
            return self._head()

    async def reset(self) -> None:
        """Make the server forget what the session set, locked and made."""
        self.busy = True
        with _translated():
            self._connection.taken = 0
            await self._connection._execute_command(_RESET, b"")
            await self._connection._read_ok_packet()
            await self._connection._execute_command(COMMAND.COM_INIT_DB, self._connection.db)
            await self._connection._read_ok_packet()
        self.busy = False

    def close(self) -> None:
        """End it, with a word to the server if that can be had without waiting."""
        if not self._connection.closed and not self.busy:
            self._connection._writer.write(struct.pack("<iB", 1, COMMAND.COM_QUIT))
        _end(self._connection)

    def _head(self) -> tuple[list[str], int]:
        result = self._connection._result
        if result.field_count:
            return [field[0] for field in result.description], 0
        self.busy = bool(result.has_next)
        return [], int(result.affected_rows)


async def connect(server: Server, address: str, context: ssl.SSLContext | None) -> Wire:
    """A connection to the server at that address, or name. Cancelling leaves nothing open."""
    connection = _Connection(server, address, context)
    try:
        with _translated():
            await connection._connect()
    except BaseException:
        _end(connection)
        raise
    return Wire(connection)


def _end(connection: _Connection) -> None:
    """Close the socket now: TLS would take its time for a farewell."""
    writer = connection._writer
    connection.close()
    if writer is not None:
        writer.transport.abort()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except Fault:
        raise
    except InternalError as error:
        number = error.args[0] if error.args and isinstance(error.args[0], int) else fault.GARBAGE
        raise Fault(number, str(error.args[-1])) from None
    except Error as error:
        if isinstance(error.__cause__, ssl.SSLCertVerificationError):
            raise Fault(fault.INSECURE, _UNTRUSTED) from None
        number, message = (*error.args, "", "")[:2]
        raise Fault(number if isinstance(number, int) else fault.LOST, str(message)) from None
    except ssl.SSLCertVerificationError:
        raise Fault(fault.INSECURE, _UNTRUSTED) from None
    except (OSError, EOFError, asyncio.IncompleteReadError):
        raise Fault(fault.LOST, "the connection broke") from None
    except _NOT_OURS:
        raise Fault(fault.GARBAGE, "the server does not answer as MySQL does") from None


def _is_here(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
