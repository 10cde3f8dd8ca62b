"""What `/metrics` says of a sandbox that worked."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hengio.api.metrics import Metrics
from tests.support.artefacts import ONE, answers, folder, keeping, ready


@pytest.mark.requirement("H9")
async def test_the_numbers_are_those_of_the_sandbox(tmp_path: Path) -> None:
    async with keeping(folder(tmp_path), tiers="both") as sandbox:
        await answers(sandbox, ONE, 1)
        await ready(sandbox, ONE)
        await answers(sandbox, ONE, 1)
        text, now = Metrics(sandbox).text().decode(), sandbox.statistics()
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
