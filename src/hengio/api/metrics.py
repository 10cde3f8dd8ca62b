"""`/metrics`: the numbers of the running parts, in the text format of Prometheus (H9.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from hengio import alerts
from hengio.sandbox.protocol import Sandbox
from hengio.sandbox.statistics import SandboxStatistics
from hengio.scheduler.statistics import LATENESS_SECONDS, FireStatistics
from hengio.service.auditing import EndTeller
from hengio.service.canaries import CanaryStatistics


class SandboxCollector(Collector):
    """The sandbox's statistics as metrics, read when they are asked for."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def collect(self) -> Iterator[Metric]:
        return families(self._sandbox.statistics())


class FireCollector(Collector):
    """What the scheduler of this process decided, read when it is asked for."""

    def __init__(self, fires: FireStatistics) -> None:
        self._fires = fires

    def collect(self) -> Iterator[Metric]:
        return fire_families(self._fires)


class WebhookCollector(Collector):
    """How calls of webhooks were answered, by result."""

    def __init__(self, results: Mapping[str, int]) -> None:
        self._results = results

    def collect(self) -> Iterator[Metric]:
        yield webhook_family(self._results)


class ModuleCollector(Collector):
    """Security alerts, and canaries that were taken away, read when they are asked for."""

    def __init__(self, canaries: CanaryStatistics) -> None:
        self._canaries = canaries

    def collect(self) -> Iterator[Metric]:
        return module_families(alerts.counts(), self._canaries)


class AuditCollector(Collector):
    """Where the audit log's chain ends, as this process knows."""

    def __init__(self, end: EndTeller) -> None:
        self._end = end

    def collect(self) -> Iterator[Metric]:
        yield audit_family(self._end.sequence)


class Metrics:
    """Everything `/metrics` shows."""

    def __init__(
        self,
        sandbox: Sandbox,
        fires: FireStatistics,
        webhook_results: Mapping[str, int],
        canaries: CanaryStatistics,
        *,
        audit: EndTeller | None = None,
    ) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(ModuleCollector(canaries))
        self._registry.register(SandboxCollector(sandbox))
        self._registry.register(FireCollector(fires))
        self._registry.register(WebhookCollector(webhook_results))
        if audit is not None:
            self._registry.register(AuditCollector(audit))

    def text(self) -> bytes:
        """All of it, as of now."""
        return generate_latest(self._registry)


def families(now: SandboxStatistics) -> Iterator[Metric]:
    """The metrics that a sandbox's statistics make."""
    yield from _cache(now)
    yield from _artefacts(now)
    for name, text, values in (
        ("guest_runs", "Runs of guests, by the tier of their code", now.calls),
        ("module_compilations", "Binaries compiled, by tier", now.compilations),
        ("module_compile_seconds", "Wall clock spent compiling, by tier", now.compile_seconds),
    ):
        yield _by_tier(name, text, values)


def fire_families(now: FireStatistics) -> Iterator[Metric]:
    """The metrics that the scheduler's statistics make."""
    fires = CounterMetricFamily("hengio_fires", "Rows written to the fire ledger", labels=("state", "reason"))
    for labels, count in sorted(now.fires.items()):
        fires.add_metric(labels, count)
    yield fires
    lateness = HistogramMetricFamily("hengio_fire_lateness_seconds", "From a nominal time until its fire was durable")
    bounds = [*(str(bound) for bound in LATENESS_SECONDS), "+Inf"]
    lateness.add_metric([], [*zip(bounds, accumulate(now.lateness), strict=True)], now.lateness_seconds)
    yield lateness
    yield CounterMetricFamily("hengio_schedules_stopped", "Schedules that were stopped: an alarm each", now.stopped)
    gauges = (
        ("without_next", "Schedules that may fire and have no next time, though they have not finished"),
        ("overdue", "Schedules whose time has come more than a minute ago, and nobody decided"),
    )
    for name, text in gauges:
        yield GaugeMetricFamily(f"hengio_schedules_{name}", text, getattr(now, name))


def webhook_family(results: Mapping[str, int]) -> Metric:
    """The metric that counts of answers make."""
    family = CounterMetricFamily("hengio_webhook_requests", "Calls of webhooks, by how they ended", labels=("result",))
    for result, value in sorted(results.items()):
        family.add_metric((result,), value)
    return family


def module_families(raised: Mapping[str, int], canaries: CanaryStatistics) -> Iterator[Metric]:
    """The metrics that alerts and canaries make."""
    family = CounterMetricFamily("hengio_security_alerts", "Security alerts, by kind", labels=("kind",))
    for kind, count in sorted(raised.items()):
        family.add_metric((kind,), count)
    yield family
    text = "Canaries that were taken away because they failed too often"
    yield CounterMetricFamily("hengio_canary_rollbacks", text, canaries.rolled_back)


def audit_family(sequence: int) -> Metric:
    """The metric that the number of the last entry makes."""
    return GaugeMetricFamily("hengio_audit_sequence", "Number of the last entry of the audit log", sequence)


def _cache(now: SandboxStatistics) -> Iterator[Metric]:
    counts = (
        ("hits", "Calls whose module was in memory", now.cache_hits),
        ("misses", "Calls whose module was not in memory", now.cache_misses),
        ("evictions", "Modules that left memory because its limits were reached", now.cache_evictions),
    )
    for name, text, value in counts:
        yield CounterMetricFamily(f"hengio_module_cache_{name}", text, value)
    yield GaugeMetricFamily("hengio_module_cache_modules", "Modules in memory", now.modules)
    yield GaugeMetricFamily("hengio_module_cache_bytes", "Bytes of the modules in memory", now.bytes)


def _artefacts(now: SandboxStatistics) -> Iterator[Metric]:
    counts = (
        ("hits", "Compiled code that was kept and loaded", now.artefact_hits),
        ("misses", "Code that was compiled because none was kept", now.artefact_misses),
        ("refused", "Kept code that this installation did not make: a security alert each", now.artefacts_refused),
    )
    for name, text, value in counts:
        yield CounterMetricFamily(f"hengio_artefact_{name}", text, value)


def _by_tier(name: str, text: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(f"hengio_{name}", text, labels=("tier",))
    for tier, value in sorted(values.items()):
        family.add_metric((tier,), value)
    return family
