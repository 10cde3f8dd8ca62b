"""`http_request`: a request to where the grants lead, with secrets by reference (R4.1, R4.2, R5.4)."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from hengio import codec
from hengio import url as urls
from hengio.definition import headers as fields
from hengio.errors import Refused
from hengio.grants import http as patterns
from hengio.model.grant import Grant, Permission
from hengio.sandbox.host.answer import answered, denied
from hengio.sandbox.host.outside import Note, Scope
from hengio.sandbox.protocol import Answered, Ask, Status
from hengio.targets.http.client import Bounds, HttpClient
from hengio.targets.http.idempotency import keyed
from hengio.targets.http.message import READS, HttpFailed, Request, Response
from hengio.targets.secrets import Secrets, redacted
from hengio.url import Address, Url

_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_TOLD = 2_000
"""Bytes of a body that a dry run tells."""
_STATUS = {"deadline": Status.DEADLINE, "limit_exceeded": Status.LIMIT_EXCEEDED}


class Auth(Struct, frozen=True, forbid_unknown_fields=True):
    """How the secret is sent: as a bearer token, as `user:password` of basic auth, or as the whole of a header."""

    type: Literal["bearer", "basic", "header"]
    secret: str
    header: str = "authorization"


class HttpRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a guest asks for (ABI: Reactor, HTTP)."""

    url: str
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    body_base64: str | None = None
    timeout_ms: float | None = None
    auth: Auth | None = None


class _Denied(Exception):
    """A grant is missing."""

    def __init__(self, grant: Grant, *, left_out: bool) -> None:
        super().__init__(str(grant))
        self.grant = grant
        self.left_out = left_out


