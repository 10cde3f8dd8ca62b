"""`hengio module …`"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
from pydantic import SecretStr

from hengio import codec, log, settings
from hengio.cli.inputs import read_bytes, read_json
from hengio.cli.outcome import outcome_json, show_outcome
from hengio.cli.present import assembled, escape, print_json, terminal
from hengio.cli.summary import FAILED_EXIT
from hengio.cli.tape import write
from hengio.codec import Json
from hengio.definition.context import Context
from hengio.errors import NotFound, Refused
from hengio.grants.check import read as read_grant
from hengio.keys import WRITING
from hengio.model.module import Limits, ModuleFacts
from hengio.model.outcome import Outcome, OutcomeKind
from hengio.sandbox.binary import is_component
from hengio.sandbox.host.outside import Capabilities, Scope, ScopedOutside, imported
from hengio.sandbox.protocol import Call, OutsideFunction
from hengio.sandbox.tapes.file import pack
from hengio.sandbox.tapes.keep import kept
from hengio.steps.guest import GuestView
from hengio.targets.databases import Databases
from hengio.wiring import process
from hengio.wiring.artefacts import open_cached
from hengio.wiring.outside import open_capabilities, open_folder
from hengio.wiring.parts import open_databases
from hengio.wiring.sandbox import default_limits, highest_limits, open_sandbox
from hengio.wiring.tapes import hidden


@dataclass(frozen=True, slots=True)
class Given:
    """What the module may reach in a try: grants as text, databases as NAME=URL, a folder for the files area."""

    allow: list[str]
    connections: list[str]
    files: Path | None


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the call may use; None is what a step gets that asks for nothing."""

    fuel: int | None
    timeout_seconds: float | None
    memory_mb: int | None

    def limits(self, chosen: settings.Settings, binary: bytes) -> Limits:
        """As limits of a call of the module. `Refused` for more than a step may ask for."""
        limits, highest = default_limits(chosen, component=is_component(binary)), highest_limits(chosen)
        for option, asked, most, setting in (
            ("--fuel", self.fuel, highest.fuel, "fuel_ceiling"),
            ("--timeout", self.timeout_seconds, highest.timeout_seconds, "timeout_ceiling_seconds"),
            ("--memory", self.memory_mb, highest.memory_bytes >> 20, "memory_ceiling_mb"),
        ):
            if asked and asked > most:
                hint = f"the setting sandbox.{setting}"
                raise Refused(f"{option} asks for {asked:g}, more than this installation allows ({most:g})", hint=hint)
        return msgspec.structs.replace(
            limits,
            fuel=self.fuel or limits.fuel,
            timeout_seconds=self.timeout_seconds or limits.timeout_seconds,
            memory_bytes=self.memory_mb << 20 if self.memory_mb else limits.memory_bytes,
        )


def inspect_file(file: Path, *, as_json: bool) -> int:
    """What the binary is. A binary that Hengio cannot run is refused with the list of what is missing."""
    log.configure(level="warning", style="json" if as_json else "text")
    binary = read_bytes(file, what="module")
    facts = process.run(_inspect(binary))
    if as_json:
        print_json(facts)
    else:
        _show_facts(file, facts)
    return 0


async def _inspect(binary: bytes) -> ModuleFacts:
    """Optimised code is not made for it: nothing will be called."""
    chosen = settings.load()
    sandbox = open_sandbox(chosen, tiers="baseline", artefacts=open_cached(chosen))
    try:
        return sandbox.inspect(binary)
    finally:
        await sandbox.close()


def test_file(
    file: Path,
    *,
    function: str,
    input_file: Path | None,
    bounds: Bounds,
    outside: Given,
    record: Path | None,
    as_json: bool,
) -> int:
    """Call the module once, in the sandbox that production uses (R9.1-R9.4). 0 only if it succeeded."""
    log.configure(level="warning", style="json" if as_json else "text")
    binary = read_bytes(file, what="module")
    given = {} if input_file is None else read_json(input_file, what="input")
    chosen = settings.load()
    call = Call(
        digest="",
        module_name=file.stem,
        function=function,
        input=codec.encode(given),
        limits=bounds.limits(chosen, binary),
        context=context_of(given),
        tape="never" if record is None else "always",
    )
    outcome = process.run(_test(chosen, binary, call, outside=outside))
    if record is not None:
        _record(record, outcome, chosen)
    if as_json:
        print_json(outcome_json(outcome))
    else:
        console = terminal()
        show_outcome(console, outcome)
        for grant in outcome.denials:
            console.print(assembled(("denied ", "yellow"), f"--allow '{grant}' would allow it"), soft_wrap=True)
    return 0 if outcome.kind is OutcomeKind.SUCCEEDED else FAILED_EXIT


