"""Sandboxes that keep compiled code in a folder, and what they keep."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from hengio.model.outcome import Outcome, OutcomeKind
from hengio.sandbox.wasmtime.artefacts.fingerprint import fingerprint
from hengio.sandbox.wasmtime.artefacts.folder import Folder
from hengio.sandbox.wasmtime.artefacts.seal import Identity, Seal
from hengio.sandbox.wasmtime.artefacts.store import Artefacts, Place
from hengio.sandbox.wasmtime.config import Tier
from hengio.sandbox.wasmtime.library import SandboxSettings
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox
from tests.support.guests import digest, entry, fetching, make_call, reactor, text

SECRET = b"the secret of one installation  "
PLENTY = 64 << 20


def numbered(number: int) -> bytes:
    """A guest that ignores its input and answers its own number, so that one is told from another."""
    return reactor(text(0, str(number)) + entry(f"(call $pack (i32.const 0) (i32.const {len(str(number))}))"))


ONE, TWO = numbered(1), numbered(2)


@asynccontextmanager
async def keeping(
    *places: Place, secret: bytes = SECRET, tiers: Literal["both", "optimized"] = "optimized"
) -> AsyncIterator[WasmtimeSandbox]:
    """A sandbox that keeps code in these places. What it made is there when it is closed."""
    artefacts = Artefacts(Seal(secret), places)
    sandbox = WasmtimeSandbox(SandboxSettings(threads=1, tiers=tiers), artefacts=artefacts)
    try:
        yield sandbox
    finally:
        await sandbox.close()


def folder(path: Path, *, max_bytes: int = PLENTY) -> Folder:
    return Folder(path, max_bytes=max_bytes)


async def call(sandbox: WasmtimeSandbox, binary: bytes, data: bytes = b"{}") -> Outcome:
    return await sandbox.call(make_call(binary, data), fetching(binary))


async def ready(sandbox: WasmtimeSandbox, binary: bytes) -> None:
    """Make the code of every tier that the sandbox has, and keep it."""
    sandbox.prepare(binary, digest(binary))
    await sandbox.prepared(digest(binary))


def name_of(binary: bytes, tier: Tier = "optimized", *, secret: bytes = SECRET) -> str:
    return Seal(secret).name(identity(binary, tier))


def identity(binary: bytes, tier: Tier = "optimized") -> Identity:
    return Identity(digest(binary), tier, fingerprint(tier))


async def kept(path: Path, *binaries: bytes) -> None:
    """Have the optimised code of modules in the folder."""
    async with keeping(folder(path)) as sandbox:
        for binary in binaries:
            await ready(sandbox, binary)


async def answers(sandbox: WasmtimeSandbox, binary: bytes, number: int) -> None:
    """The guest of that number gives the right answer."""
    outcome = await call(sandbox, binary)
    assert outcome.kind is OutcomeKind.SUCCEEDED, outcome
    assert outcome.reply is not None
    assert bytes(outcome.reply.output) == str(number).encode()


def names(path: Path) -> set[str]:
    """What is in the folder."""
    return {file.name for file in path.iterdir()}
