"""A response's body, unpacked within a limit: what expands a thousandfold stops at the limit, not after it."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

from hengio.targets.http.message import HttpFailed, TooLarge

ACCEPTED = "gzip, deflate"
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


async def read(chunks: AsyncIterator[bytes], *, encoding: str, limit: int) -> bytes:
    """All of the body. Raises `TooLarge` past `limit` bytes, `HttpFailed` for a coding that was not asked for."""
    coding = encoding.strip().lower()
    if coding not in {"", "identity"} and coding not in _WINDOWS:
        raise HttpFailed("the response has a content coding that was not asked for", sent=True)
    unpacker = zlib.decompressobj(_WINDOWS[coding]) if coding in _WINDOWS else None
    body = bytearray()
    async for chunk in chunks:
        try:
            body += chunk if unpacker is None else unpacker.decompress(chunk, limit - len(body) + 1)
        except zlib.error as error:
            raise HttpFailed("the response's body is damaged", sent=True) from error
        if len(body) > limit:
            raise TooLarge(f"the response has more than {limit} bytes", sent=True)
        if unpacker is not None and unpacker.unused_data:
            raise HttpFailed("the response's body goes on behind its end", sent=True)
    if unpacker is not None and body and not unpacker.eof:
        raise HttpFailed("the response's body ends too early", sent=True)
    return bytes(body)