async def _test(chosen: settings.Settings, binary: bytes, call: Call, *, outside: Given) -> Outcome:
    sandbox = open_sandbox(chosen, tiers="optimized", artefacts=open_cached(chosen))

    async def fetch() -> bytes:
        return binary

    try:
        facts = sandbox.inspect(binary)
        async with _reached(chosen, outside, call.module_name, imported(facts)) as reached:
            given = msgspec.structs.replace(call, outside=reached, directories=reached.scope.directories)
            return await sandbox.call(msgspec.structs.replace(given, digest=facts.digest), fetch)
    finally:
        await sandbox.close()


def _record(to: Path, outcome: Outcome, chosen: settings.Settings) -> None:
    if outcome.tape is None:
        raise Refused(f"there is nothing to record: {outcome.failure.message if outcome.failure else outcome.kind}")
    most = chosen.sandbox.tape_mb << 20
    write(to, pack(kept(outcome.tape, hidden(chosen), most_bytes=most)))


@asynccontextmanager
async def _reached(
    chosen: settings.Settings, given: Given, name: str, functions: frozenset[OutsideFunction]
) -> AsyncIterator[ScopedOutside]:
    """The world outside as it is given for a try: the capabilities of production, on these resources and grants."""
    grants = tuple(read_grant(text) for text in given.allow)
    connections = {**chosen.connections, **named_connections(given.connections)}
    async with open_world(chosen.model_copy(update={"connections": connections}), given.files) as (capabilities, _):
        yield capabilities.of(Scope(layers=(grants,), key=f"test:{name}", functions=functions))


def named_connections(given: list[str]) -> dict[str, SecretStr]:
    """NAME=URL taken apart. `Refused` shows the form."""
    connections = {}
    for text in given:
        connection, found, url = text.partition("=")
        if not found:
            raise Refused(f"--connection {text!r} is not of the form NAME=URL")
        connections[connection] = SecretStr(url)
    return connections


@asynccontextmanager
async def open_world(chosen: settings.Settings, folder: Path | None) -> AsyncIterator[tuple[Capabilities, Databases]]:
    """The capabilities of production on the databases of these settings and the files of a folder."""
    with _clean(folder):
        databases, files = open_databases(chosen), open_folder(folder)
        try:
            async with open_capabilities(chosen, databases=databases, files=files) as capabilities:
                yield capabilities, databases
        finally:
            await databases.close()
            await files.close()


@contextmanager
def _clean(folder: Path | None) -> Iterator[None]:
    """A folder that must be there (`NotFound`), and in which nothing is left in the end but what the module wrote."""
    if folder is not None and not folder.is_dir():
        raise NotFound(f"there is no folder {folder}", hint="--files names a folder that stands for the files area")
    aside = None if folder is None or (folder / WRITING).exists() else folder / WRITING
    try:
        yield
    finally:
        if aside is not None:
            with suppress(OSError):  # somebody else writes here by now
                aside.rmdir()


def context_of(given: Json) -> GuestView:
    """`get_context` reads from the input itself: `variables`, `steps` and the rest as the file gives them."""
    known = given if isinstance(given, dict) else {"input": given}
    variables = known.get("variables")
    context = Context(base=known, admin={}, variables=dict(variables) if isinstance(variables, dict) else {})
    return GuestView(context, secrets=(), own={key: value for key, value in known.items() if key != "variables"})


def _show_facts(file: Path, facts: ModuleFacts) -> None:
    console = terminal()
    lines = []
    most = "none" if facts.memory_maximum_bytes is None else f"{facts.memory_maximum_bytes >> 10:,} KiB"
    for name, value in (
        ("kind", facts.kind),
        ("size", f"{facts.size:,} bytes"),
        ("sha256", facts.digest),
        ("entries", ", ".join(facts.entries) or ("any name" if facts.kind == "component" else "none")),
        ("host functions", ", ".join(facts.host_functions) or "none"),
        ("host I/O", "possible" if facts.host_io_possible else "not possible: it imports none"),
        ("memory", f"{facts.memory_minimum_bytes >> 10:,} KiB at least, declared maximum {most}"),
        ("made with", ", ".join((*facts.languages, *facts.tools)) or "not stated"),
    ):
        lines.append(assembled((f"{name:<16}", "dim"), value))
    console.print(f"[bold]{escape(str(file))}[/] can run here")
    for line in lines:
        console.print(line, soft_wrap=True)
