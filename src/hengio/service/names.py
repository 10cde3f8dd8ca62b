"""The names that a definition may use now, for its validation."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from hengio.definition.content import name_fault
from hengio.errors import NotFound
from hengio.storage.protocol import JobStore
from hengio.vault.known import Known


class Names(Protocol):
    """Variables and connections by name."""

    async def variables(self, job: str | None) -> Collection[str]:
        """Those that executions of the job of that name see; of a job that is not there yet, the global ones."""
        ...

    async def connections(self) -> Collection[str]: ...


@dataclass(frozen=True, slots=True)
class KnownNames:
    """`Names` of what the process knows, read again first. A name that cannot be read now is defined all the same."""

    known: Known
    jobs: JobStore

    async def variables(self, job: str | None) -> Collection[str]:
        await self.known.refresh()
        values = self.known.of(await self._id(job))
        return {*values.variables, *values.locked}

    async def _id(self, job: str | None) -> str:
        """The job's id; empty if there is none of that name, or can be none."""
        if job is None or name_fault(job):
            return ""
        try:
            return (await self.jobs.get(job)).id
        except NotFound:
            return ""

    async def connections(self) -> Collection[str]:
        return self.known.connections.names()


@dataclass(frozen=True, slots=True)
class FixedNames:
    """`Names` that nobody changes."""

    given: Collection[str] = ()
    targets: Collection[str] = ()

    async def variables(self, job: str | None) -> Collection[str]:
        return self.given

    async def connections(self) -> Collection[str]:
        return self.targets
