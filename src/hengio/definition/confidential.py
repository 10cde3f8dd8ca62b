"""Secrets that stand in a definition itself: where, and the definition without them (H6.3, H7.2). Pure.

A definition is shown, logged and exported, so its secrets belong in sensitive variables or connections; those that an
author wrote into it all the same are shown to nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Literal
from urllib.parse import unquote

from msgspec import Struct

from hengio.codec import Json
from hengio.definition import words
from hengio.definition.findings import Findings
from hengio.definition.literal import REFERENCE, literal
from hengio.redaction import parts

MASK = "********"
_OPEN = frozenset({"key"})
"""Keys that the rule takes for secrets and that are none here: of a file, of rows."""
_DATA = frozenset({"params", "parameters", "batch", "data_source", "input", "column_mapping", "secrets"})
"""Where an author's own names stand, which mean nothing here."""
_PLACEHOLDER = re.compile(r"<secret:([^<>]{1,500})>")
_SCHEME = re.compile(r"(bearer|basic|token|apikey|digest|negotiate) +", re.IGNORECASE)
"""What stands before credentials in a header and is none of them."""
_WORD = re.compile(r"[A-Za-z-]+ +")
Kind = Literal["field", "header", "url", "connection_string"]


class Spot(Struct, frozen=True):
    """A text where a secret belongs. Of a `url` only parts are secret; a `connection_string` is told to nobody."""

    path: str
    kind: Kind
    text: str

    def __repr__(self) -> str:
        return f"Spot({self.path!r})"

    @property
    def secrets(self) -> list[str]:
        """What proves who asks, with `REFERENCE` for each template in it."""
        read = literal(self.text)
        match self.kind:
            case "url" | "connection_string":
                return list(parts.url_secrets(read))
            case "header":
                return [_SCHEME.sub("", read, count=1) if _SCHEME.match(read) else read]
            case "field":
                return [read]

    @property
    def stands_in(self) -> bool:
        """Whether there is a mask or a placeholder where the secret belongs."""
        found = self.secrets if self.kind == "url" else [self.text]
        return is_stand_in(self.text) or any(MASK in each or _PLACEHOLDER.search(each) for each in found)

    @property
    def telling(self) -> bool:
        """Whether it is more than references to secrets that are kept elsewhere."""
        if is_stand_in(self.text):
            return False
        whole = self.kind == "connection_string"
        return any(each != REFERENCE for each in ([literal(self.text)] if whole else self.secrets))

    @property
    def literals(self) -> list[str]:
        """The secrets that stand in it as they are, and as a URL means them."""
        if is_stand_in(self.text):
            return []
        found = self.secrets
        if self.kind == "header":
            found = [_WORD.sub("", each, count=1) if _WORD.match(each) else each for each in found]
        if self.kind in {"url", "connection_string"}:
            found += [unquote(each) for each in found]
        return [part for each in dict.fromkeys(found) for part in each.split(REFERENCE) if part]


def found(document: Json) -> list[str]:
    """The JSON paths of the secrets that stand in the definition as they are."""
    return [spot.path for spot in _spots(document) if spot.telling]


def literals(document: Json) -> list[str]:
    """The secrets that stand in the definition or a part of it as they are, without the templates around them."""
    return [text for spot in _spots(document) for text in spot.literals]


def check(document: Json, findings: Findings) -> None:
    """Tell of stand-ins where secrets belong, which nobody would be let in with, and warn of secrets as they are."""
    for spot in _spots(document):
        if spot.stands_in:
            hint = "write the secret's reference, such as ${NAME}, or give it to the import"
            findings.error(spot.path, "this stands for a secret that was left out", hint)
        elif spot.literals and (spot.kind != "connection_string" or REFERENCE in literal(spot.text)):
            hint = "keep it in a sensitive variable, ${NAME}, or in a connection"
            findings.warn(spot.path, "a secret stands here as it is", hint)


def masked(document: Json) -> Json:
    """The definition with `********` in the place of its secrets."""
    return _changed(document, "$", lambda spot: MASK if spot.telling else spot.text)


def placeheld(document: Json) -> tuple[Json, list[str]]:
    """The definition with `<secret:PATH>` in the place of its secrets, and the paths. Each stands for all of the text,
    templates included."""
    paths: list[str] = []

    def note(spot: Spot) -> str:
        if not spot.telling:
            return spot.text
        paths.append(spot.path)
        return f"<secret:{spot.path}>"

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


def _spots(document: Json) -> list[Spot]:
    seen: list[Spot] = []

    def note(spot: Spot) -> str:
        seen.append(spot)
        return spot.text

    _changed(document, "$", note)
    return seen


def _changed(value: Json, path: str, change: Callable[[Spot], str], *, headers: bool = False) -> Json:
    match value:
        case dict():
            return {
                key: _member(key, each, words.child(path, str(key)), change, headers) for key, each in value.items()
            }
        case list() | tuple():
            return [_changed(each, words.child(path, place), change) for place, each in enumerate(value)]
        case _:
            return value


def _member(key: str, value: Json, path: str, change: Callable[[Spot], str], headers: bool) -> Json:
    name = key.lower()
    if path == "$.notes" or (not headers and name in _DATA):
        return value
    if isinstance(value, str) and value and (kind := _kind(name, headers=headers)) is not None:
        return change(Spot(path, kind, value))
    return _changed(value, path, change, headers=name == "headers")


def _kind(name: str, *, headers: bool) -> Kind | None:
    if headers:
        return "header" if parts.is_secret_header(name) else None
    if name == "connection_string":
        return "connection_string"
    if name == "url" or name.endswith("_url"):
        return "url"
    return "field" if parts.is_secret(name) and name not in _OPEN else None


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
