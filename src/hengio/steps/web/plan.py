"""The request that an HTTP step's configuration asks for (H3, H4)."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from hengio import codec
from hengio import url as urls
from hengio.codec import Json
from hengio.definition import bodies, places, ranges, templates
from hengio.definition import headers as fields
from hengio.definition.configs import BasicAuth, BearerAuth, HttpAuth, HttpConfig, OAuth2Auth, is_statuses
from hengio.definition.context import Context
from hengio.definition.findings import Findings
from hengio.definition.places import Place
from hengio.errors import Refused
from hengio.targets.http.idempotency import keyed
from hengio.targets.http.message import Request
from hengio.targets.http.target import HttpTarget

_PLACES = {"url": Place.URL, "token_url": Place.URL}


class Plan(Struct, frozen=True, kw_only=True):
    """A request without its authentication, that authentication, and the origins that an administrator's connection
    names. `private` headers are the connection's."""

    request: Request
    auth: HttpAuth | None
    named: frozenset[str]


def configured(config: dict[str, Any], context: Context) -> HttpConfig:
    """The step's configuration with templates filled in, each for its place. `Refused` where something does not fit."""
    filled = {key: _filled(key, value, context) for key, value in config.items() if key != "body"}
    if "body" in config:
        place = bodies.place(config["body"], filled.get("headers"))
        filled["body"] = templates.resolve(config["body"], context, place=place, field="body")
    try:
        found = msgspec.convert(filled, HttpConfig)
    except msgspec.ValidationError as error:
        raise Refused(f"the step's configuration does not fit: {error}") from error
    _check(found, filled)
    return found


def planned(config: HttpConfig, target: HttpTarget | None, *, key: str) -> Plan:
    """The request, and how it is authenticated. `key` is that of the step's visit. Raises `Refused`."""
    url = urls.parse(config.url) if target is None else target.below(config.url)
    if target is not None and target.auth is not None and config.auth is not None:
        raise Refused("the connection has its own authentication", hint="leave `auth` out of the step")
    theirs = () if target is None else target.headers
    private = frozenset(name for name, _ in theirs)
    body, kind = _body(config.body)
    headers = tuple((name.lower(), value) for name, value in config.headers.items() if name.lower() not in private)
    if kind and all(name != "content-type" for name, _ in (*headers, *theirs)):
        headers = (*headers, ("content-type", kind))
    headers = keyed((*headers, *theirs), method=config.method, key=key, number=1)
    return Plan(
        request=Request(method=config.method, url=url, headers=headers, body=body, private=private),
        auth=config.auth if target is None or target.auth is None else target.auth,
        named=frozenset() if target is None else target.origins,
    )


def authorized(request: Request, auth: HttpAuth | None, token: str) -> Request:
    """The request with its authentication, which replaces the author's own header. `token` is that of OAuth 2."""
    match auth:
        case None:
            return request
        case BasicAuth(username=username, password=password):
            if ":" in username:
                raise Refused("the user name of basic authentication holds a colon (RFC 7617)")
            value = f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"
        case BearerAuth(token=given):
            value = f"Bearer {given}"
        case OAuth2Auth():
            value = f"Bearer {token}"
    if not fields.acceptable("authorization", value):
        raise Refused("the credentials can not be sent in a header: they hold control characters, or are too long")
    headers = tuple(pair for pair in request.headers if pair[0] != "authorization")
    return msgspec.structs.replace(
        request, headers=(*headers, ("authorization", value)), private=request.private | {"authorization"}
    )


def credentials(auth: HttpAuth | None) -> Iterator[str]:
    """What of the authentication nobody else may see."""
    match auth:
        case None:
            return
        case BasicAuth(username=username, password=password):
            yield from (password, f"{username}:{password}")
        case BearerAuth(token=token):
            yield token
        case OAuth2Auth(client_id=client, client_secret=secret):
            yield from (secret, f"{client}:{secret}")


def _filled(key: str, value: Json, context: Context) -> Json:
    if key in {"headers", "auth"} and isinstance(value, dict):
        default = Place.HEADER if key == "headers" else Place.TEXT
        members = {
            name: templates.resolve(
                each, context, place=default if key == "headers" else _PLACES.get(name, default), field=f"{key}.{name}"
            )
            for name, each in value.items()
        }
        return {name: _text(each) for name, each in members.items() if each is not None or key == "auth"}
    return templates.resolve(value, context, place=_PLACES.get(key, Place.TEXT), field=key)


def _text(value: Json) -> Json:
    """A number, or whatever else is no text, as the text that a longer string would hold."""
    return value if value is None else places.text(value)


def _check(config: HttpConfig, filled: dict[str, Any]) -> None:
    """What is wrong with values that were templates, or headers with what was inserted."""
    findings = Findings()
    ranges.check(filled, ranges.CONFIG["http"], findings, "config")
    if findings.errors:
        raise Refused(f"{findings.errors[0].path} {findings.errors[0].message}")
    wrong = next(
        (each for each in config.success_statuses or () if isinstance(each, str) and not is_statuses(each)), None
    )
    if wrong is not None:
        raise Refused("config.success_statuses holds a text that is no status", hint='write 204 or "2xx"')
    if len(config.headers) > fields.MOST:
        raise Refused(f"a request has at most {fields.MOST} headers")
    for name, value in config.headers.items():
        if not fields.acceptable(name, value):
            shown = name if fields.settable(name) else "one of them"
            raise Refused(f"config.headers: {shown} can not be sent, or is not the step's to set")


def _body(body: Json) -> tuple[bytes, str]:
    """The bytes, and the content type that goes with them unless another is given."""
    if body is None:
        return b"", ""
    if not isinstance(body, str):
        return codec.encode(body), bodies.JSON
    begins = body.lstrip().startswith(("{", "["))
    return body.encode(), bodies.JSON if begins and _is_json(body) else "text/plain; charset=utf-8"


def _is_json(text: str) -> bool:
    try:
        codec.decode(text.encode())
    except Refused:
        return False
    return True
