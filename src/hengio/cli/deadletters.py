"""`hengio deadletter …`: look, redrive, discard (H5.4)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from hengio import codec
from hengio.cli.executions import described, present, show_list
from hengio.cli.jobs import at_desk
from hengio.cli.person import person
from hengio.cli.present import document, print_json, terminal
from hengio.cli.report import Report
from hengio.cli.sure import check
from hengio.errors import HengioError, Refused
from hengio.model.execution import Execution, ExecutionState
from hengio.service.executions import Again, Redriven, Shown
from hengio.wiring.desk import Desk

PAGE = 500
FAILED_EXIT = 10


def list_dead_letters(*, job: str | None, limit: int, data_dir: Path | None, as_json: bool) -> int:
    """The newest first."""

    async def find(desk: Desk) -> tuple[list[Execution], dict[str, str]]:
        found = await desk.executions.dead_letters(job_id=await _job_id(desk, job), limit=limit)
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
    console = terminal()
    console.print("\n[dim]input[/]")
    console.print(document(codec.encode(told["input"])), soft_wrap=True)
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
    report: Report[Redriven] = Report(_redriven, as_json=as_json, counted=every)

    async def run(desk: Desk) -> None:
        async for one in _chosen(desk, execution_ids, job=job, every=every, living=job is None):
            [done] = await desk.executions.redrive([one], how, by=person())
            report.tell(done, f"→ {done.redriven_as}", done.problem)

    with report:
        at_desk(run, data_dir=data_dir)
    return FAILED_EXIT if report.failed else 0


def _redriven(one: Redriven) -> dict[str, Any]:
    return {"execution_id": one.execution_id, "redriven_as": one.redriven_as, "problem": one.problem}


def discard(
    execution_ids: list[str], *, job: str | None, every: bool, sure: bool, data_dir: Path | None, as_json: bool
) -> int:
    """Discard those named, or all once somebody is sure; exits with 10 if one of them could not be."""
    _check_asked(execution_ids, every=every)
    if every:
        check("discard all dead letters" + (f" of job '{job}'" if job else ""), sure=sure)
    report: Report[Discarded] = Report(_discarded, as_json=as_json, counted=every)

    async def run(desk: Desk) -> None:
        async for one in _chosen(desk, execution_ids, job=job, every=every):
            try:
                await desk.executions.discard(one, by=person())
                done = Discarded(one)
            except HengioError as error:
                done = Discarded(one, error.message)
            report.tell(done, "discarded", done.problem)

    with report:
        at_desk(run, data_dir=data_dir)
    return FAILED_EXIT if report.failed else 0


class Discarded(Struct, frozen=True):
    """What became of one of several; `problem` is why it is still there."""

    execution_id: str
    problem: str | None = None


def _discarded(one: Discarded) -> dict[str, Any]:
    return {"execution_id": one.execution_id, "discarded": one.problem is None, "problem": one.problem}


def _check_asked(execution_ids: list[str], *, every: bool) -> None:
    if every == bool(execution_ids):
        raise Refused("name dead letters, or say --all", hint="hengio deadletter list shows them")


async def _chosen(
    desk: Desk, execution_ids: list[str], *, job: str | None, every: bool, living: bool = False
) -> AsyncIterator[str]:
    """Those named; or all, page by page behind the last one seen, so that one that stays is not met again."""
    for one in execution_ids:
        yield one
    job_id, before = await _job_id(desk, job), None
    while every and (
        page := await desk.executions.dead_letters(job_id=job_id, living=living, limit=PAGE, before=before)
    ):
        for execution in page:
            yield execution.id
        before = page[-1]


async def _job_id(desk: Desk, job: str | None) -> str | None:
    return None if job is None else await desk.executions.job_id(job)
