"""Tapes of whole jobs: which calls are recorded, where that is said, and what never stands in one."""

from __future__ import annotations

import base64
import gzip
import json
import sqlite3
import urllib.parse
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from hengio import codec
from hengio.clock import SystemClock
from hengio.errors import Refused
from hengio.model.grant import Grant
from hengio.model.tape import ContextCall, Request
from hengio.sandbox.tapes import file
from hengio.service.jobs import Finished
from hengio.settings import SandboxSettings, Secret, Settings
from hengio.wiring.embedded import System, embedded
from hengio.wiring.sandbox import open_sandbox
from hengio.wiring.tapes import make_tapes
from tests.support.guests import ECHO, entry, reactor
from tests.support.tapes import asking, play
from tests.support.web import Seen, Web, serving

SECRET = 'to/k€n-"4711"'
PLAIN = "tok-8b1946ac92492d23"
FAILS = asking(("get_context", "variables.REGION"), then="unreachable")
WORKS = reactor(entry(ECHO), memory="32")


async def run(system: System, binary: bytes, *grants: Grant, **config: Any) -> Finished:
    name = f"m{len(await system.storage.modules.all())}"
    await system.modules.register(name, "1.0.0", binary, grants=grants)
    step = {"id": "a", "type": "wasm", "config": {"module_id": name, **config}}
    stored, _ = await system.jobs.apply({"name": "j", "max_retries": 0, "steps": [step]})
    return await system.jobs.run(stored, given={})


def detail(finished: Finished) -> dict[str, Any]:
    (one,) = finished.runs
    assert one.detail is not None, one.failure
    found: dict[str, Any] = codec.decode(one.detail)
    return found


async def stored(system: System) -> list[str]:
    return [info.key async for info in system.areas.tapes.list()]


async def test_a_failure_is_recorded_and_a_success_is_not(tmp_path: Path) -> None:
    async with embedded(Settings(data_dir=tmp_path, variables={"REGION": "south"})) as system:
        good, bad = await run(system, WORKS), await run(system, FAILS)
        assert "tape" not in detail(good)
        assert detail(bad)["tape"] == f"{bad.execution.id}/a/1-1.tape"
        assert await stored(system) == [detail(bad)["tape"]]
        tape = file.unpack(await system.areas.tapes.get(detail(bad)["tape"]))
    assert tape.events == (ContextCall(b"variables.REGION", 0, b'"south"'),)
    assert (tape.module, tape.end.outcome) == ("m1@1.0.0", "trapped")
    assert tape.origin is not None
    assert (tape.origin.execution_id, tape.origin.step_id, tape.origin.attempt) == (bad.execution.id, "a", 1)


@pytest.mark.parametrize(
    ("setting", "step", "expected"),
    [("always", None, (True, True)), ("never", None, (False, False)), ("never", "always", (True, True))],
)
async def test_a_setting_or_the_step_says_which_calls_are_recorded(
    tmp_path: Path, setting: Any, step: str | None, expected: tuple[bool, bool]
) -> None:
    config = {} if step is None else {"tape": step}
    async with embedded(Settings(data_dir=tmp_path, sandbox=SandboxSettings(tape=setting))) as system:
        taped = tuple(["tape" in detail(await run(system, binary, **config)) for binary in (WORKS, FAILS)])
    assert taped == expected


async def test_another_mode_than_those_three_is_refused(tmp_path: Path) -> None:
    async with embedded(Settings(data_dir=tmp_path)) as system:
        with pytest.raises(Refused) as refused:
            await run(system, WORKS, tape="sometimes")
    assert refused.value.problems[0].path == "$.steps[0].config.tape"


def spellings(value: str) -> list[bytes]:
    """The ways in which a value is usually written."""
    plain = value.encode()
    escaped = [json.dumps(value)[1:-1], json.dumps(json.dumps(value))[3:-3], codec.encode(value)[1:-1].decode()]
    quoted = [urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value), plain.hex(), plain.hex().upper()]
    return [plain, *(word.encode() for word in (*escaped, *quoted))]


def inside(value: str) -> list[bytes]:
    """What of base64 does not depend on what stands around the value."""
    encoded = [base64.b64encode(before + value.encode() + b"xyz")[4:-8] for before in (b"", b"u", b"uv")]
    return [form for one in encoded for form in (one, one.translate(bytes.maketrans(b"+/", b"-_"))) if len(form) >= 8]


def telling(value: str) -> bytes:
    """A reply that has the secret in all these ways."""
    words = [one.decode() for one in spellings(value)]
    words += [base64.b64encode(f"{before}{value}xyz".encode()).decode() for before in ("", "user:", "ab")]
    words += [base64.urlsafe_b64encode(f"a{value}".encode()).decode()]
    return codec.encode({"words": words, "text": json.dumps({"deep": value})})


def steals(web: Web) -> bytes:
    """A guest that takes its secret everywhere it can."""
    request = codec.encode({"url": web.url("/"), "auth": {"type": "bearer", "secret": "api"}}).decode()
    return asking(
        ("get_context", "variables.TOKEN"),
        ("file_write", "out/a.json", "{reply}"),
        ("get_context", "variables.TOKEN"),
        ("set_context", "copy", "{reply}"),
        ("get_context", "variables.copy"),
        ("file_read", "{reply}"),
        ("db_query", codec.encode({"connection": "shop", "query": "SELECT note FROM goods"}).decode()),
        ("http_request", request),
    )


