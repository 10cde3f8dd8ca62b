"""The installation's secrets, from settings, and the keys that are derived from them."""

from __future__ import annotations

from hengio import secret
from hengio.errors import Unavailable
from hengio.settings import Settings
from hengio.vault.keys import VAULT, KeyRing
from hengio.wiring.secret import NAME, UnusableSecret, own_secrets


def open_ring(settings: Settings, purpose: str = VAULT) -> KeyRing:
    """The installation's keys for that purpose; read when the first is wanted."""
    return KeyRing(lambda: secrets(settings), purpose)


def secrets(settings: Settings) -> list[bytes]:
    """The secret that is set, earlier ones, and those of the data folder, where one is made if none is set: the first
    is the current one. Raises `Unavailable` where the folder's cannot be used."""
    given = [] if settings.secret_key is None else [settings.secret_key]
    earlier = [secret.decode(one.get_secret_value()) for one in settings.previous_secret_keys]
    try:
        own = own_secrets(settings.data_dir) if not given or (settings.data_dir / NAME).exists() else []
    except UnusableSecret as error:
        raise Unavailable(f"the installation's secret cannot be used: {error}") from error
    if given:
        return [secret.decode(given[0].get_secret_value()), *earlier, *own]
    return [*own, *earlier]
