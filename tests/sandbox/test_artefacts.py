"""Compiled code that outlives its process: found again, and never loaded if it was altered."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from structlog.testing import capture_logs

from hengio.model.outcome import OutcomeKind
from hengio.sandbox.wasmtime.artefacts import fingerprint as fingerprints
from hengio.sandbox.wasmtime.artefacts.seal import HEAD_BYTES, Identity, Seal
from hengio.sandbox.wasmtime.artefacts.store import Artefacts
from hengio.sandbox.wasmtime.config import Tier
from hengio.sandbox.wasmtime.library import SandboxSettings
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox
from tests.support.artefacts import (
    ONE,
    SECRET,
    TWO,
    answers,
    call,
    folder,
    identity,
    keeping,
    kept,
    name_of,
    names,
    ready,
)
from tests.support.guests import ECHO, entry, fetching, make_call, reactor

OTHER_SECRET = b"the secret of some other place  "


@pytest.mark.requirement("R7.1")
async def test_a_later_sandbox_loads_what_an_earlier_one_compiled(tmp_path: Path) -> None:
    await kept(tmp_path, ONE)
    async with keeping(folder(tmp_path)) as sandbox:
        await answers(sandbox, ONE, 1)
        numbers = sandbox.statistics()
    assert (numbers.artefact_hits, numbers.artefact_misses, dict(numbers.compilations)) == (1, 0, {})


LOADER = """
import asyncio, json, sys
from pathlib import Path
from tests.support.artefacts import ONE, answers, folder, keeping

async def main():
    async with keeping(folder(Path(sys.argv[1])), tiers="both") as sandbox:
        await answers(sandbox, ONE, 1)
        numbers = sandbox.statistics()
    print(json.dumps([numbers.artefact_hits, numbers.compilations, numbers.calls]))

asyncio.run(main())
"""


def loaded_elsewhere(path: Path) -> Any:
    """Hits, compilations and calls of a process of its own that calls `ONE`."""
    return json.loads(subprocess.run([sys.executable, "-c", LOADER, path], capture_output=True, check=True).stdout)


@pytest.mark.requirement("R7.1")
async def test_another_process_begins_with_the_optimised_code_that_is_kept(tmp_path: Path) -> None:
    async with keeping(folder(tmp_path), tiers="both") as sandbox:
        await ready(sandbox, ONE)
        assert set(sandbox.statistics().compilations) == {"baseline", "optimized"}
    assert loaded_elsewhere(tmp_path) == [1, {}, {"optimized": 1}]


async def test_baseline_code_is_used_where_no_optimised_code_was_kept(tmp_path: Path) -> None:
    async with keeping(folder(tmp_path), tiers="both") as sandbox:
        await ready(sandbox, ONE)
    (tmp_path / name_of(ONE)).unlink()
    async with keeping(folder(tmp_path), tiers="both") as sandbox:
        await answers(sandbox, ONE, 1)
        await ready(sandbox, ONE)
        numbers = sandbox.statistics()
    assert (numbers.artefact_hits, dict(numbers.compilations)) == (1, {"optimized": 1})


def altered(sealed: bytes, at: int) -> bytes:
    return sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]


@pytest.mark.requirement("R14")
@pytest.mark.parametrize(
    "alter",
    [
        lambda sealed: altered(sealed, 0),
        lambda sealed: altered(sealed, 8),
        lambda sealed: altered(sealed, HEAD_BYTES - 1),
        lambda sealed: altered(sealed, HEAD_BYTES),
        lambda sealed: altered(sealed, len(sealed) // 2),
        lambda sealed: altered(sealed, len(sealed) - 1),
        lambda sealed: sealed[: len(sealed) // 2],
        lambda sealed: sealed[: HEAD_BYTES - 1],
        lambda sealed: sealed[:HEAD_BYTES],
        lambda sealed: sealed + b"\0",
        lambda sealed: b"",
        lambda sealed: Seal(OTHER_SECRET).close(identity(ONE), sealed[HEAD_BYTES:]),
        lambda sealed: Seal(SECRET).close(identity(ONE, "baseline"), sealed[HEAD_BYTES:]),
        lambda sealed: Seal(SECRET).close(Identity(identity(ONE).digest, "optimized", "f" * 32), sealed[HEAD_BYTES:]),
    ],
    ids="magic mac mac-end code middle end half no-head no-code longer empty other-key other-tier other-engine".split(),
)
async def test_an_altered_artefact_is_refused_reported_and_replaced(
    tmp_path: Path, alter: Callable[[bytes], bytes]
) -> None:
    await kept(tmp_path, ONE)
    file = tmp_path / name_of(ONE)
    good = file.read_bytes()
    file.write_bytes(alter(good))
    with capture_logs() as logs:
        async with keeping(folder(tmp_path)) as sandbox:
            await answers(sandbox, ONE, 1)
            numbers = sandbox.statistics()
    assert (numbers.artefacts_refused, numbers.artefact_hits, numbers.artefact_misses) == (1, 0, 1)
    (alert,) = [entry for entry in logs if entry["event"] == "security_alert"]
    assert (alert["reason"], alert["log_level"], alert["artefact"]) == ("artefact_altered", "error", file.name)
    assert Seal(SECRET).open(identity(ONE), file.read_bytes()) is not None


@pytest.mark.requirement("R14")
async def test_an_altered_artefact_is_gone_even_if_nothing_takes_its_place(tmp_path: Path) -> None:
    await kept(tmp_path, ONE)
    (tmp_path / name_of(ONE)).write_bytes(b"altered")
    artefacts = Artefacts(Seal(SECRET), [folder(tmp_path)])
    assert artefacts.find(identity(ONE).digest, "optimized") is None
    assert names(tmp_path) == set()
    artefacts.close()


@pytest.mark.requirement("R14")
async def test_swapped_artefacts_of_two_modules_are_both_refused(tmp_path: Path) -> None:
    await kept(tmp_path, ONE, TWO)
    one, two, aside = tmp_path / name_of(ONE), tmp_path / name_of(TWO), tmp_path / "aside"
    one.rename(aside)
    two.rename(one)
    aside.rename(two)
    async with keeping(folder(tmp_path)) as sandbox:
        await answers(sandbox, ONE, 1)
        await answers(sandbox, TWO, 2)
        assert sandbox.statistics().artefacts_refused == 2
    async with keeping(folder(tmp_path)) as sandbox:
        await answers(sandbox, ONE, 1)
        await answers(sandbox, TWO, 2)
        assert sandbox.statistics().artefact_hits == 2


async def test_what_was_kept_under_another_secret_is_compiled_again_without_an_alert(tmp_path: Path) -> None:
    await kept(tmp_path, ONE)
    async with keeping(folder(tmp_path), secret=OTHER_SECRET) as sandbox:
        await answers(sandbox, ONE, 1)
        numbers = sandbox.statistics()
    assert (numbers.artefacts_refused, numbers.artefact_misses) == (0, 1)
    assert len(names(tmp_path)) == 2


async def test_code_that_is_ours_but_that_the_engine_does_not_take_is_replaced(tmp_path: Path) -> None:
    """As if two engines had one fingerprint: Wasmtime's own check has the last word."""
    async with keeping(folder(tmp_path), tiers="both") as sandbox:
        await ready(sandbox, ONE)
    baseline = Seal(SECRET).open(identity(ONE, "baseline"), (tmp_path / name_of(ONE, "baseline")).read_bytes())
    assert baseline is not None
    (tmp_path / name_of(ONE)).write_bytes(Seal(SECRET).close(identity(ONE), baseline))
    with capture_logs() as logs:
        async with keeping(folder(tmp_path)) as sandbox:
            await answers(sandbox, ONE, 1)
            assert dict(sandbox.statistics().compilations) == {"optimized": 1}
    assert [entry["event"] for entry in logs] == ["artefact_not_loaded"]
    async with keeping(folder(tmp_path)) as sandbox:
        await answers(sandbox, ONE, 1)
        assert sandbox.statistics().artefact_hits == 1


