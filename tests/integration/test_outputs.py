"""Outputs that are too large for a row, and an object store that is away when they come."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hengio import log
from hengio.model.execution import ExecutionState
from hengio.settings import Settings
from hengio.wiring.embedded import embedded

ROWS = "name,note\n" + "".join(f"person {number},{'x' * 40}\n" for number in range(2_000))
READ = {
    "name": "large",
    "max_retries": 0,
    "steps": [
        {
            "id": "read",
            "type": "file_processing",
            "config": {"operation": "read", "path": "people.csv", "format": "csv"},
        }
    ],
}


@pytest.mark.requirement("H5.2", "R13.4")
async def test_a_large_output_waits_for_a_store_that_is_away_and_its_step_is_not_run_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log.configure(level="warning", style="json")
    async with embedded(Settings(data_dir=tmp_path)) as system:
        await system.areas.files.put("people.csv", ROWS.encode())
        stored, _ = await system.jobs.apply(READ)
        outputs, aside = tmp_path / "objects" / "outputs", tmp_path / "aside"
        outputs.rename(aside)
        outputs.write_text("something else is in the way")
        running = asyncio.create_task(system.jobs.run(stored))
        said = ""
        async with asyncio.timeout(20):
            while "output_waits" not in said:
                await asyncio.sleep(0.05)
                said += "".join(capfd.readouterr())
        assert not running.done()
        outputs.unlink()
        aside.rename(outputs)
        finished = await running
        assert finished.execution.state is ExecutionState.SUCCESS
        assert [(run.step_id, run.attempt) for run in finished.runs] == [("read", 1)]
        output = await system.jobs.output(finished.runs[0])
    assert finished.runs[0].output_digest is not None
    assert output["row_count"] == 2_000
