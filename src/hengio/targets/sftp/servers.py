"""The SFTP servers that steps reach: found by name, checked, left alone while away, a few connections each (H4.4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Protocol
from weakref import WeakValueDictionary

import asyncssh

from hengio.errors import NotFound, Unavailable
from hengio.targets.breaker import Breakers
from hengio.targets.sftp.faults import FOREIGN, of_login
from hengio.targets.sftp.login import LOGIN_SECONDS, connect
from hengio.targets.sftp.session import GRACE_SECONDS, STALL_SECONDS, Session
from hengio.targets.sftp.target import SftpConnections, SftpTarget
from hengio.url import Address

AT_ONCE = 4
"""Connections to one server; servers of partners mostly allow few."""


class Addresses(Protocol):
    """The network guard: which addresses of a host may be connected to; `named` if an administrator names the host."""

    async def __call__(self, host: str, port: int, *, named: bool) -> list[Address]: ...


class SftpServers:
    """Opens sessions. One a process; safe to use from many tasks of one event loop."""

    def __init__(
        self,
        connections: SftpConnections,
        *,
        addresses: Addresses,
        breakers: Breakers,
        at_once: int = AT_ONCE,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self._connections = connections
        self._addresses = addresses
        self._breakers = breakers
        self._at_once = at_once
        self._stall = stall_seconds
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def named(self, connection: str) -> SftpTarget:
        """The target of that name. Raises `NotFound`."""
        found = self._connections.find(connection)
        if found is None:
            raise NotFound(f"connection '{connection}' is not defined, or is none to an SFTP server")
        return found

    @asynccontextmanager
    async def session(self, target: SftpTarget) -> AsyncIterator[Session]:
        """A session on a connection of its own, which ends with the block.

        Raises `CircuitOpen` while the server is left alone, and what connecting raises. What the block raises counts
        against the server only if it was the server that failed.
        """
        turn = self._turns.setdefault(target.circuit, asyncio.Semaphore(self._at_once))
        elsewhere: Unavailable | None = None
        async with turn:
            with self._breakers.asking(target.circuit):
                connection = await connect(
                    target, await self._addresses(target.host, target.port, named=target.name is not None)
                )
                try:
                    session = await self._begun(connection, target)
                    try:
                        yield session
                    except Unavailable as error:
                        if session.lost is not None:
                            raise
                        elsewhere = error
                    await _end(connection)
                finally:
                    await _cut(connection)
        if elsewhere is not None:
            raise elsewhere

    async def _begun(self, connection: asyncssh.SSHClientConnection, target: SftpTarget) -> Session:
        try:
            async with asyncio.timeout(LOGIN_SECONDS):
                client = await connection.start_sftp_client(path_encoding=None)
        except FOREIGN as error:
            raise of_login(error, username=target.username) from None
        return Session(connection, client, stall_seconds=self._stall)


async def _end(connection: asyncssh.SSHClientConnection) -> None:
    """Say goodbye, if the server listens."""
    connection.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(GRACE_SECONDS):
            await connection.wait_closed()


async def _cut(connection: asyncssh.SSHClientConnection) -> None:
    """End it here and now, whatever the server does."""
    connection.abort()
    with suppress(TimeoutError):
        async with asyncio.timeout(GRACE_SECONDS):
            await connection.wait_closed()
