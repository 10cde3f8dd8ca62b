"""Signed modules, from the author's key to the step that is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from hengio import alerts
from hengio.api.metrics import Metrics
from hengio.blobs.store import open_blobs
from hengio.clock import SECOND, SystemClock
from hengio.errors import Conflict, Distrusted, NotFound, Refused
from hengio.model.grant import Grant
from hengio.model.signature import Signature
from hengio.registry.letter import Letter
from hengio.registry.modules import ModuleRegistry
from hengio.registry.trust import Policy, Trust
from hengio.service.jobs import Finished
from hengio.settings import ModuleSettings, Settings
from hengio.wiring.embedded import System, embedded
from tests.support.authors import Author
from tests.support.clock import MovableClock
from tests.support.guests import ECHO, SPIN, entry, reactor

BINARY, OTHER = reactor(entry(ECHO)), reactor(entry(SPIN))
ANA, EVE = Author(), Author()
READ = Grant("file:read", "in/**")


def settings(folder: Path, **modules: Any) -> Settings:
    return Settings(data_dir=folder, modules=ModuleSettings(**modules))


@pytest.fixture(name="system")
async def make_system(tmp_path: Path) -> AsyncIterator[System]:
    """With Ana as an author."""
    async with embedded(settings(tmp_path)) as system:
        await system.desk.authors.add("ana", ANA.public, by="me")
        yield system


async def run(system: System, module_id: str = "m") -> Finished:
    step = {"id": "a", "type": "wasm", "config": {"module_id": module_id}}
    stored, _ = await system.jobs.apply({"name": "j", "max_retries": 0, "steps": [step]})
    return await system.jobs.run(stored, given={})


async def outcome(system: System) -> tuple[str, str | None]:
    """How the step ended, and the code of its failure."""
    [step] = (await run(system)).runs
    return step.kind, None if step.failure is None else step.failure.code


@pytest.mark.requirement("R6.5", "R14.1")
async def test_a_module_that_its_author_signed_is_registered_with_what_it_asks_for_and_runs(system: System) -> None:
    letter = ANA.letter(BINARY, "m", "1.0.0", READ)
    module = await system.modules.register("m", "1.0.0", BINARY, letter=letter, by="me")
    assert (module.requested, module.grants) == ((READ,), ())
    assert await outcome(system) == ("succeeded", None)
    state = await system.desk.modules.signature(module)
    assert state.key is not None
    assert (state.state, state.key.author) == ("valid", "ana")
    [entry_] = await system.storage.audit.find(action="module.registered", limit=9)
    assert (entry_.actor, entry_.subject) == ("me", "m@1.0.0")


LETTER = ANA.letter(BINARY, "m", "1.0.0", READ)
FORGED = {
    "another name": replace(LETTER, name="n"),
    "another version": replace(LETTER, version="1.0.1"),
    "more permissions": replace(LETTER, permissions=(READ, Grant("file:write", "**"))),
    "no permissions": replace(LETTER, permissions=()),
    "another signature": replace(LETTER, signature=bytes(64)),
    "a short signature": replace(LETTER, signature=b"x"),
    "the key of another": replace(LETTER, key_id=EVE.key_id),
    "signed by another": EVE.letter(BINARY, "m", "1.0.0", READ),
    "signed by another in her name": replace(EVE.letter(BINARY, "m", "1.0.0", READ), key_id=ANA.key_id),
    "another binary": ANA.letter(OTHER, "m", "1.0.0", READ),
    "another binary, called this one": replace(ANA.letter(OTHER, "m", "1.0.0", READ), digest=LETTER.digest),
}


@pytest.mark.requirement("R14.1", "R14.2")
@pytest.mark.parametrize("letter", FORGED.values(), ids=FORGED.keys())
async def test_a_signature_that_is_not_of_this_module_is_refused_and_nothing_is_stored(
    system: System, letter: Letter
) -> None:
    for name, version in (("m", "1.0.0"), (letter.name, letter.version)):
        with pytest.raises(Refused):
            await system.modules.register(name, version, BINARY, letter=letter, by="me")
    assert await system.storage.modules.all() == []
    assert [info async for info in system.areas.modules.list()] == []


@pytest.mark.requirement("R14.5")
async def test_what_a_revoked_key_signed_stops_running_at_once_with_an_alert(system: System) -> None:
    module = await system.modules.register("m", "1.0.0", BINARY, letter=LETTER)
    assert await outcome(system) == ("succeeded", None)
    before = alerts.counts().get("key_revoked", 0)
    await system.desk.authors.revoke("ana", by="me", reason="lost")
    with capture_logs() as logs:
        finished = await run(system)
    assert (finished.runs[0].kind, finished.execution.state.value) == ("module_refused", "failed")
    [told] = [line for line in logs if line["event"] == "security_alert"]
    assert (told["reason"], told["module"], told["log_level"]) == ("key_revoked", "m@1.0.0", "error")
    assert alerts.counts()["key_revoked"] == before + 1
    metrics = (
        Metrics(system.sandbox, system.schedules.firing.statistics, {}, system.canaries.statistics).text().decode()
    )
    assert f'hengio_security_alerts_total{{kind="key_revoked"}} {before + 1}.0' in metrics
    [audited] = await system.storage.audit.find(action="module.distrusted", limit=9)
    assert (audited.subject, audited.execution_id) == ("m@1.0.0", finished.execution.id)
    assert audited.detail["code"] == "key_revoked"
    assert finished.runs[0].module_id == module.id
    assert (await system.desk.modules.signature(module)).state == "key_revoked"


async def test_a_revocation_by_another_process_counts_after_a_second(system: System) -> None:
    await system.modules.register("m", "1.0.0", BINARY, letter=LETTER)
    clock = MovableClock(SystemClock().now())
    modules = ModuleRegistry(
        system.storage.modules,
        system.storage.channels,
        system.areas.modules,
        system.sandbox,
        clock,
        trust=Trust(system.storage.authors, Policy(), clock),
    )
    found = await modules.find("m")
    load = modules.fetch(found)
    [key] = await system.storage.authors.all()
    entry_ = (await system.storage.audit.find(limit=1))[0]
    await system.storage.authors.revoke([key.id], at=1, by="them", reason="", entry=replace(entry_, id="another"))
    assert await modules.find("m") == found  # what is warm costs nothing
    with pytest.raises(Distrusted, match="was revoked"):  # but its binary is not loaded any more
        await load()
    clock.advance(1.1)
    with pytest.raises(Distrusted, match="was revoked"):
        await modules.find("m")


@pytest.mark.parametrize(
    ("seconds", "code"), [(-1, "key_not_yet_valid"), (0, None), (3_599, None), (3_600, "key_expired")]
)
async def test_a_key_counts_from_its_begin_to_before_its_end(system: System, seconds: int, code: str | None) -> None:
    now = system.desk.authors.clock.now() + 3_600 * SECOND
    key = await system.desk.authors.add("eve", EVE.public, by="me", not_before=now, not_after=now + 3_600 * SECOND)
    clock = MovableClock(key.not_before + seconds * SECOND)
    trust = Trust(system.storage.authors, Policy(), clock)
    module = await system.modules.register("m", "1.0.0", BINARY)
    signed = replace(module, signature=EVE.letter(BINARY, "m").signed)
    if code is None:
        assert await trust.check(signed) == key
    else:
        with pytest.raises(Distrusted) as refused:
            await trust.check(signed)
        assert refused.value.code == code


async def test_a_key_signs_only_modules_of_the_names_that_it_is_for(system: System) -> None:
    await system.desk.authors.add("eve", EVE.public, by="me", modules=["billing-*", "tax"])
    for name in ("billing-eu", "tax"):
        await system.modules.register(name, "1.0.0", BINARY, letter=EVE.letter(BINARY, name))
    for name in ("billing", "taxes", "m"):
        with pytest.raises(Distrusted) as refused:
            await system.modules.register(name, "1.0.0", BINARY, letter=EVE.letter(BINARY, name))
        assert refused.value.code == "key_for_other_modules"


@pytest.mark.requirement("R14.2")
@pytest.mark.parametrize("policy", [{"require_signature": "always"}, {"require_signature_for": ["m*"]}])
async def test_under_the_policy_an_unsigned_module_neither_comes_in_nor_runs(
    tmp_path: Path, policy: dict[str, Any]
) -> None:
    async with embedded(settings(tmp_path)) as system:
        await system.modules.register("m", "1.0.0", BINARY)
        assert await outcome(system) == ("succeeded", None)
    async with embedded(settings(tmp_path, **policy)) as system:
        assert await outcome(system) == ("module_refused", "signature_missing")
        with pytest.raises(Distrusted, match="is not signed, and must be"):
            await system.modules.register("m", "2.0.0", OTHER)
        await system.desk.authors.add("ana", ANA.public, by="me")
        await system.modules.register("m", "1.0.0", BINARY, letter=LETTER, by="me")  # signed in hindsight
        assert await outcome(system) == ("succeeded", None)


async def test_a_pattern_of_the_policy_leaves_other_modules_alone(tmp_path: Path) -> None:
    async with embedded(settings(tmp_path, require_signature_for=["billing-*"])) as system:
        await system.modules.register("m", "1.0.0", BINARY)
        assert await outcome(system) == ("succeeded", None)


@pytest.mark.requirement("R14.1")
async def test_a_new_signature_takes_the_place_of_one_whose_key_is_gone_and_no_signature_does_not(
    system: System,
) -> None:
    first = await system.modules.register("m", "1.0.0", BINARY, letter=LETTER)
    await system.desk.authors.revoke(ANA.key_id, by="me")
    with pytest.raises(Distrusted):
        await system.modules.register("m", "1.0.0", BINARY)
    assert await outcome(system) == ("module_refused", "key_revoked")
    await system.desk.authors.add("ana", EVE.public, by="me")
    again = await system.modules.register("m", "1.0.0", BINARY, letter=EVE.letter(BINARY, "m"), by="me")
    assert (again.id, again.requested) == (first.id, ())
    assert await outcome(system) == ("succeeded", None)
    [signed] = await system.storage.audit.find(action="module.signed", limit=9)
    assert signed.detail["key_id"] == EVE.key_id


@pytest.mark.requirement("R14.4", "R14.5")
@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_a_binary_that_was_swapped_for_another_one_that_is_signed_does_not_run(
    tmp_path: Path, isolation: str
) -> None:
    """Both are signed and registered, so that each is good as what it is, and neither in the place of the other."""
    chosen = settings(tmp_path).model_copy(
        update={"sandbox": Settings().sandbox.model_copy(update={"isolation": isolation, "artefacts_mb": 0})}
    )
    async with embedded(chosen) as system:
        await system.desk.authors.add("ana", ANA.public, by="me")
        module = await system.modules.register("m", "1.0.0", BINARY, letter=LETTER)
        other = await system.modules.register("other", "1.0.0", OTHER, letter=ANA.letter(OTHER, "other"))
        await system.areas.modules.put(f"{module.id}.wasm", await system.areas.modules.get(f"{other.id}.wasm"))
    async with embedded(chosen) as system:
        assert await outcome(system) == ("module_refused", "digest_mismatch")
        assert len(await system.storage.audit.find(action="module.digest_mismatch", limit=9)) == 1


@pytest.mark.requirement("R14.5")
async def test_a_row_that_was_altered_in_the_database_does_not_run(system: System) -> None:
    """Whoever writes to the database without an author's key can not put another binary in a signed one's place."""
    module = await system.modules.register("m", "1.0.0", BINARY, letter=LETTER)
    other = await system.modules.register("other", "1.0.0", OTHER)
    taken = replace(module, digest=other.digest)
    trust = Trust(system.storage.authors, Policy(), SystemClock())
    for altered in (taken, replace(module, version="9.0.0"), replace(module, requested=())):
        with pytest.raises(Distrusted, match="does not hold"):
            await trust.check(altered)
    with pytest.raises(Distrusted, match="is no author's key here"):
        await trust.check(replace(module, signature=Signature(EVE.key_id, LETTER.signature)))


async def test_a_key_is_registered_once_and_revoked_once(system: System) -> None:
    with pytest.raises(Conflict, match="registered already"):
        await system.desk.authors.add("bob", ANA.public, by="me")
    await system.desk.authors.revoke("ana", by="me")
    with pytest.raises(Conflict, match="revoked already"):
        await system.desk.authors.revoke("ana", by="me")
    with pytest.raises(Conflict, match="registered already"):
        await system.desk.authors.add("ana", ANA.public, by="me")
    with pytest.raises(NotFound, match="no author or key 'bob'"):
        await system.desk.authors.revoke("bob", by="me")


@pytest.mark.parametrize(
    ("name", "pem", "modules", "words"),
    [
        ("a b", ANA.public, ["*"], "cannot name an author"),
        ("ana", ANA.keys[0], ["*"], "this is a private key"),
        ("ana", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", ["*"], "no public key"),
        ("ana", b"", ["*"], "no public key"),
        ("ana", EVE.public, ["../*"], "is no pattern of names"),
        ("ana", EVE.public, [], "for no module"),
    ],
)
async def test_what_is_no_author_key_or_pattern_is_refused(
    system: System, name: str, pem: bytes, modules: list[str], words: str
) -> None:
    with pytest.raises(Refused, match=words):
        await system.desk.authors.add(name, pem, by="me", modules=modules)


async def test_many_calls_of_a_warm_module_ask_for_its_key_once(system: System) -> None:
    await system.modules.register("m", "1.0.0", BINARY, letter=LETTER)
    asked = 0
    find = system.storage.authors.find

    class Counting:
        async def find(self, key_id: str) -> Any:
            nonlocal asked
            asked += 1
            return await find(key_id)

    clock = MovableClock(SystemClock().now())
    modules = ModuleRegistry(
        system.storage.modules,
        system.storage.channels,
        open_blobs("memory://", area="wasm-modules"),
        system.sandbox,
        clock,
        trust=Trust(Counting(), Policy(), clock),  # type: ignore[arg-type]  # nothing else is asked of it
    )
    await asyncio.gather(*(modules.find("m") for _ in range(3)))
    begun = asked
    for _ in range(100):
        await modules.find("m")
    assert asked == begun
