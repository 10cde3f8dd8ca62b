"""Where a response sends its reader, and what of the request may go along (RFC 9110, 15.4)."""

from __future__ import annotations

from urllib.parse import urljoin

import msgspec

from hengio import url as urls
from hengio.targets.http.message import Request

MOST = 5
_STATUSES = frozenset({301, 302, 303, 307, 308})
_PRIVATE = frozenset({"authorization", "cookie", "proxy-authorization"})
_OF_BODY = frozenset({"content-type", "content-encoding", "content-language", "content-location"})


def followed(request: Request, status: int, location: str | None) -> Request | None:
    """The next request; None if the response is the last. Raises `Refused` for a location that is no acceptable URL.

    On another origin nothing private goes along. 303, and 301 or 302 after a POST, ask with GET and without a body.
    """
    if status not in _STATUSES or location is None:
        return None
    target = urls.parse(urljoin(str(request.url), location))
    method, body, headers = request.method, request.body, request.headers
    if (status == 303 and method != "HEAD") or (status in {301, 302} and method == "POST"):
        method, body = "GET", b""
        headers = tuple(pair for pair in headers if pair[0].lower() not in _OF_BODY)
    if target.origin != request.url.origin:
        private = _PRIVATE | request.private
        headers = tuple(pair for pair in headers if pair[0].lower() not in private)
    return msgspec.structs.replace(request, method=method, url=target, body=body, headers=headers)
