"""Where a server is, read off a URL that may hold a password: what cannot be read is refused, and never shown."""

from __future__ import annotations

from urllib.parse import urlsplit

from hengio.errors import Refused

HINT = "percent-encode special characters in the password"


def server(url: str, *, what: str) -> tuple[str | None, int | None]:
    """Host and port of a URL, None where it names none. `Refused` names `what` and repeats nothing of the URL.

    A second `@`, or one beyond the server's part, comes of a password with `@`, `/`, `?` or `#` in it. Readers differ
    on where such a URL's password ends, and one that ends too early would be shown as a host or a port.
    """
    try:
        parts = urlsplit(url)
        found = parts.hostname, parts.port
    except ValueError:  # its text quotes the URL
        raise _unreadable(what) from None
    if url.count("@") > parts.netloc.count("@") or parts.netloc.count("@") > 1 or parts.fragment:
        raise _unreadable(what)
    return found


def _unreadable(what: str) -> Refused:
    return Refused(f"the URL of {what} cannot be read", hint=HINT)
