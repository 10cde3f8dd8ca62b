"""Tries a connection: whether its target answers, and takes what it is shown. By the ways that steps go."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import msgspec
from msgspec import Struct

from hengio.clock import SystemClock
from hengio.definition.configs import HttpConfig, HttpMethod, OAuth2Auth
from hengio.errors import HengioError
from hengio.model.connection import Connection
from hengio.redaction import parts
from hengio.redaction.mask import Mask
from hengio.settings import Settings
from hengio.steps.web.plan import authorized, planned
from hengio.targets.breaker import Breakers
from hengio.targets.databases import Databases
from hengio.targets.guard import Guard
from hengio.targets.http.client import Bounds, HttpClient
from hengio.targets.http.guarded import Guarded
from hengio.targets.http.message import HttpFailed, TooLarge, TooLate
from hengio.targets.http.target import HttpTarget, http_target
from hengio.targets.http.tokens import Tokens
from hengio.targets.sftp.faults import TimedOut
from hengio.targets.sftp.servers import SftpServers
from hengio.targets.sftp.session import Session
from hengio.targets.sftp.target import KnownSftp, stored
from hengio.wiring.vault import database_url
from hengio.wiring.web import open_guard

MOST_LISTED = 1_000
"""Entries of an SFTP server's folder that are counted."""
_ANOTHER_METHOD = frozenset({405, 501})
"""Answers of a server that knows no HEAD there (RFC 9110, 15.5.6 and 15.6.2)."""


class Reached(Struct, frozen=True, omit_defaults=True):
    """What the target said, in words; of an HTTP server also the status."""

    message: str
    status: int | None = None


async def reach(settings: Settings, connection: Connection, *, timeout_seconds: float) -> Reached:
    """How the target answered. Raises what a step would meet; no text holds a secret of the connection."""
    mask = Mask(parts.secrets(connection.name, connection.document))
    try:
        match connection.type:
            case "database":
                said = await _database(settings, connection, timeout_seconds)
            case "http":
                said = await _http(open_guard(settings), connection, timeout_seconds)
            case "sftp":
                said = await _sftp(open_guard(settings), connection, timeout_seconds)
    except HengioError as error:
        error.message, error.hint = mask.text(error.message), mask.text(error.hint)
        raise
    return msgspec.structs.replace(said, message=mask.text(said.message))


async def _database(settings: Settings, connection: Connection, timeout_seconds: float) -> Reached:
    databases = Databases({connection.name: database_url(connection)}, folder=Path(settings.data_dir) / "databases")
    try:
        await databases.execute(connection.name, "SELECT 1", read_only=True, timeout_seconds=timeout_seconds)
    finally:
        await databases.close()
    return Reached("the database answers")


async def _http(guard: Guard, connection: Connection, timeout_seconds: float) -> Reached:
    """HEAD, and GET where there is no HEAD. Any answer is one; a redirect is not followed, so that nothing of the
    connection goes elsewhere."""
    target, client, clock = http_target(connection.name, connection.document), HttpClient(), SystemClock()
    end = clock.monotonic() + timeout_seconds
    try:
        permit, token = Guarded(guard, named=target.origins), ""
        if isinstance(target.auth, OAuth2Auth):
            token = await Tokens(client, clock).token(target.auth, permit=permit, seconds=timeout_seconds)
        status = 0
        methods: tuple[HttpMethod, ...] = ("HEAD", "GET")
        for method in methods:
            plan = planned(HttpConfig(url="", method=method, connection=connection.name), target, key="")
            bounds = Bounds(seconds=max(0.0, end - clock.monotonic()), redirects=0)
            request = authorized(plan.request, plan.auth, token)
            status = (await client.send(request, permit=permit, bounds=bounds)).status
            if status not in _ANOTHER_METHOD:
                break
        return Reached(_answer(target, status), status)
    except TooLarge:  # an answer, too
        return Reached("the server answers, with more than a step would read")
    except TooLate:
        raise TimedOut(f"{target.url.origin} did not answer within {timeout_seconds:g} s") from None
    except HttpFailed as error:
        error.hint = error.hint or f"it was asked at {target.url.origin}"
        raise
    finally:
        await client.close()


def _answer(target: HttpTarget, status: int) -> str:
    match status:
        case 401 | 403 if target.auth is not None or target.headers:
            return f"the server answers, with {status}: it does not take these credentials, or wants others here"
        case 401 | 403:
            return f"the server answers, with {status}: it wants credentials"
        case _:
            return f"the server answers, with {status}"


async def _sftp(guard: Guard, connection: Connection, timeout_seconds: float) -> Reached:
    """Connect, log in, list the folder in which the account begins."""
    target = stored(connection.name, connection.document)
    servers = SftpServers(
        KnownSftp({connection.name: target}), addresses=guard.addresses, breakers=Breakers(SystemClock())
    )
    try:
        async with asyncio.timeout(timeout_seconds) as limit, servers.session(target) as session:
            listed = await _count(session)
    except TimeoutError:
        if not limit.expired():
            raise
        raise TimedOut(f"{target.place} did not answer within {timeout_seconds:g} s") from None
    more = " or more" if listed >= MOST_LISTED else ""
    entries = "entry" if listed == 1 else "entries"
    unverified = "" if target.host_keys is not None else "; its host key is not verified"
    return Reached(f"the server lets {target.username} in; the first folder has {listed}{more} {entries}{unverified}")


async def _count(session: Session) -> int:
    """How many entries the account's own folder has; no more than `MOST_LISTED` are looked at."""
    listed = 0
    async with aclosing(session.names(b".")) as names:
        async for _ in names:
            listed += 1
            if listed >= MOST_LISTED:
                break
    return listed