@pytest.mark.requirement("R14.4")
async def test_another_binary_under_a_digest_is_refused_also_where_code_is_kept(tmp_path: Path) -> None:
    await kept(tmp_path, ONE)
    async with keeping(folder(tmp_path)) as sandbox:
        outcome = await sandbox.call(make_call(ONE), fetching(TWO))
    assert outcome.kind is OutcomeKind.MODULE_REFUSED
    assert outcome.failure is not None
    assert outcome.failure.code == "digest_mismatch"


def test_a_fingerprint_is_of_the_tier_and_of_the_version_of_wasmtime(monkeypatch: pytest.MonkeyPatch) -> None:
    made = fingerprints.fingerprint.__wrapped__
    now = {tier: made(tier) for tier in get_args(Tier)}
    assert len(set(now.values())) == len(get_args(Tier))
    assert made("optimized") == now["optimized"]
    monkeypatch.setattr(fingerprints, "version", lambda _: "50.0.2")
    assert not {made(tier) for tier in get_args(Tier)} & set(now.values())


async def test_numbers_say_what_was_called_compiled_and_found(tmp_path: Path) -> None:
    async with keeping(folder(tmp_path), tiers="both") as sandbox:
        await answers(sandbox, ONE, 1)
        await ready(sandbox, ONE)
        await answers(sandbox, ONE, 1)
        numbers = sandbox.statistics()
    assert (numbers.cache_hits, numbers.cache_misses, numbers.modules) == (1, 1, 1)
    assert numbers.bytes > len(ONE)
    assert dict(numbers.calls) == {"baseline": 1, "optimized": 1}
    assert dict(numbers.compilations) == {"baseline": 1, "optimized": 1}
    assert all(seconds > 0 for seconds in numbers.compile_seconds.values())


async def test_a_module_that_does_not_compile_ahead_is_told_in_the_log() -> None:
    sandbox = WasmtimeSandbox(SandboxSettings(threads=1))
    with capture_logs() as logs:
        await ready(sandbox, b"not a module")
    assert [entry["event"] for entry in logs] == ["module_not_prepared"]
    await sandbox.close()


async def test_a_call_meanwhile_waits_for_what_was_begun_ahead(tmp_path: Path) -> None:
    binary = reactor(entry(ECHO))
    async with keeping(folder(tmp_path)) as sandbox:
        sandbox.prepare(binary, identity(binary).digest)
        assert (await call(sandbox, binary)).kind is OutcomeKind.SUCCEEDED
        assert dict(sandbox.statistics().compilations) == {"optimized": 1}
