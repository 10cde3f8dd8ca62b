"""The SFTP servers that steps reach, from settings and what is stored."""

from __future__ import annotations

from hengio.settings import Settings
from hengio.targets.breaker import Breakers
from hengio.targets.guard import Guard
from hengio.targets.sftp.servers import SftpServers
from hengio.targets.sftp.target import stored
from hengio.vault.known import Known
from hengio.wiring.vault import given_connections


def open_sftp_servers(settings: Settings, known: Known, *, guard: Guard, breakers: Breakers) -> SftpServers:
    """With the connections as they are when one is asked for. Raises `Refused` for one of the settings that is none."""
    for name, given in given_connections(settings).items():
        if given.type == "sftp":
            stored(name, given.document)
    connections = known.connections.typed("sftp", lambda one: stored(one.name, one.document))
    return SftpServers(connections, addresses=guard.addresses, breakers=breakers)
