"""Logging in, and who asks: sessions, bearer tokens and tokens for programs (H8.3, H8.4, H8.7, H8.9).

Each request is looked up in the database, where a change of roles, a disabled user and a revoked token count at once,
whichever process hears of them.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass

from msgspec import Struct
from msgspec.structs import replace

from hengio.access import roles
from hengio.access.permissions import Caller
from hengio.clock import SECOND, Clock
from hengio.errors import Limited, Unauthenticated
from hengio.ids import new_id
from hengio.model.audit import AuditAction, AuditEntry
from hengio.model.person import ApiToken, Session, SessionKind, User
from hengio.service.bearer import Bearer
from hengio.service.passwords import Passwords
from hengio.storage.people import Known
from hengio.storage.protocol import Storage

WRONG = "this name and password do not belong together"
NOBODY = "nobody that is known here asks"
MARK = "hng_"
"""What tokens for programs begin with, so that people and scanners for secrets know them."""
SHOWN = len(MARK) + 6
_SECRET_BYTES = 32
_USED_EVERY = 60 * SECOND


class Limits(Struct, frozen=True):
    """How long a login lasts, in seconds, and how many may fail in a window of how many seconds."""

    session_seconds: int
    account: int
    address: int
    window_seconds: int


class Entered(Struct, frozen=True):
    """Who logged in, and what their side keeps: `secret` is the cookie, or what a bearer token is refreshed with."""

    user: User
    session: Session
    secret: str

    def __repr__(self) -> str:
        return f"Entered({self.user.name!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginService:
    """The only place that turns what somebody shows into a `Caller`."""

    storage: Storage
    passwords: Passwords
    bearer: Bearer
    clock: Clock
    limits: Limits

    async def enter(self, name: str, password: str, *, kind: SessionKind, address: str) -> Entered:
        """A new session. Raises `Limited`, and `Unauthenticated` that does not say which part was wrong and takes as
        long for names that nobody has."""
        name = name.lower()
        keys = [_key("account", name), _key("address", _network(address))]
        await self._count(keys, address=address)
        user = await self.storage.people.named(name)
        valid = await self.passwords.matches(None if user is None else user.password, password)
        if user is None or not user.active or not valid:
            await self._tell("login.failed", "" if user is None else user.name, address)
            raise Unauthenticated(WRONG)
        await self.storage.sessions.uncount(keys, forget=keys[:1])
        if user.password is not None and self.passwords.is_old(user.password):
            hashed = await self.passwords.hashed(password)
            await self.storage.people.rehash(user, hashed)
            user = await self.storage.people.named(name) or user
        return await self._begin(user, kind, address)

    async def refresh(self, secret: str, *, address: str) -> Entered:
        """Another secret for the same session. One that was replaced already is in two hands: the session ends."""
        shown = digest(secret)
        known = await self.storage.sessions.of_digest(shown)
        session = self._live(known, kind="bearer")
        if known is None or session is None:
            raise Unauthenticated(NOBODY)
        fresh = _random()
        renewed = replace(session, digest=digest(fresh), previous=shown)
        if session.digest == shown and await self.storage.sessions.renew(renewed, previous=shown):
            return Entered(known.user, renewed, fresh)
        entry = self._entry("session.reused", known.user.name, address)
        await self.storage.sessions.end(session.id, entry=entry)
        raise Unauthenticated(NOBODY)

    async def leave(self, caller: Caller) -> None:
        """End the caller's session; it leads nowhere from then on."""
        if caller.session_id:
            entry = self._entry("session.ended", caller.name, caller.address)
            await self.storage.sessions.end(caller.session_id, entry=entry)

    async def of_cookie(self, secret: str, *, address: str) -> Caller | None:
        """Who shows that cookie."""
        known = await self.storage.sessions.of_digest(digest(secret))
        session = self._live(known, kind="cookie")
        return None if known is None or session is None else _caller(known, address)

    async def of_bearer(self, token: str, *, address: str) -> Caller | None:
        """Who shows that bearer token, a JWT or one for programs."""
        if token.startswith(MARK):
            return await self._of_token(token, address)
        session_id = self.bearer.session_id(token)
        known = None if session_id is None else await self.storage.sessions.of_id(session_id)
        session = self._live(known, kind="bearer")
        return None if known is None or session is None else _caller(known, address)

    async def is_password(self, caller: Caller, password: str) -> bool:
        """Whether it is the caller's own; counted like a login."""
        keys = [_key("account", caller.name), _key("address", _network(caller.address))]
        await self._count(keys, address=caller.address)
        user = await self.storage.people.named(caller.name)
        if await self.passwords.matches(None if user is None else user.password, password):
            await self.storage.sessions.uncount(keys, forget=keys[:1])
            return True
        return False

    async def _of_token(self, token: str, address: str) -> Caller | None:
        known = await self.storage.tokens.of_digest(digest(token))
        now = self.clock.now()
        if known is None or not known.user.active or known.held.expires_at <= now:
            return None
        assert isinstance(known.held, ApiToken)
        if known.held.last_used_at is None or now - known.held.last_used_at > _USED_EVERY:
            await self.storage.tokens.used(known.held.id, at=now)
        return _caller(known, address)

    def _live(self, known: Known | None, *, kind: SessionKind) -> Session | None:
        if known is None or not known.user.active or known.held.expires_at <= self.clock.now():
            return None
        assert isinstance(known.held, Session)
        return known.held if known.held.kind == kind else None

    async def _begin(self, user: User, kind: SessionKind, address: str) -> Entered:
        now, secret = self.clock.now(), _random()
        session = Session(
            id=new_id(),
            user_id=user.id,
            kind=kind,
            digest=digest(secret),
            created_at=now,
            expires_at=now + self.limits.session_seconds * SECOND,
        )
        entry = self._entry("login.succeeded", user.name, address, kind=kind)
        await self.storage.sessions.sweep(before=now)
        if not await self.storage.sessions.begin(session, user, entry=entry):
            raise Unauthenticated(WRONG)  # they were changed since their password was looked at
        return Entered(user, session, secret)

    async def _count(self, keys: list[str], *, address: str) -> None:
        """Before anything is checked, so that many at once count, too."""
        now = self.clock.now()
        counted = await self.storage.sessions.count(keys, at=now, ends_at=now + self.limits.window_seconds * SECOND)
        most = (self.limits.account, self.limits.address)
        over = [one for one, limit in zip(counted, most, strict=True) if one.count > limit]
        if not over:
            return
        if any(one.count == limit + 1 for one, limit in zip(counted, most, strict=True)):
            await self._tell("login.limited", "", address)
        seconds = max(one.ends_at - now for one in over) // SECOND + 1
        raise Limited("too many logins failed", retry_after_seconds=seconds, hint="try again later")

    async def _tell(self, action: AuditAction, subject: str, address: str) -> None:
        await self.storage.audit.add([self._entry(action, subject, address)])

    def _entry(self, action: AuditAction, name: str, address: str, **detail: str) -> AuditEntry:
        """What was typed as a name is kept only where it is somebody's: it may be a password."""
        return AuditEntry(
            id=new_id(),
            at=self.clock.now(),
            action=action,
            actor=f"user:{name}" if name else "unknown",
            subject=name or "unknown",
            detail={**detail, "from": address},
        )


def digest(secret: str) -> str:
    """What a secret is found by."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def csrf(secret: str) -> str:
    """What a page sends beside the cookie: it follows from the cookie, so one of another session does not fit."""
    return hmac.digest(secret.encode(errors="replace"), b"hengio csrf", "sha256").hex()


def new_token() -> str:
    """A token for programs."""
    return MARK + _random()


def _caller(known: Known, address: str) -> Caller:
    held = roles.permissions(known.user.roles, known.roles)
    match known.held:
        case ApiToken(scopes=scopes):
            way, session_id, may = "token", "", held & frozenset(scopes)
        case Session(id=session_id, kind=way):
            may = held
    return Caller(
        id=known.user.id,
        name=known.user.name,
        permissions=may,
        way=way,  # type: ignore[arg-type]
        session_id=session_id,
        address=address,
    )


def _network(address: str) -> str:
    """What is counted together: an address, or of IPv6 the network of one household (64 bits)."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(known) if known.version == 4 else str(ipaddress.ip_network((known, 64), strict=False))


def _key(kind: str, value: str) -> str:
    return f"{kind}:{hashlib.sha256(value.encode(errors='replace')).hexdigest()}"


def _random() -> str:
    return secrets.token_urlsafe(_SECRET_BYTES)
