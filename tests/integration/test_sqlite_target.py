"""SQLite behind a connection: its files stay in their folder, and no statement leaves the one file."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hengio.errors import NotFound, Refused, Unavailable
from hengio.targets.databases import Databases
from hengio.targets.reply import SqlError


@pytest.fixture
async def databases(tmp_path: Path) -> AsyncIterator[Databases]:
    opened = Databases({"db": "sqlite:///test.db"}, folder=tmp_path / "databases")
    await opened.execute("db", "CREATE TABLE goods (id INTEGER PRIMARY KEY, name TEXT)")
    await opened.execute("db", "INSERT INTO goods VALUES (1, 'kept')")
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    "url",
    [
        *("sqlite:////etc/passwd", "sqlite:///../other.db", "sqlite:///a/../../b.db", "sqlite:///a/b.db", "sqlite://"),
        *("sqlite:///", "sqlite:///:memory:", "sqlite:///file:x.db", "sqlite:///x.db?mode=memory", "sqlite:///..db"),
        *("sqlite:x.db", "sqlite:///x\0.db", "sqlite:///%2e%2e%2fx.db", "sqlite:///.hidden", "sqlite:///a\\b.db"),
    ],
    ids=ascii,
)
def test_a_url_names_a_file_of_the_folder_or_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(Refused, match="'db' does not name a file"):
        Databases({"db": url}, folder=tmp_path)


def test_an_unknown_kind_of_database_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="unknown scheme 'mssql'") as caught:
        Databases({"shop": "mssql://root:hunter22@host/shop"}, folder=tmp_path)
    assert "sqlite:///" in caught.value.hint
    assert "postgresql://" in caught.value.hint
    assert "hunter22" not in str(caught.value)


async def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.db"
    sqlite3.connect(outside).close()
    (tmp_path / "databases").mkdir()
    (tmp_path / "databases" / "test.db").symlink_to(outside)
    databases = Databases({"db": "sqlite:///test.db"}, folder=tmp_path / "databases")
    with pytest.raises(Refused, match="symbolic link"):
        await databases.execute("db", "SELECT 1")
    await databases.close()


ATTACKS = [
    "ATTACH DATABASE '{outside}' AS other",
    "ATTACH DATABASE 'file:{outside}?mode=rwc' AS other",
    "DETACH DATABASE main",
    "VACUUM",
    "VACUUM INTO '{outside}'",
    "PRAGMA query_only = 0",
    "PRAGMA writable_schema = 1",
    "PRAGMA journal_mode = OFF",
    "PRAGMA database_list",
    "PRAGMA temp_store_directory = '{outside}'",
    "PRAGMA trusted_schema = 1",
    "SELECT * FROM pragma_database_list",
    "SELECT load_extension('{outside}')",
    "SELECT writefile('{outside}', 'x')",
    "SELECT readfile('/etc/passwd')",
    "SELECT fts3_tokenizer('simple')",
    "CREATE VIRTUAL TABLE temp.t USING csv(filename='/etc/passwd')",
    "SAVEPOINT s",
    "RELEASE s",
    "COMMIT",
    "ROLLBACK",
    "BEGIN",
]


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("attack", ATTACKS)
async def test_no_statement_reaches_beyond_the_file(
    databases: Databases, tmp_path: Path, attack: str, read_only: bool
) -> None:
    outside = tmp_path / "outside.db"
    with pytest.raises(SqlError):
        await databases.execute("db", attack.format(outside=outside), read_only=read_only)
    assert not outside.exists()
    assert os.listdir(tmp_path) == ["databases"]  # noqa: PTH208


async def test_the_harmless_pragmas_are_open(databases: Databases) -> None:
    reply = await databases.execute("db", "PRAGMA table_info(goods)", read_only=True)
    assert [row["name"] for row in reply.rows] == ["id", "name"]


async def test_nothing_of_one_call_reaches_the_next(databases: Databases) -> None:
    await databases.execute("db", "CREATE TEMP TABLE mine (a)")
    with pytest.raises(SqlError, match="no such table"):
        await databases.execute("db", "SELECT * FROM mine")


async def test_reading_a_database_that_does_not_exist_makes_none(tmp_path: Path) -> None:
    databases = Databases({"db": "sqlite:///test.db"}, folder=tmp_path)
    with pytest.raises(NotFound, match="does not exist yet"):
        await databases.execute("db", "SELECT 1", read_only=True)
    assert os.listdir(tmp_path) == []  # noqa: PTH208
    await databases.close()


async def test_a_locked_file_is_unavailable_and_not_wrong(databases: Databases, tmp_path: Path) -> None:
    holding, release = threading.Event(), threading.Event()

    def hold() -> None:
        other = sqlite3.connect(tmp_path / "databases" / "test.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        holding.set()
        release.wait(60)
        other.close()

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait(60)
    try:
        with pytest.raises(Unavailable, match="locked"):
            await databases.execute("db", "DELETE FROM goods", timeout_seconds=0.3)
    finally:
        release.set()
        thread.join()
    assert (await databases.execute("db", "DELETE FROM goods")).affected_rows == 1


async def test_a_value_of_gigabytes_is_refused(databases: Databases) -> None:
    with pytest.raises(SqlError, match="too big"):
        await databases.execute("db", "SELECT length(zeroblob(1000000000))")
    with pytest.raises(SqlError, match="does not fit"):
        await databases.execute("db", "SELECT :n", parameters={"n": 2**64})


async def test_a_file_that_is_no_database_is_named_so(tmp_path: Path) -> None:
    (tmp_path / "test.db").write_bytes(b"not a database" * 100)
    databases = Databases({"db": "sqlite:///test.db"}, folder=tmp_path)
    with pytest.raises(SqlError, match="not a database"):
        await databases.execute("db", "SELECT 1 FROM x")
    await databases.close()
