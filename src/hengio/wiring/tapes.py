"""Recordings of calls, from settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from urllib.parse import unquote, urlsplit

from hengio.blobs.protocol import Blobs
from hengio.clock import Clock
from hengio.redaction.redact import Sensitive
from hengio.settings import Settings
from hengio.steps.tapes import Tapes


def make_tapes(
    settings: Settings, area: Blobs, clock: Clock, *, more: Callable[[], Iterable[Sensitive]] = tuple
) -> Tapes:
    """The store of tapes, in an area of the object store. `more` are secrets that may stand in no tape, beside those of
    the settings, as they are then."""
    always = hidden(settings)
    chosen = settings.sandbox
    return Tapes(
        area,
        clock,
        mode=chosen.tape,
        most_bytes=chosen.tape_mb << 20,
        days=chosen.tape_days,
        always_sensitive=lambda: (*always, *more()),
    )


def hidden(settings: Settings) -> tuple[Sensitive, ...]:
    """What no guest is ever given: secrets by reference (of `user:password` the password by itself, too) and the
    passwords of connections."""
    return tuple(found for found in _all(settings) if found.text)


def _all(settings: Settings) -> Iterator[Sensitive]:
    for name, secret in settings.secrets.items():
        value = secret.value.get_secret_value()
        yield Sensitive(f"secrets.{name}", value)
        yield Sensitive(f"secrets.{name}", value.partition(":")[2])
    for name, url in settings.connections.items():
        password = urlsplit(url.get_secret_value()).password
        yield Sensitive(f"connections.{name}", unquote(password or ""))
