"""Fixtures for every test: real servers, started at most once in a run and only when a test asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.servers import MysqlServer, PostgresServer, S3Server, mysql_server, postgres_server, s3_server

pytest_plugins = ["tests.support.trace"]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Commands keep compiled code in a folder of this run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HENGIO_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", name="postgres_server")
def _postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL on which databases may be created."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL (`postgresql://…`) of a fresh, empty database that is gone after the test."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(scope="session", name="mysql_server")
def _mysql_server() -> Iterator[MysqlServer]:
    """A MariaDB or MySQL on which databases may be created."""
    with mysql_server() as server:
        yield server


@pytest.fixture
def mysql_url(mysql_server: MysqlServer) -> Iterator[str]:
    """The URL (`mysql://…`) of a fresh, empty database that is gone after the test."""
    url = mysql_server.create_database()
    yield url
    mysql_server.drop_database(url)


@pytest.fixture(scope="session", name="s3_server")
def _s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server with one bucket."""
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server
