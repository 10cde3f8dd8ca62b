"""Compiled code in a data folder and in an object store that several processes share."""

from __future__ import annotations

import asyncio
import base64
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from hengio.blobs.protocol import Blobs
from hengio.blobs.store import S3Options, open_blobs
from hengio.errors import Refused
from hengio.sandbox.statistics import SandboxStatistics
from hengio.sandbox.wasmtime.artefacts.shared import Shared
from hengio.settings import S3Settings, SandboxSettings, Settings
from hengio.wiring.embedded import embedded
from hengio.wiring.secret import NAME
from tests.support.artefacts import ONE, PLENTY, TWO, answers, folder, keeping, name_of, names, ready
from tests.support.blobs import keys
from tests.support.servers import S3Server

SECRET = SecretStr(base64.b64encode(bytes(range(32))).decode())
OTHER = SecretStr(bytes(range(1, 33)).hex())


async def registered(settings: Settings, *, binary: bytes = ONE) -> SandboxStatistics:
    """Register a module in a process of these settings, and what its sandbox did until the module was ready."""
    async with embedded(settings) as system:
        module = await system.modules.register("guest", "1.0.0", binary)
        await system.sandbox.prepared(module.digest)
        return system.sandbox.statistics()


class Installation:
    """Processes with a data folder each, and one store."""

    def __init__(self, server: S3Server, path: Path) -> None:
        self._url = server.url()
        self._options = server.options
        self._path = path
        self.area = open_blobs(self._url, area="artefacts", s3=server.options)

    def member(self, name: str, *, secret: SecretStr | None = SECRET) -> Settings:
        options = self._options
        return Settings(
            data_dir=self._path / name,
            objects_url=self._url,
            secret_key=secret,
            s3=S3Settings(
                endpoint=options.endpoint,
                access_key=options.access_key,
                secret_key=None if options.secret_key is None else SecretStr(options.secret_key),
            ),
        )


@pytest.fixture
def installation(s3_server: S3Server, tmp_path: Path) -> Installation:
    return Installation(s3_server, tmp_path)


@pytest.mark.requirement("R7.1")
async def test_a_registered_module_is_compiled_ahead_for_later_processes(tmp_path: Path) -> None:
    first = await registered(Settings(data_dir=tmp_path))
    assert dict(first.compilations) == {"baseline": 1, "optimized": 1}
    second = await registered(Settings(data_dir=tmp_path))
    assert (second.artefact_hits, dict(second.compilations)) == (1, {})
    assert stat.S_IMODE((tmp_path / "artefacts").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


async def test_nothing_is_kept_when_nothing_may_be(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, sandbox=SandboxSettings(artefacts_mb=0))
    await registered(settings)
    assert not {"artefacts", NAME} & names(tmp_path)
    assert dict((await registered(settings)).compilations) == {"baseline": 1, "optimized": 1}


async def test_without_a_secret_that_can_be_trusted_nothing_is_kept_and_everything_runs(tmp_path: Path) -> None:
    await registered(Settings(data_dir=tmp_path))
    (tmp_path / NAME).chmod(0o644)
    with capture_logs() as logs:
        numbers = await registered(Settings(data_dir=tmp_path))
    assert (numbers.artefact_hits, numbers.artefact_misses) == (0, 0)
    assert [entry["event"] for entry in logs] == ["artefacts_not_kept"]


@pytest.mark.requirement("R7.1")
async def test_on_s3_one_process_compiles_for_all(installation: Installation) -> None:
    await registered(installation.member("one"))
    assert len(await keys(installation.area)) == 2
    second = await registered(installation.member("two"))
    assert (second.artefact_hits, dict(second.compilations)) == (1, {})
    await installation.area.delete((await keys(installation.area))[0])
    await installation.area.delete((await keys(installation.area))[0])
    third = await registered(installation.member("two"))  # which has it in its own folder by now
    assert (third.artefact_hits, dict(third.compilations)) == (1, {})


@pytest.mark.requirement("R14")
async def test_on_s3_what_was_altered_is_refused_reported_and_replaced(installation: Installation) -> None:
    await registered(installation.member("one"))
    for key in await keys(installation.area):
        sealed = await installation.area.get(key)
        await installation.area.put(key, sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with capture_logs() as logs:
        second = await registered(installation.member("two"))
    assert second.artefacts_refused >= 1
    assert {entry["where"] for entry in logs if entry["event"] == "security_alert"} == {"object store"}
    assert dict(second.compilations) == {"baseline": 1, "optimized": 1}
    third = await registered(installation.member("three"))
    assert (third.artefacts_refused, third.artefact_hits) == (0, 1)


async def test_on_s3_another_secret_finds_nothing_and_disturbs_nothing(installation: Installation) -> None:
    await registered(installation.member("one"))
    other = await registered(installation.member("two", secret=OTHER))
    assert (other.artefact_hits, other.artefacts_refused) == (0, 0)
    assert (await registered(installation.member("three"))).artefact_hits == 1


async def test_on_s3_without_a_secret_key_code_stays_in_the_data_folder(
    installation: Installation, tmp_path: Path
) -> None:
    with capture_logs() as logs:
        await registered(installation.member("one", secret=None))
    assert [entry["event"] for entry in logs] == ["artefacts_not_shared"]
    assert await keys(installation.area) == []
    assert len(names(tmp_path / "one" / "artefacts")) == 2


async def test_the_files_of_jobs_and_modules_can_not_name_it(installation: Installation) -> None:
    await registered(installation.member("one"))
    (key, _) = await keys(installation.area)
    async with embedded(installation.member("one")) as system:
        areas = (system.areas.files, system.areas.modules, system.areas.outputs)
        for way in (f"../artefacts/{key}", f"/artefacts/{key}", f"x/../../artefacts/{key}", f"..\\artefacts\\{key}"):
            for area in areas:
                with pytest.raises(Refused, match="is not allowed"):
                    await area.get(way)
        assert not [found for area in areas for found in await keys(area) if key in found]


async def test_a_store_that_is_away_fails_no_call_is_told_once_and_not_asked_again_at_once(tmp_path: Path) -> None:
    asked = 0

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        away = S3Options(endpoint=endpoint, access_key="a", secret_key="b", timeout_seconds=1, max_retries=0)
        shared = Shared(open_blobs("s3://bucket", area="artefacts", s3=away), max_bytes=PLENTY)
        with capture_logs() as logs:
            async with keeping(folder(tmp_path), shared) as sandbox:
                await answers(sandbox, ONE, 1)
                first = asked
                await answers(sandbox, TWO, 2)
                await ready(sandbox, TWO)
    assert [(entry["event"], entry["where"]) for entry in logs] == [("artefacts_not_kept", "object store")]
    assert asked == first > 0
    assert names(tmp_path) == {name_of(ONE), name_of(TWO)}


async def test_an_object_that_is_too_large_is_not_taken(tmp_path: Path) -> None:
    blobs: Blobs = open_blobs("memory://", area="artefacts")
    await blobs.put(name_of(ONE), bytes(20_000_000))
    async with keeping(folder(tmp_path), Shared(blobs, max_bytes=1_000_000)) as sandbox:
        await answers(sandbox, ONE, 1)
        await ready(sandbox, ONE)
        numbers = sandbox.statistics()
    assert (dict(numbers.compilations), numbers.artefacts_refused) == ({"optimized": 1}, 0)
    assert len(await blobs.get(name_of(ONE))) < 1_000_000
