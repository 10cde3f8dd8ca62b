"""Bearer tokens: JWTs (RFC 7519) that live for minutes, signed with a key of the installation (H8.4).

They name a session, which is looked up each time: what they say counts only while that is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import GuestProtocol, OctKey

from hengio.clock import SECOND, Clock
from hengio.vault.keys import Key, KeyRing

PURPOSE = "hengio bearer tokens"
_ALGORITHMS = ["HS256"]
_ISSUER = "hengio"
_LONGEST = 4096
_LOOK_SECONDS = 60.0
_SKEW_SECONDS = 10
"""How far the clocks of two servers may be apart."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """Makes and reads them. `seconds` is how long one lives."""

    ring: KeyRing
    clock: Clock
    seconds: int
    _read_at: list[float] = field(default_factory=list)

    def made(self, *, user_id: str, session_id: str) -> str:
        """A token for that session, as of now."""
        self._look()
        now, key = self.clock.now() // SECOND, self.ring.current
        claims = {"iss": _ISSUER, "sub": user_id, "sid": session_id, "iat": now, "exp": now + self.seconds}
        return jwt.encode({"alg": _ALGORITHMS[0], "kid": key.id}, claims, _key(key), algorithms=_ALGORITHMS)

    def session_id(self, token: str) -> str | None:
        """The session that it names; None for whatever is not a token that was made here and still lives."""
        if len(token) > _LONGEST:
            return None
        try:
            read = jwt.decode(token, self._key_of, algorithms=_ALGORITHMS)
            jwt.JWTClaimsRegistry(
                now=self.clock.now() // SECOND,
                leeway=_SKEW_SECONDS,
                iss={"essential": True, "value": _ISSUER},
                exp={"essential": True},
                sid={"essential": True},
            ).validate(read.claims)
        except (JoseError, ValueError, TypeError):
            return None
        found = read.claims["sid"]
        return found if isinstance(found, str) else None

    def _key_of(self, given: GuestProtocol) -> OctKey:
        self._look()
        headers: dict[str, object] = given.headers()
        named = headers.get("kid")
        key = self.ring.known(named) if isinstance(named, str) else None
        if key is None:
            raise ValueError("no key of this installation")
        return _key(key)

    def _look(self) -> None:
        """Read the secrets again once a minute: what was signed with one that a rotation dropped counts no more."""
        now = self.clock.monotonic()
        if not self._read_at or now - self._read_at[0] > _LOOK_SECONDS:
            self.ring.reload()
            self._read_at[:] = [now]


def _key(key: Key) -> OctKey:
    return OctKey.import_key(key.bytes)
