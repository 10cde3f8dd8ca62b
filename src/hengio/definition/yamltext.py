"""YAML as a way to write JSON: the core schema of YAML 1.2 without its traps, read event by event.

`on`, `no` and `12:30` are strings, a date is a string, keys are strings and stand once, tags are not followed. An alias
counts as much as what it repeats, so that a small text cannot mean a huge document; nothing recurses but to 64 levels.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from hengio.codec import Json
from hengio.errors import Refused

MAX_DEPTH = 64
MAX_VALUES = 100_000
_MAX_DIGITS = 400

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class InvalidYaml(Refused):
    """Text that is not one YAML document which JSON can hold. The message has line and column."""

    code = "invalid_yaml"


def read(text: str) -> Json:
    """The document's value; an empty text is null. Raises `InvalidYaml`."""
    try:
        return _Reader(yaml.parse(text, Loader=_Loader)).document()
    except yaml.MarkedYAMLError as error:
        raise _invalid(error.problem or "bad YAML", error.problem_mark or error.context_mark) from error
    except yaml.YAMLError as error:
        raise InvalidYaml(str(error).replace("\n", " ")) from error


def _invalid(message: str, mark: Any, *, hint: str = "") -> InvalidYaml:
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
    return InvalidYaml(f"{place}{message}", hint=hint)


class _Reader:
    """Builds one value from events. `_sizes` counts the values an anchor stands for."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self._anchors: dict[str, Json] = {}
        self._sizes: dict[str, int] = {}
        self._values = 0
        self._depth = 0

    def document(self) -> Json:
        value: Json = None
        documents = 0
        for event in self._events:
            match event:
                case DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        raise _invalid("a second document begins", event.start_mark)
                case NodeEvent():
                    value = self._value(event)
                case DocumentEndEvent() | StreamEndEvent():
                    continue
        return value

    def _value(self, event: Event) -> Json:
        before = self._values
        self._count(1, event)
        match event:
            case AliasEvent(anchor=anchor):
                return self._repeated(anchor, event)
            case ScalarEvent():
                value = _scalar(event)
            case SequenceStartEvent():
                value = self._within(event, self._sequence)
            case MappingStartEvent():
                value = self._within(event, self._mapping)
            case _:
                raise _invalid("expected a value", event.start_mark)
        if event.anchor is not None:
            self._anchors[event.anchor] = value
            self._sizes[event.anchor] = self._values - before
        return value

    def _repeated(self, anchor: str | None, event: Event) -> Json:
        if anchor is None or anchor not in self._anchors:
            raise _invalid(f"the alias `*{str(anchor)[:40]}` has no finished anchor before it", event.start_mark)
        self._count(self._sizes[anchor], event)
        return self._anchors[anchor]

    def _within(self, event: Any, build: Any) -> Json:
        if event.tag is not None and event.tag not in {"!", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"}:
            raise _invalid(f"the tag `{event.tag[:40]}` means nothing here", event.start_mark)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _invalid(f"nested more than {MAX_DEPTH} deep", event.start_mark)
        value = build()
        self._depth -= 1
        return value

    def _sequence(self) -> list[Json]:
        items = []
        while not isinstance(event := next(self._events), CollectionEndEvent):
            items.append(self._value(event))
        return items

    def _mapping(self) -> dict[str, Json]:
        own: dict[str, Json] = {}
        inherited: dict[str, Json] = {}
        while not isinstance(event := next(self._events), CollectionEndEvent):
            if isinstance(event, ScalarEvent) and event.value == "<<" and not event.style:
                inherited = {**self._merged(event), **inherited}
                continue
            key = self._key(event)
            if key in own:
                raise _invalid(f"the key `{key[:40]}` appears twice", event.start_mark)
            own[key] = self._value(next(self._events))
        return {**inherited, **own}

    def _merged(self, event: Event) -> dict[str, Json]:
        value = self._value(next(self._events))
        if not isinstance(value, dict):
            raise _invalid("`<<` needs a mapping", event.start_mark)
        return value

    def _key(self, event: Event) -> str:
        if isinstance(event, AliasEvent) and isinstance(key := self._repeated(event.anchor, event), str):
            return key
        if not isinstance(event, ScalarEvent):
            raise _invalid("a key must be a string", event.start_mark)
        if event.anchor is not None:
            self._anchors[event.anchor], self._sizes[event.anchor] = event.value, 1
        return event.value

    def _count(self, values: int, event: Event) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            hint = "aliases count as much as what they repeat"
            raise _invalid(f"more than {MAX_VALUES} values", event.start_mark, hint=hint)


def _scalar(event: ScalarEvent) -> Json:
    text = event.value
    if event.tag not in {None, "!", "tag:yaml.org,2002:str"}:
        raise _invalid(f"the tag `{str(event.tag)[:40]}` means nothing here", event.start_mark)
    if event.style or event.tag is not None:
        return text
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if not _FLOAT.fullmatch(text):
        return text
    if len(text) > _MAX_DIGITS:
        raise _invalid(f"a number of more than {_MAX_DIGITS} digits", event.start_mark)
    if _INT.fullmatch(text):
        return int(text)
    if not math.isfinite(value := float(text)):
        raise _invalid("this number is too large", event.start_mark)
    return value
