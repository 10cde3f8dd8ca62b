"""`hengio job run` beside a server: it watches what the server does."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.test_cli import SPIN, guest, hengio, states, write
from tests.support.processes import serving_hengio


@pytest.mark.requirement("H11.5")
def test_who_stops_watching_a_server_is_told_that_it_goes_on_and_how_to_go_on(tmp_path: Path) -> None:
    module = guest(tmp_path / "spin.wasm", "(loop (br 0)) (i64.const 0)")
    data = tmp_path / "data"
    assert hengio("module", "register", f"spin={module}", "--data-dir", data).returncode == 0
    arguments = ["job", "run", write(tmp_path / "job.json", SPIN), "--data-dir", data]
    with serving_hengio(data, {}):
        for more in ((), ("--json",)):
            command = [sys.executable, "-u", "-m", "hengio", *map(str, (*arguments, *more))]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                query = "SELECT id FROM executions WHERE state = 'running'"
                while not (found := states(data / "hengio.db", query)):
                    assert process.poll() is None
                    time.sleep(0.02)
                time.sleep(0.5)  # until it is watched
                process.send_signal(signal.SIGINT)
                shown, _ = process.communicate(timeout=30)
            [(execution_id,)] = found
            assert process.returncode == 130
            assert str(execution_id) in shown.decode()
            if not more:
                assert "hengio execution cancel" in shown.decode()
                assert "running" in shown.decode()
            hengio("execution", "cancel", str(execution_id), "--data-dir", data)
            while states(data / "hengio.db", query):
                time.sleep(0.02)
