"""Where code comes from: what was kept, else the workshop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from wasmtime import WasmtimeError

from hengio.sandbox.wasmtime.artefacts.store import Artefacts
from hengio.sandbox.wasmtime.compiling.workshop import Compiles
from hengio.sandbox.wasmtime.config import Tier
from hengio.sandbox.wasmtime.tally import Tally

log = structlog.get_logger("hengio.sandbox")
T = TypeVar("T")


class CodeSource:
    """Code by module and tier, whatever kind of binary it is made from. Without artefacts it is always compiled."""

    def __init__(self, workshop: Compiles, tally: Tally, artefacts: Artefacts | None = None) -> None:
        self._workshop = workshop
        self._tally = tally
        self._artefacts = artefacts

    def kept(self, digest: str, tier: Tier) -> bytes | None:
        """Serialized code that this installation made before."""
        return None if self._artefacts is None else self._artefacts.find(digest, tier)

    def load(self, deserialize: Callable[[bytes], T], binary: bytes, digest: str, tier: Tier, kept: bytes | None) -> T:
        """What `deserialize` makes of kept code, or where there is none that it takes, of new code, which is kept.

        `binary` must have that digest. Raises as `Compiles.compile`, and `WasmtimeError` if new code is not taken.
        """
        if kept is not None:
            try:
                loaded = deserialize(kept)
            except WasmtimeError as error:  # the engine has the last word on what fits it; new code takes its place
                log.warning("artefact_not_loaded", digest=digest, tier=tier, reason=str(error).strip())
            else:
                self._tally.loaded()
                return loaded
        began = time.monotonic()
        code = self._workshop.compile(binary, tier)
        self._tally.compiled(tier, time.monotonic() - began, missed=self._artefacts is not None)
        loaded = deserialize(code)
        if self._artefacts is not None:
            self._artefacts.keep(digest, tier, code)
        return loaded
