"""Names of hosts, by the system's resolver."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from hengio.errors import Unavailable
from hengio.url import Address, literal

Resolve = Callable[[str, int], Awaitable[list[Address]]]
"""All addresses of a host for a port. Raises `Unavailable` for a name that cannot be resolved now."""


async def resolved(host: str, port: int) -> list[Address]:
    """The system's own `Resolve`."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unavailable("the host's name cannot be resolved") from error
    addresses = [literal(str(entry[4][0]).partition("%")[0]) for entry in found]
    return list(dict.fromkeys(address for address in addresses if address is not None))
