"""Variables, connections and their keys, from settings."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

from hengio import log
from hengio.clock import Clock, SystemClock
from hengio.model.connection import Connection
from hengio.redaction.redact import Sensitive
from hengio.service.connections import ConnectionService, connection_of
from hengio.service.variables import VariableService
from hengio.service.webhooks import WebhookService
from hengio.settings import Settings
from hengio.storage.protocol import Storage
from hengio.vault.keys import KeyRing
from hengio.vault.known import Known
from hengio.vault.masks import Masks
from hengio.wiring.keys import open_ring
from hengio.wiring.reading import making, reading
from hengio.wiring.tapes import hidden


@dataclass(frozen=True, slots=True)
class Vault:
    """What commands about variables, connections and keys use: the database alone, also beside a running server."""

    settings: Settings
    storage: Storage
    ring: KeyRing
    variables: VariableService
    connections: ConnectionService
    webhooks: WebhookService


def open_webhooks(settings: Settings, storage: Storage, clock: Clock) -> WebhookService:
    """The URLs of jobs, sealed with the installation's keys."""
    return WebhookService(storage=storage, ring=open_ring(settings), clock=clock)


def open_known(settings: Settings, storage: Storage) -> Known:
    """Variables and connections as of the revision that a claim brings, over those of the settings. The log shows none
    of their secrets."""
    always = hidden(settings)
    known = Known(
        storage.vault,
        open_ring(settings),
        variables=settings.variables,
        connections=given_connections(settings),
        changed=lambda known: log.hide(id(known), _texts([*always, *known.sensitive()])),
    )
    log.hide(id(known), _texts(always))
    return known


def given_connections(settings: Settings) -> dict[str, Connection]:
    """The connections of the settings, whose values are URLs."""
    return {name: connection_of(name, url.get_secret_value()) for name, url in settings.connections.items()}


@asynccontextmanager
async def vault(settings: Settings, *, make: bool = False) -> AsyncIterator[Vault]:
    """For commands. Raises `NotFound` where no embedded database is yet, unless `make` makes one."""
    async with making(settings) if make else reading(settings) as storage:
        clock, ring = SystemClock(), open_ring(settings)
        yield Vault(
            settings,
            storage,
            ring,
            VariableService(storage=storage, ring=ring, clock=clock),
            ConnectionService(storage=storage, ring=ring, clock=clock),
            WebhookService(storage=storage, ring=ring, clock=clock),
        )


def _texts(values: Sequence[Sensitive]) -> Iterator[str]:
    """Each value as it is, as JSON and as a URL has it."""
    for value in values:
        yield value.text
        yield json.dumps(value.text)[1:-1]
        yield json.dumps(value.text, ensure_ascii=False)[1:-1]
        yield quote(value.text, safe="")


def make_masks(settings: Settings, known: Known) -> Masks:
    """What steps must not show. Secrets by reference are no step's own, but an answer from outside may hold them."""
    own = tuple(
        Sensitive(f"secrets.{name}", text)
        for name, one in settings.secrets.items()
        for text in {one.value.get_secret_value(), one.value.get_secret_value().partition(":")[2]}
        if text
    )
    return Masks(known.connections, lambda: own)


def database_url(connection: Connection) -> str:
    """The URL of a database."""
    return str(connection.document["url"])