@pytest.mark.requirement("R3.4")
@pytest.mark.parametrize("secret", [PLAIN, SECRET, "47110815"], ids=["plain", "escaped", "digits"])
async def test_no_secret_stands_in_a_stored_tape(tmp_path: Path, secret: str) -> None:
    filled_in, password = "hunter2-the-host-fills-it-in", "db-passw0rd"
    (tmp_path / "databases").mkdir()
    with closing(sqlite3.connect(tmp_path / "databases" / "shop.db")) as shop, shop:
        shop.execute("CREATE TABLE goods (note TEXT)")
        shop.execute("INSERT INTO goods VALUES (?)", (f"{secret} and {password}",))

    async def tell(seen: Seen, writer: Any) -> None:
        body = telling(secret) + telling(seen.headers["authorization"]) + password.encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    async with serving(tell) as web:
        chosen = Settings(
            data_dir=tmp_path,
            variables={"TOKEN": secret},
            secrets={"api": Secret(value=SecretStr(filled_in), hosts=["127.0.0.1"])},
            connections={
                "shop": SecretStr("sqlite:///shop.db"),
                "far": SecretStr(f"postgresql://u:{password}@127.0.0.1:1/d"),
            },
            sandbox=SandboxSettings(tape="always"),
        )
        grants = (
            Grant("http:read", web.url("/**")),
            Grant("file:read", "**"),
            Grant("file:write", "**"),
            Grant("database:read", "shop"),
        )
        async with embedded(chosen) as system:
            binary = steals(web)
            finished = await run(system, binary, *grants, secrets=["TOKEN"], env={"T": "${TOKEN}"})
            data = await system.areas.tapes.get(detail(finished)["tape"])
    tape, plain = file.unpack(data), gzip.decompress(data)
    asked = {event.function: event.status for event in tape.events if isinstance(event, Request)}
    assert asked.keys() == {"file_write", "file_read", "db_query", "http_request"}
    assert asked["http_request"] == asked["db_query"] == asked["file_write"] == 0
    for value in (secret, filled_in, password):
        found = [form for form in [*spellings(value), *inside(value)] if form in plain]
        assert not found, value
    assert {one.name for one in tape.redacted} == {"TOKEN", "secrets.api", "connections.far"}
    sandbox = open_sandbox(chosen, tiers="baseline" if tape.compiler == "winch" else "optimized")
    try:
        replayed = await play(sandbox, tape, binary)
        assert replayed.redacted
        assert replayed.identical, replayed.divergence
    finally:
        await sandbox.close()


async def test_a_store_that_is_away_costs_the_tape_and_not_the_step(tmp_path: Path) -> None:
    async with embedded(Settings(data_dir=tmp_path, sandbox=SandboxSettings(tape="always"))) as system:
        await run(system, FAILS)
        folder = tmp_path / "objects" / "tapes"
        folder.rename(tmp_path / "away")
        folder.write_text("in the way")
        finished = await run(system, WORKS)
        assert finished.runs[0].status.value == "success"
        assert "tape" not in detail(finished)
        assert detail(finished)["tape_missing"]


async def test_an_input_that_is_larger_than_a_tape_leaves_none(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, sandbox=SandboxSettings(tape="always", tape_mb=1))
    async with embedded(settings) as system:
        finished = await run(system, WORKS, params={"large": "x" * (1 << 20)})
        assert finished.runs[0].status.value == "success"
        assert "larger than a tape" in detail(finished)["tape_missing"]


async def test_old_tapes_are_deleted_and_young_ones_are_kept(tmp_path: Path) -> None:
    chosen = Settings(data_dir=tmp_path, sandbox=SandboxSettings(tape_days=2.0))
    async with embedded(chosen) as system:
        await run(system, FAILS)
        tapes = make_tapes(chosen, system.areas.tapes, SystemClock())
        assert await tapes.sweep() == 0
        assert len(await stored(system)) == 1
        later = make_tapes(chosen, system.areas.tapes, _Later())
        assert await later.sweep() == 1
        assert await stored(system) == []


class _Later(SystemClock):
    """The machine's clock in three days."""

    def now(self) -> int:
        return super().now() + 3 * 86_400 * 1_000_000


async def test_a_step_that_runs_out_of_its_time_still_has_its_tape(tmp_path: Path) -> None:
    binary = reactor(entry("(loop $again (br $again)) (unreachable)"))
    async with embedded(Settings(data_dir=tmp_path)) as system:
        await system.modules.register("spins", "1.0.0", binary)
        config = {"module_id": "spins", "fuel_limit": 100_000_000_000}
        step = {"id": "a", "type": "wasm", "timeout_seconds": 2.0, "config": config}
        job, _ = await system.jobs.apply({"name": "j", "max_retries": 0, "steps": [step]})
        finished = await system.jobs.run(job, given={})
        assert (finished.runs[0].kind, detail(finished)["compiler"] != "") == ("timed_out", True)
        assert await stored(system) == [detail(finished)["tape"]]
