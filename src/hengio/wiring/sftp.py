"""The SFTP servers that steps reach, from settings and what is stored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from hengio.blobs.protocol import Blobs
from hengio.settings import Settings
from hengio.steps.late import Late
from hengio.steps.protocol import StepType
from hengio.targets.breaker import Breakers
from hengio.targets.guard import Guard
from hengio.targets.sftp.target import SftpConnections, stored
from hengio.vault.known import Known
from hengio.wiring.vault import given_connections

if TYPE_CHECKING:
    from hengio.targets.sftp.servers import SftpServers


@dataclass(frozen=True)
class SftpSteps:
    """Makes the SFTP step over a files area. asyncssh takes 20 MB, and is loaded with the first step."""

    connections: SftpConnections
    guard: Guard
    breakers: Breakers

    def over(self, files: Blobs) -> StepType:
        """The step type. However many there are, they share the connections to a server."""
        return Late(partial(self._step, files))

    def _step(self, files: Blobs) -> StepType:
        from hengio.steps.sftp import SftpStep

        return SftpStep(self._servers, files)

    @cached_property
    def _servers(self) -> SftpServers:
        from hengio.targets.sftp.servers import SftpServers

        return SftpServers(self.connections, addresses=self.guard.addresses, breakers=self.breakers)


def open_sftp_steps(settings: Settings, known: Known, *, guard: Guard, breakers: Breakers) -> SftpSteps:
    """With the connections as they are when one is asked for. Raises `Refused` for one of the settings that is none."""
    for name, given in given_connections(settings).items():
        if given.type == "sftp":
            stored(name, given.document)
    return SftpSteps(known.connections.typed("sftp", lambda one: stored(one.name, one.document)), guard, breakers)
