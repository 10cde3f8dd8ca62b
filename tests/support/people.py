"""People of an installation, with hashes that cost little."""

from __future__ import annotations

from hengio.access.permissions import Caller, desk
from hengio.clock import Clock, SystemClock
from hengio.model.person import User
from hengio.service.bearer import PURPOSE, Bearer
from hengio.service.login import Entered, Limits, LoginService
from hengio.service.passwords import Passwords
from hengio.service.people import PeopleService
from hengio.service.tokens import TokenService
from hengio.storage.protocol import Storage
from hengio.vault.keys import KeyRing
from hengio.wiring.people import People
from tests.support.vaults import SECRET

PASSWORD = "a horse of battery"
DESK = desk("cli:test")
LIMITS = Limits(session_seconds=3600, account=3, address=6, window_seconds=600)
HERE = "192.0.2.1"
CHEAP = {
    "HENGIO_PEOPLE__ARGON2_MEMORY_MB": "1",
    "HENGIO_PEOPLE__ARGON2_PASSES": "1",
    "HENGIO_PEOPLE__ARGON2_LANES": "1",
}
"""For servers and commands that hash in tests."""


def people(storage: Storage, *, clock: Clock | None = None, passwords: Passwords | None = None) -> People:
    """The services over this storage, as one process has them."""
    clock, passwords = clock or SystemClock(), passwords or Passwords(memory_mb=1, passes=1, lanes=1)
    bearer = Bearer(KeyRing(lambda: [SECRET], PURPOSE), clock, seconds=600)
    return People(
        PeopleService(storage=storage, passwords=passwords, clock=clock, least=12),
        LoginService(storage=storage, passwords=passwords, bearer=bearer, clock=clock, limits=LIMITS),
        TokenService(storage=storage, clock=clock),
    )


async def a_user(here: People, name: str = "lan", *roles: str) -> User:
    """Somebody with these roles, or none."""
    return await here.users.create(DESK, name, password=PASSWORD, given=roles)


async def entered(here: People, name: str = "lan", *, cookie: bool = False) -> Entered:
    """They log in."""
    return await here.logins.enter(name, PASSWORD, kind="cookie" if cookie else "bearer", address=HERE)


async def caller_of(here: People, name: str = "lan") -> Caller:
    """They, logged in."""
    found = await here.logins.of_cookie((await entered(here, name, cookie=True)).secret, address=HERE)
    assert found is not None
    return found


def jwt_of(here: People, login: Entered) -> str:
    """The bearer token of a login."""
    return here.logins.bearer.made(user_id=login.user.id, session_id=login.session.id)
