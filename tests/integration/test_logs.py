"""What a running system writes to its structured log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import wasmtime

from hengio import log
from hengio.settings import Settings
from hengio.wiring.embedded import embedded

LOGS_AND_ENDS = """
(module
  (import "hengio_v1" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "so far so good")
  (data (i32.const 64) "{\\"message\\": \\"row\\", \\"number\\": 7}")
  (data (i32.const 128) "null")
  (func (export "hengio_alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "run") (param i32 i32) (result i64)
    (call $log (i32.const 2) (i32.const 16) (i32.const 14))
    (call $log (i32.const 1) (i32.const 64) (i32.const 31))
    (i64.or (i64.shl (i64.const 128) (i64.const 32)) (i64.const 4))))
"""


@pytest.mark.requirement("R5.1", "H4.5", "H9.1")
async def test_module_lines_and_ends_are_json_lines_with_the_ids_of_job_execution_and_step(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log.configure(level="info", style="json")
    async with embedded(Settings(data_dir=tmp_path)) as system:
        await system.modules.register("talker", "1.0.0", bytes(wasmtime.wat2wasm(LOGS_AND_ENDS)))
        stored, _ = await system.jobs.apply(
            {"name": "talk", "steps": [{"id": "say", "type": "wasm", "config": {"module_id": "talker"}}]}
        )
        finished = await system.jobs.run(stored)
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    said, row, ended = lines
    ids = {"execution_id": finished.execution.id, "job_id": stored.id}
    assert ids.items() <= said.items() and ids.items() <= ended.items()
    assert (said["level"], said["event"], said["step_id"], said["area"]) == (
        "warning",
        "so far so good",
        "say",
        "module",
    )
    assert row["fields"]["number"] == 7
    assert (ended["event"], ended["state"]) == ("execution_finished", "success")
