"""Keeps the circuits of this worker where everybody can see them (H5.5)."""

from __future__ import annotations

import asyncio

from hengio.errors import Unavailable
from hengio.log import get_logger
from hengio.model.circuit import Circuit
from hengio.storage.protocol import CircuitStore

log = get_logger("worker")

AGAIN_SECONDS = 5.0


class KeptCircuits:
    """Writes down what breakers tell, the latest of each target, behind whoever uses the target."""

    def __init__(self, store: CircuitStore, *, worker: str) -> None:
        self._store = store
        self._worker = worker
        self._changed: dict[str, Circuit] = {}
        self._wake = asyncio.Event()

    def tell(self, circuit: Circuit) -> None:
        """A circuit changed."""
        self._changed[circuit.target] = circuit
        self._wake.set()

    async def run(self) -> None:
        """For ever. A database that is away is tried again."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                while self._changed:
                    circuit = next(iter(self._changed.values()))
                    await self._store.put(circuit, worker=self._worker)
                    if self._changed[circuit.target] is circuit:
                        del self._changed[circuit.target]
            except Unavailable as error:
                log.warning("circuits_not_kept", error=str(error))
                await asyncio.sleep(AGAIN_SECONDS)
                self._wake.set()
