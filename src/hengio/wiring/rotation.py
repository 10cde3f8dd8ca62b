"""Going over to a new key, so that a kill at any moment leaves everything readable.

The new secret is put before the old one in its file; everything is sealed anew in one transaction, which also makes
every later write seal under the new key; only then the old secret is dropped. What was killed between is gone on with.
"""

from __future__ import annotations

import secrets as random
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from hengio import secret
from hengio.clock import SystemClock
from hengio.errors import Unavailable
from hengio.ids import new_id
from hengio.lock import FileLock
from hengio.model.audit import AuditEntry
from hengio.settings import Settings
from hengio.storage.vault import ConnectionRow, Place, Stored, VariableRow
from hengio.storage.webhooks import WebhookRow
from hengio.vault import cipher
from hengio.vault.keys import KeyMissing, key_of
from hengio.wiring.secret import NAME, UnusableSecret, own_secrets, replace_secrets
from hengio.wiring.vault import Vault

LOCK = "secrets.lock"


class Rotated(Struct, frozen=True):
    """How many values were sealed anew, under which key, and which keys are not needed any more."""

    key_id: str
    resealed: int
    dropped: list[str]


async def rotate(vault: Vault, *, actor: str, passed: Callable[[str], None] = lambda moment: None) -> Rotated:
    """Seal everything under a new key of the data folder, or under `secret_key` where that is set. `passed` hears of
    each moment at which all that was done until then is on the disk.

    Raises `Conflict` while another rotation runs, `KeyMissing` and `Corrupt` if something cannot be read: then nothing
    is lost, and the old key stays.
    """
    folder = vault.settings.data_dir
    with FileLock(folder / LOCK, what="the rotation of keys"):
        await _check(vault)
        if vault.settings.secret_key is None:
            await _make(vault, passed)
        vault.ring.reload()
        passed("key_made")
        resealed = await _reseal(vault, actor)
        passed("resealed")
        current = vault.ring.current.id
        dropped = [key_id for key_id in vault.ring.ids if key_id != current]
        if vault.settings.secret_key is None:
            _write(vault.settings, _own(vault.settings)[:1])
            vault.ring.reload()
        passed("key_dropped")
    return Rotated(current, resealed, dropped)


async def status(vault: Vault) -> dict[str, Any]:
    """Which keys there are and which values are sealed with which: `{"current", "source", "keys": [{"id", "known",
    "holds", "variables", "connections", "webhooks"}]}`. A key that is not here but in use is among them."""
    sealing, rows = await vault.storage.vault.sealing(), await vault.storage.vault.read()
    variables = [row.stored.key_id for row in rows.variables if row.stored.key_id is not None]
    connections = [row.stored.key_id for row in rows.connections if row.stored.key_id is not None]
    webhooks = [row.stored.key_id for row in await vault.storage.webhooks.all() if row.stored.key_id is not None]
    known = vault.ring.ids
    holds = sealing.key_id or known[0]
    every = dict.fromkeys([*known, *([sealing.key_id] if sealing.key_id else []), *variables, *connections, *webhooks])
    keys = [
        {
            "id": key_id,
            "known": key_id in known,
            "holds": key_id == holds,
            "variables": variables.count(key_id),
            "connections": connections.count(key_id),
            "webhooks": webhooks.count(key_id),
        }
        for key_id in every
    ]
    source = "the data folder" if vault.settings.secret_key is None else "secret_key"
    return {"current": known[0], "source": source, "keys": keys}


async def _check(vault: Vault) -> None:
    """Before anything is changed: everything can be read."""
    rows = await vault.storage.vault.read()
    every: list[VariableRow | ConnectionRow | WebhookRow] = [*rows.variables, *rows.connections]
    every += await vault.storage.webhooks.all()
    for row in every:
        try:
            cipher.opened(vault.ring, row.place, row.stored)
        except KeyMissing as error:
            way_out = "regenerate" if isinstance(row, WebhookRow) else "delete"
            hint = f"{error.hint}; or {way_out} it, if its key is lost for good"
            raise KeyMissing(error.message, hint=hint) from None


async def _make(vault: Vault, passed: Callable[[str], None]) -> None:
    """Put a new secret before the others, unless a rotation that was killed did so."""
    own = _own(vault.settings)
    holds = (await vault.storage.vault.sealing()).key_id
    if len(own) > 1 and holds is not None and key_of(own[0]).id != holds:
        return
    passed("begun")
    _write(vault.settings, [random.token_bytes(secret.LEAST_BYTES), *own])


async def _reseal(vault: Vault, actor: str) -> int:
    key = vault.ring.current

    def change(place: Place, stored: Stored) -> Stored:
        return cipher.seal(key, place, cipher.opened(vault.ring, place, stored))

    before = await vault.storage.vault.sealing()
    entry = AuditEntry(
        id=new_id(),
        at=SystemClock().now(),
        action="secrets.rotated",
        actor=actor,
        subject=key.id,
        detail={"before": before.key_id, "values": before.sealed},
    )
    return await vault.storage.vault.reseal(key.id, change, entry=entry)


def _own(settings: Settings) -> list[bytes]:
    try:
        return own_secrets(settings.data_dir)
    except UnusableSecret as error:
        raise Unavailable(f"the installation's secret cannot be used: {error}") from error


def _write(settings: Settings, own: list[bytes]) -> None:
    try:
        replace_secrets(settings.data_dir, own)
    except UnusableSecret as error:
        raise Unavailable(f"the installation's secret cannot be changed: {error}", hint=f"see {NAME}") from error
