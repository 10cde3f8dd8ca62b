"""What `/metrics` says of a sandbox that worked."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hengio.api.metrics import Metrics
from hengio.clock import SECOND
from hengio.model.fire import Fire, FireState
from hengio.scheduler.statistics import FireStatistics
from hengio.service.canaries import CanaryStatistics
from hengio.storage.schedules import Decided, Decision
from tests.support.artefacts import ONE, answers, folder, keeping, ready


@pytest.mark.requirement("H9")
async def test_the_numbers_are_those_of_the_sandbox(tmp_path: Path) -> None:
    async with keeping(folder(tmp_path), tiers="both") as sandbox:
        await answers(sandbox, ONE, 1)
        await ready(sandbox, ONE)
        await answers(sandbox, ONE, 1)
        text, now = Metrics(sandbox, FireStatistics(), {}, CanaryStatistics()).text().decode(), sandbox.statistics()
    shown = {
        (sample.name, sample.labels.get("tier")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert shown["hengio_module_cache_hits_total", None] == now.cache_hits == 1
    assert shown["hengio_module_cache_misses_total", None] == now.cache_misses == 1
    assert shown["hengio_module_cache_modules", None] == 1
    assert shown["hengio_module_cache_bytes", None] == now.bytes
    assert shown["hengio_artefact_misses_total", None] == now.artefact_misses == 2
    for tier in ("baseline", "optimized"):
        assert shown["hengio_guest_runs_total", tier] == 1
        assert shown["hengio_module_compilations_total", tier] == 1
        assert shown["hengio_module_compile_seconds_total", tier] == now.compile_seconds[tier]


@pytest.mark.requirement("H9")
async def test_what_the_scheduler_decided_is_counted_with_how_late_it_was(tmp_path: Path) -> None:
    fires = FireStatistics()
    times = ((FireState.FIRED, None, 0), (FireState.FIRED, None, 3), (FireState.SKIPPED, "overlap", 0))
    rows = tuple(
        Fire(job_id="j", job_version=1, nominal_time=late * SECOND, state=state, decided_at=0, reason=reason)
        for state, reason, late in times
    )
    decision = Decision(job_id="j", fires=rows, anchor=0, decided_until=0, next_at=None, problem="why")
    fires.count(Decided((decision,), ()), at=3 * SECOND)
    async with keeping(folder(tmp_path)) as sandbox:
        text = Metrics(sandbox, fires, {}, CanaryStatistics()).text().decode()
    shown = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert (shown["hengio_fires_total", "", "fired"], shown["hengio_fires_total", "overlap", "skipped"]) == (2, 1)
    assert shown["hengio_fire_lateness_seconds_bucket", "2.5"] == 1
    assert shown["hengio_fire_lateness_seconds_bucket", "+Inf"] == shown["hengio_fire_lateness_seconds_count",] == 2
    assert shown["hengio_fire_lateness_seconds_sum",] == 3
    assert shown["hengio_schedules_stopped_total",] == 1
