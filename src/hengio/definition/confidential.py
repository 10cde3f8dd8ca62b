"""Secrets that stand in a definition itself: where, and the definition without them (H6.3, H7.2). Pure.

A definition is shown, logged and exported, so its secrets belong in sensitive variables or connections; those that an
author wrote into it all the same are shown to nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from hengio.codec import Json
from hengio.definition import words
from hengio.definition.templates import is_template
from hengio.redaction import parts

MASK = "********"
_OPEN = frozenset({"idempotency-key", "idempotency_key", "host_key", "key"})
"""Keys that the rule takes for secrets and that are none here."""
_DATA = frozenset({"params", "parameters", "batch", "data_source", "input", "column_mapping", "secrets"})
"""Where an author's own names stand, which mean nothing here."""
_PLACEHOLDER = re.compile(r"<secret:([^<>]{1,500})>")
Path = tuple[str | int, ...]


def found(document: Json) -> list[str]:
    """The JSON paths of the secrets that stand in the definition as they are."""
    return [path for path, _ in _secrets(document, "$")]


def masked(document: Json) -> Json:
    """The definition with `********` in the place of its secrets."""
    return _changed(document, "$", lambda path, value: MASK)


def placeheld(document: Json) -> tuple[Json, list[str]]:
    """The definition with `<secret:PATH>` in the place of its secrets, and the paths."""
    paths: list[str] = []

    def note(path: str, _value: str) -> str:
        paths.append(path)
        return f"<secret:{path}>"

    return _changed(document, "$", note), paths


def asked(document: Json) -> list[str]:
    """What the placeholders of an export ask for, in order and each once."""
    names: dict[str, None] = {}
    for text in _texts(document):
        names.update(dict.fromkeys(_PLACEHOLDER.findall(text)))
    return list(names)


def filled(document: Json, values: dict[str, str]) -> Json:
    """The definition with the values that its placeholders ask for, as far as they are given."""
    match document:
        case str():
            return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), document)
        case list() | tuple():
            return [filled(each, values) for each in document]
        case dict():
            return {key: filled(each, values) for key, each in document.items()}
        case _:
            return document


def is_stand_in(text: str) -> bool:
    """Whether the text is a mask or a placeholder, which no secret is."""
    return text == MASK or _PLACEHOLDER.fullmatch(text) is not None


def _secrets(value: Json, path: str) -> Iterator[tuple[str, str]]:
    seen: list[tuple[str, str]] = []

    def note(place: str, secret: str) -> str:
        seen.append((place, secret))
        return secret

    _changed(value, path, note)
    yield from seen


def _changed(value: Json, path: str, change: Callable[[str, str], str], *, headers: bool = False) -> Json:
    match value:
        case dict():
            return {
                key: _member(key, each, words.child(path, str(key)), change, headers) for key, each in value.items()
            }
        case list() | tuple():
            return [_changed(each, words.child(path, place), change) for place, each in enumerate(value)]
        case _:
            return value


def _member(key: str, value: Json, path: str, change: Callable[[str, str], str], headers: bool) -> Json:
    name = key.lower()
    if path == "$.notes" or (not headers and name in _DATA):
        return value
    secret = parts.is_secret_header(name) if headers else parts.is_secret(name) or name == "connection_string"
    if isinstance(value, str) and secret and name not in _OPEN:
        return change(path, value) if value and not is_template(value) and not is_stand_in(value) else value
    return _changed(value, path, change, headers=name == "headers")


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list() | tuple():
            for each in value:
                yield from _texts(each)
        case dict():
            for each in value.values():
                yield from _texts(each)
        case _:
            pass
