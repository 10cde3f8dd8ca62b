"""The servers of the tests themselves: real, separate for each test, and gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import psutil
import pytest

from tests.support.servers import PostgresServer

KEEPER = """
from tests.support.servers import postgres_server
with postgres_server() as server:
    print(server.child.pid, server.child.log.parent, flush=True)
    input()
"""


async def test_each_test_has_a_postgresql_database_of_its_own(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    other = postgres_server.create_database()
    for url in (postgres_url, other):
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE TABLE only_here (id int)")
        await connection.close()
    postgres_server.drop_database(other)
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(other)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
@pytest.mark.skipif("HENGIO_TEST_POSTGRES_URL" in os.environ, reason="the server is not started by the tests")
def test_a_server_ends_with_its_test_run_even_if_that_is_killed() -> None:
    keeper = subprocess.Popen(
        [sys.executable, "-c", KEEPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert keeper.stdout is not None
    pid, folder = keeper.stdout.readline().split()
    server = psutil.Process(int(pid))
    keeper.send_signal(signal.SIGKILL)
    keeper.communicate()
    deadline = time.monotonic() + 30
    while server.is_running() and server.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
    shutil.rmtree(folder)
