"""`hengio deadletter …`: look, redrive, discard (H5.4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from hengio import codec
from hengio.cli.executions import described, present, show_list
from hengio.cli.jobs import at_desk
from hengio.cli.person import person
from hengio.cli.present import escape, print_json
from hengio.cli.sure import check
from hengio.errors import HengioError, Refused
from hengio.model.execution import Execution, ExecutionState
from hengio.service.executions import Again, Redriven, Shown
from hengio.wiring.desk import Desk

MOST = 10_000
FAILED_EXIT = 10


def list_dead_letters(*, job: str | None, limit: int, data_dir: Path | None, as_json: bool) -> int:
    """The newest first."""

    async def find(desk: Desk) -> tuple[list[Execution], dict[str, str]]:
        found = await _found(desk, job, limit)
        return found, await desk.storage.jobs.names([one.job_id for one in found])

    show_list(*at_desk(find, data_dir=data_dir), as_json=as_json, none="no dead letters")
    return 0


def show_dead_letter(execution_id: str, *, data_dir: Path | None, as_json: bool) -> int:
    """One dead letter, with its whole input."""

    async def find(desk: Desk) -> tuple[Shown, dict[str, Any]]:
        found, told = await described(desk, execution_id, full=False)
        if found.execution.state is not ExecutionState.DEAD_LETTER:
            raise Refused(f"execution '{execution_id}' is no dead letter: {found.execution.state.value}")
        told["input"] = codec.decode(found.execution.input)
        return found, told

    found, told = at_desk(find, data_dir=data_dir)
    if as_json:
        print_json(told)
        return 0
    present(found, told, full=False)
    console = Console(highlight=False)
    console.print("\n[dim]input[/]")
    console.print_json(codec.encode(told["input"]).decode(), ensure_ascii=False)
    if found.execution.redriven_as is None:
        console.print(
            f"[dim]hengio deadletter redrive {execution_id} \\[--input FILE] \\[--latest]\n"
            f"hengio deadletter discard {execution_id}[/]",
            soft_wrap=True,
        )
    return 0


def redrive(
    execution_ids: list[str], how: Again, *, job: str | None, every: bool, data_dir: Path | None, as_json: bool
) -> int:
    """Redrive those named, or all; exits with 10 if one of them could not be."""
    _check_asked(execution_ids, every=every)

    async def run(desk: Desk) -> list[Redriven]:
        chosen = await _chosen(desk, execution_ids, job=job, every=every)
        return await desk.executions.redrive(chosen, how, by=person())

    told = at_desk(run, data_dir=data_dir)
    if as_json:
        print_json(
            [{"execution_id": one.execution_id, "redriven_as": one.redriven_as, "problem": one.problem} for one in told]
        )
    else:
        console = Console(highlight=False)
        for one in told:
            end = f"→ {one.redriven_as}" if one.problem is None else f"[red]{escape(one.problem)}[/]"
            console.print(f"{escape(one.execution_id)} {end}", soft_wrap=True)
        if not told:
            console.print("no dead letters")
    return FAILED_EXIT if any(one.problem for one in told) else 0


def discard(
    execution_ids: list[str], *, job: str | None, every: bool, sure: bool, data_dir: Path | None, as_json: bool
) -> int:
    """Discard those named, or all once somebody is sure; exits with 10 if one of them could not be."""
    _check_asked(execution_ids, every=every)
    if every:
        check("discard all dead letters" + (f" of job '{job}'" if job else ""), sure=sure)

    async def run(desk: Desk) -> list[tuple[str, str | None]]:
        told: list[tuple[str, str | None]] = []
        for one in await _chosen(desk, execution_ids, job=job, every=every):
            try:
                await desk.executions.discard(one, by=person())
                told.append((one, None))
            except HengioError as error:
                told.append((one, error.message))
        return told

    told = at_desk(run, data_dir=data_dir)
    if as_json:
        print_json([{"execution_id": one, "discarded": problem is None, "problem": problem} for one, problem in told])
    else:
        for one, problem in told:
            end = "discarded" if problem is None else f"[red]{escape(problem)}[/]"
            Console(highlight=False).print(f"{escape(one)} {end}", soft_wrap=True)
    return FAILED_EXIT if any(problem for _, problem in told) else 0


def _check_asked(execution_ids: list[str], *, every: bool) -> None:
    if every == bool(execution_ids):
        raise Refused("name dead letters, or say --all", hint="hengio deadletter list shows them")


async def _chosen(desk: Desk, execution_ids: list[str], *, job: str | None, every: bool) -> list[str]:
    return [one.id for one in await _found(desk, job, MOST)] if every else execution_ids


async def _found(desk: Desk, job: str | None, limit: int) -> list[Execution]:
    job_id = None if job is None else (await desk.storage.jobs.get(job)).id
    return await desk.executions.dead_letters(job_id=job_id, limit=limit)
