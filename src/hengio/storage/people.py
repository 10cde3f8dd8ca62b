"""What Hengio asks of its database for people (H8). This layer knows no password and no token: hashes and digests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from hengio.clock import Micros
from hengio.model.audit import AuditEntry
from hengio.model.person import ApiToken, Everyone, Role, Session, User


class Change(Struct, frozen=True, kw_only=True):
    """What becomes of people, written together: users and roles as they are from now on, names of roles that are gone,
    ids of users whose sessions end, and of those whose tokens end, too."""

    entry: AuditEntry
    users: Sequence[User] = ()
    roles: Sequence[Role] = ()
    dropped: Sequence[str] = ()
    sessions_of: Sequence[str] = ()
    tokens_of: Sequence[str] = ()


class Known(Struct, frozen=True):
    """What a secret leads to: the session or the token, its user, and the custom roles there are."""

    held: Session | ApiToken
    user: User
    roles: dict[str, Role]


class Counted(Struct, frozen=True):
    """How often something was counted under a key, this time included, and when that is forgotten."""

    count: int
    ends_at: Micros


class PeopleStore(Protocol):
    """Users and roles. They change one after the other, so that what is decided on one state is written on it."""

    async def everyone(self) -> Everyone: ...

    async def named(self, name: str) -> User | None: ...

    async def change(self, decide: Callable[[Everyone], Change | None]) -> Change | None:
        """Write what `decide` answers on the state at that moment; None changes nothing, and so does what it raises."""
        ...

    async def rehash(self, user: User, password: str) -> None:
        """Keep another hash of the same password, unless it was changed meanwhile."""
        ...


class SessionStore(Protocol):
    """Logins, and how often they were tried."""

    async def begin(self, session: Session, user: User, *, entry: AuditEntry) -> bool:
        """Keep a session of that user; False, and nothing is written, if they are not as they were read."""
        ...

    async def of_id(self, session_id: str) -> Known | None: ...

    async def of_digest(self, digest: str) -> Known | None:
        """By the secret that is shown now, or by the one before."""
        ...

    async def renew(self, session: Session, *, previous: str) -> bool:
        """Put the session's new digests in the place of `previous`; False if that is not what it has."""
        ...

    async def end(self, session_id: str, *, entry: AuditEntry | None = None) -> bool: ...

    async def sweep(self, *, before: Micros) -> None:
        """Forget sessions, tokens and counts that ended."""
        ...

    async def count(self, keys: Sequence[str], *, at: Micros, ends_at: Micros) -> list[Counted]:
        """Count one more under each key; a count that had ended begins anew and ends then."""
        ...

    async def uncount(self, keys: Sequence[str], *, forget: Sequence[str]) -> None:
        """Take one back under these keys, and everything under those of `forget`."""
        ...


class TokenStore(Protocol):
    """Tokens for programs."""

    async def add(self, token: ApiToken, *, entry: AuditEntry) -> None: ...

    async def of_digest(self, digest: str) -> Known | None: ...

    async def all(self, user_id: str | None = None) -> list[ApiToken]:
        """By their user and the time they were made."""
        ...

    async def used(self, token_id: str, *, at: Micros) -> None: ...

    async def revoke(self, token_id: str, *, entry: AuditEntry) -> bool:
        """Whether there was one; it leads nowhere from then on."""
        ...
