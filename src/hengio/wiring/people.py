"""People, from settings: the services that know who may do what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hengio.clock import Clock, SystemClock
from hengio.service.bearer import PURPOSE, Bearer
from hengio.service.login import Limits, LoginService
from hengio.service.passwords import Passwords
from hengio.service.people import PeopleService
from hengio.service.tokens import TokenService
from hengio.settings import Settings
from hengio.storage.protocol import Storage
from hengio.wiring.keys import open_ring
from hengio.wiring.reading import making, reading


@dataclass(frozen=True, slots=True)
class People:
    """Users and roles, logins, and tokens."""

    users: PeopleService
    logins: LoginService
    tokens: TokenService


@asynccontextmanager
async def people(settings: Settings, *, make: bool = False) -> AsyncIterator[People]:
    """For commands, also beside a running server. `NotFound` where no embedded database is yet, unless `make`."""
    async with making(settings) if make else reading(settings) as storage:
        yield open_people(settings, storage, SystemClock())


def open_people(settings: Settings, storage: Storage, clock: Clock) -> People:
    """The services over that database."""
    given = settings.people
    passwords = Passwords(memory_mb=given.argon2_memory_mb, passes=given.argon2_passes, lanes=given.argon2_lanes)
    limits = Limits(
        session_seconds=round(given.session_hours * 3600),
        account=given.login_attempts,
        address=given.address_attempts,
        window_seconds=round(given.login_minutes * 60),
    )
    bearer = Bearer(open_ring(settings, PURPOSE), clock, seconds=round(given.access_minutes * 60))
    return People(
        PeopleService(storage=storage, passwords=passwords, clock=clock, least=given.password_least),
        LoginService(storage=storage, passwords=passwords, bearer=bearer, clock=clock, limits=limits),
        TokenService(storage=storage, clock=clock),
    )
