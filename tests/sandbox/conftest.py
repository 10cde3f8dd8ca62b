"""One sandbox for all tests here: calls share nothing, so neither do tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from hengio.model.outcome import Outcome
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox
from tests.support.guests import Run, fetching, make_call


@pytest.fixture(scope="session")
def sandbox() -> Iterator[WasmtimeSandbox]:
    made = WasmtimeSandbox()
    yield made
    asyncio.run(made.close())


@pytest.fixture
def run(sandbox: WasmtimeSandbox) -> Run:
    async def call(binary: bytes, data: bytes = b"{}", **options: Any) -> Outcome:
        return await sandbox.call(make_call(binary, data, **options), fetching(binary))

    return call
