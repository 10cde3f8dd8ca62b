"""Which header fields of a request are the sender's to set (RFC 9110, 5.1 and 5.5)."""

from __future__ import annotations

import re

MOST = 100
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\ud7ff\ue000-\uffff]{0,8000}")
_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect", "keep-alive"}
    | {"accept-encoding", "proxy-authorization", "proxy-connection", "forwarded", "x-forwarded-for", "x-forwarded-host"}
)
"""Headers that belong to the connection, or say who speaks for whom."""


def settable(name: str) -> bool:
    """Whether a sender may set the header."""
    return _NAME.fullmatch(name) is not None and name.lower() not in _OURS


def acceptable(name: str, value: str) -> bool:
    """Whether a sender may set the header to that value."""
    return settable(name) and _VALUE.fullmatch(value) is not None
