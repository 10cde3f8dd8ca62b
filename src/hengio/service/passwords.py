"""Passwords and their hashes: Argon2id in threads, a few at a time, since each takes its memory (H8.1)."""

from __future__ import annotations

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

_AT_ONCE = 2
_RANDOM_BYTES = 15


class Passwords:
    """Makes and checks hashes with these parameters: MiB, passes and lanes."""

    def __init__(self, *, memory_mb: int, passes: int, lanes: int) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_mb << 10, parallelism=lanes)
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._nobody = ""
        self.checks = 0

    async def hashed(self, password: str) -> str:
        """A fresh hash, with its parameters and salt."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, hashed: str | None, password: str) -> bool:
        """Whether it is the password of that hash. Without a hash it never is, which takes as long to say: every answer
        costs exactly one check."""
        nobody = await self._hash_of_nobody()
        known = nobody if hashed is None else hashed
        async with self._turn:
            self.checks += 1
            found = await asyncio.to_thread(self._check, known, password)
        return found and hashed is not None

    def is_old(self, hashed: str) -> bool:
        """Whether it was made with other parameters."""
        return self._hasher.check_needs_rehash(hashed)

    async def _hash_of_nobody(self) -> str:
        """Made at the first check, whoever that is of: processes that check none do not pay for it."""
        if not self._nobody:
            self._nobody = await self.hashed(random_password())
        return self._nobody

    def _check(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (Argon2Error, InvalidHashError, UnicodeError):
            return False


def random_password() -> str:
    """120 random bits, in letters that can be typed."""
    return secrets.token_urlsafe(_RANDOM_BYTES)
