"""Follows an execution in the terminal: steps, durations, fuel and log lines as they happen."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hengio import codec
from hengio.cli.marks import LEVELS, MARKS
from hengio.cli.present import assembled, document, said
from hengio.cli.summary import shown, took
from hengio.cli.tape import replaying
from hengio.model.event import Event
from hengio.model.execution import Execution
from hengio.model.job import Job

WIDE = 72
"""Columns of a terminal from which fuel and output sizes are shown."""
MEND = "the stored binary was altered: hengio module register with the same binary as before writes it again"
_AGAIN = {
    "failed": "once it is mended, from there:  hengio job rerun --latest",
    "timeout": "again, from there:  hengio job rerun",
    "dead_letter": "its retries are used up; again:  hengio deadletter redrive",
}
"""What can be done with an execution that ended so."""


class Follower:
    """A live table of the job's steps, log lines above it. On a quiet console it shows nothing at all."""

    def __init__(self, job: Job, *, console: Console) -> None:
        self._console = console
        self._states: dict[str, dict[str, Any]] = {step.id: {"status": "waiting"} for step in job.steps}
        self._modules = any(step.type == "wasm" for step in job.steps)
        self._live = Live(console=self._console, refresh_per_second=12, transient=False)

    def __enter__(self) -> Follower:
        self._live.start()
        self._live.update(self._table())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            for state in self._states.values():
                if state["status"] == "waiting":
                    state["status"] = "not run"
        self._live.update(self._table())
        self._live.stop()
        self._console.print()

    def warn(self, text: str) -> None:
        """Say something above the table."""
        self._console.print(assembled(("warning ", "yellow"), text), soft_wrap=True)

    def on_event(self, event: Event) -> None:
        """Take in an event."""
        data = event.data or {}
        match event.type:
            case "step.started" if event.step_id:
                self._states[event.step_id] = {"status": "running", **data}
            case "step.finished" if event.step_id:
                self._states[event.step_id] = data
                self._tell_failure(event.step_id, data)
                self._tell_outside(event.execution_id, event.step_id, data)
            case "step.log":
                style = LEVELS.get(data["level"], "")
                line = assembled((f"{data['level']:>5} ", style), (f"{event.step_id}: ", "bold"), data["message"])
                self._console.print(line, soft_wrap=True)
            case _:
                pass
        self._live.update(self._table())

    def _tell_failure(self, step_id: str, data: dict[str, Any]) -> None:
        """A failed attempt in a line of its own: the table shows only the latest."""
        if data["status"] in ("failed", "lost"):
            what = f"attempt {data['attempt']} {data['kind']}: {data['failure']['message']}"
            self._console.print(assembled((" fail ", "red"), (f"{step_id}: ", "bold"), what), soft_wrap=True)

    def _tell_outside(self, execution_id: str, step_id: str, data: dict[str, Any]) -> None:
        """What the module was denied, with what would grant it, and how its failure can be looked into."""
        detail = data.get("detail") or {}
        for grant in detail.get("denials", ()):
            command = f"--grant {shlex.quote(detail['module'] + '=' + grant)} would grant it"
            if grant in detail.get("denied_by_step", ()):
                command = "it is not in the step's `permissions`"
            line = assembled(("denied ", "yellow"), (f"{step_id}: ", "bold"), f"{grant}   {command}")
            self._console.print(line, soft_wrap=True)
        if data["status"] == "failed" and "tape" in detail:
            command = replaying(execution_id, step_id, visit=data["visit"], attempt=data["attempt"])
            self._console.print(assembled((" tape ", "dim"), (f"{step_id}: ", "bold"), command), soft_wrap=True)

    def show_going_on(self, execution: Execution) -> None:
        """That nobody watches it any more, and what can be done with it."""
        parts = f"execution {execution.id} is {execution.state.value}: the server goes on with it"
        self._console.print(said(parts), soft_wrap=True)
        for word in ("logs --follow", "cancel"):
            self._console.print(said(f"  hengio execution {word} {execution.id}", style="dim"), soft_wrap=True)

    def show_output(self, answer: dict[str, Any], *, place: Callable[[str], str]) -> None:
        """What the last step that has one put out, unless the job failed, and the files that were written."""
        last = next((step for step in reversed(answer["steps"]) if shown(step, "output") is not None), None)
        if last is not None and answer["status"] == "success" and not self._console.quiet:
            self._console.print(said(f"output of {last['id']}", style="dim"))
            self._console.print(document(codec.encode(shown(last, "output"))), soft_wrap=True)
        for path in answer["files"]:
            self._console.print(said(f"wrote {place(path)}", style="dim"), soft_wrap=True)

    def show_end(self, answer: dict[str, Any]) -> None:
        """The outcome, in a line, and why if it failed."""
        good = answer["status"] == "success"
        self._console.print()
        self._console.print(
            assembled(
                (f"{answer['status']} ", "bold green" if good else "bold red"),
                f"in {took(answer['duration_ms'], answer['waited_ms'])}",
                (f"   execution {answer['execution_id']}", "dim"),
            ),
            soft_wrap=True,
        )
        if "failure" in answer:
            failure = said(f"{answer['failure']['code']}: {answer['failure']['message']}", style="red")
            self._console.print(failure, soft_wrap=True)
            for item in _listed(answer["failure"].get("details")):
                self._console.print(said(f"  {item}", style="red"), soft_wrap=True)
            if answer["failure"]["code"] == "digest_mismatch":
                self._console.print(said(f"  {MEND}", style="dim"), soft_wrap=True)
            if (command := _AGAIN.get(answer["status"])) is not None:
                self._console.print(said(f"  {command} {answer['execution_id']}", style="dim"), soft_wrap=True)

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for heading in ("", "step", "status"):
            table.add_column(heading, no_wrap=True)
        wide = self._console.width >= WIDE
        for heading in ("time", *(("fuel",) if wide and self._modules else ()), *(("output",) if wide else ())):
            table.add_column(heading, no_wrap=True, justify="right")
        table.add_column("", overflow="fold", min_width=12)
        for step_id, state in self._states.items():
            mark, step, status, time, fuel, size, remark = _row(step_id, state)
            more = (*((fuel,) if self._modules else ()), size) if wide else ()
            table.add_row(mark, step, status, time, *more, remark)
        return table


