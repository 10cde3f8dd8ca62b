"""HTTP steps in jobs, from the settings on."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from hengio.errors import Refused
from hengio.model.execution import ExecutionState
from hengio.settings import CircuitSettings, NetworkSettings, Settings
from hengio.wiring.embedded import embedded
from tests.support.waiting import eventually
from tests.support.web import always, response, serving

JOB = {
    "name": "fetch",
    "max_retries": 0,
    "steps": [
        {"id": "get", "type": "http", "config": {"connection": "erp", "url": "/orders?page={{input.page}}"}},
        {
            "id": "keep",
            "type": "database",
            "config": {"connection": "db", "query": "SELECT {{steps.get.response.body.rows[0].id}} AS id"},
        },
    ],
}


def settings(folder: Path, **connections: str) -> Settings:
    secret = {name: SecretStr(url) for name, url in connections.items()}
    return Settings(data_dir=folder / "data", connections=secret, circuits=CircuitSettings(failures=1))


@pytest.mark.requirement("H4.1", "R13.2")
async def test_what_a_server_answers_goes_into_the_next_step(tmp_path: Path) -> None:
    answer = response(b'{"rows": [{"id": 7}]}', content_type="application/json")
    async with serving(always(answer)) as web:
        chosen = settings(tmp_path, erp=web.url("/v1"), db="sqlite:///x.db")
        async with embedded(chosen) as system:
            stored, _ = await system.jobs.apply(JOB)
            finished = await system.jobs.run(stored, given={"page": 3})
            assert finished.execution.state is ExecutionState.SUCCESS
            assert (await system.jobs.output(finished.runs[-1]))["rows"] == [{"id": 7}]
    assert web.seen[0].target == "/v1/orders?page=3"


async def test_settings_that_mean_nothing_are_refused_at_the_start(tmp_path: Path) -> None:
    odd = Settings(data_dir=tmp_path, network=NetworkSettings(allow=["10.0.0.1/8"]))
    with pytest.raises(Refused, match=r"network\.allow"):
        async with embedded(odd):
            pass
    with pytest.raises(Refused, match="connection 'erp'"):
        async with embedded(settings(tmp_path, erp="https://u:hunter22@a.example/")):
            pass


@pytest.mark.requirement("H5.5")
async def test_a_circuit_that_opened_can_be_seen_and_is_forgotten_with_the_process(tmp_path: Path) -> None:
    async with serving(always(response(status="503 Service Unavailable"))) as web:
        chosen = settings(tmp_path, erp=web.url("/v1"), db="sqlite:///x.db")
        async with embedded(chosen) as system:
            stored, _ = await system.jobs.apply(JOB)
            first = await system.jobs.run(stored, given={"page": 3})
            second = await system.jobs.run(stored, given={"page": 3})
            codes = [run.execution.failure.code for run in (first, second) if run.execution.failure]
            assert codes[1] == "circuit_open"
            assert len(web.seen) == 1

            async def opened() -> bool:
                return bool(await system.storage.circuits.all())

            await eventually(opened)
            [(circuit, _)] = await system.storage.circuits.all()
            assert (circuit.target, circuit.state.value) == (f"http 127.0.0.1:{web.port}", "open")
    async with embedded(chosen) as system:
        assert await system.storage.circuits.all() == []
