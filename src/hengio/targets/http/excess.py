"""Bytes behind the end of a response, which would be read as the answer to the next request on that connection.

The libraries neither tell of such bytes nor drop the connection, so this looks inside of them (httpcore's connections,
h11's buffer). Where a later release is built otherwise, nothing is found, and a test of the http step says so.
"""

from __future__ import annotations

from typing import Any

import httpx


async def ended(transport: httpx.AsyncHTTPTransport, answer: httpx.Response) -> bool:
    """Whether nothing came behind a body that was read to its end. If something did, the connection is closed."""
    stream = answer.extensions.get("network_stream")
    if stream is None or not _excess(transport, stream):
        return True
    await stream.aclose()
    return False


def _excess(transport: httpx.AsyncHTTPTransport, stream: Any) -> bytes:
    for connection in transport._pool.connections:
        inner = getattr(connection, "_connection", None)
        if getattr(inner, "_network_stream", None) is stream:
            state = getattr(inner, "_h11_state", None)
            return b"" if state is None else bytes(state.trailing_data[0])
    return b""
