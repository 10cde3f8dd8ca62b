"""`hengio job run`: a job once, followed to its end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from hengio import log, settings
from hengio.cli.follow import Follower
from hengio.cli.inputs import STDIN, GivenInput, read_bytes
from hengio.cli.install import Wanted, install, wanted
from hengio.cli.interrupt import brief, interruptible
from hengio.cli.person import person
from hengio.cli.place import place
from hengio.cli.present import print_json, terminal
from hengio.cli.summary import exit_code, summary
from hengio.codec import Json
from hengio.definition.parse import read
from hengio.errors import NotFound
from hengio.model.execution import Execution
from hengio.service.following import polled
from hengio.service.jobs import Finished, JobService
from hengio.storage.protocol import StoredJob
from hengio.wiring import process
from hengio.wiring.desk import Desk, desk, is_worked
from hengio.wiring.embedded import embedded


def run_job(
    job: str,
    *,
    given: GivenInput,
    modules: list[str],
    grants: list[str],
    files: list[str],
    data_dir: Path | None,
    full: bool,
    as_json: bool,
) -> int:
    """Register what is given, apply the definition (or find the job of that name), run it once and follow it.

    Where a server holds the data folder, that one runs it; then nothing can be registered on the way.
    """
    document = document_of(job)
    chosen = brief(settings.load(data_dir=data_dir))
    log.configure(level="warning", style="json" if as_json else "text")
    first = wanted(modules=modules, grants=grants, files=files)
    asked = _Asked(chosen, job, document, given, full=full, as_json=as_json)
    if not (modules or grants or files) and is_worked(chosen):
        return process.run(_by_the_server(chosen, asked))
    return process.run(interruptible(_here(chosen, asked, first)))


class _Asked:
    """What is to be run, and how it is shown."""

    def __init__(
        self, chosen: settings.Settings, name: str, document: Json, given: GivenInput, *, full: bool, as_json: bool
    ) -> None:
        self.chosen, self.name, self.document, self.given = chosen, name, document, given
        self.full, self.as_json = full, as_json
        self.console = terminal(quiet=as_json)

    async def stored(self, jobs: JobService) -> tuple[StoredJob, list[str]]:
        """The job, and what there is to warn of."""
        if self.document is None:
            return await jobs.storage.jobs.get(self.name), []
        stored, report = await jobs.apply(self.document, by=person())
        return stored, [str(warning) for warning in report.warnings]

    async def show(self, jobs: JobService, finished: Finished, follower: Follower) -> int:
        answer: dict[str, Any] = await summary(jobs, finished, full=self.full)
        if self.as_json:
            print_json(answer)
        else:
            follower.show_end(answer)
            follower.show_output(answer, place=lambda key: place(self.chosen, key))
        return exit_code(finished.execution.state)

    async def show_going_on(self, opened: Desk, stored: StoredJob, execution: Execution, follower: Follower) -> None:
        now = await opened.storage.executions.load(execution.id)
        if self.as_json:
            print_json({"execution_id": now.id, "job": stored.job.name, "status": now.state.value})
        else:
            follower.show_going_on(now)


def document_of(job: str) -> Json:
    """The definition in a file of that name; None if it is the name of a job."""
    file = Path(job)
    if file == STDIN or file.is_file():
        return read(read_bytes(file, what="definition"))
    if file.suffix in {".json", ".yaml", ".yml"} or "/" in job:
        raise NotFound(f"there is no definition {job}")
    return None


async def _here(chosen: settings.Settings, asked: _Asked, first: Wanted) -> int:
    async with embedded(chosen, log_modules=False) as system:
        await install(system, first)
        stored, warnings = await asked.stored(system.jobs)
        with Follower(stored.job, console=asked.console) as follower:
            for warning in warnings:
                follower.warn(warning)
            finished = await system.jobs.run(
                stored, given=asked.given.of(stored.job), by=person(), on_event=follower.on_event
            )
        return await asked.show(system.jobs, finished, follower)


async def _by_the_server(chosen: settings.Settings, asked: _Asked) -> int:
    async with desk(chosen) as opened:
        stored, warnings = await asked.stored(opened.jobs)
        execution = await opened.jobs.trigger(stored, given=asked.given.of(stored.job), by=person())
        try:
            with Follower(stored.job, console=asked.console) as follower:
                for warning in warnings:
                    follower.warn(warning)
                finished = await _watched(opened, stored, execution, follower)
        except asyncio.CancelledError:  # Ctrl-C ends the watching
            await asked.show_going_on(opened, stored, execution, follower)
            raise
        return await asked.show(opened.jobs, finished, follower)


async def _watched(opened: Desk, stored: StoredJob, execution: Execution, follower: Follower) -> Finished:
    async for event in polled(opened.storage.executions, execution.id, job=stored):
        follower.on_event(event)
    ended = await opened.storage.executions.load(execution.id)
    return Finished(stored, ended, tuple(await opened.storage.executions.runs(execution.id)))
