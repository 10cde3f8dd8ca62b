"""The input that an execution has: checked against what its job declares, wherever it comes from (H2.1, H5.9)."""

from __future__ import annotations

import pytest

from hengio import codec
from hengio.codec import Json
from hengio.definition.inputs import InvalidInput
from hengio.model.execution import Execution, ExecutionState
from hengio.model.input import Input
from hengio.model.job import Job
from hengio.service.executions import Again
from hengio.storage.protocol import Storage
from tests.support.builders import a_job
from tests.support.storages import put_job
from tests.support.workplace import broken, working

LIMIT = Input(type="integer", default=5, maximum=9)


def limited(**inputs: Input) -> Job:
    return a_job("a", inputs={"limit": LIMIT, **inputs}, max_retries=0)


def input_of(execution: Execution) -> Json:
    return codec.decode(execution.input)


@pytest.mark.requirement("H2.1")
async def test_an_execution_has_what_was_given_and_the_defaults_of_the_rest(storage: Storage) -> None:
    async with working(storage) as place:
        stored = await put_job(storage, limited(region=Input(type="string", default="hn")))
        execution = await place.start(stored, given={"region": "sgn"})
        assert input_of(await place.end(execution)) == {"limit": 5, "region": "sgn"}
        assert input_of(await place.run(stored)) == {"limit": 5, "region": "hn"}


@pytest.mark.requirement("H2.1")
async def test_what_does_not_fit_begins_nothing(storage: Storage) -> None:
    async with working(storage) as place:
        stored = await put_job(storage, limited())
        with pytest.raises(InvalidInput, match=r"\$\.input\.limit: must be at most 9"):
            await place.start(stored, given={"limit": 10})
        assert await storage.executions.recent() == []


@pytest.mark.requirement("H2.1", "H5.4", "H5.9")
async def test_a_rerun_keeps_its_input_and_another_one_is_checked(storage: Storage) -> None:
    async def fail(_request: object) -> object:
        return broken(retryable=True)

    async with working(storage, {"a": fail}) as place:  # type: ignore[dict-item]
        stored = await put_job(storage, limited())
        dead = await place.run(stored, given={"limit": 7})
        assert dead.state is ExecutionState.DEAD_LETTER
        with pytest.raises(InvalidInput, match=r"\$\.input\.limt"):
            await place.executions.rerun(dead.id, Again(given={"limt": 1}), by="me")
        [told] = await place.executions.redrive([dead.id], Again(given={"limit": 10}), by="me")
        assert "the input of job" in str(told.problem)
        again = await place.executions.rerun(dead.id, Again(given={}), by="me")
        assert input_of(again) == {"limit": 5}
        third = await place.executions.rerun((await place.end(again)).id, Again(), by="me")
        assert input_of(third) == {"limit": 5}


@pytest.mark.requirement("H5.9")
async def test_on_the_latest_definition_a_rerun_has_what_that_declares(storage: Storage) -> None:
    async with working(storage) as place:
        first = await place.run(await put_job(storage, a_job("a")), given={"limit": 7})
        await put_job(storage, limited(region=Input(type="string", default="hn")))
        again = await place.executions.rerun(first.id, Again(latest=True), by="me")
        assert input_of(again) == {"limit": 7, "region": "hn"}
        await put_job(storage, a_job("a", inputs={"region": Input(type="string", required=True)}))
        with pytest.raises(InvalidInput, match=r"\$\.input\.region: is required"):
            await place.executions.rerun(first.id, Again(latest=True), by="me")
