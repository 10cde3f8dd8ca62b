"""Checks of the text around templates for the place where it is used: URL, header, JSON body (H3.6, H3.10).

What a template puts in is known only when the step runs; what is wrong whatever it puts in is told at creation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hengio import url as urls
from hengio.codec import Json
from hengio.definition import bodies, places, templates, words
from hengio.definition.findings import Findings
from hengio.definition.places import Place
from hengio.definition.templates import Malformed
from hengio.errors import Refused
from hengio.model.step import Step

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?")
_NO_URL = re.compile(r"[\x00-\x20\x7f\\]")


def check(step: Step, findings: Findings, path: str) -> None:
    """Tell what is wrong with the URLs, headers and the body of an HTTP step. Bad templates are told elsewhere."""
    if step.type != "http":
        return
    config = step.config
    below = config.get("connection") is not None
    if below or templates.has_templates(config.get("url")):
        _check_url(config.get("url"), findings, f"{path}.config.url", below=below)
    auth = config.get("auth")
    if isinstance(auth, dict):
        _check_token_url(auth.get("token_url"), findings, f"{path}.config.auth.token_url")
    headers = config.get("headers")
    for name, value in headers.items() if isinstance(headers, dict) else ():
        _check_header(value, findings, words.child(f"{path}.config.headers", name))
    if _is_json(config.get("body"), headers):
        _check_json(config.get("body"), findings, f"{path}.config.body")


def _check_token_url(url: Json, findings: Findings, path: str) -> None:
    if not isinstance(url, str):
        return
    if templates.is_template(url):
        _check_url(url, findings, path)
        return
    try:
        urls.parse(url)
    except Refused as error:
        findings.error(path, error.message, error.hint)


def _check_url(url: Json, findings: Findings, path: str, *, below: bool = False) -> None:
    """A URL that is not whole yet: it has templates, or is a path `below` the URL of a connection."""
    texts = list(_literals(url))
    if texts and isinstance(url, str) and url.startswith(texts[0]):
        scheme = _SCHEME.match(texts[0])
        if scheme and scheme[1].lower() not in urls.PORTS and (scheme[2] or not below):
            findings.error(path, "the URL is not one of http or https")
    if any(_NO_URL.search(text) for text in texts):
        findings.error(path, "the URL has a space, a control character or a backslash")


def _check_header(value: Json, findings: Findings, path: str) -> None:
    try:
        for text in _literals(value):
            places.header(text)
    except places.Unsafe as error:
        findings.error(path, error.message, error.hint)


def _check_json(body: Json, findings: Findings, path: str) -> None:
    for part in _parts(body):
        if not isinstance(part, str) and part.escaped:
            findings.error(path, f"column {part.column}: a backslash right before a template in a JSON body")


def _is_json(body: Json, headers: Json) -> bool:
    """Whether a text is sent as JSON; of a bad template nothing is known."""
    try:
        return bodies.place(body, headers) is Place.JSON_BODY
    except Malformed:
        return False


def _literals(value: Json) -> Iterator[str]:
    """The text of a string outside its templates; nothing of what is no string."""
    return (part for part in _parts(value) if isinstance(part, str))


def _parts(value: Json) -> tuple[Any, ...]:
    if not isinstance(value, str):
        return ()
    try:
        return templates.compiled(value).parts
    except Malformed:
        return ()
