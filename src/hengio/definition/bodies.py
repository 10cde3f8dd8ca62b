"""What the text of an HTTP body is, by what an author says of it: so it is known how a value is written into it."""

from __future__ import annotations

from hengio.codec import Json
from hengio.definition import templates
from hengio.definition.places import Place

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
_JSON_BEGINS = ("{", "[", '"')


def place(body: Json, headers: Json) -> Place:
    """By the content type that the author gives it, else by how it begins: values are escaped in JSON and
    percent-encoded in a form; any other text takes texts as they are."""
    given = headers.items() if isinstance(headers, dict) else ()
    kind = next((str(value) for name, value in given if str(name).lower() == "content-type"), "")
    media = kind.partition(";")[0].strip().lower()
    if media == JSON or media.endswith("+json") or (not media and _begins_json(body)):
        return Place.JSON_BODY
    return Place.FORM if media == FORM else Place.TEXT


def _begins_json(body: Json) -> bool:
    if not isinstance(body, str):
        return True
    first = next(iter(templates.compiled(body).parts), "") if templates.is_template(body) else body
    return isinstance(first, str) and first.lstrip().startswith(_JSON_BEGINS)