def _row(step_id: str, state: dict[str, Any]) -> list[Text]:
    status = state["status"]
    mark, style = MARKS[status]
    took, detail = state.get("duration_ms"), state.get("detail") or {}
    return [
        said(mark, style=style),
        said(step_id, style="bold" if status == "running" else ""),
        said(state["kind"] if status == "failed" else status, style=style),
        said("" if took is None or status == "skipped" else f"{took:,.1f} ms"),
        said(_fuel(detail)),
        said(_bytes(state.get("output_size") or 0)),
        said(_remark(state), style="dim"),
    ]


def _remark(state: dict[str, Any]) -> str:
    if "failure" in state:
        return str(state["failure"]["code"])
    if "routing" in state:
        return "→ " + (", ".join(state["routing"]) or "end")
    if state["status"] == "skipped":
        return str(state.get("kind", ""))
    counted = [f"{word} {state[word]}" for word in ("visit", "attempt") if state.get(word, 1) > 1]
    return ", ".join(counted)


def _fuel(detail: dict[str, Any]) -> str:
    if (used := detail.get("fuel_used")) is None:
        return ""
    return _short(used) if detail.get("fuel_exact", True) else f"at least {_short(used)}"


def _short(count: int) -> str:
    return f"{count:,}" if count < 100_000 else f"{count / 1e6:,.1f} M"


def _bytes(size: int) -> str:
    return "" if not size else f"{size:,} B" if size < 10_000 else f"{size / 1024:,.0f} KiB"


def _listed(details: Any) -> list[str]:
    """Details as lines: the items of a list, the members of an object."""
    items = (
        details if isinstance(details, list) else [f"{key}: {_text(value)}" for key, value in (details or {}).items()]
    )
    return [_text(item) for item in items[:20]]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else codec.encode(value).decode()
