"""Variables and connections of an installation, set as the commands set them."""

from __future__ import annotations

from typing import Any

from hengio.clock import SystemClock
from hengio.ids import new_id
from hengio.model.audit import AuditAction, AuditEntry
from hengio.service.connections import ConnectionService
from hengio.service.variables import VariableService
from hengio.service.webhooks import WebhookService
from hengio.storage.protocol import Storage
from hengio.storage.vault import ConnectionRow, Stored, VariableRow
from hengio.vault.keys import AUDIT, KeyRing
from tests.support.builders import NOON

SECRET = bytes(range(32))
OTHER = bytes(range(32, 64))


def ring(*secrets: bytes) -> KeyRing:
    """A ring of these secrets, the current one first."""
    return KeyRing(lambda: secrets or (SECRET,))


def audit_keys(*secrets: bytes) -> KeyRing:
    """The keys that seal what is audited, from these secrets."""
    return KeyRing(lambda: secrets or (SECRET,), AUDIT)


def variables(storage: Storage, *secrets: bytes) -> VariableService:
    """The variables of this storage."""
    return VariableService(storage=storage, ring=ring(*secrets), clock=SystemClock())


def connections(storage: Storage, *secrets: bytes) -> ConnectionService:
    """The connections of this storage."""
    return ConnectionService(storage=storage, ring=ring(*secrets), clock=SystemClock())


def webhooks(storage: Storage, *secrets: bytes) -> WebhookService:
    """The URLs of the jobs of this storage."""
    return WebhookService(storage=storage, ring=ring(*secrets), clock=SystemClock())


def an_entry(action: AuditAction = "variable.set", subject: str = "A") -> AuditEntry:
    """An audit entry of a change."""
    return AuditEntry(id=new_id(), at=NOON, action=action, actor="test", subject=subject)


def a_variable(name: str = "A", **fields: Any) -> VariableRow:
    """A variable as it is kept."""
    given: dict[str, Any] = {"job_id": None, "stored": Stored('"value"'), "sensitive": False, "description": ""}
    return VariableRow(name=name, updated_at=NOON, updated_by="test", **{**given, **fields})


def a_connection(name: str = "C", **fields: Any) -> ConnectionRow:
    """A connection as it is kept."""
    given: dict[str, Any] = {"type": "database", "stored": Stored("c2VhbGVk", "key"), "description": ""}
    return ConnectionRow(name=name, updated_at=NOON, updated_by="test", **{**given, **fields})
