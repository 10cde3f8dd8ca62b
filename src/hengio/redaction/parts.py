"""Which parts of an object that says how to reach something are secret: passwords, tokens, keys, most headers.

What is not known to be harmless counts as secret: an administrator writes these objects, and their forms are many.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from hengio.codec import Json
from hengio.redaction.mask import HIDDEN
from hengio.redaction.redact import Sensitive, sensitive

_SECRET = re.compile(
    r"token|secret|password|passwd|passphrase|apikey|privatekey|accesskey|authorization|signature|cookie|credential"
    r"|^(pass|pwd|key|sas|sig)$"
)
"""In names as `_plain` has them."""
_HEADER = re.compile(r"auth|key|token|secret|cookie|signature|password|passwd|credential")
_NONE = frozenset({"idempotencykey", "hostkey"})
_LONG = 12
_OPEN = re.compile(r"(url|type|scope|audience|[_-]id|expires?)$", re.IGNORECASE)
_OPEN_HEADERS = frozenset(
    {"accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "content-type", "user-agent"}
)
_USERINFO = re.compile(r"(?P<before>[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s]*?:)(?P<password>[^/\s]*)(?=@)")

_LONELY = re.compile(r"^https?://([^/?#\s:@]+)@", re.IGNORECASE)
_PARAMETER = re.compile(r"[?&]([^=&?#]+)=([^&#]*)")


def is_secret(key: str) -> bool:
    """Whether what stands under that key is a password, a token or a key."""
    name = _plain(key)
    return name not in _NONE and _SECRET.search(name) is not None and _OPEN.search(key) is None


def is_secret_header(name: str) -> bool:
    """Whether a header of that name proves who asks."""
    plain = _plain(name)
    return name.lower() not in _OPEN_HEADERS and plain not in _NONE and _HEADER.search(plain) is not None


def url_secrets(text: str) -> Iterator[str]:
    """What of a URL, or of the path of one, proves who asks, as it is written: the password, or of HTTP the user name
    that stands for one, and the parameters with the name of a secret."""
    yield from (found["password"] for found in _USERINFO.finditer(text))
    yield from _LONELY.findall(text)
    yield from (value for key, value in _PARAMETER.findall(text) if value and is_secret(unquote(key)))


def secrets(name: str, value: Json) -> Iterator[Sensitive]:
    """The secret values in an object, as `name`; of a text that is a URL its password and its secret parameters."""
    for key, inner in _members(value):
        if _hidden(key, inner):
            yield from sensitive(name, inner)
        elif isinstance(inner, str):
            yield from (Sensitive(name, text) for text in _of_url(inner))
        elif key == "headers" and isinstance(inner, dict):
            for header, text in inner.items():
                if _telling(header, text):
                    yield from _of_header(name, text)
        else:
            yield from secrets(name, inner)


def shown(value: Json) -> Json:
    """The object as it may be shown: stars for what is secret."""
    match value:
        case dict():
            return {key: _shown(key, inner) for key, inner in value.items()}
        case list():
            return [_shown("", inner) for inner in value]
        case str():
            return _url_shown(value)
        case _:
            return value


def _plain(name: str) -> str:
    """A name without its case and its hyphens."""
    return name.lower().replace("-", "").replace("_", "")


def _shown(key: str, inner: Any) -> Json:
    if _hidden(key, inner):
        return HIDDEN
    if key == "headers" and isinstance(inner, dict):
        return {name: text if name.lower() in _OPEN_HEADERS else HIDDEN for name, text in inner.items()}
    return shown(inner)


def _members(value: Json) -> Iterator[tuple[str, Any]]:
    match value:
        case dict():
            yield from value.items()
        case list() | tuple():
            yield from (("", inner) for inner in value)
        case _:
            pass


def _hidden(key: str, inner: Any) -> bool:
    return not isinstance(inner, bool | None) and is_secret(key)


def _telling(header: str, value: Any) -> bool:
    """Whether a header's value is to be looked for. Short ones of other names, such as a version, stand everywhere."""
    if header.lower() in _OPEN_HEADERS:
        return False
    return is_secret_header(header) or (isinstance(value, str) and len(value) >= _LONG and " " not in value)


def _of_header(name: str, value: Any) -> Iterator[Sensitive]:
    """The value, and what follows a scheme such as `Bearer` in it."""
    yield from sensitive(name, value)
    if isinstance(value, str):
        scheme, found, rest = value.partition(" ")
        if found and scheme.isalpha():
            yield from sensitive(name, rest)


def _of_url(text: str) -> Iterator[str]:
    """The password of a URL, both as it is written and as it is meant, and those of its parameters that are secret."""
    for found in _USERINFO.finditer(text):
        yield from _both(found["password"])
    for key, value in _parameters(text):
        if _hidden(key, value):
            yield value


def _both(written: str) -> Iterator[str]:
    if written:
        yield written
        if (meant := unquote(written)) != written:
            yield meant


def _parameters(text: str) -> list[tuple[str, str]]:
    if "://" not in text or "?" not in text:
        return []
    try:
        return parse_qsl(urlsplit(text).query)
    except ValueError:
        return []


def _url_shown(text: str) -> str:
    shown = _USERINFO.sub(lambda found: found["before"] + HIDDEN, text)
    if any(_hidden(key, value) for key, value in _parameters(text)):
        return shown.partition("?")[0] + "?" + HIDDEN
    return shown
