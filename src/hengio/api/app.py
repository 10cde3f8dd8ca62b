"""The HTTP application: people (H8), webhooks (H2), and is this process alive, can it work, what did it do (H9)?"""

from __future__ import annotations

from fastapi import FastAPI, Response
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.middleware.cors import CORSMiddleware

from hengio import __version__
from hengio.api import audit, auth, problems
from hengio.api import people as persons
from hengio.api.guard import Guard
from hengio.api.headers import SecurityHeaders
from hengio.api.metrics import Metrics
from hengio.api.webhooks import WebhookDoor
from hengio.errors import HengioError
from hengio.service.denials import Denials
from hengio.vault.keys import AUDIT
from hengio.wiring.embedded import System
from hengio.wiring.keys import open_ring


def create_app(system: System) -> FastAPI:
    """The application over a running system."""
    app = FastAPI(title="Hengio", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    server, people = system.settings.server, system.people
    secure = (server.public_url or "").startswith("https://")
    cookie = "__Host-hengio" if secure else "hengio"
    guard = Guard(
        logins=people.logins,
        denials=Denials(system.storage.audit, people.logins.clock),
        cookie=cookie,
        public_url=server.public_url,
    )
    app.router.route_class = guard.route()
    app.router.redirect_slashes = False  # the address it would name comes from the caller
    app.add_middleware(SecurityHeaders, secure=secure)
    if server.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=server.cors_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["authorization", "content-type"],
        )

    @app.get("/health/live")
    async def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "alive", "version": __version__}

    @app.get("/health/ready")
    async def ready(response: Response) -> dict[str, object]:
        """The database and the object store answer; 503 with the reason when one does not."""
        checks: dict[str, str] = {}
        try:
            await system.storage.check()
            checks["database"] = "ok"
            async for _ in system.areas.modules.list():
                break
            checks["objects"] = "ok"
        except HengioError as error:
            checks["objects" if "database" in checks else "database"] = error.message
            response.status_code = 503
        return {"status": "ready" if response.status_code != 503 else "unavailable", "checks": checks}

    problems.install(app)
    auth.install(app, people, cookie=cookie, secure=secure)
    persons.install(app, people)
    audit.install(app, system.storage.audit, open_ring(system.settings, AUDIT))
    door = WebhookDoor(system.receiver, most_bytes=system.settings.server.webhook_body_kb << 10)
    app.router.routes.append(door.route)
    metrics = _metrics(system, door)

    @app.get("/metrics")
    async def numbers() -> Response:
        """For Prometheus."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return app


def _metrics(system: System, door: WebhookDoor) -> Metrics:
    """The numbers of the running parts."""
    return Metrics(
        system.sandbox,
        system.schedules.firing.statistics,
        door.results,
        system.canaries.statistics,
        audit=system.audit_end,
    )
