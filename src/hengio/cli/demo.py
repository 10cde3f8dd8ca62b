"""`hengio demo`: the example job on real data, from nothing to a workbook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import SecretStr
from rich.console import Console

from hengio import log, settings
from hengio.cli.examples import examples_folder
from hengio.cli.follow import Follower
from hengio.cli.inputs import read_bytes
from hengio.cli.install import put_files, register
from hengio.cli.interrupt import brief, interruptible
from hengio.cli.place import place
from hengio.cli.present import escape, print_json, terminal
from hengio.cli.summary import exit_code, summary
from hengio.definition.parse import read
from hengio.model.execution import ExecutionState
from hengio.service.jobs import Finished
from hengio.wiring import process
from hengio.wiring.embedded import System, embedded

JOB = "wildlife-strikes"
DATA_KEY = "wildlife-strikes/birdstrikes.csv"
DATABASE = "strikes.db"
REPORT_STEP = "report"
MODULES = ("clean-strikes", "score-strikes")
VERSION = "1.0.0"


def run_demo(data_dir: Path, *, as_json: bool, console: Console | None = None) -> int:
    """Run the example in `data_dir`; running it again adds an execution and doubles no row."""
    console = console or terminal(quiet=as_json)
    log.configure(level="warning", style="json" if as_json else "text")
    chosen = settings.load(data_dir=data_dir, connections={"strikes": SecretStr(f"sqlite:///{DATABASE}")})
    return process.run(interruptible(_demo(brief(chosen), console, as_json=as_json)))


async def _demo(chosen: settings.Settings, console: Console, *, as_json: bool) -> int:
    examples = examples_folder()
    async with embedded(chosen, log_modules=False) as system:
        state = "PostgreSQL" if chosen.database_file is None else "SQLite"
        objects = "a local folder" if chosen.objects_url is None else chosen.objects
        console.print(
            f"Hengio runs embedded in [bold]{escape(str(chosen.data_dir))}[/]: {state}, {objects}, one process"
        )
        await _finish_earlier(system, console)
        finished, follower = await _run(system, examples, console)
        answer: dict[str, Any] = await summary(system.jobs, finished)
        answer["recovered_executions"] = system.recovered
        answer["results"] = await _results(system, finished)
    if as_json:
        print_json(answer)
    else:
        follower.show_end(answer)
        _show_results(console, answer["results"])
    return exit_code(finished.execution.state)


async def _finish_earlier(system: System, console: Console) -> None:
    """Executions that a killed process left are taken up by themselves; wait for them so that it can be seen."""
    for execution in await system.storage.executions.recent():
        if execution.state in (ExecutionState.PENDING, ExecutionState.RUNNING):
            console.print(f"  taking up execution {execution.id}, which an earlier process left")
            stored = await system.storage.jobs.version(execution.job_id, execution.job_version)
            with system.events.watch(execution.id) as watch:
                finished = await system.jobs.follow(execution.id, stored, watch=watch)
            console.print(f"  it ended: {finished.execution.state.value}")


async def _run(system: System, examples: Path, console: Console) -> tuple[Finished, Follower]:
    example = examples / "wildlife-strikes"
    await put_files(system, {DATA_KEY: example / "data" / "birdstrikes.csv"})
    await register(system, {f"{name}@{VERSION}": _binary(examples, name) for name in MODULES})
    document = read(read_bytes(example / "job.json", what="definition"))
    stored, _ = await system.jobs.apply(document)
    console.print(f"  data      {DATA_KEY} in the object store")
    console.print(f"  modules   {', '.join(f'{name}@{VERSION}' for name in MODULES)}")
    console.print(f"  job       {stored.job.name}, version {stored.version}, {len(stored.job.steps)} steps\n")
    with Follower(stored.job, console=console) as follower:
        finished = await system.jobs.run(stored, on_event=follower.on_event)
    return finished, follower


def _binary(examples: Path, name: str) -> Path:
    inside = examples / "modules" / name / f"{name}.wasm"
    return inside if inside.is_file() else examples / "modules" / f"{name}.wasm"


async def _results(system: System, finished: Finished) -> dict[str, str]:
    """Where the report, the database that the job wrote and Hengio's own state are."""
    chosen = system.settings
    written = [await system.jobs.output(run) for run in finished.runs if run.step_id == REPORT_STEP and run.output]
    results = {"database": str(chosen.data_dir.resolve() / "databases" / DATABASE)}
    for output in written:
        results = {"report": place(chosen, output["path"]), **results}
    if chosen.database_file is not None:
        results["state"] = str(chosen.database_file)
    return results


def _show_results(console: Console, results: dict[str, str]) -> None:
    console.print("\nresults")
    for what, where in results.items():
        console.print(f"  {what:<9} {escape(where)}", soft_wrap=True)
