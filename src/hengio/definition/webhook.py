"""Checks of a job's webhook: its rate limit, its secret, the headers that an execution is told (H2, H3.6)."""

from __future__ import annotations

import re
from collections.abc import Collection

from msgspec.structs import asdict

from hengio.definition import ranges, templates, words
from hengio.definition.findings import Findings
from hengio.model.job import Webhook

WITHHELD = frozenset({"authorization", "proxy-authorization", "cookie", "x-hengio-signature", "x-hengio-timestamp"})
"""Headers that prove who asks: no execution is told them."""
LEAST_LETTERS = 16
_PATH = "$.triggers.webhook"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
"""RFC 9110 5.6.2."""


def check(webhook: Webhook, findings: Findings, *, variables: Collection[str] | None) -> None:
    """Tell what is wrong with it; `variables` are those that there are, None if that is not known."""
    if webhook.rate_limit is not None:
        ranges.check(asdict(webhook.rate_limit), ranges.RATE_LIMIT, findings, f"{_PATH}.rate_limit")
    if webhook.secret_key is not None:
        _check_secret(webhook.secret_key, findings, f"{_PATH}.secret_key", variables)
    for place, name in enumerate(webhook.headers or ()):
        path = f"{_PATH}.headers[{place}]"
        if not _NAME.fullmatch(name):
            findings.error(path, f"{words.shown(name)} is not the name of a header")
        elif name.lower() in WITHHELD:
            findings.error(path, f"`{name}` proves who asks: no execution is told it")


def _check_secret(text: str, findings: Findings, path: str, variables: Collection[str] | None) -> None:
    try:
        found = templates.references(text)
    except templates.Malformed as error:
        findings.error(path, error.message, error.hint)
        return
    for wanted in found:
        if wanted.path[0] != "variables" or len(wanted.path) < 2:
            findings.error(path, "only variables can stand in a secret", "write `${NAME}`")
        elif variables is not None and wanted.path[1] not in variables and not wanted.optional:
            name = words.cut(str(wanted.path[1]))
            hint = words.close(str(wanted.path[1]), variables)
            findings.warn(path, f"the variable `{name}` is not defined (yet): every call is refused", hint)
    if not found and len(text) < LEAST_LETTERS:
        message = f"fewer than {LEAST_LETTERS} characters can be guessed"
        findings.warn(path, message, "leave it out, and the installation makes one")
