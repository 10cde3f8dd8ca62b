"""`hengio job …`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hengio.cli.commands.options import (
    AsJson,
    DataDir,
    ExecutionId,
    FileOrJob,
    FromStep,
    InputFile,
    JobName,
    Latest,
    SetInput,
    Sure,
    Whole,
)

app = typer.Typer(help="Check, keep and run jobs.", no_args_is_help=True)


@app.command("validate")
def job_validate(
    file: Annotated[Path, typer.Argument(help="A job definition, JSON or YAML; - for standard input.")],
    *,
    json: AsJson = False,
) -> None:
    """Check a definition and name every problem by its place."""
    from hengio.cli.validate import validate_file

    raise typer.Exit(validate_file(file, as_json=json))


@app.command("schema")
def job_schema(*, json: AsJson = False) -> None:
    """Print the JSON Schema of a definition, for editors."""
    from hengio.cli.schema import show_schema

    raise typer.Exit(show_schema())


@app.command("run")
def job_run(
    job: FileOrJob,
    input_file: InputFile = None,
    set_: SetInput = None,
    module: Annotated[
        list[str] | None,
        typer.Option(
            help="Register a module first, as 0.0.1 if no version is named; repeatable.",
            metavar="NAME[@VERSION]=FILE.wasm",
        ),
    ] = None,
    grant: Annotated[
        list[str] | None,
        typer.Option(
            help="Let a module reach something outside; repeatable.", metavar="NAME[@VERSION]='PERMISSION RESOURCE'"
        ),
    ] = None,
    put: Annotated[
        list[str] | None, typer.Option(help="Put a file in the object store first; repeatable.", metavar="KEY=FILE")
    ] = None,
    data_dir: DataDir = None,
    *,
    full: Annotated[bool, typer.Option("--full", help="Print whole outputs, not what they are like.")] = False,
    json: AsJson = False,
) -> None:
    """Run a job once and follow it: embedded, or by the server that holds the data folder."""
    from hengio.cli.inputs import given_input
    from hengio.cli.job import run_job

    raise typer.Exit(
        run_job(
            job,
            given=given_input(input_file, set_ or []),
            modules=module or [],
            grants=grant or [],
            files=put or [],
            data_dir=data_dir,
            full=full,
            as_json=json,
        )
    )


@app.command("apply")
def job_apply(
    files: Annotated[list[Path], typer.Argument(help="Job definitions, JSON or YAML; - for standard input.")],
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Store definitions: a new job, or a new version of the one of that name. All or none, if one is not valid."""
    from hengio.cli.jobs import apply_files

    raise typer.Exit(apply_files(files, data_dir=data_dir, as_json=json))


@app.command("list")
def job_list(data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Show all jobs with their latest executions."""
    from hengio.cli.jobs import list_jobs

    raise typer.Exit(list_jobs(data_dir=data_dir, as_json=json))


@app.command("show")
def job_show(
    job: JobName,
    version: Annotated[int | None, typer.Option(min=1, help="An earlier version.", metavar="N")] = None,
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Show a job's definition in its canonical form."""
    from hengio.cli.jobs import show_job

    raise typer.Exit(show_job(job, version=version, data_dir=data_dir, as_json=json))


@app.command("trigger")
def job_trigger(
    job: JobName,
    input_file: InputFile = None,
    set_: SetInput = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(help="Under the same key the first execution is returned, no second begun.", metavar="KEY"),
    ] = None,
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Begin an execution and return at once; a server runs it."""
    from hengio.cli.inputs import given_input
    from hengio.cli.jobs import trigger_job

    given = given_input(input_file, set_ or [])
    raise typer.Exit(trigger_job(job, given, idempotency_key=idempotency_key, data_dir=data_dir, as_json=json))


@app.command("dry-run")
def job_dry_run(
    job: FileOrJob,
    input_file: InputFile = None,
    set_: SetInput = None,
    data_dir: DataDir = None,
    *,
    full: Annotated[bool, typer.Option("--full", help="Print whole outputs and changes.")] = False,
    json: AsJson = False,
) -> None:
    """Run a job without changing anything: reads happen, changes are listed."""
    from hengio.cli.inputs import given_input
    from hengio.cli.rehearsal import dry_run

    given = given_input(input_file, set_ or [])
    raise typer.Exit(dry_run(job, given, data_dir=data_dir, full=full, as_json=json))


@app.command("rerun")
def job_rerun(
    execution: ExecutionId,
    from_step: FromStep = None,
    input_file: InputFile = None,
    data_dir: DataDir = None,
    *,
    whole: Whole = False,
    latest: Latest = False,
    json: AsJson = False,
) -> None:
    """Run an execution that is over again, from the step that failed, keeping what was done before it."""
    from hengio.cli.again import again
    from hengio.cli.executions import rerun

    how = again(from_step=from_step, input_file=input_file, whole=whole, latest=latest)
    raise typer.Exit(rerun(execution, how, data_dir=data_dir, as_json=json))


@app.command("enable")
def job_enable(job: JobName, data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Let a job be started again."""
    from hengio.cli.jobs import enable_job

    raise typer.Exit(enable_job(job, enabled=True, data_dir=data_dir, as_json=json))


@app.command("disable")
def job_disable(job: JobName, data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Let nothing start a job; what runs goes on."""
    from hengio.cli.jobs import enable_job

    raise typer.Exit(enable_job(job, enabled=False, data_dir=data_dir, as_json=json))


@app.command("delete")
def job_delete(job: JobName, data_dir: DataDir = None, *, yes: Sure = False, json: AsJson = False) -> None:
    """Delete a job. Its executions are kept."""
    from hengio.cli.jobs import delete_job

    raise typer.Exit(delete_job(job, sure=yes, data_dir=data_dir, as_json=json))


@app.command("export")
def job_export(
    jobs: Annotated[list[str] | None, typer.Argument(help="Jobs by name or id; all if none is named.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write it; .zip makes an archive.", metavar="FILE")
    ] = None,
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Write jobs to a file, with placeholders for the secrets in them."""
    from hengio.cli.exchange import export_jobs

    raise typer.Exit(export_jobs(jobs or [], output=output, data_dir=data_dir, as_json=json))


class Clash(StrEnum):
    """What happens to a job whose name is taken."""

    COPY = "copy"
    REPLACE = "replace"
    REFUSE = "refuse"


@app.command("import")
def job_import(
    files: Annotated[list[Path], typer.Argument(help="Exports, definitions, arrays or archives of them; - for stdin.")],
    secret: Annotated[
        list[str] | None,
        typer.Option(help="What a placeholder asks for; others see it in the list of processes.", metavar="PATH=VALUE"),
    ] = None,
    secrets_file: Annotated[
        Path | None, typer.Option(help="JSON of PATH or JOB:PATH and value; - for standard input.", metavar="FILE")
    ] = None,
    clash: Annotated[
        Clash, typer.Option(help="A job of that name exists: import a copy, replace it, or refuse.")
    ] = Clash.COPY,
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Bring jobs in, each with a report."""
    from hengio.cli.exchange import import_jobs

    raise typer.Exit(
        import_jobs(
            files,
            secrets=secret or [],
            secrets_file=secrets_file,
            clash=clash.value,
            data_dir=data_dir,
            as_json=json,
        )
    )
