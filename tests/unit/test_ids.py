"""Identifiers sort by the time they were made."""

from __future__ import annotations

import time
from uuid import RFC_4122, UUID

import pytest

from hengio.ids import new_id


def test_an_id_is_a_version_7_uuid_that_holds_the_time() -> None:
    made = time.time_ns() // 1_000_000
    known = UUID(new_id())
    assert (known.version, known.variant) == (7, RFC_4122)
    assert made <= known.int >> 80 <= made + 1_000


def test_ids_made_in_one_millisecond_sort_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 1_800_000_000_000_000_000
    made = []
    for nanos in range(0, 1_000_000, 1_000):
        monkeypatch.setattr(time, "time_ns", lambda now=moment + nanos: now)
        made.append(new_id())
    assert made == sorted(made)
    assert len(set(made)) == len(made)
