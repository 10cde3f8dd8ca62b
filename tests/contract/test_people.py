"""Users, roles and tokens, and what is seen of a change by another process at once (H8), on each database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hengio.access.permissions import PERMISSIONS, Caller
from hengio.access.roles import ADMIN, REGULAR
from hengio.errors import Conflict, Forbidden, HengioError, Limited, NotFound, Refused, Unauthenticated
from hengio.model.person import Role
from hengio.service.passwords import Passwords
from hengio.storage.protocol import Storage
from hengio.wiring.people import People
from tests.support.clock import MovableClock
from tests.support.people import DESK, HERE, PASSWORD, a_user, caller_of, entered, jwt_of, people
from tests.support.storages import opened

DAY_SECONDS = 24 * 3600


async def audited(storage: Storage) -> list[str]:
    return [entry.action for entry in reversed(await storage.audit.find(limit=100))]


async def refused(kind: type[HengioError], work: Awaitable[object]) -> str:
    with pytest.raises(kind) as caught:
        await work
    return str(caught.value)


@pytest.mark.requirement("H8.1", "H8.8")
async def test_the_first_start_makes_one_admin_with_a_password_of_its_own(database_url: str) -> None:
    async with opened(database_url) as first, opened(database_url) as second:
        made = await asyncio.gather(*(people(one).users.first() for one in (first, second)))
        [password] = [one for one in made if one is not None]
        assert len(password) == 20
        here = people(first)
        assert await here.users.first() is None
        login = await here.logins.enter("admin", password, kind="cookie", address=HERE)
        assert login.user.roles == (ADMIN,)
        kept = await first.people.everyone()
    assert login.user.password is not None and login.user.password.startswith("$argon2id$")
    assert password not in repr(kept) and login.user.password not in repr(kept)


@pytest.mark.requirement("H8.1")
async def test_a_hash_of_other_parameters_is_made_anew_when_its_user_logs_in(storage: Storage) -> None:
    await a_user(people(storage))
    later = people(storage, passwords=Passwords(memory_mb=2, passes=1, lanes=1))
    await entered(later)
    await entered(later)
    found = await later.users.find("lan")
    assert found.password is not None and "m=2048" in found.password


@pytest.mark.requirement("H8.9")
async def test_nothing_tells_names_that_exist_from_names_that_do_not(storage: Storage) -> None:
    """By construction: every answer is the same and costs one check of a hash with the same parameters."""
    here = people(storage)
    await a_user(here)
    await a_user(here, "out")
    await here.users.enable(DESK, "out", enabled=False)
    told, costs = set(), set()
    for name, password in (("lan", "wrong"), ("nobody", "wrong"), ("out", PASSWORD), ("", "")):
        before = here.logins.passwords.checks
        entering = here.logins.enter(name, password, kind="bearer", address=f"a{name}")
        told.add(await refused(Unauthenticated, entering))
        costs.add(here.logins.passwords.checks - before)
    assert (len(told), costs) == (1, {1})


@pytest.mark.requirement("H8.9")
async def test_logins_that_fail_are_limited_for_an_account_in_every_process(database_url: str) -> None:
    clock = MovableClock()
    async with opened(database_url) as first, opened(database_url) as second:
        here, there = people(first, clock=clock), people(second, clock=clock)
        await a_user(here)
        for number, place in enumerate((here, there, here)):
            await refused(
                Unauthenticated, place.logins.enter("LAN", "wrong", kind="bearer", address=f"192.0.2.{number}")
            )
        with pytest.raises(Limited) as caught:
            await there.logins.enter("lan", PASSWORD, kind="bearer", address="192.0.2.9")
        assert 0 < caught.value.retry_after_seconds <= 601
        await refused(Limited, here.logins.enter("lan", PASSWORD, kind="bearer", address="192.0.2.9"))
        assert (await audited(first)).count("login.limited") == 1
        clock.advance(601)
        assert (await here.logins.enter("lan", PASSWORD, kind="bearer", address=HERE)).user.name == "lan"


@pytest.mark.requirement("H8.9")
async def test_many_at_once_from_one_address_get_no_more_tries(storage: Storage) -> None:
    here = people(storage)
    tries = [here.logins.enter(f"n{number}", "wrong", kind="bearer", address="2001:db8::1") for number in range(12)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, Unauthenticated) for one in answers) == 6
    assert sum(isinstance(one, Limited) for one in answers) == 6
    await refused(Limited, here.logins.enter("other", "x", kind="bearer", address="2001:db8::2"))
    await refused(Unauthenticated, here.logins.enter("other", "x", kind="bearer", address="2001:db8:0:1::2"))


async def test_who_logs_in_well_is_not_limited(storage: Storage) -> None:
    here = people(storage)
    await a_user(here)
    for _ in range(10):
        await entered(here)


Change = Callable[[People], Awaitable[object]]
CHANGES: dict[str, Change] = {
    "roles": lambda here: here.users.assign(DESK, "lan", [ADMIN]),
    "disabled": lambda here: here.users.enable(DESK, "lan", enabled=False),
    "deleted": lambda here: here.users.delete(DESK, "lan"),
    "password": lambda here: here.users.set_password(DESK, "lan", "another horse 1"),
    "role deleted": lambda here: here.users.delete_role(DESK, "own"),
}


@pytest.mark.requirement("H8.7")
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_a_change_ends_the_sessions_of_a_user_in_every_process_at_once(database_url: str, change: Change) -> None:
    async with opened(database_url) as first, opened(database_url) as second:
        here, there = people(first), people(second)
        await here.users.set_role(DESK, Role(name="own", permissions=("job:read",)))
        await a_user(here, "lan", "own")
        await a_user(here, "other", REGULAR)
        cookie, bearer = await entered(here, cookie=True), await entered(here)
        other = await entered(here, "other", cookie=True)
        assert await there.logins.of_cookie(cookie.secret, address=HERE) is not None
        assert await there.logins.of_bearer(jwt_of(here, bearer), address=HERE) is not None
        await change(here)
        assert await there.logins.of_cookie(cookie.secret, address=HERE) is None
        assert await there.logins.of_bearer(jwt_of(here, bearer), address=HERE) is None
        await refused(Unauthenticated, there.logins.refresh(bearer.secret, address=HERE))
        assert await there.logins.of_cookie(other.secret, address=HERE) is not None


@pytest.mark.requirement("H8.4", "H8.7")
async def test_a_token_gives_what_its_user_has_at_that_moment_and_no_more(database_url: str) -> None:
    async with opened(database_url) as first, opened(database_url) as second:
        here, there = people(first), people(second)
        await here.users.set_role(DESK, Role(name="own", permissions=("job:read", "job:write")))
        user = await a_user(here, "lan", "own")
        token, text = await here.tokens.create(DESK, user, name="ci", scopes=["job:read", "job:write"], days=1)

        async def may() -> frozenset[str] | None:
            found = await there.logins.of_bearer(text, address=HERE)
            return None if found is None else found.permissions

        assert await may() == {"job:read", "job:write"}
        await here.users.set_role(DESK, Role(name="own", permissions=("job:read",)))
        assert await may() == {"job:read"}
        await here.users.assign(DESK, "lan", [ADMIN])
        assert await may() == {"job:read", "job:write"}
        assert token.prefix == text[:10] and token.digest != text
        await here.tokens.revoke(DESK, token.id)
        assert await may() is None


@pytest.mark.requirement("H8.4")
async def test_a_token_of_who_is_disabled_or_that_is_too_old_leads_nowhere(storage: Storage) -> None:
    clock = MovableClock()
    here = people(storage, clock=clock)
    user = await a_user(here, "lan", REGULAR)
    _, text = await here.tokens.create(DESK, user, name="ci", scopes=["job:read"], days=1)
    await here.users.enable(DESK, "lan", enabled=False)
    assert await here.logins.of_bearer(text, address=HERE) is None
    await here.users.enable(DESK, "lan", enabled=True)
    assert await here.logins.of_bearer(text, address=HERE) is not None
    [kept] = await here.tokens.all(user.id)
    assert kept.last_used_at == clock.now()
    clock.advance(DAY_SECONDS)
    assert await here.logins.of_bearer(text, address=HERE) is None


@pytest.mark.requirement("H8.4")
async def test_scopes_are_of_the_user_and_a_token_makes_no_token(storage: Storage) -> None:
    here = people(storage)
    user = await a_user(here, "lan", REGULAR)
    caller = await caller_of(here)
    create = here.tokens.create
    assert "job:write" in await refused(
        Forbidden, create(caller, user, name="x", scopes=["job:read", "job:write"], days=1)
    )
    await refused(Refused, create(caller, user, name="x", scopes=["job:fly"], days=1))
    await refused(Refused, create(caller, user, name="x", scopes=[], days=1))
    _, text = await create(caller, user, name="x", scopes=["job:read"], days=1)
    program = await here.logins.of_bearer(text, address=HERE)
    assert program is not None and program.way == "token"
    await refused(Forbidden, create(program, user, name="y", scopes=["job:read"], days=1))


@pytest.mark.requirement("H8.4")
async def test_somebody_elses_token_is_not_there(storage: Storage) -> None:
    here = people(storage)
    other = await a_user(here, "other", REGULAR)
    await a_user(here)
    token, text = await here.tokens.create(DESK, other, name="x", scopes=["job:read"], days=1)
    await refused(NotFound, here.tokens.revoke(await caller_of(here), token.id))
    assert await here.logins.of_bearer(text, address=HERE) is not None


@pytest.mark.requirement("H8.4")
async def test_a_token_that_is_refreshed_twice_ends_the_session_of_both(storage: Storage) -> None:
    here = people(storage)
    await a_user(here)
    login = await entered(here)
    again = await here.logins.refresh(login.secret, address=HERE)
    assert again.session.id == login.session.id and again.secret != login.secret
    await refused(Unauthenticated, here.logins.refresh(login.secret, address=HERE))
    await refused(Unauthenticated, here.logins.refresh(again.secret, address=HERE))
    assert await here.logins.of_bearer(jwt_of(here, again), address=HERE) is None
    assert (await audited(storage))[-1] == "session.reused"


@pytest.mark.requirement("H8.3")
async def test_a_cookie_is_no_bearer_token_and_a_token_to_refresh_with_is_no_cookie(storage: Storage) -> None:
    here = people(storage)
    await a_user(here)
    cookie, bearer = await entered(here, cookie=True), await entered(here)
    assert await here.logins.of_cookie(bearer.secret, address=HERE) is None
    assert await here.logins.of_bearer(jwt_of(here, cookie), address=HERE) is None
    await refused(Unauthenticated, here.logins.refresh(cookie.secret, address=HERE))


@pytest.mark.requirement("H8.3")
async def test_a_session_ends_when_its_time_is_over_or_its_user_leaves(storage: Storage) -> None:
    clock = MovableClock()
    here = people(storage, clock=clock)
    await a_user(here)
    first, second = await entered(here, cookie=True), await entered(here, cookie=True)
    caller = await here.logins.of_cookie(first.secret, address=HERE)
    assert caller is not None
    await here.logins.leave(caller)
    assert await here.logins.of_cookie(first.secret, address=HERE) is None
    assert await here.logins.of_cookie(second.secret, address=HERE) is not None
    clock.advance(3600)
    assert await here.logins.of_cookie(second.secret, address=HERE) is None


@pytest.mark.requirement("H8.7")
async def test_nobody_changes_their_own_roles(storage: Storage) -> None:
    here = people(storage)
    await a_user(here, "lan", ADMIN)
    await a_user(here, "other", ADMIN)
    lan = await caller_of(here)
    assert "own roles" in await refused(Forbidden, here.users.assign(lan, "lan", [REGULAR]))
    await here.users.assign(lan, "other", [REGULAR])


@pytest.mark.requirement("H8.7")
async def test_of_two_admins_who_remove_each_other_one_is_left(database_url: str) -> None:
    async with opened(database_url) as first, opened(database_url) as second:
        here, there = people(first), people(second)
        await a_user(here, "lan", ADMIN)
        await a_user(here, "other", ADMIN)
        lan, other = await caller_of(here), await caller_of(there, "other")
        answers = await asyncio.gather(
            here.users.delete(lan, "other"), there.users.enable(other, "lan", enabled=False), return_exceptions=True
        )
        assert [type(one) for one in answers if isinstance(one, Exception)] == [Conflict]
        await refused(Conflict, here.users.delete(DESK, "lan" if (await here.users.find("lan")).active else "other"))


@pytest.mark.requirement("H8.5")
async def test_nobody_takes_over_who_may_more(storage: Storage) -> None:
    here = people(storage)
    await here.users.set_role(DESK, Role(name="hr", permissions=("role:assign", "user:manage")))
    await a_user(here, "boss", ADMIN)
    await a_user(here, "second", ADMIN)
    await a_user(here, "lan", "hr")
    await a_user(here, "new")
    lan = await caller_of(here)
    users = here.users
    await refused(Forbidden, users.set_password(lan, "boss", "another horse 1"))
    await refused(Forbidden, users.enable(lan, "boss", enabled=False))
    await refused(Forbidden, users.delete(lan, "boss"))
    await refused(Forbidden, users.assign(lan, "new", [ADMIN]))
    await refused(Forbidden, users.assign(lan, "boss", []))
    await refused(Forbidden, users.create(lan, "puppet", password=PASSWORD, given=[ADMIN]))
    await refused(Forbidden, users.set_role(lan, Role(name="all", permissions=tuple(PERMISSIONS))))
    await refused(Forbidden, users.set_role(lan, Role(name=ADMIN, permissions=("user:manage",))))
    await users.assign(lan, "new", ["hr"])
    assert (await users.find("boss")).roles == (ADMIN,)


@pytest.mark.requirement("H8.5")
async def test_the_name_of_who_was_deleted_is_nobody_elses(storage: Storage) -> None:
    here = people(storage)
    await a_user(here)
    await here.users.delete(DESK, "lan")
    await refused(NotFound, here.users.find("lan"))
    await refused(Conflict, a_user(here, "Lan"))
    await refused(Unauthenticated, entered(here))


@pytest.mark.parametrize("name", ["", "a b", "a/b", "ă", "-a", "a" * 65, "a\n", "a\0", "<b>", "user:x"])
async def test_a_name_that_could_be_taken_for_something_else_is_refused(storage: Storage, name: str) -> None:
    await refused(Refused, a_user(people(storage), name))


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaa", "lanlanlanlan", "x" * 257])
async def test_a_password_that_is_easy_to_guess_is_refused(storage: Storage, password: str) -> None:
    await refused(Refused, people(storage).users.create(DESK, "lanlanlanlan", password=password, given=[]))


@pytest.mark.requirement("H8.10")
async def test_every_change_of_people_and_every_login_is_audited_without_what_was_typed(storage: Storage) -> None:
    here = people(storage)
    await here.users.set_role(DESK, Role(name="own", permissions=("job:read",)))
    user = await a_user(here, "lan", "own")
    await refused(Unauthenticated, here.logins.enter("hunter22-typed-as-name", "x", kind="bearer", address=HERE))
    caller = await caller_of(here)
    token, text = await here.tokens.create(caller, user, name="ci", scopes=["job:read"], days=1)
    await here.tokens.revoke(caller, token.id)
    await here.logins.leave(caller)
    await here.users.assign(DESK, "lan", [REGULAR])
    await here.users.set_password(DESK, "lan", "another horse 1")
    await here.users.enable(DESK, "lan", enabled=False)
    await here.users.enable(DESK, "lan", enabled=True)
    await here.users.delete_role(DESK, "own")
    await here.users.delete(DESK, "lan")
    assert (
        await audited(storage)
        == (
            "role.set user.created login.failed login.succeeded token.created token.revoked session.ended"
            " user.roles_changed user.password_changed user.disabled user.enabled role.deleted user.deleted"
        ).split()
    )
    entries = await storage.audit.find(limit=100)
    told = repr(entries)
    for secret in ("hunter22", PASSWORD, "another horse", text, "argon2"):
        assert secret not in told
    by = {entry.action: (entry.actor, entry.detail.get("from")) for entry in entries}
    assert by["token.created"] == ("user:lan", HERE)
    assert by["user.disabled"] == ("cli:test", None)
    assert by["login.failed"] == ("unknown", HERE)


def test_a_caller_of_the_desk_may_everything() -> None:
    assert DESK.permissions == PERMISSIONS
    assert isinstance(DESK, Caller) and DESK.actor == "cli:test"
