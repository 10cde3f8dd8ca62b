"""`/api/audit` (H8.10)."""

from __future__ import annotations

from typing import Annotated, Any, get_args

import msgspec
from fastapi import FastAPI, Query
from starlette.responses import JSONResponse, Response

from hengio.clock import to_iso
from hengio.errors import Refused
from hengio.model.audit import AuditAction, AuditEntry
from hengio.service.auditing import verify
from hengio.storage.audit import AuditStore
from hengio.storage.chain import AuditKeys


def install(app: FastAPI, store: AuditStore, keys: AuditKeys) -> None:
    """Add the endpoints."""

    @app.get("/api/audit")
    async def listed(
        action: str | None = None,
        execution_id: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    ) -> Response:
        """The newest entries that match, newest first."""
        if action is not None and action not in get_args(AuditAction):
            raise Refused("this is never audited", hint=f"one of {', '.join(get_args(AuditAction))}")
        found = await store.find(action=action, execution_id=execution_id, limit=limit)
        return JSONResponse({"items": [_entry(entry) for entry in found]})

    @app.get("/api/audit/verify")
    async def verified() -> Response:
        """Whether the whole log is as it was written, or where it is not."""
        verdict = await verify(store, keys)
        return JSONResponse({"intact": verdict.fault is None, **msgspec.to_builtins(verdict)})


def _entry(entry: AuditEntry) -> dict[str, Any]:
    return {**msgspec.to_builtins(entry), "at": to_iso(entry.at)}
