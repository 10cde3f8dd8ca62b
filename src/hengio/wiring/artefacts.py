"""Compiled code that is kept: where, and under which secret."""

from __future__ import annotations

import structlog

from hengio import secret
from hengio.sandbox.wasmtime.artefacts.folder import Folder
from hengio.sandbox.wasmtime.artefacts.seal import Seal
from hengio.sandbox.wasmtime.artefacts.shared import Shared
from hengio.sandbox.wasmtime.artefacts.store import Artefacts
from hengio.settings import Settings
from hengio.wiring.objects import open_area
from hengio.wiring.secret import UnusableSecret, own_secret

log = structlog.get_logger("hengio.sandbox")


def open_artefacts(settings: Settings) -> Artefacts | None:
    """In the data folder; behind it in the object store if that is shared and all its processes can have the same
    secret. None if nothing is to be kept, or where there is no secret that could be trusted, which is logged."""
    max_bytes = settings.sandbox.artefacts_mb << 20
    if max_bytes == 0:
        return None
    folder = Folder(settings.data_dir.resolve() / "artefacts", max_bytes=max_bytes)
    shared = settings.objects.startswith("s3://")
    if settings.secret_key is not None:
        key = secret.decode(settings.secret_key.get_secret_value())
        behind = [Shared(open_area(settings, "artefacts"), max_bytes=max_bytes)] if shared else []
        return Artefacts(Seal(key), [folder, *behind])
    try:
        key = own_secret(settings.data_dir)
    except UnusableSecret as error:
        log.warning("artefacts_not_kept", reason=str(error))
        return None
    if shared:
        log.info("artefacts_not_shared", reason="no secret_key is set: compiled code stays in the data folder")
    return Artefacts(Seal(key), [folder])


def open_cached(settings: Settings) -> Artefacts | None:
    """Those of commands that need no installation: in the user's cache folder. None as above."""
    max_bytes = settings.sandbox.artefacts_mb << 20
    if max_bytes == 0:
        return None
    try:
        settings.cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Artefacts(Seal(own_secret(settings.cache)), [Folder(settings.cache / "artefacts", max_bytes=max_bytes)])
    except (OSError, UnusableSecret) as error:
        log.info("artefacts_not_kept", reason=str(error))
        return None
