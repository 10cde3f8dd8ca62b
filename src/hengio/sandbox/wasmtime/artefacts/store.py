"""Keeps artefacts and finds them again: in the folder, and behind it in the object store where that is shared."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol

from hengio.alerts import alert
from hengio.sandbox.wasmtime.artefacts.fingerprint import fingerprint
from hengio.sandbox.wasmtime.artefacts.seal import Identity, Seal
from hengio.sandbox.wasmtime.config import Tier


class Place(Protocol):
    """Where bytes are kept by name. Nothing is raised; what is read is checked by the reader."""

    where: str

    def read(self, name: str) -> bytes | None: ...

    def write(self, name: str, data: bytes) -> None: ...

    def remove(self, name: str) -> None: ...


class Artefacts:
    """Sealed code by module and tier, in places that are asked in turn, the nearest first.

    Promises: what is found was made by this installation for this module, tier and engine, and is the very bytes that
    were checked. Nothing is raised: without a disk or a store nothing is found or kept, and the module is compiled.
    Blocking, safe to use from any thread that runs no event loop. `refused` counts artefacts that were not ours.
    """

    def __init__(self, seal: Seal, places: Sequence[Place]) -> None:
        self._seal = seal
        self._places = tuple(places)
        self._keeping = ThreadPoolExecutor(1, thread_name_prefix="hengio-keep")
        self._closing = False
        self._lock = threading.Lock()
        self.refused = 0

    def find(self, digest: str, tier: Tier) -> bytes | None:
        """The code. One that was altered is removed and reported; the next place is asked."""
        identity = _identity(digest, tier)
        name = self._seal.name(identity)
        for number, place in enumerate(self._places):
            sealed = place.read(name)
            if sealed is None:
                continue
            code = self._seal.open(identity, sealed)
            if code is None:
                self._refuse(place, name, identity)
                continue
            for nearer in self._places[:number]:
                nearer.write(name, sealed)
            return code
        return None

    def keep(self, digest: str, tier: Tier, code: bytes) -> None:
        """Keep code in every place, behind the caller's back: nobody waits for a disk or a store."""
        with suppress(RuntimeError):  # closed
            self._keeping.submit(self._keep, _identity(digest, tier), code)

    def flush(self) -> None:
        """Wait until all that was to be kept until now is."""
        with suppress(RuntimeError):
            self._keeping.submit(lambda: None).result()

    def close(self) -> None:
        """What waits is still kept in the folder, which is quick; no store is waited for beyond the one under way."""
        self._closing = True
        self._keeping.shutdown()

    def _keep(self, identity: Identity, code: bytes) -> None:
        name, sealed = self._seal.name(identity), self._seal.close(identity, code)
        for place in self._places[:1] if self._closing else self._places:
            place.write(name, sealed)

    def _refuse(self, place: Place, name: str, identity: Identity) -> None:
        with self._lock:
            self.refused += 1
        alert("artefact_altered", where=place.where, artefact=name, digest=identity.digest, tier=identity.tier)
        place.remove(name)


def _identity(digest: str, tier: Tier) -> Identity:
    return Identity(digest, tier, fingerprint(tier))
