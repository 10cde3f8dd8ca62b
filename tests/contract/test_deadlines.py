"""What waits beyond the deadline of its job, on each database."""

from __future__ import annotations

import pytest

from hengio.model.execution import ExecutionState as S
from hengio.storage.protocol import Storage
from tests.support.builders import NOON, a_job
from tests.support.storages import begun, claimed, put_job


@pytest.mark.requirement("H5.6")
async def test_what_waits_beyond_the_deadline_of_its_job_version_is_ended(storage: Storage) -> None:
    unlimited = await put_job(storage, a_job("a"))
    limited = await put_job(storage, a_job("a", deadline_seconds=2.5))
    assert limited.id == unlimited.id
    kept = await begun(storage, stored=unlimited)
    late, later = await begun(storage, stored=limited), await begun(storage, stored=limited)
    taken = await begun(storage, stored=limited)
    await claimed(storage, taken)
    assert await storage.executions.expire(at=NOON + 2_499_999, limit=5) == []
    ended = await storage.executions.expire(at=NOON + 2_500_000, limit=5)
    assert sorted(ended) == sorted([late.id, later.id])
    states = {one.id: (await storage.executions.load(one.id)).state for one in (kept, late, later, taken)}
    assert states == {kept.id: S.PENDING, late.id: S.TIMEOUT, later.id: S.TIMEOUT, taken.id: S.RUNNING}
    assert await storage.executions.expire(at=NOON + 2_500_000, limit=5) == []
