"""`python -m benchmarks [--json] [NAME …]`: every benchmark, or those named, as tables and as JSON."""

from __future__ import annotations

import importlib
import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.rows import Row, show

TITLES = {
    "sandbox": "The sandbox: one fresh, limited JSON call",
    "kinds": "Commands, components, recording, processes",
    "artefacts": "The first call of a module in a process",
    "jobs": "Durable jobs, embedded",
    "schedules": "A million schedules, and a thousand at once",
    "sftp": "Files through the SFTP step",
    "files": "Large files: a CSV and a workbook of 100 MB",
    "cli": "Waiting for the program",
}
RESULTS = Path(__file__).parent / "results"


def main(arguments: list[str]) -> int:
    """Run and print; the same figures go to `benchmarks/results/latest.json`. What misses its goal is not an error."""
    as_json = "--json" in arguments
    names = [name for name in arguments if name != "--json"] or list(TITLES)
    measured: dict[str, list[Row]] = {}
    for name in names:
        measured[name] = importlib.import_module(f"benchmarks.{name}").run()
        if not as_json:
            show(TITLES[name], measured[name])
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "figures": {name: [row.as_json() for row in rows] for name, rows in measured.items()},
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if as_json:
        print(json.dumps(document, indent=2, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
