"""The work on Hengio, embedded in one process, on SQLite or PostgreSQL; every step is a call of a sandboxed module."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import wasmtime
from pydantic import SecretStr

from benchmarks.work import LONG_STEPS, PAYLOAD, STEPS, Stopwatch, Task, Told, resident, task, tell
from hengio import log
from hengio.model.execution import ExecutionFilter, ExecutionState
from hengio.settings import SandboxSettings, Settings, WorkerSettings
from hengio.storage.protocol import StoredJob
from hengio.wiring import process
from hengio.wiring.embedded import System, embedded

AT_ONCE = 256
BLOCKED = 2
HOLD_SECONDS = 600
TOGETHER = 100
"""Jobs that are asked for at once while others wait."""
LOOKED_SECONDS = 3.0
"""By then the reconciler has looked at what waits."""
LONGEST_LOOK = 0.5
LOOK_AGAIN = 1 / 5_000
"""Seconds to wait for each job that is left before it is asked again whether any is: asking costs a query over them."""

ECHO = """
(module (memory (export "memory") 2) (global $next (mut i32) (i32.const 1024))
  (func (export "hengio_alloc") (param $n i32) (result i32) (local $p i32)
    (local.set $p (global.get $next)) (global.set $next (i32.add (global.get $next) (local.get $n))) (local.get $p))
  (func (export "run") (param i32 i32) (result i64)
    (i64.or (i64.shl (i64.extend_i32_u (local.get 0)) (i64.const 32)) (i64.extend_i32_u (local.get 1)))))
"""
SLEEP = f"""
(module (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.store (i32.const 16) (i32.const 1)) (i64.store (i32.const 24) (i64.const {HOLD_SECONDS * 10**9}))
    (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))
"""


def definition(name: str, steps: int) -> dict[str, Any]:
    """A job whose steps hand their input on, all through the sandbox."""
    passed = ["{{input}}", *(f"{{{{steps.s{place}.output.input}}}}" for place in range(steps - 1))]
    return {
        "name": name,
        "allow_concurrent": True,
        "steps": [
            {"id": f"s{place}", "type": "wasm", "config": {"module_id": "echo", "input": given}}
            for place, given in enumerate(passed)
        ],
    }


async def main(asked: Task) -> None:
    log.configure(level="error", style="text")
    settings = Settings(
        data_dir=Path(asked.folder),
        database_url=SecretStr(asked.url) if asked.url else None,
        worker=WorkerSettings(at_once=BLOCKED if asked.what == "queued" else AT_ONCE),
        sandbox=SandboxSettings(timeout_ceiling_seconds=HOLD_SECONDS),
    )
    async with embedded(settings) as system:
        await system.modules.register("echo", "1.0.0", bytes(wasmtime.wat2wasm(ECHO)))
        three, _ = await system.jobs.apply(definition("three", STEPS))
        tell(await (_queued if asked.what == "queued" else _speed)(system, three, asked))


async def _speed(system: System, three: StoredJob, asked: Task) -> Told:
    forty, _ = await system.jobs.apply(definition("forty", LONG_STEPS))
    await _all(system, three, asked.jobs // 10)
    watch = Stopwatch(os.getpid(), asked.server)
    await _all(system, three, asked.jobs)
    rate, processor = watch.read(asked.jobs)
    alone = [await _alone(system, three) for _ in range(asked.alone)]
    chains = [await _alone(system, forty) for _ in range(asked.chains)]
    await _check(system)
    return Told(rate, processor, alone, chains)


async def _all(system: System, job: StoredJob, count: int) -> None:
    """Start so many and wait until all are over."""
    await _start(system, job, count)
    while left := await system.storage.executions.unfinished():  # noqa: ASYNC110 - asked from outside, as a user would
        await asyncio.sleep(min(left * LOOK_AGAIN, LONGEST_LOOK))


async def _start(system: System, job: StoredJob, count: int) -> None:
    await asyncio.gather(*(system.jobs.starter.start(job, trigger="manual", given=PAYLOAD) for _ in range(count)))


async def _alone(system: System, job: StoredJob) -> float:
    """Milliseconds from the trigger of one job to the news of its end."""
    began = time.perf_counter()
    with system.events.watch() as watch:
        await system.jobs.starter.start(job, trigger="manual", given=PAYLOAD)
        async for event in watch:
            if event.type == "execution.finished":
                break
    return (time.perf_counter() - began) * 1000


async def _check(system: System) -> None:
    """Nothing is measured that did not work."""
    others = tuple(state for state in ExecutionState if state is not ExecutionState.SUCCESS)
    assert not await system.storage.executions.recent(ExecutionFilter(states=others)), "every job succeeded"


async def _queued(system: System, three: StoredJob, asked: Task) -> Told:
    """Some jobs keep the worker, the others wait behind them."""
    await system.modules.register("sleep", "1.0.0", bytes(wasmtime.wat2wasm(SLEEP)))
    config = {"module_id": "sleep", "function_name": "_start", "timeout_seconds": HOLD_SECONDS}
    steps = [{"id": "hold", "type": "wasm", "config": config}]
    hold, _ = await system.jobs.apply({"name": "hold", "allow_concurrent": True, "steps": steps})
    for _ in range(BLOCKED):
        await system.jobs.starter.start(hold, trigger="manual")
    await asyncio.sleep(LOOKED_SECONDS)
    before = resident(os.getpid())
    for _ in range(asked.jobs // TOGETHER):
        await _start(system, three, TOGETHER)
    await asyncio.sleep(LOOKED_SECONDS)
    assert await system.storage.executions.unfinished() == asked.jobs + BLOCKED
    after = resident(os.getpid())
    return Told(megabytes=after, grown=after - before)


if __name__ == "__main__":
    process.run(main(task()))
