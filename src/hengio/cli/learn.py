"""`hengio module learn`: what a module needs outside, found out by letting it."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from hengio import codec, log, settings
from hengio.cli.inputs import read_bytes, read_json
from hengio.cli.module import Given, context_of, named_connections, open_world
from hengio.cli.present import escape, print_json, terminal
from hengio.cli.summary import FAILED_EXIT
from hengio.grants.propose import Proposal, propose
from hengio.model.grant import Grant
from hengio.model.outcome import Outcome, OutcomeKind
from hengio.sandbox.binary import is_component
from hengio.sandbox.host.learning import LearningOutside, Reach
from hengio.sandbox.host.outside import Capabilities, Scope
from hengio.sandbox.protocol import Ask, Call, Outside, Sandbox
from hengio.targets.databases import Databases
from hengio.wiring import process
from hengio.wiring.artefacts import open_cached
from hengio.wiring.sandbox import default_limits, open_sandbox

_MOST_PASSES = 5


@dataclass
class Seen:
    """What was seen while the fixtures ran: a `Sight` whose fixture changes."""

    fixture: str = ""
    uses: list[tuple[Grant, str]] = field(default_factory=list)
    refusals: dict[Grant, str] = field(default_factory=dict)
    incomplete: bool = False

    def needed(self, grants: Collection[Grant]) -> None:
        self.uses += [(grant, self.fixture) for grant in grants]

    def refused(self, grant: Grant, reason: str) -> None:
        self.refusals[grant] = reason

    def interrupted(self) -> None:
        self.incomplete = True


@dataclass(frozen=True)
class Learnt:
    """The proposals, how each fixture ended while learning and again under them, why the ones that failed did so, and
    what was not allowed to learn."""

    proposals: tuple[Proposal, ...]
    outcomes: dict[str, str]
    again: dict[str, str]
    failures: dict[str, str]
    missing: tuple[Grant, ...]
    refusals: dict[Grant, str]

    @property
    def holds(self) -> bool:
        """Whether each fixture succeeded, again so with exactly these grants, and wanted no others. One that fails
        proves nothing: what it would have asked for later is not known."""
        return not self.failures and self.outcomes == self.again and set(self.missing) <= self.refusals.keys()


def learn_file(
    file: Path, fixtures: list[Path], *, function: str, name: str | None, given: Given, private: bool, as_json: bool
) -> int:
    """Call the module with each fixture, propose, and try the proposal. 0 only if it holds and nothing was refused.

    `name` is what the module is registered as, for the command that is proposed; else the file's name.
    """
    log.configure(level="warning", style="text")
    binary = read_bytes(file, what="module")
    inputs = {str(fixture): codec.encode(read_json(fixture, what="fixture")) for fixture in fixtures}
    chosen = settings.load().model_copy(update={"connections": named_connections(given.connections)})
    reach = Reach(private=private, connections=frozenset(chosen.connections), files=given.files is not None)
    call = Call(
        digest="",
        module_name=file.stem,
        function=function,
        input=b"",
        limits=default_limits(chosen, component=is_component(binary)),
        context=context_of({}),
        directories=() if given.files is None else ("in", "out"),
    )
    registered = name or file.stem
    learnt = process.run(_learn(chosen, binary, call, inputs, folder=given.files, reach=reach))
    if as_json:
        print_json(_document(learnt, registered))
    else:
        _show(learnt, registered, files=reach.files)
    return 0 if learnt.holds and not learnt.refusals else FAILED_EXIT


async def _learn(
    chosen: settings.Settings, binary: bytes, call: Call, inputs: dict[str, bytes], *, folder: Path | None, reach: Reach
) -> Learnt:
    sandbox = open_sandbox(chosen, tiers="optimized", artefacts=open_cached(chosen))
    try:
        digest = (await asyncio.to_thread(sandbox.inspect, binary)).digest
        trial = _Trial(sandbox, binary, msgspec.structs.replace(call, digest=digest), inputs)
        async with open_world(chosen, folder) as (capabilities, databases):
            seen, outcomes = await _watched(trial, capabilities, databases, reach)
            proposals = propose(seen.uses)
            scope = Scope(layers=(tuple(proposal.grant for proposal in proposals),), key="learn")
            final = replace(trial, call=msgspec.structs.replace(trial.call, directories=scope.directories))
            again = {name: await final.run(name, capabilities.of(scope)) for name in inputs}
    finally:
        await sandbox.close()
    missing = dict.fromkeys(grant for outcome in again.values() for grant in outcome.denials)
    return Learnt(proposals, _kinds(outcomes), _kinds(again), _failures(outcomes), tuple(missing), seen.refusals)


async def _watched(
    trial: _Trial, capabilities: Capabilities, databases: Databases, reach: Reach
) -> tuple[Seen, dict[str, Outcome]]:
    """All fixtures once; again where a request that changes something came to need a grant on its way."""
    known: dict[Ask, list[Grant]] = {}
    for _ in range(_MOST_PASSES):
        seen, outcomes = Seen(), {}
        outside = LearningOutside(capabilities, databases, reach=reach, sight=seen, known=known)
        for name in trial.inputs:
            seen.fixture = name
            outcomes[name] = await trial.run(name, outside)
        if not seen.incomplete:
            break
    return seen, outcomes


@dataclass(frozen=True)
class _Trial:
    """The module and its fixtures."""

    sandbox: Sandbox
    binary: bytes
    call: Call
    inputs: dict[str, bytes]

    async def run(self, name: str, outside: Outside) -> Outcome:
        """Call it with one of them."""
        given = self.inputs[name]
        context = context_of(codec.decode(given))
        call = msgspec.structs.replace(self.call, input=given, context=context, outside=outside)
        return await self.sandbox.call(call, self._fetch)

    async def _fetch(self) -> bytes:
        return self.binary


def _kinds(outcomes: dict[str, Outcome]) -> dict[str, str]:
    return {name: outcome.kind.value for name, outcome in outcomes.items()}


def _failures(outcomes: dict[str, Outcome]) -> dict[str, str]:
    """Why fixtures did not succeed, in words."""
    return {
        name: outcome.kind.value if outcome.failure is None else outcome.failure.message
        for name, outcome in outcomes.items()
        if outcome.kind is not OutcomeKind.SUCCEEDED
    }


def _command(learnt: Learnt, name: str) -> str | None:
    """The command that grants it. None where nothing was learnt, which is no reason to take permissions away."""
    if not learnt.proposals and learnt.failures:
        return None
    if not learnt.proposals:
        return f"hengio module permissions {shlex.quote(name)} --clear"
    options = [f"--set {shlex.quote(str(proposal.grant))}" for proposal in learnt.proposals]
    return f"hengio module permissions {shlex.quote(name)} {' '.join(options)}"


def _document(learnt: Learnt, name: str) -> dict[str, Any]:
    return {
        "permissions": [proposal.grant for proposal in learnt.proposals],
        "proposals": learnt.proposals,
        "command": _command(learnt, name),
        "fixtures": {one: {"outcome": kind, "again": learnt.again[one]} for one, kind in learnt.outcomes.items()},
        "failures": learnt.failures,
        "holds": learnt.holds,
        "missing": learnt.missing,
        "refused": [{"grant": grant, "reason": reason} for grant, reason in learnt.refusals.items()],
    }


def _show(learnt: Learnt, name: str, *, files: bool) -> None:
    console = terminal()
    if not learnt.proposals:
        console.print("it needed no permission")
    for proposal in learnt.proposals:
        _show_proposal(console, proposal)
    for grant, reason in learnt.refusals.items():
        console.print(f"[yellow]not tried[/] {escape(str(grant))}: {reason}", soft_wrap=True)
    for fixture, kind in learnt.outcomes.items():
        style = "green" if kind == learnt.again[fixture] else "red"
        console.print(f"{escape(fixture)}: {kind}, and with these permissions [{style}]{learnt.again[fixture]}[/]")
    for grant in learnt.missing:
        if grant not in learnt.refusals:
            console.print(f"[red]still missing[/] {escape(str(grant))}", soft_wrap=True)
    for fixture, reason in learnt.failures.items():
        told = f"{escape(fixture)} did not succeed, so it may not have asked for all that it needs: {escape(reason)}"
        console.print(f"[yellow]warning[/] {told}", soft_wrap=True)
    if learnt.failures and not files:
        console.print("  [dim]without --files there are no folders /in and /out[/]")
    console.print("[bold green]it holds[/]" if learnt.holds else "[bold red]it does not hold[/]")
    if (command := _command(learnt, name)) is not None:
        console.print(escape(command), soft_wrap=True)


def _show_proposal(console: Console, proposal: Proposal) -> None:
    grant = proposal.grant
    console.print(f"[green]{grant.permission:<15}[/] {escape(grant.resource)}", soft_wrap=True)
    used = ", ".join(f"{fixture} {count}×" for fixture, count in proposal.uses.items())
    console.print(f"  [dim]for {escape(used)}[/]", soft_wrap=True)
    if len(proposal.resources) > 1:
        console.print(f"  [dim]instead of {escape(', '.join(proposal.resources))}[/]", soft_wrap=True)
