"""The keys that values are sealed with. Each is derived from a secret and has an id, which tells nothing of either."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from hengio import secret
from hengio.errors import Unavailable
from hengio.storage.vault import Sealing

_ID_BYTES = 8


class KeyMissing(Unavailable):
    """A value is sealed with a key that is not here; giving the key back makes it readable again."""

    code = "key_missing"


class Key(Struct, frozen=True):
    """Never printed; `id` is what is kept beside what it sealed."""

    id: str
    bytes: bytes

    def __repr__(self) -> str:
        return f"Key({self.id!r})"


VAULT = "hengio vault"
AUDIT = "hengio audit"


def key_of(own: bytes, purpose: str = VAULT) -> Key:
    """The key for a purpose that follows from a secret of the installation. All keys of one secret have one id."""
    return Key(secret.derive(own, "hengio vault: id of the key")[:_ID_BYTES].hex(), secret.derive(own, purpose))


class KeyRing:
    """The keys of this installation for one purpose: `load` returns its secrets, the current one first, and is asked
    again when a key is wanted that is not known (another process may have made it). What `load` raises is raised by who
    asks first."""

    def __init__(self, load: Callable[[], Sequence[bytes]], purpose: str = VAULT) -> None:
        self._load = load
        self._purpose = purpose
        self._keys: dict[str, Key] = {}

    @property
    def ids(self) -> list[str]:
        """The ids of all keys there are now, the current one first."""
        self.reload()
        return [*self._keys]

    @property
    def current(self) -> Key:
        """What a rotation goes to, and what the first value is sealed with."""
        if not self._keys:
            self.reload()
        return next(iter(self._keys.values()))

    def known(self, key_id: str) -> Key | None:
        """The key of that id, if it is here."""
        if key_id not in self._keys:
            self.reload()
        return self._keys.get(key_id)

    def find(self, key_id: str) -> Key:
        """Raises `KeyMissing`, which names the id."""
        found = self.known(key_id)
        if found is None:
            known = ", ".join(self._keys) or "none"
            raise KeyMissing(
                f"the key {key_id} is not here, only {known}",
                hint="put back the data folder's secret.key, or set secret_key or previous_secret_keys to what it was",
            )
        return found

    def holding(self, sealing: Sealing) -> Key:
        """The key to seal with: the one that holds in the database, so that all processes agree; where nothing is
        sealed yet, or all of it was deleted because its key is lost, the current one. Raises `KeyMissing`."""
        if sealing.key_id is None:
            return self.current
        try:
            return self.find(sealing.key_id)
        except KeyMissing:
            if sealing.sealed:
                raise
            return self.current

    def reload(self) -> None:
        """Read the secrets again."""
        self._keys = {key.id: key for key in (key_of(own, self._purpose) for own in self._load())}