class _Permit:
    """What the grants of a scope say to each hop and each address: every layer must allow it."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def hop(self, method: str, url: Url) -> None:
        permission = needed(method)
        if not all(patterns.allows(layer, url) for layer in self._layers(permission)):
            left_out = patterns.allows(self._layers(permission)[0], url)
            raise _Denied(Grant(permission, url.resource), left_out=left_out)

    def address(self, method: str, url: Url, address: Address) -> None:
        permission = needed(method)
        if all(patterns.admits(layer, url, address) for layer in self._layers(permission)):
            return
        left_out = patterns.admits(self._layers(permission)[0], url, address)
        host = "localhost" if url.host == "localhost" else f"[{address}/{address.max_prefixlen}]"
        port = "" if url.port == urls.PORTS[url.scheme] else f":{url.port}"
        raise _Denied(Grant(permission, f"{url.scheme}://{host}{port}{url.path}"), left_out=left_out)

    def _layers(self, permission: Permission) -> list[tuple[patterns.HttpPattern, ...]]:
        return [
            tuple(patterns.parse(grant.resource) for grant in layer if grant.permission == permission)
            for layer in self._scope.layers
        ]


class HttpCapability:
    """Answers `http_request`."""

    def __init__(self, client: HttpClient, secrets: Secrets) -> None:
        self._client = client
        self._secrets = secrets

    async def answer(self, ask: Ask, scope: Scope) -> Answered:
        try:
            asked = msgspec.json.decode(ask.request, type=HttpRequest)
            request = _request(asked)
            private, hidden = self._credentials(asked, request.url)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return answered(Status.INVALID_REQUEST, f"the request cannot be read: {error}")
        except Refused as error:
            return answered(Status.INVALID_REQUEST, error.message)
        request = _completed(request, private, scope, ask)
        seconds = ask.seconds_left if asked.timeout_ms is None else min(ask.seconds_left, asked.timeout_ms / 1_000)
        return await self._send(request, scope, Bounds(seconds=seconds, body_bytes=scope.http_bytes), hidden)

    async def _send(self, request: Request, scope: Scope, bounds: Bounds, hidden: tuple[str, ...]) -> Answered:
        writes = request.method not in READS
        try:
            if writes and scope.note is not None:
                return _noted(request, scope, scope.note, hidden)
            response = await self._client.send(request, permit=_Permit(scope), bounds=bounds)
        except _Denied as refused:
            answer = denied(refused.grant, left_out=refused.left_out)
            redirected = refused.grant.resource != request.url.resource
            return msgspec.structs.replace(answer, wrote=writes and redirected)
        except HttpFailed as error:
            status = _STATUS.get(error.code, Status.UNAVAILABLE)
            return answered(status, redacted(error.message, hidden), wrote=writes and error.sent)
        return Answered(status=Status.OK, reply=_reply(response, hidden), wrote=writes)

    def _credentials(self, asked: HttpRequest, url: Url) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
        """The header that carries the secret, and what to hide of it. `Refused` unless it is bound to that host."""
        auth = asked.auth
        if auth is None:
            return (), ()
        secret = self._secrets.find(auth.secret)
        if secret is None or not secret.goes_to(url):
            hint = "an administrator binds secrets to hosts; they travel over TLS"
            raise Refused(f"the secret '{auth.secret}' is not bound to {url.origin} ({hint})")
        match auth.type:
            case "bearer":
                name, value = "authorization", f"Bearer {secret.value}"
            case "basic":
                name, value = "authorization", f"Basic {base64.b64encode(secret.value.encode()).decode()}"
            case "header":
                name, value = auth.header.lower(), secret.value
        if not fields.acceptable(name, value):
            raise Refused(f"the secret '{auth.secret}' cannot be sent in the header '{name}'")
        parts = secret.value.split(":", 1) if auth.type == "basic" else []
        return ((name, value),), (secret.value, *parts[1:])


def _noted(request: Request, scope: Scope, note: Note, hidden: tuple[str, ...]) -> Answered:
    """In a dry run: the grants have their say, and then the request is told instead of sent."""
    _Permit(scope).hop(request.method, request.url)
    body = redacted(request.body[:_TOLD].decode(errors="replace"), hidden)
    headers = {name: "***" if name in request.private else redacted(value, hidden) for name, value in request.headers}
    note("http", {"method": request.method, "url": str(request.url), "headers": headers, "body": body or None})
    reply = codec.encode({"status": 200, "headers": {}, "body": ""})
    return Answered(status=Status.OK, reply=reply, wrote=False)


def needed(method: str) -> Permission:
    """The permission that a method needs."""
    return "http:read" if method in READS else "http:write"


def _request(asked: HttpRequest) -> Request:
    method = asked.method.upper()
    if method not in _METHODS:
        raise Refused(f"the method must be one of {', '.join(sorted(_METHODS))}")
    if asked.timeout_ms is not None and asked.timeout_ms <= 0:
        raise Refused("timeout_ms must be more than 0")
    if len(asked.headers) > fields.MOST:
        raise Refused(f"a request has at most {fields.MOST} headers")
    for name, value in asked.headers.items():
        if not fields.acceptable(name, value):
            raise Refused("a header has a name or value that cannot be sent, or is not the sender's to set")
    body, kind = _body(asked)
    headers = tuple((name.lower(), value) for name, value in asked.headers.items())
    if kind and all(name != "content-type" for name, _ in headers):
        headers = (*headers, ("content-type", kind))
    return Request(method=method, url=urls.parse(asked.url), headers=headers, body=body)


def _body(asked: HttpRequest) -> tuple[bytes, str]:
    """The bytes, and the content type that goes with them unless another is given."""
    if asked.body_base64 is not None:
        if asked.body is not None:
            raise Refused("a request has a body or a body_base64, not both")
        try:
            return base64.b64decode(asked.body_base64, validate=True), "application/octet-stream"
        except (binascii.Error, ValueError) as error:
            raise Refused("body_base64 is not base64") from error
    match asked.body:
        case None:
            return b"", ""
        case str(text):
            return text.encode(), "text/plain; charset=utf-8"
        case value:
            return codec.encode(value), "application/json"


def _completed(request: Request, private: tuple[tuple[str, str], ...], scope: Scope, ask: Ask) -> Request:
    """With credentials, which replace the guest's own header, and the key by which a receiver knows a repetition."""
    names = {name for name, _ in private}
    headers = tuple(pair for pair in request.headers if pair[0] not in names)
    headers = keyed(headers, method=request.method, key=scope.key, number=ask.number)
    return msgspec.structs.replace(request, headers=(*headers, *private), private=frozenset(names))


def _reply(response: Response, hidden: tuple[str, ...]) -> bytes:
    headers: dict[str, list[str]] = {}
    for name, value in response.headers:
        headers.setdefault(redacted(name, hidden), []).append(redacted(value, hidden))
    reply: dict[str, Any] = {"status": response.status, "headers": headers}
    try:
        reply["body"] = redacted(response.body.decode(), hidden)
    except UnicodeDecodeError:
        body = response.body
        for value in hidden:
            body = body.replace(value.encode(), b"***")
        reply["body_base64"] = base64.b64encode(body).decode()
    return codec.encode(reply)
