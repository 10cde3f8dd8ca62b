"""SFTP steps among the others of a job, with a connection of the settings."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from hengio.model.execution import ExecutionState
from hengio.settings import Settings
from hengio.wiring.embedded import embedded
from tests.support.sftp import PASSWORD, USER, peer

JOB = {
    "name": "exchange",
    "steps": [
        {
            "id": "fetch",
            "type": "sftp",
            "config": {
                "operation": "download",
                "connection": "bank",
                "remote_path": "out",
                "options": {"wildcard_pattern": "*.csv"},
            },
        },
        {
            "id": "read",
            "type": "file_processing",
            "config": {"operation": "read", "path": "{{steps.fetch.output.files[0].path}}", "format": "csv"},
        },
        {
            "id": "write",
            "type": "file_processing",
            "config": {
                "operation": "write",
                "path": "báo cáo.xlsx",
                "format": "xlsx",
                "data_source": "{{steps.read.output.data}}",
            },
        },
        {
            "id": "put",
            "type": "sftp",
            "config": {
                "operation": "upload",
                "connection": "bank",
                "local_path": "{{steps.write.output.path}}",
                "remote_path": "in/{{input.day}}/",
                "options": {"create_directories": True},
            },
        },
    ],
}


@pytest.mark.requirement("H4.4", "R13.2")
async def test_a_job_fetches_changes_and_puts_files(tmp_path: Path) -> None:
    async with peer(tmp_path / "server") as server:
        server.write("out/a.csv", b"name,count\nx,1\n")
        key = quote(server.host_key, safe="")
        url = f"sftp://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}?host_key={key}"
        settings = Settings(data_dir=tmp_path / "data", connections={"bank": SecretStr(url)})
        async with embedded(settings) as system:
            stored, report = await system.jobs.apply(JOB)
            assert report.warnings == ()
            finished = await system.jobs.run(stored, given={"day": "2026-11-25"})
        assert finished.execution.state is ExecutionState.SUCCESS, finished
        assert server.names() == ["in/2026-11-25/báo cáo.xlsx", "out/a.csv"]
