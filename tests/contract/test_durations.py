"""How long executions took, on each database."""

from __future__ import annotations

from hengio.clock import SECOND
from hengio.model.execution import ExecutionState
from hengio.storage.protocol import Close, Record, Storage
from tests.support.builders import NOON, a_job
from tests.support.storages import begun, claimed, commit, put_job

SUCCESS = Close(ExecutionState.SUCCESS, NOON + 5 * SECOND)


async def test_durations_are_those_of_the_latest_executions_that_ended_well(storage: Storage) -> None:
    stored, other = await put_job(storage), await put_job(storage, a_job("a", name="other"))
    await put_job(storage, a_job("a", name="without"))
    for number, state in enumerate(["success", "failed", "success", "success", "pending"]):
        execution = await begun(storage, stored=stored, created_at=NOON + number)
        if state != "pending":
            claim = (await claimed(storage, execution)).execution.claim
            close = Close(ExecutionState(state), NOON + (number + 1) * SECOND // 2)
            await commit(storage, Record(execution.id, claim, close=close))
    again = await begun(storage, stored=other, rerun_of="another")
    claim = (await claimed(storage, again)).execution.claim
    await commit(storage, Record(again.id, claim, close=SUCCESS))
    asked = [stored.id, other.id, "unknown"]
    assert await storage.executions.durations(asked, limit=10) == {stored.id: [2.0, 1.5, 0.5]}
    assert await storage.executions.durations(asked, limit=2) == {stored.id: [2.0, 1.5]}
    assert await storage.executions.durations(asked, limit=1) == {stored.id: [2.0]}
    assert await storage.executions.durations([], limit=1) == {}
