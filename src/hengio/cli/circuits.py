"""`hengio circuit list`."""

from __future__ import annotations

from pathlib import Path

from hengio.cli import tables
from hengio.cli.jobs import at_desk
from hengio.cli.present import print_json
from hengio.cli.when import shown
from hengio.clock import to_iso


def list_circuits(*, data_dir: Path | None, as_json: bool) -> int:
    """Circuits that are not closed, as each worker last told them."""
    found = at_desk(lambda desk: desk.storage.circuits.all(), data_dir=data_dir)
    if as_json:
        print_json(
            [
                {
                    "target": circuit.target,
                    "state": circuit.state.value,
                    "failures": circuit.failures,
                    "changed_at": to_iso(circuit.changed_at),
                    "reason": circuit.reason,
                    "worker": worker,
                }
                for circuit, worker in found
            ]
        )
        return 0
    rows = [
        (circuit.target, circuit.state.value, f"{circuit.failures}", shown(circuit.changed_at), worker, circuit.reason)
        for circuit, worker in found
    ]
    tables.show(("target", "state", "failures", "since (UTC)", "worker", "reason"), rows, none="all targets are asked")
    return 0
