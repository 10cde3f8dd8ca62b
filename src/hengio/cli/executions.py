"""`hengio execution list|show|logs|cancel`, and `hengio job rerun`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from msgspec import Struct
from rich.console import Console

from hengio import codec
from hengio.cli import summary, tables
from hengio.cli.jobs import at_desk
from hengio.cli.marks import LEVELS, MARKS
from hengio.cli.person import person
from hengio.cli.present import assembled, escape, print_json, said, terminal
from hengio.cli.when import moment, shown
from hengio.clock import to_iso
from hengio.errors import HengioError, Refused
from hengio.lifecycle import telling
from hengio.model.event import Event
from hengio.model.execution import Execution, ExecutionFilter, ExecutionState
from hengio.service.executions import Again, Cancelled, Shown
from hengio.service.following import polled
from hengio.wiring.desk import Desk


class Wanted(Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    job: str | None
    states: list[str]
    since: str | None
    until: str | None
    before: str | None
    limit: int


def list_executions(wanted: Wanted, *, data_dir: Path | None, as_json: bool) -> int:
    """The newest executions that match, newest first."""
    states = _states(wanted.states)

    async def find(desk: Desk) -> tuple[list[Execution], dict[str, str]]:
        job_id = None if wanted.job is None else await desk.executions.job_id(wanted.job)
        before = None if wanted.before is None else await desk.storage.executions.load(wanted.before)
        asked = ExecutionFilter(
            job_id=job_id,
            states=states,
            since=None if wanted.since is None else moment(wanted.since, option="--since"),
            until=None if wanted.until is None else moment(wanted.until, option="--until"),
        )
        found = await desk.storage.executions.recent(asked, limit=wanted.limit, before=before)
        return found, await desk.storage.jobs.names([one.job_id for one in found])

    show_list(*at_desk(find, data_dir=data_dir), as_json=as_json, none="no such executions")
    return 0


def show_list(found: list[Execution], names: dict[str, str], *, as_json: bool, none: str) -> None:
    """Executions as a table, or as documents."""
    if as_json:
        print_json([document(one, names.get(one.job_id, "")) for one in found])
        return
    rows = [
        (
            one.id,
            names.get(one.job_id, ""),
            tables.state(one.state.value),
            one.trigger,
            shown(one.created_at),
            "" if one.finished_at is None else summary.took(**telling.times(one, until=one.finished_at)),
            "" if one.failure is None else one.failure.code,
        )
        for one in found
    ]
    tables.show(("execution", "job", "state", "trigger", "begun (UTC)", "took", "failure"), rows, none=none)


def document(execution: Execution, name: str) -> dict[str, Any]:
    """An execution as JSON shows it. Times are RFC 3339."""
    times = {
        key: None if (value := getattr(execution, key)) is None else to_iso(value)
        for key in ("created_at", "started_at", "finished_at", "nominal_time")
    }
    told: dict[str, Any] = {
        "execution_id": execution.id,
        "job": name,
        "job_id": execution.job_id,
        "job_version": execution.job_version,
        "state": execution.state.value,
        "trigger": execution.trigger,
        "started_by": execution.started_by,
        **times,
        "due_at": to_iso(execution.due_at),
        "crashes": execution.crashes,
        "worker": execution.worker,
        "root_id": execution.root_id,
        "rerun_of": execution.rerun_of,
        "redriven_as": execution.redriven_as,
        "idempotency_key": execution.idempotency_key,
    }
    if execution.failure is not None:
        told["failure"] = codec.decode(codec.encode(execution.failure))
    return told


def show_execution(execution_id: str, *, full: bool, data_dir: Path | None, as_json: bool) -> int:
    """All about one execution."""

    async def find(desk: Desk) -> tuple[Shown, dict[str, Any]]:
        return await described(desk, execution_id, full=full)

    found, told = at_desk(find, data_dir=data_dir)
    if as_json:
        print_json(told)
    else:
        present(found, told, full=full)
    return 0


async def described(desk: Desk, execution_id: str, *, full: bool) -> tuple[Shown, dict[str, Any]]:
    """An execution, and the document of it with its input and its steps. An output that is gone is told as such."""
    found = await desk.executions.show(execution_id)
    told = document(found.execution, found.name)
    given = codec.decode(found.execution.input)
    told |= summary.readable("input", given, full=full)
    if found.execution.webhook is not None:
        told |= summary.readable("webhook", codec.decode(found.execution.webhook), full=full)
    told["steps"] = []
    for run in found.runs:
        try:
            output = await desk.executions.output(run)
        except HengioError as error:
            output = {"missing": error.message}
        told["steps"].append(summary.step(run, output, full=full))
    told["standing"] = [
        {
            "step": one.step_id,
            "visit": one.visit,
            "attempt": one.attempt,
            "due_at": to_iso(one.due_at) if one.due_at else None,
        }
        for one in found.standing
    ]
    return found, told


def present(found: Shown, told: dict[str, Any], *, full: bool) -> None:
    """An execution for people."""
    console, execution, ended = terminal(), found.execution, found.execution.finished_at
    console.print(
        assembled((found.name, "bold"), f" version {execution.job_version}  ", tables.state(execution.state.value))
    )
    for label, value in (
        ("execution", execution.id),
        ("begun", f"{shown(execution.created_at)} UTC, {execution.trigger} by {execution.started_by or 'hengio'}"),
        ("took", None if ended is None else summary.took(**telling.times(execution, until=ended))),
        ("rerun of", execution.rerun_of),
        ("redriven as", execution.redriven_as),
        ("crashes", execution.crashes or None),
    ):
        if value is not None:
            console.print(f"  [dim]{label:<11}[/] {escape(str(value))}", soft_wrap=True)
    if execution.failure is not None:
        console.print(said(f"  {execution.failure.code}: {execution.failure.message}", style="red"), soft_wrap=True)
    console.print()
    for one in told["steps"]:
        _present_step(console, one, full=full)
    for standing in found.standing:
        running = execution.state in (ExecutionState.RUNNING, ExecutionState.CANCELLING)
        due = f"  due {shown(standing.due_at)} UTC" if standing.due_at else ""
        word = "under way" if running and not standing.due_at else "waits"
        console.print(f"[cyan]▶[/] {escape(standing.step_id)} [cyan]{word}[/][dim]{due}[/]", soft_wrap=True)


def _present_step(console: Console, one: dict[str, Any], *, full: bool) -> None:
    mark, style = MARKS.get(one["status"], ("·", ""))
    counted = [f"{word} {one[word]}" for word in ("visit", "attempt") if one[word] > 1]
    took = "" if one["status"] == "skipped" else f"{one['duration_ms']:,.1f} ms"
    line = assembled((mark, style), f" {one['id']}  ", (one["kind"], style), f"  {took}  ", (", ".join(counted), "dim"))
    console.print(line, soft_wrap=True)
    if "failure" in one:
        failure = one["failure"]
        console.print(said(f"    {failure['code']}: {failure['message']}", style="red"), soft_wrap=True)
    if "masked" in one:
        console.print(said(f"    sensitive values masked: {one['masked']}", style="dim"), soft_wrap=True)
    if (output := summary.shown(one, "output")) is not None:
        text = codec.encode(output).decode()
        console.print(
            said(f"    {text if full or len(text) <= 400 else text[:400] + '…'}", style="dim"), soft_wrap=True
        )


def show_logs(execution_id: str, *, follow: bool, data_dir: Path | None, as_json: bool) -> int:
    """What happened, line by line; with `follow` until it is over, and then how it ended is the exit code."""

    async def tell(desk: Desk) -> ExecutionState:
        told: list[dict[str, Any]] = []
        async for event in polled(desk.storage.executions, execution_id, follow=follow):
            for line in lines(event):
                if follow or not as_json:
                    _say(line, as_json=as_json)
                else:
                    told.append(line)
        if as_json and not follow:
            print_json(told)
        return (await desk.storage.executions.load(execution_id)).state

    state = at_desk(tell, data_dir=data_dir)
    return summary.exit_code(state) if follow else 0


def lines(event: Event) -> list[dict[str, Any]]:
    """An event as lines of a log: what a module logged, then how the step ended."""
    data, at = event.data or {}, to_iso(event.at)
    if event.type == "execution.finished":
        return [{"at": at, "level": _level(data), "message": f"execution {data['state']}", **_why(data)}]
    about = {"at": at, "step": event.step_id, "visit": data["visit"], "attempt": data["attempt"]}
    logged = (data.get("detail") or {}).get("logs", ())
    told = [
        {**about, "at": one.get("at", at), "level": one["level"], "message": one["message"], **_fields(one)}
        for one in logged
    ]
    took = f" in {data['duration_ms']:,.1f} ms" if data["status"] != "skipped" else ""
    return [*told, {**about, "level": _level(data), "message": f"{data['kind']}{took}", **_why(data)}]


def _level(data: dict[str, Any]) -> str:
    return "error" if "failure" in data else "info"


def _why(data: dict[str, Any]) -> dict[str, Any]:
    return {"failure": data["failure"]} if "failure" in data else {}


def _fields(one: dict[str, Any]) -> dict[str, Any]:
    return {"fields": one["fields"]} if one.get("fields") else {}


def _say(line: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.buffer.write(codec.encode(line) + b"\n")
        sys.stdout.buffer.flush()
        return
    parts = [
        (f"{line['at'][11:23]} ", "dim"),
        (f"{line['level']:>5} ", LEVELS.get(line["level"], "")),
        (f"{line['step']}: " if "step" in line else "", "bold"),
        line["message"],
    ]
    if "failure" in line:
        parts.append((f"  {line['failure']['code']}: {line['failure']['message']}", "red"))
    terminal().print(assembled(*parts), soft_wrap=True)


def cancel_executions(execution_ids: list[str], *, data_dir: Path | None, as_json: bool) -> int:
    """Cancel each. The error of a single one is the command's; of several each has its report, and 10 says that one of
    them could not be cancelled."""
    if not execution_ids:
        raise Refused("name the executions to cancel")
    told = at_desk(lambda desk: desk.executions.cancel_each(execution_ids, by=person()), data_dir=data_dir)
    if len(told) == 1 and told[0].problem is not None:
        raise told[0].problem
    if as_json:
        print_json([_cancelled(one) for one in told])
    else:
        console = terminal()
        for one in told:
            end = said(_problem(one), "red") if one.state is None else tables.state(one.state.value)
            console.print(assembled(f"{one.execution_id} ", end), soft_wrap=True)
    return summary.FAILED_EXIT if any(one.problem for one in told) else 0


def _cancelled(one: Cancelled) -> dict[str, Any]:
    """As JSON; `problem` is there if it could not be cancelled."""
    told = {"execution_id": one.execution_id, "state": None if one.state is None else one.state.value}
    return told if one.problem is None else {**told, "problem": _problem(one)}


def _problem(one: Cancelled) -> str:
    return "" if one.problem is None else one.problem.message


def rerun(execution_id: str, how: Again, *, data_dir: Path | None, as_json: bool) -> int:
    """Begin a rerun."""
    new = at_desk(lambda desk: desk.executions.rerun(execution_id, how, by=person()), data_dir=data_dir)
    if as_json:
        print_json({"execution_id": new.id, "rerun_of": execution_id, "state": new.state.value})
    else:
        terminal().print(f"execution {new.id} {new.state.value}", soft_wrap=True)
    return 0


def _states(names: list[str]) -> tuple[ExecutionState, ...]:
    known = [state.value for state in ExecutionState]
    if unknown := sorted(set(names) - set(known)):
        raise Refused(f"{', '.join(unknown)} is no state", hint=f"one of {', '.join(known)}")
    return tuple(ExecutionState(name) for name in names)
