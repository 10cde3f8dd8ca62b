"""The database, from settings."""

from __future__ import annotations

from hengio.settings import Settings
from hengio.storage.protocol import Storage
from hengio.storage.sql.store import open_storage
from hengio.vault.keys import AUDIT
from hengio.wiring.keys import open_ring


def open_database(settings: Settings) -> Storage:
    """The storage, not yet connected; what is audited is sealed with a key of the installation."""
    return open_storage(settings.database, open_ring(settings, AUDIT))
