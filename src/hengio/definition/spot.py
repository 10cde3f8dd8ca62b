"""Where in a step's configuration a template could not be filled in. Looked for only once one could not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hengio.codec import Json
from hengio.definition import words
from hengio.definition.evaluation import Missing
from hengio.errors import Refused

_SHOWN = 200


def refused(value: Json, path: str, fill: Callable[[str], Json]) -> str:
    """The path of the first string in `value`, in order, that `fill` refuses; `path` itself if there is none."""
    return next(_refused(value, path, fill), path)


def placed(error: Refused, place: str = "") -> Refused:
    """The error; its message now ends with the whole reference, if it is about one, and with the place."""
    whole = f"`{error.reference[:_SHOWN]}`" if isinstance(error, Missing) and error.reference else ""
    where = f"in `{place[:_SHOWN]}`" if place else ""
    if whole or where:
        error.message += f" ({whole}{' ' if whole and where else ''}{where})"
    return error


def _refused(value: Json, path: str, fill: Callable[[str], Json]) -> Iterator[str]:
    match value:
        case str():
            try:
                fill(value)
            except Refused:
                yield path
        case list() | tuple():
            for place, each in enumerate(value):
                yield from _refused(each, words.child(path, place), fill)
        case dict():
            for key, each in value.items():
                yield from _refused(each, words.child(path, key), fill)
        case _:
            pass
