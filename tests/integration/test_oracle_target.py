"""Oracle up to the border of its driver, since no server could be had: who listens, what goes in and what comes out."""

from __future__ import annotations

import asyncio
import datetime
import socket
import struct
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import oracledb
import pytest

from hengio import codec
from hengio.errors import HengioError, Refused, Unavailable
from hengio.targets import procedure
from hengio.targets.databases import Databases
from hengio.targets.oracle import values
from hengio.targets.oracle.fault import translated
from hengio.targets.reply import Busy, SqlError, TimedOut, safe
from tests.support.processes import free_port

Behave = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listener(behave: Behave) -> AsyncIterator[int]:
    """Somebody who listens; the port."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await behave(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


def packet(kind: int, body: bytes) -> bytes:
    return struct.pack(">HHBBH", 8 + len(body), 0, kind, 0, 0) + body


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 50)
    await writer.drain()


async def goodbye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)
    found = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def no_service(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1000)
    words = b"(DESCRIPTION=(TMP=)(VSNNUM=0)(ERR=12514)(ERROR_STACK=(ERROR=(CODE=12514)(EMFI=4))))"
    writer.write(packet(4, bytes([34, 0]) + struct.pack(">H", len(words)) + words))
    await writer.drain()


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(1000):
        pass


def opened(tmp_path: Path, port: int) -> Databases:
    return Databases({"db": f"oracle://bob:hunter22@127.0.0.1:{port}/shop"}, folder=tmp_path)


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize("behave", [garbage, goodbye, reset, no_service])
async def test_a_listener_that_is_no_oracle_is_unavailable(tmp_path: Path, behave: Behave) -> None:
    async with listener(behave) as port:
        databases = opened(tmp_path, port)
        with pytest.raises(Unavailable, match="connection 'db'") as caught:
            await databases.execute("db", "SELECT 1 FROM dual", timeout_seconds=10)
        assert "hunter22" not in f"{caught.value}{caught.value.hint}"
        await databases.close()


@pytest.mark.requirement("H4.2")
async def test_nobody_who_listens_is_unavailable(tmp_path: Path) -> None:
    databases = opened(tmp_path, free_port())
    for _ in range(20):  # more than the sessions there may be
        with pytest.raises(Unavailable):
            await databases.execute("db", "SELECT 1 FROM dual")
    await databases.close()


async def test_a_listener_that_hangs_is_given_up_in_time_and_when_cancelled(tmp_path: Path) -> None:
    async with listener(hang) as port:
        databases = opened(tmp_path, port)
        with pytest.raises(Unavailable):
            await databases.execute("db", "SELECT 1 FROM dual", timeout_seconds=0.3)
        task = asyncio.create_task(databases.execute("db", "SELECT 1 FROM dual"))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await databases.close()


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize(
    "query", ["DELETE FROM goods", "BEGIN p; END;", "ALTER SESSION SET x = 1", "SET TRANSACTION READ WRITE", "COMMIT"]
)
async def test_a_read_only_step_is_refused_before_anybody_is_asked(tmp_path: Path, query: str) -> None:
    databases = opened(tmp_path, free_port())
    with pytest.raises(SqlError, match="read-only, which allows SELECT, WITH"):
        await databases.execute("db", query, read_only=True)
    await databases.close()


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ([1, "a"], 'BEGIN "SHOP"."RESTOCK"(?, ?); END;'),
        ({"first": 1, "Name": "a"}, 'BEGIN "SHOP"."RESTOCK"("FIRST" => :first, "NAME" => :Name); END;'),
    ],
)
def test_a_procedure_is_called_by_a_block(parameters: Any, text: str) -> None:
    named = procedure.named("shop.restock", "oracle")
    assert procedure.call(named, parameters, "oracle").query == text


@pytest.mark.parametrize("name", ['x" => 1); DELETE', "a.b", "", "a b"])
def test_a_parameters_name_is_never_text_of_the_block(name: str) -> None:
    with pytest.raises(Refused):
        procedure.call(procedure.named("p", "oracle"), {name: 1}, "oracle")


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (datetime.datetime(2026, 11, 23, 1, 2, 3), "2026-11-23T01:02:03"),
        (datetime.datetime(2026, 11, 23, 1, 2, 3, 500_000, datetime.UTC), "2026-11-23T01:02:03.500000Z"),
        (datetime.timedelta(days=1, seconds=5), "1 day, 0:00:05"),
        (Decimal("12345678901234567890.10"), "12345678901234567890.10"),
        (Decimal("1E+3"), "1000"),
        (2**60, str(2**60)),
        (float("inf"), "Infinity"),
        (b"\x00\xff", "AP8="),
        ({"a": [Decimal("1.5"), None, True]}, {"a": ["1.5", None, True]}),
        (array("f", [1.0, 2.5]), [1.0, 2.5]),
        (None, None),
    ],
)
def test_a_value_of_the_driver_becomes_json(value: Any, wanted: Any) -> None:
    found = safe(values.plain(value))
    assert found == wanted
    codec.encode(found)


def test_what_json_has_no_word_for_asks_for_a_cast() -> None:
    with pytest.raises(SqlError, match="cannot be carried"):
        values.plain(oracledb.DB_TYPE_CLOB)


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize(
    ("scale", "text", "wanted"),
    [
        (0, "5", 5),
        (0, "-9007199254740993", "-9007199254740993"),
        (None, "7", 7),
        (-127, "0.1", "0.1"),
        (2, "5", "5"),
        (-127, "1E+40", "1E+40"),
    ],
)
def test_a_number_comes_as_text_and_loses_no_digit(scale: int | None, text: str, wanted: Any) -> None:
    asked: dict[str, Any] = {}
    cursor = SimpleNamespace(arraysize=500, var=lambda kind, *_, **options: asked.update(kind=kind, **options))
    values.fetched(cursor, SimpleNamespace(type_code=oracledb.DB_TYPE_NUMBER, scale=scale))
    assert asked["kind"] is str
    assert asked["outconverter"](text) == wanted


def test_a_time_with_a_zone_comes_as_the_session_writes_it() -> None:
    asked: dict[str, Any] = {}
    cursor = SimpleNamespace(arraysize=500, var=lambda *_, **options: asked.update(options))
    values.fetched(cursor, SimpleNamespace(type_code=oracledb.DB_TYPE_TIMESTAMP_TZ, scale=None))
    assert asked["outconverter"]("2026-11-23T01:02:03.5+00:00") == "2026-11-23T01:02:03.5Z"
    assert asked["outconverter"]("2026-11-23T01:02:03.5+07:00") == "2026-11-23T01:02:03.5+07:00"
    assert values.fetched(cursor, SimpleNamespace(type_code=oracledb.DB_TYPE_VARCHAR, scale=None)) is None


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(True, 1), (None, None), ("a", "a"), (1.5, 1.5), (10**37, 10**37), ({"a": ["đ"]}, '{"a":["đ"]}'), ([1], "[1]")],
)
def test_a_json_value_is_bound_as_the_driver_takes_it(value: Any, wanted: Any) -> None:
    assert values.bound(value, place="parameters") == wanted


def test_a_number_that_oracle_cannot_hold_is_refused_by_its_place() -> None:
    with pytest.raises(Refused, match=r"batch\[1\] holds a number"):
        values.bound(10**40, place="batch[1]")


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("ORA-00942: table or view does not exist", SqlError, "table or view"),
        ("ORA-00001: unique constraint (A.B) violated\nORA-03301: row with values (ID:hunter22)", SqlError, "A.B"),
        ("ORA-01722: unable to convert string value containing 'hunter22' to a number", SqlError, "…"),
        ("ORA-20001: no goods\nORA-06512: at line 1", SqlError, "no goods"),
        ("ORA-01017: invalid username/password; logon denied", Refused, "refuses this user"),
        ("ORA-00054: resource busy and acquire with NOWAIT specified", Busy, "resource busy"),
        ("ORA-00060: deadlock detected while waiting for resource", Busy, "deadlock"),
        ("ORA-03113: end-of-file on communication channel", Unavailable, "cannot be reached"),
        ("ORA-12514: TNS:listener does not currently know of service", Unavailable, "cannot be reached"),
        ("DPY-4024: call timeout of 5 ms exceeded", TimedOut, "longer"),
        ("DPY-6005: cannot connect to database (CONNECTION_ID=hunter22).", Unavailable, "cannot be reached"),
        ("DPY-3010: connections to this server version are not supported", SqlError, "not supported"),
        ("anything else", Unavailable, "cannot be reached"),
    ],
)
def test_an_error_is_known_by_its_code_and_tells_no_value(text: str, kind: type[HengioError], words: str) -> None:
    error = translated(text, "connection 'db'")
    assert isinstance(error, kind)
    assert words in error.message
    assert "hunter22" not in f"{error}{error.hint}"
