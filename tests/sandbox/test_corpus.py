"""The attack corpus: one WebAssembly text an attack in `attacks/`, each saying how it must end.

A file begins with what it tries, then `;; expect:` (outcome kinds, or `refused` for a binary that is not accepted at
all), `;; limits:` where it needs others than the defaults, and `;; grants:` where it is to have some, on files of which
none may change. After each attack the next call must be unharmed.
"""

from __future__ import annotations

import random
import re
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from wasmtime import wat2wasm

from hengio.blobs.protocol import Blobs
from hengio.blobs.store import open_blobs
from hengio.errors import Refused
from hengio.model.module import Limits
from hengio.model.outcome import Outcome
from hengio.sandbox.host.outside import ScopedOutside
from hengio.sandbox.wasmtime.engine import THREAD_STACK_BYTES
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox
from tests.support.areas import contents, reaching
from tests.support.guests import ECHO, Run, entry, fetching, make_call, reactor, text

ATTACKS = {path.stem: path.read_text() for path in sorted((Path(__file__).parent / "attacks").glob("*.wat"))}
GRACE_SECONDS = 1.5
"""What a call may take past its limit: a bulk instruction is not interruptible, and the machine may be busy."""


def expected(source: str) -> set[str]:
    line = re.search(r"^;; expect: (.*)$", source, re.MULTILINE)
    assert line is not None, "the file does not say how it must end"
    return set(line[1].split())


def limits(source: str) -> dict[str, Any]:
    line = re.search(r"^;; limits: (.*)$", source, re.MULTILINE)
    pairs = [] if line is None else [part.split("=") for part in line[1].split()]
    return {name: float(value) if name == "timeout_seconds" else int(value) for name, value in pairs}


def grants(source: str) -> list[str]:
    line = re.search(r"^;; grants: (.*)$", source, re.MULTILINE)
    return [] if line is None else re.findall(r"\S+ \S+", line[1])


async def reached(source: str) -> tuple[Blobs, ScopedOutside | None]:
    """A files area, and the world outside as far as the attack is granted it."""
    area = open_blobs("memory://", area="files")
    for key, data in FILES.items():
        await area.put(key, data)
    return area, reaching(area, grants(source)) if grants(source) else None


FILES = {"inbox/a.json": b"[1]", "inbox/big.bin": bytes(100_000), "secret.json": b"2"}


@pytest.mark.requirement("R3.4", "R3.5")
@pytest.mark.parametrize("attack", ATTACKS)
async def test_each_attack_ends_as_it_must_and_harms_nobody(sandbox: WasmtimeSandbox, run: Run, attack: str) -> None:
    source = ATTACKS[attack]
    wanted, given = expected(source), limits(source)
    area, outside = await reached(source)
    allowed = Limits(**{"timeout_seconds": 10.0, **given})
    binary = bytes(wat2wasm(source))
    try:
        sandbox.inspect(binary)
    except Refused:
        assert "refused" in wanted
        assert (await run(binary, **given)).kind.value == "module_refused", "what inspection refuses never runs"
        return
    began = time.monotonic()
    outcome = await run(binary, outside=outside, **given)
    took = time.monotonic() - began
    assert outcome.kind.value in wanted, outcome.failure
    assert took < allowed.timeout_seconds + GRACE_SECONDS
    assert outcome.peak_memory_bytes <= allowed.memory_bytes
    assert len(outcome.logs) <= allowed.log_lines
    assert await contents(area) == FILES
    unharmed = await run(reactor(entry(ECHO)), b'{"a":1}')
    assert unharmed.reply is not None
    assert bytes(unharmed.reply.output) == b'{"a":1}'


@pytest.mark.requirement("R6.1")
async def test_truncated_and_mutated_binaries_are_refused_or_run_within_their_limits(
    sandbox: WasmtimeSandbox, run: Run
) -> None:
    dice = random.Random(20_260)
    good = reactor(text(8, "x") + entry(ECHO))
    broken = [good[:length] for length in range(len(good))]
    for _ in range(600):
        changed = bytearray(good)
        for _ in range(dice.randint(1, 4)):
            changed[dice.randrange(8, len(changed))] = dice.randrange(256)
        broken.append(bytes(changed))
    accepted = []
    for binary in broken:
        try:
            sandbox.inspect(binary)
        except Refused:
            continue
        accepted.append(binary)
    assert len(accepted) < len(broken) / 2
    for binary in accepted[:60]:
        assert isinstance(await run(binary, fuel=1_000_000, timeout_seconds=2.0), Outcome)


@pytest.mark.requirement("R3.4", "R3.5")
async def test_eight_threads_of_good_and_hostile_calls_share_and_leak_nothing(sandbox: WasmtimeSandbox) -> None:
    """Eight threads, ten thousand calls each."""
    process = psutil.Process()
    logging = '(import "hengio_v1" "log" (func $log (param i32 i32 i32)))'
    guests = [
        reactor(entry(ECHO)),
        reactor(entry("(unreachable)")),
        reactor(entry("(call $log (i32.const 1) (i32.const -1) (i32.const 9))" + ECHO), imports=logging),
        reactor(entry("(call $run (local.get $pointer) (local.get $length))")),
        reactor(entry("(loop $l (br $l)) (unreachable)")),
        reactor(entry("(drop (memory.grow (i32.const 20))) (i64.const -1)")),
    ]
    kinds = ["succeeded", "trapped", "trapped", "stack_overflow", "out_of_fuel", "trapped"]
    shares = [20, 1, 1, 1, 1, 1]
    fuels = [20_000, 20_000, 20_000, 10_000_000, 20_000, 20_000]
    loaded = [await sandbox.library.load(make_call(guest).digest, fetching(guest)) for guest in guests]
    wrong: list[str] = []

    def work(seed: int, times: int) -> None:
        dice = random.Random(seed)
        for number in range(times):
            which = dice.choices(range(len(guests)), shares)[0]
            data = b'{"thread":%d,"call":%d}' % (seed, number)
            outcome = sandbox.run_here(make_call(guests[which], data, fuel=fuels[which]), loaded[which])
            answer = b"" if outcome.reply is None else bytes(outcome.reply.output)
            if outcome.kind.value != kinds[which] or (which == 0 and answer != data):
                wrong.append(f"{kinds[which]}: {outcome.kind} {outcome.failure} {answer!r} instead of {data!r}")

    def all_at_once(times: int) -> None:
        before = threading.stack_size(THREAD_STACK_BYTES)
        threads = [threading.Thread(target=work, args=(seed, times)) for seed in range(8)]
        for thread in threads:
            thread.start()
        threading.stack_size(before)
        for thread in threads:
            thread.join()

    all_at_once(300)
    resident, descriptors = process.memory_info().rss, process.num_fds()
    all_at_once(10_000)
    assert wrong[:3] == []
    assert process.memory_info().rss - resident < 32 << 20
    assert process.num_fds() <= descriptors + 2
