"""What an HTTP step makes of a response: its output, or why the step failed (H4, RFC 9110)."""

from __future__ import annotations

import base64
import codecs
import json
import re
from collections.abc import Sequence
from datetime import UTC
from email.message import Message
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from hengio import codec
from hengio.clock import Clock, to_datetime
from hengio.codec import InvalidJson, Json, Raw
from hengio.definition.configs import HttpConfig
from hengio.errors import Unavailable
from hengio.model.outcome import Failure
from hengio.steps.protocol import StepResult
from hengio.steps.web.mask import Mask
from hengio.targets.http.message import Response
from hengio.targets.secrets import HIDDEN

SHOWN = 2_000
"""Characters of a response's body in the details of a failure."""
_REACH = 8
"""So many times as much is searched for sensitive values before it is cut."""
_LATER = frozenset({408, 425, 429})
_TEXTUAL = re.compile(
    r"text/.*|application/(xml|javascript|yaml|x-yaml|x-ndjson|sql|x-www-form-urlencoded)|.*\+(xml|yaml)"
)
_CHARSET = re.compile(r"[A-Za-z0-9_.:+-]{1,40}")
_NO_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
"""Codecs of Python's that no server means; some take time out of all proportion."""
_HIDDEN_HEADERS = frozenset({"set-cookie", "authentication-info", "proxy-authenticate", "www-authenticate"})


class Broken(Unavailable):
    """The server sent less than it said: what came is not whole."""

    code = "broken_response"


def output(response: Response) -> dict[str, Any]:
    """`{"status", "headers", "body"}`; of what is no text, `body` is null and `body_base64` has it. Raises `Broken`."""
    headers = joined(response.headers)
    found: dict[str, Any] = {"status": response.status, "headers": headers}
    kind, charset = _content(headers.get("content-type", ""))
    if not response.body:
        return {**found, "body": None}
    text = _decoded(response.body, kind, charset)
    if text is not None and (kind == "" or _is_json(kind)) and (value := _json(text, said=kind != "")) is not None:
        return {**found, "body": value}
    if text is not None:
        return {**found, "body": text}
    return {**found, "body": None, "body_base64": base64.b64encode(response.body).decode()}


def joined(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Headers by lower-case name. Repeated ones are joined by a comma (RFC 9110, 5.3); of `set-cookie`, which can not
    be, each stands on a line of its own."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name, []).append(value)
    return {name: ("\n" if name == "set-cookie" else ", ").join(values) for name, values in found.items()}


def succeeds(config: HttpConfig, status: int) -> bool:
    """Whether the status is one that the step takes for success."""
    if config.success_statuses is None:
        return 200 <= status < 300 or (300 <= status < 400 and not config.follow_redirects)
    return any(str(each).lower() in {str(status), f"{status // 100}xx"} for each in config.success_statuses)


def first_success(config: HttpConfig) -> int:
    """The status that a dry run says for a request that was not sent."""
    first = str((config.success_statuses or (200,))[0]).lower()
    return int(first.replace("xx", "00"))


def unsuccessful(response: Response, *, method: str, mask: Mask, clock: Clock) -> StepResult:
    """The failure that a status is, with the response in its details, cut and without sensitive values."""
    status = response.status
    headers = joined(response.headers)
    shown = {name: HIDDEN if name in _HIDDEN_HEADERS else value[:SHOWN] for name, value in headers.items()}
    details: dict[str, Any] = {"status": status, "headers": shown, "body": _excerpt(response, mask)}
    if (seconds := _retry_after(headers.get("retry-after", ""), clock)) is not None:
        details["retry_after_seconds"] = seconds
    message = f"{method} {response.url.origin} answered {status}{_phrase(status)}"
    retryable = status >= 500 or status in _LATER
    return mask.result(
        StepResult(kind="failed", failure=Failure("http_status", message, details=details), retryable=retryable)
    )


def _excerpt(response: Response, mask: Mask) -> str:
    """The beginning of the body as text; cleaned before it is cut, so that no beginning of a secret is left."""
    text = response.body[: SHOWN * _REACH].decode(errors="replace")
    cleaned = mask.text(text)
    return cleaned if len(response.body) <= SHOWN else cleaned[:SHOWN] + "…"


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def _retry_after(text: str, clock: Clock) -> float | None:
    """Seconds to wait, of either form (RFC 9110, 10.2.3)."""
    if re.fullmatch(r"\d{1,9}", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - to_datetime(clock.now())).total_seconds())


def _content(header: str) -> tuple[str, str]:
    """Media type and charset, in lower case."""
    message = Message()
    message["content-type"] = header[:500]
    charset = message.get_param("charset", "")
    return header.partition(";")[0].strip().lower(), charset.lower() if isinstance(charset, str) else ""


def _is_json(kind: str) -> bool:
    return kind in {"application/json", "text/json"} or kind.endswith("+json")


def _decoded(body: bytes, kind: str, charset: str) -> str | None:
    """The body as text, if that is what it says it is or, where it says nothing, what it can be read as."""
    if kind and not (charset or _is_json(kind) or _TEXTUAL.fullmatch(kind)):
        return None
    try:
        text = body.decode(_known(charset))
    except ValueError:
        return None
    return None if "\0" in text and not charset else text


def _known(charset: str) -> str:
    """A codec of Python's for the charset; UTF-8 for one that there is not."""
    if not charset or not _CHARSET.fullmatch(charset):
        return "utf-8-sig"
    try:
        name = codecs.lookup(charset).name
        "".encode(name)
    except (LookupError, ValueError):
        return "utf-8-sig"
    return "utf-8-sig" if name.replace("-", "_") in {*_NO_CHARSETS, "utf_8"} else name


def _json(text: str, *, said: bool) -> Json:
    """The text as encoded JSON, digit for digit; None if it is none. `Broken` if it says it is, and is cut off."""
    data = text.encode(errors="surrogatepass")
    try:
        codec.decode(data)
    except InvalidJson as error:
        if said and "truncated" in error.message and text.lstrip()[:1] in {"{", "["} and not _is_whole(text):
            raise Broken("the response says that it is JSON, but ends in the middle of it") from None
        return None
    return Raw(data)


def _is_whole(text: str) -> bool:
    """Whether it is JSON to its end, with something in it that is carried nowhere: half of a pair such as `\\ud800`."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
