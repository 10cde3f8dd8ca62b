"""The `hengio` command."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from hengio.cli.commands import (
    audit,
    authors,
    circuits,
    connections,
    deadletters,
    executions,
    jobs,
    modules,
    roles,
    schedules,
    secrets,
    tokens,
    users,
    variables,
    webhooks,
)
from hengio.cli.commands.options import AsJson, DataDir
from hengio.errors import HengioError, Unavailable

app = typer.Typer(
    name="hengio",
    help="Hengio runs durable jobs whose steps can be sandboxed WebAssembly.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
module_app = modules.app
app.add_typer(jobs.app, name="job")
app.add_typer(schedules.app, name="schedule")
app.add_typer(executions.app, name="execution")
app.add_typer(deadletters.app, name="deadletter")
app.add_typer(circuits.app, name="circuit")
app.add_typer(module_app, name="module")
app.add_typer(authors.app, name="author")
app.add_typer(audit.app, name="audit")
app.add_typer(users.app, name="user")
app.add_typer(roles.app, name="role")
app.add_typer(tokens.app, name="token")
app.add_typer(variables.app, name="variable")
app.add_typer(connections.app, name="connection")
app.add_typer(secrets.app, name="secrets")
app.add_typer(webhooks.app, name="webhook")


@app.command()
def demo(data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Run the example job on real data, embedded, and show what happens."""
    from hengio.cli.demo import run_demo

    raise typer.Exit(run_demo(data_dir or Path(".hengio-demo"), as_json=json))


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Run the scheduler in this process, until SIGTERM or Ctrl-C."""
    from hengio.cli.serve import run_server

    raise typer.Exit(run_server(host=host, port=port, data_dir=data_dir))


@module_app.command("inspect")
def module_inspect(
    file: Annotated[Path, typer.Argument(help="A WebAssembly binary.")], *, json: AsJson = False
) -> None:
    """Show what a binary is, exports and imports, and whether Hengio can run it."""
    from hengio.cli.module import inspect_file

    raise typer.Exit(inspect_file(file, as_json=json))


@module_app.command("test")
def module_test(
    file: Annotated[Path, typer.Argument(help="A WebAssembly binary.")],
    function: Annotated[str, typer.Option(help="The entry to call.", metavar="NAME")] = "run",
    input_file: Annotated[
        Path | None, typer.Option("--input", help="The input JSON; - for standard input.", metavar="FILE")
    ] = None,
    fuel: Annotated[int | None, typer.Option(min=1, help="Fuel limit.", metavar="N")] = None,
    timeout: Annotated[float | None, typer.Option(min=0.001, help="Wall clock limit in seconds.", metavar="S")] = None,
    memory: Annotated[int | None, typer.Option(min=1, max=4096, help="Memory limit in MiB.", metavar="MB")] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="Let it reach something outside; repeatable.", metavar="'PERMISSION RESOURCE'"),
    ] = None,
    connection: Annotated[
        list[str] | None, typer.Option(help="A database that it may be allowed; repeatable.", metavar="NAME=URL")
    ] = None,
    files: Annotated[
        Path | None, typer.Option(help="A folder that stands for the files area.", metavar="DIR", file_okay=False)
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Write a tape of the call, for hengio module replay.", metavar="FILE")
    ] = None,
    *,
    json: AsJson = False,
) -> None:
    """Call a module once, under the same limits and host code as in production."""
    from hengio.cli.module import Bounds, Given, test_file

    raise typer.Exit(
        test_file(
            file,
            function=function,
            input_file=input_file,
            bounds=Bounds(fuel=fuel, timeout_seconds=timeout, memory_mb=memory),
            outside=Given(allow=allow or [], connections=connection or [], files=files),
            record=record,
            as_json=json,
        )
    )


@module_app.command("learn")
def module_learn(
    file: Annotated[Path, typer.Argument(help="A WebAssembly binary.")],
    fixtures: Annotated[list[Path], typer.Argument(help="Input documents (JSON) to call it with.")],
    function: Annotated[str, typer.Option(help="The entry to call.", metavar="NAME")] = "run",
    connection: Annotated[
        list[str] | None, typer.Option(help="A database that it may use; repeatable.", metavar="NAME=URL")
    ] = None,
    files: Annotated[
        Path | None, typer.Option(help="A folder that stands for the files area.", metavar="DIR", file_okay=False)
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="What it is registered as, for the command proposed.", metavar="NAME[@VERSION]"),
    ] = None,
    *,
    allow_private: Annotated[bool, typer.Option("--allow-private", help="Let it reach private addresses.")] = False,
    json: AsJson = False,
) -> None:
    """Call a module with nearly everything allowed, and propose the smallest set of permissions."""
    from hengio.cli.learn import learn_file
    from hengio.cli.module import Given

    given = Given(allow=[], connections=connection or [], files=files)
    raise typer.Exit(
        learn_file(file, fixtures, function=function, name=name, given=given, private=allow_private, as_json=json)
    )


@module_app.command("register")
def module_register(
    modules: Annotated[
        list[str], typer.Argument(help="Modules, as 0.0.1 if no version is named.", metavar="NAME[@VERSION]=FILE.wasm")
    ],
    grant: Annotated[
        list[str] | None,
        typer.Option(
            help="Let a module reach something outside; repeatable.", metavar="NAME[@VERSION]='PERMISSION RESOURCE'"
        ),
    ] = None,
    signature: Annotated[
        list[Path] | None, typer.Option(help="A signature of one of the modules; repeatable.", metavar="FILE")
    ] = None,
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Check, store and compile modules, so that their first calls need not wait for it."""
    from hengio.cli.register import register_files

    signatures = signature or []
    raise typer.Exit(
        register_files(modules, grants=grant or [], signatures=signatures, data_dir=data_dir, as_json=json)
    )


