"""`hengio author add|list|revoke`: whose signatures count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hengio import log, settings
from hengio.cli import tables
from hengio.cli.inputs import read_bytes
from hengio.cli.modules import at_module_desk
from hengio.cli.person import person
from hengio.cli.present import escape, print_json, terminal
from hengio.cli.sure import check
from hengio.cli.when import moment, shown
from hengio.clock import SystemClock, to_iso
from hengio.model.author import AuthorKey
from hengio.service.authors import AuthorService
from hengio.wiring import process
from hengio.wiring.vault import vault

_MOST_BYTES = 64 << 10


def add_key(
    author: str,
    file: Path,
    *,
    modules: list[str],
    period: tuple[str | None, str | None],
    data_dir: Path | None,
    as_json: bool,
) -> int:
    """Register a public key, before the first start, too."""
    log.configure(level="error", style="text")
    begins, ends = period
    pem = read_bytes(file, what="public key", most=_MOST_BYTES)

    async def add() -> AuthorKey:
        async with vault(settings.load(data_dir=data_dir), make=True) as opened:
            return await AuthorService(storage=opened.storage, clock=SystemClock()).add(
                author,
                pem,
                by=person(),
                modules=modules,
                not_before=None if begins is None else moment(begins, option="--not-before"),
                not_after=None if ends is None else moment(ends, option="--not-after", end=True),
            )

    key = process.run(add())
    if as_json:
        print_json(document(key))
    else:
        _say(f"{escape(key.author)} may sign modules named {escape(', '.join(key.modules))} with {key.id}")
    return 0


def list_keys(*, data_dir: Path | None, as_json: bool) -> int:
    """Every key, by author."""
    found = at_module_desk(lambda desk: desk.authors.all(), data_dir=data_dir)
    if as_json:
        print_json([document(key) for key in found])
        return 0
    rows = [
        (
            key.author,
            key.id,
            ", ".join(key.modules),
            shown(key.not_before),
            shown(key.not_after),
            "" if key.revoked_at is None else f"{shown(key.revoked_at)} {key.reason}".strip(),
        )
        for key in found
    ]
    tables.show(("author", "key", "modules", "from", "until", "revoked"), rows, none="no author is registered")
    return 0


def revoke_keys(author: str, *, reason: str, sure: bool, data_dir: Path | None, as_json: bool) -> int:
    """Revoke one key, or all of an author."""
    check(f"revoke {author} for good", sure=sure or as_json)
    revoked = at_module_desk(lambda desk: desk.authors.revoke(author, by=person(), reason=reason), data_dir=data_dir)
    if as_json:
        print_json([document(key) for key in revoked])
    else:
        for key in revoked:
            _say(f"{key.id} of {escape(key.author)} is revoked; what it signed runs no more")
    return 0


def document(key: AuthorKey) -> dict[str, Any]:
    """A key for programs."""
    return {
        "id": key.id,
        "author": key.author,
        "modules": key.modules,
        "not_before": to_iso(key.not_before),
        "not_after": None if key.not_after is None else to_iso(key.not_after),
        "added_at": to_iso(key.added_at),
        "added_by": key.added_by,
        "revoked_at": None if key.revoked_at is None else to_iso(key.revoked_at),
        "revoked_by": key.revoked_by or None,
        "reason": key.reason,
    }


def _say(text: str) -> None:
    terminal().print(text, soft_wrap=True)
