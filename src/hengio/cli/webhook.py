"""`hengio webhook`: the URLs by which others start jobs, also beside a running server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from shlex import quote
from typing import Any, TypeVar

import msgspec

from hengio import log, settings
from hengio.cli import tables
from hengio.cli.person import person
from hengio.cli.present import escape, print_json, said, terminal
from hengio.cli.sure import check
from hengio.cli.when import shown
from hengio.clock import to_iso
from hengio.definition.confidential import MASK
from hengio.definition.templates import is_template
from hengio.model.job import Job, RateLimit
from hengio.service.webhooks import PATH, Access
from hengio.storage.protocol import StoredJob
from hengio.storage.webhooks import WebhookRow
from hengio.wiring import process
from hengio.wiring.vault import Vault, vault

T = TypeVar("T")

EXAMPLE = """\
url={url}
secret={secret}
body='{{"hello": "world"}}'
timestamp=$(date +%s)
signature=$(printf '%s.%s' "$timestamp" "$body" | openssl dgst -sha256 -hmac "$secret" | sed 's/.* //')
curl -sS "$url" -H 'Content-Type: application/json' -H "X-Hengio-Timestamp: $timestamp" \\
  -H "X-Hengio-Signature: sha256=$signature" --data-binary "$body"
"""


def list_webhooks(*, data_dir: Path | None, as_json: bool) -> int:
    """Jobs with a URL or a webhook; URLs are shown one by one."""
    found = _at_vault(lambda opened: opened.webhooks.all(), data_dir=data_dir)
    if as_json:
        print_json([_listed(stored, row) for stored, row in found])
        return 0
    lines = [
        (stored.job.name, _state(stored.job), _limit(stored.job), "" if row is None else shown(row.created_at))
        for stored, row in found
    ]
    none = "no job has a webhook: triggers.webhook.enabled gives it one"
    tables.show(("job", "", "rate limit", "URL made (UTC)"), lines, none=none)
    return 0


def show_webhook(name: str, *, reveal: bool, data_dir: Path | None, as_json: bool) -> int:
    """One of them, with an example of a call."""

    async def find(opened: Vault) -> tuple[StoredJob, WebhookRow, Access]:
        stored = await opened.storage.jobs.get(name)
        return stored, *await opened.webhooks.access(stored)

    stored, row, access = _at_vault(find, data_dir=data_dir)
    secret, origin = _secret(stored.job, access, reveal=reveal)
    url = f"{settings.load(data_dir=data_dir).server.url}{PATH}{access.token}"
    example = EXAMPLE.format(url=quote(url), secret=quote(secret))
    if as_json:
        told = {"url": url, "secret": secret, "secret_from": origin, "headers": stored.job.triggers.webhook.headers}
        print_json({**_listed(stored, row), **told, "example": example})
        return 0
    _say(f"[bold]{escape(stored.job.name)}[/] {_state(stored.job)}")
    for label, value in (
        ("URL", url),
        ("secret", f"{secret}  ({_ORIGINS[origin]})"),
        ("rate limit", _limit(stored.job) or "none"),
        ("made", f"{shown(row.created_at)} UTC by {row.created_by}"),
    ):
        _say(f"  [dim]{label:<10}[/] {escape(value)}")
    _say(f"\n[dim]a call, signed{'' if reveal else '; --reveal shows the secret in it'}[/]")
    for line in example.splitlines():
        terminal().print(said(line), soft_wrap=True)
    return 0


def regenerate_webhook(name: str, *, secret: bool, sure: bool, data_dir: Path | None, as_json: bool) -> int:
    """Another URL, once somebody is sure."""
    check(f"give job '{name}' another URL, and end the one it has", sure=sure)

    async def change(opened: Vault) -> tuple[StoredJob, Access]:
        stored = await opened.storage.jobs.get(name)
        return stored, await opened.webhooks.regenerate(stored, by=person(), secret=secret)

    stored, access = _at_vault(change, data_dir=data_dir)
    url = f"{settings.load(data_dir=data_dir).server.url}{PATH}{access.token}"
    if as_json:
        print_json({"job": stored.job.name, "job_id": stored.id, "url": url})
    else:
        _say(f"[bold]{escape(stored.job.name)}[/] has another URL; the one before leads nowhere now\n  {escape(url)}")
    return 0


_ORIGINS = {
    "installation": "made by the installation",
    "definition": "it stands in the definition",
    "variable": "a variable has it",
}


def _secret(job: Job, access: Access, *, reveal: bool) -> tuple[str, str]:
    """What is shown of the secret, and where it comes from. A variable is named, and shown by nobody."""
    written = job.triggers.webhook.secret_key
    if not written:
        return access.secret if reveal else MASK, "installation"
    if is_template(written):
        return written, "variable"
    return written if reveal else MASK, "definition"


def _listed(stored: StoredJob, row: WebhookRow | None) -> dict[str, Any]:
    webhook = stored.job.triggers.webhook
    return {
        "job": stored.job.name,
        "job_id": stored.id,
        "enabled": stored.job.enabled and webhook.enabled,
        "rate_limit": msgspec.to_builtins(webhook.rate_limit),
        "created_at": None if row is None else to_iso(row.created_at),
        "created_by": None if row is None else row.created_by,
    }


def _state(job: Job) -> str:
    if not job.triggers.webhook.enabled:
        return "webhook disabled"
    return "enabled" if job.enabled else "job disabled"


def _limit(job: Job) -> str:
    match job.triggers.webhook.rate_limit:
        case RateLimit(max_requests=most, window_seconds=window):
            return f"{most} in {window} s"
        case _:
            return ""


def _at_vault(work: Callable[[Vault], Awaitable[T]], *, data_dir: Path | None) -> T:
    log.configure(level="warning", style="text")

    async def run() -> T:
        async with vault(settings.load(data_dir=data_dir)) as opened:
            return await work(opened)

    return process.run(run())


def _say(text: str) -> None:
    terminal().print(text, soft_wrap=True)
