"""Calls of webhooks as a sender makes them."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any

import httpx

from tests.support.installation import Installation
from tests.support.processes import Child

STEP = {
    "id": "a",
    "type": "database",
    "config": {"connection": "db", "query": "SELECT {{webhook.payload.n ?? 0}} AS n"},
}
CONNECTION = {"HENGIO_CONNECTIONS__DB": "sqlite:///shop.db"}


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """As docs/reference/webhooks.md says, by other means than ours."""
    return "sha256=" + hmac.digest(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hex()


def signed(secret: str, body: bytes, *, late: float = 0, **headers: str) -> dict[str, str]:
    """The headers of a call that was signed so many seconds ago; `content_type=…` is another header of it."""
    timestamp = str(int(time.time() - late))
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"X-Hengio-Timestamp": timestamp, "X-Hengio-Signature": signature(secret, timestamp, body), **more}


def a_job(name: str = "hook", **fields: Any) -> dict[str, Any]:
    """A job with a webhook; `webhook` has more of that."""
    webhook = {"enabled": True, **fields.pop("webhook", {})}
    return {"name": name, "triggers": {"webhook": webhook}, "steps": [STEP], **fields}


def port_of(server: Child) -> int:
    """Where it listens."""
    words = [str(word) for word in server.process.args]  # type: ignore[union-attr]
    return int(words[words.index("--port") + 1])


class Sender:
    """Calls one job of a server."""

    def __init__(self, client: httpx.AsyncClient, url: str, secret: str) -> None:
        self.client, self.url, self.secret = client, url, secret

    async def send(self, body: bytes = b'{"n": 1}', *, late: float = 0, **headers: str) -> httpx.Response:
        """Call it, signed now."""
        return await self.client.post(self.url, content=body, headers=signed(self.secret, body, late=late, **headers))


async def sender(place: Installation, server: Child, client: httpx.AsyncClient, job: str = "hook") -> Sender:
    """Who was told the URL and the secret of a job."""
    told = await place.run("webhook", "show", job, "--reveal")
    path = told["url"].partition("/api/")[2]
    return Sender(client, f"http://127.0.0.1:{port_of(server)}/api/{path}", told["secret"])
