"""`/in` and `/out` in whole calls: what is saved when, what a guest that fails leaves, and what ends it (ABI: WASI)."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from hengio.blobs.protocol import Blobs
from hengio.blobs.store import open_blobs
from hengio.model.grant import Grant
from hengio.model.outcome import OutcomeKind
from hengio.sandbox.protocol import Answered, Ask, Call, OutsideFunction, Status
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox
from tests.support.areas import contents, reaching
from tests.support.guests import ECHO, WASI, Run, command, entry, fetching, make_call, reactor, text, until

TYPES = {
    "args_get": "i32 i32",
    "args_sizes_get": "i32 i32",
    "environ_sizes_get": "i32 i32",
    "fd_fdstat_get": "i32 i32",
    "fd_filestat_get": "i32 i32",
    "fd_pread": "i32 i32 i32 i64 i32",
    "fd_prestat_dir_name": "i32 i32 i32",
    "fd_prestat_get": "i32 i32",
    "fd_pwrite": "i32 i32 i32 i64 i32",
    "fd_read": "i32 i32 i32 i32",
    "fd_readdir": "i32 i32 i32 i64 i32",
    "fd_seek": "i32 i64 i32 i32",
    "fd_tell": "i32 i32",
    "fd_write": "i32 i32 i32 i32",
    "path_create_directory": "i32 i32 i32",
    "path_filestat_get": "i32 i32 i32 i32 i32",
    "path_open": "i32 i32 i32 i32 i32 i64 i64 i32 i32",
    "path_readlink": "i32 i32 i32 i32 i32 i32",
    "path_remove_directory": "i32 i32 i32",
    "path_rename": "i32 i32 i32 i32 i32 i32",
    "path_unlink_file": "i32 i32 i32",
}
GRANTS = ["file:read inbox/**", "file:write out/**"]
IN, OUT, FILE = 3, 4, 5
"""Descriptors: the two directories, and what is opened first."""


def imports(*names: str) -> str:
    return "".join(f'(import "{WASI}" "{name}" (func ${name} (param {TYPES[name]}) (result i32)))' for name in names)


def pushed(name: str, *values: int) -> str:
    """A call of a function of preview 1."""
    words = " ".join(f"({type_}.const {value})" for type_, value in zip(TYPES[name].split(), values, strict=True))
    return f"(call ${name} {words})"


def done(name: str, *values: int) -> str:
    """One that must succeed."""
    return f"(if {pushed(name, *values)} (then (unreachable)))"


VECTOR, SIZE, NAME, OPENED, DATA = 64, 96, 128, 32, 256
"""Where a guest keeps an iovec, what a function tells, a path, the new descriptor, and what is read or written."""
OPEN_IN = done("path_open", IN, 0, NAME, 12, 0, 2, 0, 0, OPENED)
CREATE = done("path_open", OUT, 0, NAME + 32, 9, 1, 66, 0, 0, OPENED)
READ, WRITE = done("fd_read", FILE, VECTOR, 1, SIZE), done("fd_write", FILE, VECTOR, 1, SIZE)
COMMON = (
    text(NAME, "inbox/a.json")
    + text(NAME + 32, "out/b.txt")
    + '(data (i32.const 64) "\\00\\01\\00\\00\\07\\00\\00\\00")'
)
NEEDED = imports("path_open", "fd_read", "fd_write")


def guest(code: str) -> bytes:
    return reactor(COMMON + entry(code), imports=NEEDED)


@pytest.fixture
async def area() -> Blobs:
    made = open_blobs("memory://", area="files")
    await made.put("inbox/a.json", b"[1,2,3]")
    return made


@pytest.mark.requirement("R2.5", "R4.5")
async def test_a_file_of_the_area_is_read_through_in(run: Run, area: Blobs) -> None:
    outcome = await run(
        guest(f"{OPEN_IN} {READ} (call $pack (i32.const {DATA}) (i32.const 7))"), outside=reaching(area, GRANTS)
    )
    assert outcome.reply is not None, outcome.failure
    assert bytes(outcome.reply.output) == b"[1,2,3]"
    assert (outcome.io_calls, outcome.wrote, outcome.denials) == (2, False, ())


@pytest.mark.requirement("R2.5", "R4.6")
async def test_what_a_call_wrote_is_saved_when_it_ended_well(run: Run, area: Blobs) -> None:
    outcome = await run(guest(CREATE + WRITE + ECHO), outside=reaching(area, GRANTS))
    assert outcome.kind is OutcomeKind.SUCCEEDED, outcome.failure
    assert outcome.wrote
    assert await contents(area) == {"inbox/a.json": b"[1,2,3]", "out/b.txt": bytes(7)}


FAILURES = {
    "a trap": f"{CREATE} {WRITE} unreachable",
    "no JSON": f"{CREATE} {WRITE} (call $pack (i32.const 0) (i32.const 1))",
    "errors": f"{CREATE} {WRITE} (call $pack (i32.const 512) (i32.const 28))",
    "an error": f"{CREATE} {WRITE} (call $pack (i32.const 640) (i32.const 36))",
    "no fuel": f"{CREATE} {WRITE} (loop $l (br $l)) unreachable",
}


@pytest.mark.requirement("R2.5", "R3.4")
@pytest.mark.parametrize("code", FAILURES.values(), ids=FAILURES)
async def test_nothing_is_saved_of_a_call_that_failed(run: Run, area: Blobs, code: str) -> None:
    told = text(512, '{"valid":false,"errors":[1]}') + text(640, '{"error":{"code":"x","message":"y"}}')
    failing = reactor(COMMON + told + entry(code), imports=NEEDED)
    outcome = await run(failing, outside=reaching(area, GRANTS), fuel=1_000_000)
    assert outcome.kind is not OutcomeKind.SUCCEEDED
    assert not outcome.wrote
    assert await contents(area) == {"inbox/a.json": b"[1,2,3]"}


async def test_nothing_is_saved_of_a_command_that_exits_with_an_error(run: Run, area: Blobs) -> None:
    for code, saved in ((1, False), (0, True)):
        body = f"""{COMMON} {text(16, "1")} (func (export "_start") {CREATE}
          (drop (call $write (i32.const {FILE}) (i32.const {VECTOR}) (i32.const 1) (i32.const {SIZE})))
          (call $print (i32.const 1) (i32.const 16) (i32.const 1)) (call $exit (i32.const {code})) unreachable)"""
        outcome = await run(command(body, imports=imports("path_open")), outside=reaching(area, GRANTS))
        assert (outcome.kind is OutcomeKind.SUCCEEDED) is saved, outcome.failure
        assert ("out/b.txt" in await contents(area)) is saved


async def test_a_file_that_cannot_be_saved_fails_the_call(run: Run, area: Blobs) -> None:
    outcome = await run(guest(CREATE + WRITE + ECHO), outside=reaching(area, GRANTS, file_bytes=5))
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.failure is not None
    assert outcome.failure.code == "limit_exceeded"
    assert outcome.failure.message == "/out/out/b.txt could not be saved: a file has at most 5 bytes"
    assert outcome.reply is None


@pytest.mark.requirement("R4.7", "R4.8")
async def test_a_directory_is_there_if_every_layer_of_grants_has_one_for_it(run: Run, area: Blobs) -> None:
    looks = reactor(
        entry(f"""(i32.store8 (i32.const 8) (i32.add (i32.const 48) {pushed("fd_prestat_get", 3, SIZE)}))
          (i32.store8 (i32.const 9) (i32.add (i32.const 48) {pushed("fd_prestat_get", 4, SIZE)}))
          (call $pack (i32.const 7) (i32.const 4))""")
        + text(7, '"00"'),
        imports=imports("fd_prestat_get"),
    )
    reads, writes = ["file:read a"], ["file:write a"]
    for layers, found in (
        ([[*reads, *writes]], '"00"'),
        ([reads], '"08"'),
        ([writes], '"08"'),
        ([reads, writes], '"88"'),
        ([[*reads, *writes], reads], '"08"'),
        ([[*reads, *writes], []], '"88"'),
    ):
        outcome = await run(looks, outside=reaching(area, *layers))
        assert outcome.reply is not None
        assert bytes(outcome.reply.output).decode() == found


@pytest.mark.requirement("R4.7", "R4.8")
async def test_a_denied_path_is_an_ordinary_error_and_a_denial_of_the_call(run: Run, area: Blobs) -> None:
    tries = ((IN, 0, NAME, 12, 0, 2, 0, 0, OPENED), (OUT, 0, NAME + 32, 9, 1, 66, 0, 0, OPENED))
    codes = (f"(if (i32.ne {pushed('path_open', *each)} (i32.const 2)) (then unreachable))" for each in tries)
    code = "".join(codes) + ECHO
    outcome = await run(guest(code), outside=reaching(area, ["file:read other/**", "file:write other/**"]))
    assert outcome.kind is OutcomeKind.SUCCEEDED, outcome.failure
    assert outcome.denials == (Grant("file:read", "inbox/a.json"), Grant("file:write", "out/b.txt"))


@pytest.mark.requirement("R4.7")
async def test_a_file_is_not_renamed_to_where_it_may_not_be_written(run: Run, area: Blobs) -> None:
    names = text(192, "out/c.txt") + text(224, "secret.txt")
    denied = pushed("path_rename", OUT, NAME + 32, 9, OUT, 224, 10)
    code = CREATE + f"(if (i32.ne {denied} (i32.const 2)) (then (unreachable)))"
    code += done("path_rename", OUT, NAME + 32, 9, OUT, 192, 9) + ECHO
    renaming = reactor(COMMON + names + entry(code), imports=imports("path_open", "path_rename"))
    outcome = await run(renaming, outside=reaching(area, GRANTS))
    assert outcome.kind is OutcomeKind.SUCCEEDED, outcome.failure
    assert outcome.denials == (Grant("file:write", "secret.txt"),)
    assert sorted(await contents(area)) == ["inbox/a.json", "out/c.txt"]


async def test_an_open_file_is_fetched_once(run: Run, area: Blobs) -> None:
    twice = f"""{OPEN_IN} (i32.store (i32.const {VECTOR + 4}) (i32.const 3)) {READ}
      (i32.store (i32.const {VECTOR}) (i32.const {DATA + 3})) (i32.store (i32.const {VECTOR + 4}) (i32.const 90)) {READ}
      (call $pack (i32.const {DATA}) (i32.add (i32.const 3) (i32.load (i32.const {SIZE}))))"""
    outcome = await run(guest(twice), outside=reaching(area, GRANTS))
    assert outcome.reply is not None, outcome.failure
    assert bytes(outcome.reply.output) == b"[1,2,3]"
    assert outcome.io_calls == 2


class Slow:
    """A world outside that finds and admits everything, and is never done with one function."""

    def __init__(self, stuck: OutsideFunction) -> None:
        self.stuck = stuck
        self.asked: list[str] = []

    async def answer(self, ask: Ask) -> Answered:
        self.asked.append(ask.function)
        if ask.function == self.stuck:
            await asyncio.sleep(60)
        return Answered(status=Status.OK, reply=b'["",false,7,0]')


def slow_call(binary: bytes, outside: Slow, seconds: float) -> Call:
    call = make_call(binary, timeout_seconds=seconds)
    return msgspec.structs.replace(call, outside=outside, directories=("in", "out"))


@pytest.mark.requirement("R3.3")
@pytest.mark.parametrize("stuck", ["file_find", "file_read", "file_admit", "file_write"])
async def test_a_store_that_is_stuck_ends_with_the_call(sandbox: WasmtimeSandbox, stuck: OutsideFunction) -> None:
    outside = Slow(stuck)
    binary = guest(OPEN_IN + READ + CREATE + ECHO)
    outcome = await sandbox.call(slow_call(binary, outside, 0.2), fetching(binary))
    assert outcome.kind is OutcomeKind.TIMED_OUT
    assert outcome.duration_ms < 2_000
    assert outside.asked[-1] == stuck
    assert outcome.wrote is (stuck == "file_write"), "nobody knows how far it came"


@pytest.mark.requirement("R3.3")
async def test_a_cancel_ends_a_read(sandbox: WasmtimeSandbox) -> None:
    outside = Slow("file_read")
    binary = guest(OPEN_IN + READ + ECHO)
    task = asyncio.create_task(sandbox.call(slow_call(binary, outside, 30.0), fetching(binary)))
    await until(lambda: "file_read" in outside.asked)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not sandbox.running())


async def test_a_repetition_reads_the_same_again_and_asks_nobody(sandbox: WasmtimeSandbox, area: Blobs) -> None:
    code = f"""{OPEN_IN} {READ}
      (if (i32.ne (i32.load8_u (i32.const {DATA + 1})) (i32.const 49)) (then (return (i64.const 0))))
      (drop (memory.grow (i32.const 60000))) unreachable"""
    outcome = await sandbox.call(make_call(guest(code), outside=reaching(area, GRANTS)), fetching(guest(code)))
    assert outcome.kind is OutcomeKind.OUT_OF_MEMORY
    assert outcome.io_calls == 2


@pytest.mark.requirement("R2.5")
async def test_a_listing_in_small_pieces_is_sorted_and_whole(run: Run, area: Blobs) -> None:
    for name in ("c", "b", "d/e"):
        await area.put(f"inbox/{name}", b"")
    binary = reactor(
        text(NAME, "inbox")
        + entry(f"""(local $cookie i64) (local $into i32)
          {done("path_open", IN, 0, NAME, 5, 2, 0, 0, 0, OPENED)}
          (local.set $into (i32.const 2048)) (i32.store8 (i32.const 2048) (i32.const 34))
          (loop $more
            (drop
              (call $fd_readdir (i32.const 5) (i32.const 512) (i32.const 60) (local.get $cookie) (i32.const {SIZE})))
            (if (i32.load (i32.const {SIZE})) (then
              (local.set $cookie (i64.load (i32.const 512)))
              (local.set $into (i32.add (local.get $into) (i32.const 1)))
              (i32.store8 (local.get $into) (i32.add (i32.const 48) (i32.load8_u (i32.const 532))))
              (memory.copy (i32.add (local.get $into) (i32.const 1)) (i32.const 536) (i32.load (i32.const 528)))
              (local.set $into (i32.add (local.get $into) (i32.load (i32.const 528))))
              (br $more))))
          (i32.store8 (i32.add (local.get $into) (i32.const 1)) (i32.const 34))
          (call $pack (i32.const 2048) (i32.sub (local.get $into) (i32.const 2046)))"""),
        imports=imports("path_open", "fd_readdir"),
    )
    outcome = await run(binary, outside=reaching(area, GRANTS))
    assert outcome.reply is not None, outcome.failure
    assert bytes(outcome.reply.output) == b'"3.3..4a.json4b4c3d"'


BAD = {
    "args_sizes_get": ["{at} 8", "8 {at}"],
    "environ_sizes_get": ["{at} 8", "8 {at}"],
    "fd_fdstat_get": ["3 {at}", "5 {at}"],
    "fd_filestat_get": ["3 {at}", "5 {at}", "1 {at}"],
    "fd_pread": ["5 {at} 1 0 96", "5 1024 1 0 96", "5 64 1 0 {at}"],
    "fd_prestat_dir_name": ["3 {at} 3"],
    "fd_prestat_get": ["3 {at}"],
    "fd_pwrite": ["5 {at} 1 0 96", "5 1024 1 0 96", "5 64 1 0 {at}"],
    "fd_read": ["5 {at} 1 96", "5 1024 1 96", "5 64 1 {at}"],
    "fd_readdir": ["3 {at} 64 0 96", "3 256 {at} 0 96", "3 256 64 0 {at}"],
    "fd_seek": ["5 0 0 {at}"],
    "fd_tell": ["5 {at}"],
    "fd_write": ["5 {at} 1 96", "5 1024 1 96", "5 64 1 {at}"],
    "path_create_directory": ["4 {at} 8", "4 128 {at}"],
    "path_filestat_get": ["3 0 {at} 8 256", "3 0 128 {at} 256", "3 0 128 12 {at}"],
    "path_open": ["3 0 {at} 8 0 2 0 0 32", "3 0 128 {at} 0 2 0 0 32", "3 0 128 12 0 2 0 0 {at}"],
    "path_readlink": ["3 {at} 8 256 64 96"],
    "path_remove_directory": ["4 {at} 8"],
    "path_rename": ["4 {at} 8 4 128 8", "4 128 8 4 {at} 8"],
    "path_unlink_file": ["4 {at} 8", "4 128 {at}"],
}


@pytest.mark.requirement("R3.4")
@pytest.mark.parametrize(("name", "values"), [(name, one) for name, cases in BAD.items() for one in cases])
async def test_a_bad_pointer_traps(run: Run, area: Blobs, name: str, values: str) -> None:
    outside = '(data (i32.const 1024) "\\f0\\ff\\ff\\ff\\ff\\ff\\00\\00")'
    needed = {name, "path_open"}
    code = CREATE + f"(drop {pushed(name, *map(int, values.format(at=-4).split()))})" + ECHO
    outcome = await run(
        reactor(COMMON + outside + entry(code), imports=imports(*sorted(needed))), outside=reaching(area, GRANTS)
    )
    assert outcome.kind is OutcomeKind.TRAPPED
    assert outcome.failure is not None
    assert outcome.failure.code == "bad_pointer"


def test_opening_files_is_host_input_and_output(sandbox: WasmtimeSandbox) -> None:
    for name, possible in (("path_open", True), ("fd_read", False)):
        assert sandbox.inspect(reactor(entry(ECHO), imports=imports(name))).host_io_possible is possible
