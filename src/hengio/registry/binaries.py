"""Where the binaries of modules lie: `wasm-modules/{id}.wasm` (R6.3)."""

from __future__ import annotations

from hengio.blobs.protocol import Blobs
from hengio.errors import Corrupt, NotFound
from hengio.ids import is_id
from hengio.model.module import Module

_SUFFIX = ".wasm"


def key(module_id: str) -> str:
    """The key of a module's binary in its area."""
    return f"{module_id}{_SUFFIX}"


def owner(key: str) -> str | None:
    """The id of the module whose binary has that key; None for what is no binary of a module."""
    module_id = key.removesuffix(_SUFFIX)
    return module_id if module_id != key and is_id(module_id) else None


async def fetch_binary(binaries: Blobs, module: Module) -> bytes:
    """The stored binary of a module, unchecked. `Corrupt` if it is gone."""
    try:
        return await binaries.get(key(module.id))
    except NotFound as error:
        mend = "hengio module register with the same binary writes it again"
        raise Corrupt(f"the binary of module {module.reference} is gone: {mend}") from error
