"""Security alerts: what must not happen unless somebody attacks or altered what is stored (R14.5). One way for all.

An alert is an event of the log, `security_alert`, and counted for `/metrics`; who raises it and has a store also writes
an entry of the audit log.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

from hengio.log import get_logger

AlertKind = Literal[
    "digest_mismatch",
    "signature_missing",
    "signature_invalid",
    "key_unknown",
    "key_revoked",
    "key_expired",
    "key_not_yet_valid",
    "key_for_other_modules",
    "artefact_altered",
    "function_not_imported",
]
"""A stored binary is not the registered one; a module is not signed as it must be, by a key that counts; compiled code
that is kept was altered; a guest asked for a function that its module does not import."""

log = get_logger("security")
_counts: Counter[str] = Counter()


def alert(kind: AlertKind | str, **about: Any) -> None:
    """Raise one. `about` says what it is about, and holds nothing secret."""
    _counts[kind] += 1
    log.error("security_alert", reason=kind, **about)


def counts() -> dict[str, int]:
    """How many of each kind this process raised."""
    return {kind: _counts[kind] for kind in sorted(_counts)}
