"""Who may use which endpoint, walked through the application's own routes (H8.5), and hostile callers (H8.3, H8.4)."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.routing import Route

from hengio.access.permissions import PERMISSIONS
from hengio.access.roles import ADMIN, REGULAR
from hengio.api.guard import CSRF_HEADER
from hengio.api.table import ELSEWHERE, ENDPOINTS, TABLE, Endpoint, Known, Needs, Open
from hengio.service.bearer import PURPOSE, Bearer
from hengio.vault.keys import AUDIT, KeyRing
from hengio.wiring.keys import secrets
from tests.support.clock import MovableClock
from tests.support.door import Door, a_door
from tests.support.people import DESK, PASSWORD


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with a_door(tmp_path / "data") as door:
        yield door


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    for route in app.router.routes:
        assert isinstance(route, Route), "one that this test can not look into"
        for method in route.methods or {"*"}:
            yield method, route.path


@pytest.mark.requirement("H8.5")
def test_no_row_is_there_twice() -> None:
    assert len(TABLE) == len(ENDPOINTS)


@pytest.mark.requirement("H8.5")
async def test_the_table_has_every_route_and_nothing_else(door: Door) -> None:
    found = {(method, path) for method, path in routes(door.app) if path not in ELSEWHERE}
    assert found == set(TABLE)
    assert {path for _, path in routes(door.app)} >= set(ELSEWHERE)


@pytest.mark.requirement("H8.5")
async def test_an_endpoint_that_is_in_no_table_does_not_start(door: Door) -> None:
    with pytest.raises(LookupError, match="GET /api/open"):

        @door.app.get("/api/open")
        async def forgotten() -> str:
            return "everything"


def wanted(row: Endpoint, held: frozenset[str] | None) -> set[int]:
    """What somebody with these permissions may be answered; None for who is not known."""
    may = {200, 201, 204, 400, 404, 409}
    match row.access:
        case Open():
            return may | {401}
        case _ if held is None:
            return {401}
        case Known():
            return may
        case Needs(sees=sees) if sees is not None and sees not in held:
            return {404}
        case Needs(permission=permission) if permission not in held:
            return {403}
        case Needs():
            return may
    raise AssertionError


@pytest.mark.requirement("H8.5", "H8.6")
async def test_every_endpoint_keeps_to_its_row_for_every_role(door: Door) -> None:
    needed = sorted({one for row in ENDPOINTS if isinstance(row.access, Needs) for one in (row.access.permission,)})
    callers: dict[str | None, tuple[str | None, frozenset[str] | None]] = {"nobody": (None, None)}
    for name, held in [
        ("none", ()),
        *((f"only-{one.replace(':', '-')}", (one,)) for one in needed),
        *((f"but-{one.replace(':', '-')}", tuple(PERMISSIONS - {one})) for one in needed),
    ]:
        callers[name] = (await door.user(name, *held), frozenset(held))
    await door.user("regular", roles=(REGULAR,))
    await door.user("boss", roles=(ADMIN,))
    everyone = await door.system.people.users.everyone()
    for name in ("regular", "boss"):
        of = next(user for user in everyone.users.values() if user.name == name)
        callers[name] = (None, None) if of is None else (await door.bearer(name), _held(name))
    for row in ENDPOINTS:
        for name, (token, held) in callers.items():
            if isinstance(row.access, Known) and row.path.startswith("/api/auth/"):
                token = None if token is None else await door.bearer(str(name))  # noqa: PLW2901 - some end their login
            path = row.path.replace("{", "no-").replace("}", "")
            answer = await door.ask(
                token, row.method, path, json={} if row.method in {"POST", "PUT", "PATCH"} else None
            )
            assert answer.status_code in wanted(row, held), (row.method, row.path, name, answer.text)
            if answer.status_code in {401, 403, 404}:
                assert answer.headers["content-type"] == "application/problem+json"


def _held(name: str) -> frozenset[str]:
    from hengio.access import roles

    return roles.permissions([ADMIN if name == "boss" else REGULAR], {})


@pytest.mark.requirement("H8.6")
async def test_what_somebody_may_not_know_of_is_as_what_is_not_there(door: Door) -> None:
    token = await door.user("lan", roles=(REGULAR,))
    await door.user("other")
    there, missing = [await door.ask(token, "GET", f"/api/users/{name}") for name in ("other", "nobody")]
    assert (there.status_code, there.content) == (missing.status_code, missing.content) == (404, there.content)
    denied = [entry for entry in await door.system.storage.audit.find(limit=9) if entry.action == "access.denied"]
    assert [(entry.actor, entry.subject) for entry in denied] == [("user:lan", "GET /api/users/{user}")]


def forged(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@pytest.mark.requirement("H8.4")
async def test_tokens_that_were_not_made_here_or_are_too_old_are_nobodys(door: Door) -> None:
    good = await door.user("lan", roles=(ADMIN,))
    settings, logins = door.system.settings, door.system.people.logins
    header, claims, _ = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in [*good.split(".")[:2], "e30"])
    session = {"user_id": claims["sub"], "session_id": claims["sid"]}
    ring = KeyRing(lambda: secrets(settings), PURPOSE)
    late = MovableClock(door.system.people.logins.clock.now() - 3600 * 1_000_000)
    signature = good.rpartition(".")[2]
    tampered = forged(header, {**claims, "sid": "another"}).rstrip(".") + "." + signature
    bad = {
        "alg none": forged({**header, "alg": "none"}, claims),
        "alg None": forged({**header, "alg": "None"}, claims),
        "no signature": forged(header, claims),
        "tampered": tampered,
        "expired": Bearer(ring, late, 900).made(**session),
        "another secret": Bearer(KeyRing(lambda: [bytes(32)], PURPOSE), logins.clock, 900).made(**session),
        "another purpose": Bearer(KeyRing(lambda: secrets(settings), AUDIT), logins.clock, 900).made(**session),
        "no such session": logins.bearer.made(user_id=claims["sub"], session_id="x"),
        "kid of a path": forged({**header, "kid": "../../secret.key"}, claims),
        "kid no text": forged({**header, "kid": {"a": 1}}, claims),
        "key brought along": forged({**header, "jwk": {"kty": "oct", "k": "AAAA"}}, claims, b"x" * 32),
        "critical": forged({**header, "crit": ["b64"], "b64": False}, claims),
        "empty": "",
        "dots": "...",
        "long": "a" * 10_000,
        "program": "hng_" + "a" * 43,
        "not ascii": "é.é.é",
    }
    assert (await door.ask(good, "GET", "/api/auth/me")).status_code == 200
    for name, token in bad.items():
        value = f"Bearer {token}".encode()
        answer = await door.ask(None, "GET", "/api/auth/me", headers={"authorization": value})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), name
        assert answer.headers["www-authenticate"] == "Bearer"
    for value in ("Basic bGFuOng=", good, f"Bearer {good}, Bearer {good}", "Bearer"):
        assert (await door.ask(None, "GET", "/api/auth/me", headers={"authorization": value})).status_code == 401


@pytest.mark.requirement("H8.3")
async def test_a_browser_changes_nothing_without_the_token_of_its_session(door: Door) -> None:
    await door.user("lan", roles=(ADMIN,))
    given = {"username": "lan", "password": PASSWORD, "session": "cookie"}
    async with door.client() as browser, door.client() as other:
        answer = await browser.post("/api/auth/login", json=given)
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Secure" not in cookie
        assert "access_token" not in answer.json()
        theirs = (await other.post("/api/auth/login", json=given)).json()["csrf_token"]
        csrf = answer.json()["csrf_token"]
        assert (await browser.get("/api/auth/me")).json()["csrf_token"] == csrf
        user = {"name": "new", "password": PASSWORD}
        for headers in (
            {},
            {CSRF_HEADER: ""},
            {CSRF_HEADER: theirs},
            {CSRF_HEADER: csrf[:-1]},
            {CSRF_HEADER: csrf, "origin": "https://evil.example"},
            {CSRF_HEADER: csrf, "origin": "null"},
        ):
            assert (await browser.post("/api/users", json=user, headers=headers)).status_code == 403, headers
        good = {CSRF_HEADER: csrf, "origin": "http://hengio"}
        assert (await browser.post("/api/users", json=user, headers=good)).status_code == 201
        bad = await browser.get("/api/auth/me", headers={"authorization": "Bearer x"})
        assert bad.status_code == 401, "a bad token is not made good by a cookie"


@pytest.mark.requirement("H8.3")
async def test_a_login_is_a_new_session_whatever_cookie_came_along(door: Door) -> None:
    await door.user("lan")
    given = {"username": "lan", "password": PASSWORD, "session": "cookie"}
    async with door.client() as browser:
        browser.cookies.set("hengio", "planted-by-somebody")
        await browser.post("/api/auth/login", json=given)
        first = [cookie.value for cookie in browser.cookies.jar][-1]
        assert first != "planted-by-somebody"
        await browser.post("/api/auth/login", json=given)
    async with door.client(cookies={"hengio": str(first)}) as thief:
        assert (await thief.get("/api/auth/me")).status_code == 401, "the session before has ended"


@pytest.mark.requirement("H8.3")
async def test_over_https_the_cookie_is_bound_to_the_host_and_goes_nowhere_else(tmp_path: Path) -> None:
    async with a_door(tmp_path / "data", server={"public_url": "https://hengio.example/x"}) as door:
        await door.user("lan")
        given = {"username": "lan", "password": PASSWORD, "session": "cookie"}
        async with door.client() as browser:
            answer = await browser.post("/api/auth/login", json=given)
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-hengio=") and "Secure" in cookie and "Path=/" in cookie
        assert "strict-transport-security" in answer.headers


@pytest.mark.requirement("H8.4")
async def test_logging_out_ends_a_bearer_token_and_what_it_is_refreshed_with(door: Door) -> None:
    await door.user("lan")
    async with door.client() as client:
        login = (await client.post("/api/auth/login", json={"username": "lan", "password": PASSWORD})).json()
        again = await client.post("/api/auth/refresh", json={"refresh_token": login["refresh_token"]})
        assert again.status_code == 200
        token = again.json()["access_token"]
        assert (await door.ask(token, "POST", "/api/auth/logout")).status_code == 204
        assert (await door.ask(token, "GET", "/api/auth/me")).status_code == 401
        late = await client.post("/api/auth/refresh", json={"refresh_token": again.json()["refresh_token"]})
        assert late.status_code == 401


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"{" * 100_000, "application/json", 413, "too_large"),
        (b"[" * 60_000, "application/json", 400, "refused"),
        (b"username=lan&password=x", "application/x-www-form-urlencoded", 415, "unsupported"),
        (b'{"username": "lan", "password": "x"}', "text/plain", 415, "unsupported"),
        (b'{"username": "\xff", "password": "x"}', "application/json", 400, "refused"),
        (b'{"username": "lan", "password": "x", "admin": true}', "application/json", 400, "refused"),
        (b'{"username": ["lan"], "password": {"$ne": ""}}', "application/json", 400, "refused"),
        (b'{"username": "lan", "password": null}', "application/json", 400, "refused"),
        (b'{"username": "\' OR 1=1 --", "password": "x"}', "application/json", 401, "unauthenticated"),
        (b"", "application/json", 400, "refused"),
    ],
)
async def test_a_hostile_body_is_refused_and_not_repeated(
    door: Door, body: bytes, kind: str, status: int, code: str
) -> None:
    answer = await door.ask(None, "POST", "/api/auth/login", content=body, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert "OR 1=1" not in answer.text and "$ne" not in answer.text


async def test_no_body_is_read_of_who_is_not_known(door: Door) -> None:
    async def endless() -> AsyncIterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    answer = await door.ask(None, "POST", "/api/users", content=endless(), headers={"content-type": "application/json"})
    assert answer.status_code == 401


async def test_every_answer_has_the_headers_that_browsers_heed_and_none_is_kept(door: Door) -> None:
    for path in ("/health/live", "/api/auth/me", "/nowhere", "/api/users/"):
        answer = await door.ask(None, "GET", path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "access-control-allow-origin" not in answer.headers
        assert "location" not in answer.headers


async def test_other_sites_are_let_in_only_where_they_are_set(tmp_path: Path) -> None:
    asked = {"origin": "https://a.example", "access-control-request-method": "GET"}
    async with a_door(tmp_path / "data", server={"cors_origins": ["https://a.example"]}) as door:
        allowed = await door.ask(None, "OPTIONS", "/api/users", headers=asked)
        assert allowed.headers["access-control-allow-origin"] == "https://a.example"
        assert "access-control-allow-credentials" not in allowed.headers
        other = await door.ask(None, "OPTIONS", "/api/users", headers={**asked, "origin": "https://b.example"})
        assert "access-control-allow-origin" not in other.headers


async def test_a_fault_of_ours_is_told_by_its_status_alone(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    token = await door.user("lan", roles=(ADMIN,))

    async def broken() -> Any:
        raise ValueError(PASSWORD)

    object.__setattr__(door.system.storage, "people", type("Broken", (), {"everyone": staticmethod(broken)})())
    answer = await door.ask(token, "GET", "/api/users")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert PASSWORD not in answer.text + capsys.readouterr().err


@pytest.mark.requirement("H8.4", "H8.5", "H8.7", "H8.10")
async def test_people_are_managed_over_http(door: Door) -> None:
    boss = await door.user("boss", roles=(ADMIN,))
    made = await door.ask(boss, "POST", "/api/users", json={"name": "new", "password": PASSWORD})
    assert (made.status_code, made.json()["roles"]) == (201, [REGULAR])
    assert "password" not in made.text and "argon2" not in made.text
    role = {"permissions": ["job:read"], "description": "looks"}
    assert (await door.ask(boss, "PUT", "/api/roles/ops", json=role)).json()["permissions"] == ["job:read"]
    new = await door.bearer("new")
    given = await door.ask(boss, "PUT", "/api/users/new/roles", json={"roles": ["ops"]})
    assert given.json()["roles"] == ["ops"]
    assert (await door.ask(new, "GET", "/api/auth/me")).status_code == 401, "the change ended the session"
    new = await door.bearer("new")
    assert (await door.ask(new, "GET", "/api/auth/me")).json()["permissions"] == ["job:read"]
    token = (await door.ask(new, "POST", "/api/tokens", json={"name": "ci", "scopes": ["job:read"]})).json()
    assert (await door.ask(token["token"], "GET", "/api/auth/me")).json()["way"] == "token"
    assert token["token"] not in (await door.ask(new, "GET", "/api/tokens")).text
    assert (await door.ask(boss, "PUT", "/api/users/boss/roles", json={"roles": []})).status_code == 403
    assert (await door.ask(boss, "DELETE", "/api/users/boss")).status_code == 409
    change = {"current": PASSWORD, "password": "another horse 1"}
    assert (await door.ask(token["token"], "PUT", "/api/auth/password", json=change)).status_code == 403
    wrong = await door.ask(new, "PUT", "/api/auth/password", json={**change, "current": "x"})
    assert wrong.status_code == 401
    assert (await door.ask(new, "PUT", "/api/auth/password", json=change)).status_code == 204
    assert (await door.ask(boss, "PATCH", "/api/users/new", json={"enabled": False})).json()["enabled"] is False
    assert (await door.ask(token["token"], "GET", "/api/auth/me")).status_code == 401
    assert (await door.ask(boss, "DELETE", f"/api/tokens/{token['id']}")).status_code == 204
    assert (await door.ask(boss, "DELETE", "/api/users/new")).status_code == 204
    entries = (await door.ask(boss, "GET", "/api/audit?limit=3")).json()["items"]
    assert [entry["action"] for entry in entries] == ["user.deleted", "token.revoked", "user.disabled"]
    assert {entry["actor"] for entry in entries} == {"user:boss"}
    assert (await door.ask(boss, "GET", "/api/audit/verify")).json()["intact"] is True
    assert DESK.actor not in {entry["actor"] for entry in entries}


@pytest.mark.requirement("H8.4")
async def test_what_was_signed_with_a_secret_that_was_dropped_counts_no_more() -> None:
    clock, secrets = MovableClock(), [bytes(range(32))]
    bearer = Bearer(KeyRing(lambda: list(secrets), PURPOSE), clock, 900)
    token = bearer.made(user_id="u", session_id="s")
    secrets[:] = [bytes(range(1, 33))]
    clock.advance(61)
    assert bearer.session_id(token) is None
    assert bearer.session_id(bearer.made(user_id="u", session_id="s")) == "s"
