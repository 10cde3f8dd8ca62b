"""Taking modules in: from a stream or an OCI image, never more than a module may have."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from hengio.errors import Refused
from hengio.model.grant import Grant
from hengio.model.module import Module
from hengio.registry.letter import Letter
from hengio.registry.modules import ModuleRegistry
from hengio.registry.oci.package import Package


@dataclass(frozen=True, slots=True)
class Intake:
    """Registers what comes in pieces or as an image."""

    registry: ModuleRegistry

    async def register(
        self,
        name: str,
        version: str,
        pieces: AsyncIterator[bytes],
        *,
        by: str,
        grants: tuple[Grant, ...] = (),
        letter: Letter | None = None,
    ) -> Module:
        """As `ModuleRegistry.register`, audited; a stream that does not end is refused where it is too large."""
        binary = await gathered(pieces, most=self.registry.most_bytes)
        return await self.registry.register(name, version, binary, grants=grants, letter=letter, by=by)

    async def take(self, package: Package, *, by: str, reference: str = "", grants: tuple[Grant, ...] = ()) -> Module:
        """Register what an OCI image layout holds, under its own name and version or, unless it is signed, as
        `NAME@VERSION`. Raises as `ModuleRegistry.register`."""
        name, version = package.name, package.version
        if reference:
            name, _, version = reference.partition("@")
        if not name or not version:
            raise Refused("the image does not say which module and version it is", hint="--as NAME@VERSION says it")
        return await self.registry.register(
            name,
            version,
            package.binary,
            grants=grants,
            requested=package.requested,
            letter=package.letter,
            by=by,
        )


async def gathered(pieces: AsyncIterator[bytes], *, most: int) -> bytes:
    """All of a stream. `Refused` as soon as there is more than that."""
    found = bytearray()
    async for piece in pieces:
        found += piece
        if len(found) > most:
            raise Refused(f"the module has more than {most >> 20} MiB", hint="the setting modules.max_mb")
    return bytes(found)