@module_app.command("permissions")
def module_permissions(
    module: Annotated[str, typer.Argument(help="A registered module: NAME, NAME@VERSION or its id.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="All that it may do from now on; repeatable.", metavar="'PERMISSION RESOURCE'"),
    ] = None,
    data_dir: DataDir = None,
    *,
    clear: Annotated[bool, typer.Option("--clear", help="Take all permissions away.")] = False,
    json: AsJson = False,
) -> None:
    """Show or set what a module may reach outside its execution."""
    from hengio.cli.permissions import permissions

    raise typer.Exit(permissions(module, wanted=set_, clear=clear, data_dir=data_dir, as_json=json))


@module_app.command("logs")
def module_logs(
    execution: Annotated[str | None, typer.Option(help="Only calls of this execution.", metavar="ID")] = None,
    module: Annotated[
        str | None, typer.Option(help="Only calls of this module, all its versions or one.", metavar="NAME[@VERSION]")
    ] = None,
    outcome: Annotated[
        list[str] | None, typer.Option(help="Only calls that ended so; repeatable.", metavar="OUTCOME")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Only those that ended since: 2026-11-24T08:00Z, 90m, 2d.", metavar="WHEN"),
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only calls that ended before.", metavar="WHEN")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest.", metavar="N")] = 50,
    data_dir: DataDir = None,
    *,
    full: Annotated[bool, typer.Option("--full", help="With log lines and backtraces.")] = False,
    json: AsJson = False,
) -> None:
    """Show past calls of modules: how they ended and what they took."""
    from hengio.cli.calls import Wanted, show_calls

    wanted = Wanted(execution=execution, module=module, outcomes=outcome, since=since, until=until, limit=limit)
    raise typer.Exit(show_calls(wanted, data_dir=data_dir, full=full, as_json=json))


@module_app.command("tape")
def module_tape(
    execution: Annotated[str, typer.Argument(help="An execution's id.")],
    step: Annotated[str, typer.Argument(help="A step that called a module.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write it.", metavar="FILE")],
    visit: Annotated[int | None, typer.Option(min=1, help="Which visit of the step.", metavar="N")] = None,
    attempt: Annotated[int | None, typer.Option(min=1, help="Which attempt.", metavar="N")] = None,
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Write the recording of a call to a file."""
    from hengio.cli.tape import export

    done = export(execution, step, visit=visit, attempt=attempt, to=output, data_dir=data_dir, as_json=json)
    raise typer.Exit(done)


@module_app.command("replay")
def module_replay(
    tape: Annotated[
        str, typer.Argument(help="A tape: a file (- for standard input), or EXECUTION:STEP[:VISIT-ATTEMPT].")
    ],
    module: Annotated[
        Path | None, typer.Option(help="Run this binary instead of the recorded one.", metavar="FILE.wasm")
    ] = None,
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Run a recorded call again, offline, and say whether everything is the same."""
    from hengio.cli.replay import replay

    raise typer.Exit(replay(tape, module=module, data_dir=data_dir, as_json=json))


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Hengio runs durable jobs whose steps can be sandboxed WebAssembly."""
    if version:
        from hengio import __version__

        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run() -> None:
    """The entry point: errors become one message and an exit code by kind (`hengio.errors`), never a traceback."""
    as_json = "--json" in sys.argv
    try:
        # As JSON the library hands its own errors over; to people it tells them itself, with the usage.
        code = app(standalone_mode=not as_json)
        sys.stdout.flush()
    except HengioError as error:
        _fail(error, as_json=as_json)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:
        _drop_output()
        sys.exit(128 + signal.SIGPIPE)
    except OSError as error:
        _drop_output()
        sys.stderr.write(f"error: the output cannot be written: {error.strerror}\n")
        sys.exit(Unavailable.exit_code)
    except typer.Abort:
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - nothing is outside of this
        from hengio.cli.failures import internal, usage

        _fail(usage(error) or internal(error), as_json=as_json)
    else:
        sys.exit(code if isinstance(code, int) else 0)


def _fail(error: HengioError, *, as_json: bool) -> NoReturn:
    from hengio.cli.present import show_error

    show_error(error, as_json=as_json)
    sys.exit(error.exit_code)


def _drop_output() -> None:
    """What could not be written is not tried again when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    run()
