"""The wasm step, where its configuration leads nowhere."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hengio import codec
from hengio.clock import to_iso
from hengio.model.call import CallFilter
from hengio.model.event import Event
from hengio.model.execution import StepStatus
from hengio.model.outcome import Failure
from hengio.settings import SandboxSettings, Settings
from hengio.wiring.embedded import embedded
from tests.support.guests import ECHO, SPIN, entry, reactor

SAYS_AND_SPINS = reactor(
    entry("(call $log (i32.const 1) (i32.const 0) (i32.const 1))" + SPIN),
    imports='(import "hengio_v1" "log" (func $log (param i32 i32 i32)))',
)
SLOW = reactor("(func (local $i i32)" + "(loop (br_if 0 (local.tee $i (i32.const 0))))" * 7_000 + ")" + entry(ECHO))
"""On this Cranelift works for a second."""


async def failure(
    folder: Path, config: dict[str, Any], *, sandbox: SandboxSettings | None = None, **step: Any
) -> Failure:
    """How a step of this configuration fails, where the modules `echo` and `spin` are registered."""
    job = {"name": "j", "max_retries": 0, "steps": [{"id": "a", "type": "wasm", "config": config, **step}]}
    async with embedded(Settings(data_dir=folder, sandbox=sandbox or SandboxSettings())) as system:
        await system.modules.register("echo", "1.0.0", reactor(entry(ECHO)))
        await system.modules.register("spin", "1.0.0", reactor(entry(SPIN)))
        stored, _ = await system.jobs.apply(job)
        finished = await system.jobs.run(stored, given={"module": "echo@^^1", "rows": {}})
    found = finished.runs[0].failure
    assert found is not None
    return found


@pytest.mark.requirement("H3.12")
async def test_a_template_without_a_value_is_told_with_its_place(tmp_path: Path) -> None:
    config = {"module_id": "echo", "input": {"first": ["{{input.rows.first.id}}"]}}
    found = await failure(tmp_path, config)
    assert found.message.endswith("there is no `first` (`input.rows.first.id` in `config.input.first[0]`)")


async def test_a_reference_that_a_template_makes_must_have_one_of_the_forms(tmp_path: Path) -> None:
    found = await failure(tmp_path, {"module_id": "{{input.module}}"})
    assert found.message == "'echo@^^1' does not name a module"
    assert "`name@^1.2`" in found.details["hint"]


@pytest.mark.requirement("R3.3", "R8.1", "R8.5", "H4.5")
async def test_a_step_that_ends_while_its_module_is_compiled_is_logged_as_a_call_of_it(tmp_path: Path) -> None:
    config = {"module_id": "slow"}
    step = {"id": "a", "type": "wasm", "config": config, "timeout_seconds": 0.4}
    settings = Settings(data_dir=tmp_path, sandbox=SandboxSettings(tiers="optimized", artefacts_mb=0))
    async with embedded(settings) as system:
        module = await system.modules.register("slow", "1.0.0", SLOW)
        await system.sandbox.prepared(module.digest)
    async with embedded(settings) as system:
        stored, _ = await system.jobs.apply({"name": "j", "max_retries": 0, "steps": [step]})
        await system.jobs.run(stored, given={})
        (call,) = await system.storage.calls.find(CallFilter(module_ids=(module.id,)), limit=5)
    assert (call.outcome, call.failure) == ("timed_out", Failure("timed_out", "the module was not compiled in time"))


@pytest.mark.requirement("R3.3")
async def test_no_step_runs_a_module_longer_than_an_administrator_allows(tmp_path: Path) -> None:
    sandbox = SandboxSettings(timeout_ceiling_seconds=0.2)
    config = {"module_id": "spin", "fuel_limit": 10**11}
    found = await failure(tmp_path, config, sandbox=sandbox, timeout_seconds=60)
    assert (found.code, found.message) == ("timed_out", "the call took longer than 0.2 s")


@pytest.mark.requirement("R3.3")
async def test_a_call_that_the_steps_time_ended_says_so(tmp_path: Path) -> None:
    found = await failure(tmp_path, {"module_id": "spin", "fuel_limit": 10**11}, timeout_seconds=0.5)
    assert found.code == "timed_out"
    assert found.message.startswith("the step, or the job, had no more time: the call was ended after 0.")


@pytest.mark.requirement("R3.1", "R3.2", "R3.3", "H4.5")
@pytest.mark.parametrize(
    ("field", "setting"),
    [
        ("fuel_limit", "fuel_ceiling"),
        ("timeout_seconds", "timeout_ceiling_seconds"),
        ("memory_limit_mb", "memory_ceiling_mb"),
    ],
)
async def test_a_limit_over_its_ceiling_is_refused_with_the_setting(tmp_path: Path, field: str, setting: str) -> None:
    found = await failure(tmp_path, {"module_id": "echo", field: 21}, sandbox=SandboxSettings(**{setting: 20}))
    assert found.message.startswith(f"{field} asks for 21")
    assert f"the setting sandbox.{setting}" in found.details["hint"]


@pytest.mark.requirement("R13.5", "R8.1", "H4.5", "H5.7")
@pytest.mark.parametrize("beside", [(), ("other",)], ids=["alone", "in a branch"])
async def test_a_step_that_is_cancelled_keeps_its_log_and_what_it_used(tmp_path: Path, beside: tuple[str, ...]) -> None:
    branches = [{"id": name, "type": "wasm", "config": {"module_id": "talker"}} for name in ("a", *beside)]
    echo = {"module_id": "echo", "input": {"next_steps": ["a", *beside]}}
    steps = [{"id": "root", "type": "wasm", "config": echo, "next": ["a", *beside]}, *branches]
    async with embedded(Settings(data_dir=tmp_path)) as system:
        module = await system.modules.register("talker", "1.0.0", SAYS_AND_SPINS)
        await system.modules.register("echo", "1.0.0", reactor(entry(ECHO)))
        stored, _ = await system.jobs.apply({"name": "j", "steps": steps})
        heard = 0

        def hear(event: Event) -> None:
            nonlocal heard
            heard += event.type == "step.log"
            if heard == len(branches):
                cancels.append(asyncio.ensure_future(system.executions.cancel(event.execution_id, by="me")))
                heard = 0

        cancels: list[asyncio.Future[Any]] = []
        finished = await system.jobs.run(stored, given={}, on_event=hear)
        await asyncio.gather(*cancels)
        calls = await system.storage.calls.find(CallFilter(module_ids=(module.id,), outcomes=("cancelled",)), limit=5)
    runs = [run for run in finished.runs if run.step_id != "root"]
    details = [codec.decode(run.detail) for run in runs if run.detail is not None]
    assert [run.status for run in runs] == [StepStatus.CANCELLED] * len(branches)
    for run, detail in zip(runs, details, strict=True):
        assert to_iso(run.started_at) <= detail["logs"][0]["at"] <= to_iso(run.completed_at)
    assert [(len(detail["logs"]), detail["fuel_used"] > 0) for detail in details] == [(1, True)] * len(branches)
    assert len(calls) == len(branches)
