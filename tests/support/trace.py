"""Records, as a pytest plugin, which test showed which acceptance criterion, in `reports/requirements.json`.

A test that names a criterion that does not exist stops the run before it begins.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from tests.support.criteria import ROOT, known_ids

REPORT = ROOT / "reports" / "requirements.json"
Result = Literal["passed", "failed", "skipped"]


@dataclass(slots=True)
class Record:
    """The last result of each test that names criteria. `complete_at` is when every test last began to run (Unix time);
    results of single tests may be newer."""

    complete_at: float = 0.0
    criteria: dict[str, list[str]] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)

    def forget_others(self, tests: set[str]) -> None:
        """Drop the tests that are not among these."""
        self.criteria = {test: ids for test, ids in self.criteria.items() if test in tests}
        self.results = {test: result for test, result in self.results.items() if test in tests}

    def showing(self) -> Iterator[tuple[str, str, Result]]:
        """Criterion, test and result, for every pair."""
        for test, ids in self.criteria.items():
            for criterion in ids:
                yield criterion, test, self.results.get(test, "skipped")


def read(path: Path = REPORT) -> Record:
    """The record, empty when there is none."""
    try:
        return Record(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return Record()


def write(record: Record, path: Path = REPORT) -> None:
    """Keep the record for the next run and for `make requirements`."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(asdict(record), indent=1, sort_keys=True) + "\n", encoding="utf-8")


class Trace:
    """Follows one test run."""

    def __init__(self, config: pytest.Config) -> None:
        self._began = time.time()
        self._complete = config.args_source is not pytest.Config.ArgsSource.ARGS
        self._criteria: dict[str, list[str]] = {}
        self._results: dict[str, Result] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        known = known_ids()
        for item in items:
            ids = [name for mark in item.iter_markers("requirement") for name in mark.args]
            if unknown := sorted({*ids} - known):
                raise pytest.UsageError(f"{item.nodeid} names {', '.join(unknown)}, not in docs/requirements.toml")
            if ids:
                self._criteria[item.nodeid] = sorted({*ids})

    def pytest_deselected(self) -> None:
        self._complete = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.nodeid in self._criteria and (report.when == "call" or report.outcome != "passed"):
            self._results[report.nodeid] = report.outcome

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if session.config.option.collectonly or session.config.option.help:
            return
        ended_well = session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
        record = read()
        cut_short = session.shouldstop or session.shouldfail
        if self._complete and ended_well and not cut_short:
            record.forget_others(set(self._criteria))
            record.complete_at = self._began
        ran = {test: ids for test, ids in self._criteria.items() if test in self._results}
        record.criteria.update(ran)
        record.results.update(self._results)
        write(record)


def pytest_configure(config: pytest.Config) -> None:
    """Called by pytest."""
    config.pluginmanager.register(Trace(config), "requirements-trace")
