"""What is said of an execution when it is over: the JSON document of `hengio demo` and `hengio job run`."""

from __future__ import annotations

from typing import Any

from hengio import codec
from hengio.clock import to_iso
from hengio.codec import Json
from hengio.lifecycle import telling
from hengio.model.execution import ExecutionState, StepRun
from hengio.service.jobs import Finished, JobService

EXIT_CODES = {ExecutionState.SUCCESS: 0, ExecutionState.CANCELLED: 11}
FAILED_EXIT = 10
SHOWN_ITEMS = 5
SHOWN_TEXT = 200
WORTH_MS = 1_000
"""Less waiting is not told to people."""


def took(duration_ms: float, waited_ms: float) -> str:
    """For people: `0.01 s`, and where it is worth a word `0.01 s after waiting 165.20 s`."""
    waited = f" after waiting {waited_ms / 1000:,.2f} s" if waited_ms >= WORTH_MS else ""
    return f"{duration_ms / 1000:,.2f} s{waited}"


def exit_code(state: ExecutionState) -> int:
    """0 only for success; 10 for a job that failed, 11 for one that was cancelled."""
    return EXIT_CODES.get(state, FAILED_EXIT)


async def summary(jobs: JobService, finished: Finished, *, full: bool = False) -> dict[str, Any]:
    """`{"execution_id", "job", "job_version", "status", "duration_ms", "waited_ms", "steps": […], "files": […]}`, and
    `failure` where it failed.

    Of outputs that are too long to read the shape is told instead, but for `full`. `files` are the keys of files that
    steps wrote.
    """
    execution = finished.execution
    ended = execution.finished_at or execution.created_at
    answer: dict[str, Any] = {
        "execution_id": execution.id,
        "job": finished.job.job.name,
        "job_version": finished.job.version,
        "status": execution.state.value,
        **{name: round(value, 3) for name, value in telling.times(execution, until=ended).items()},
        "steps": [],
        "files": [],
    }
    for run in finished.runs:
        output = await jobs.output(run)
        answer["steps"].append(step(run, output, full=full))
        answer["files"] += [key for key in _written(output, execution.id) if key not in answer["files"]]
    if execution.failure is not None:
        answer["failure"] = codec.decode(codec.encode(execution.failure))
    return answer


def step(run: StepRun, output: Json, *, full: bool = False) -> dict[str, Any]:
    """A step run with its output, as documents show it; `output_shape` stands for one that is too long to read."""
    detail: dict[str, Any] = {} if run.detail is None else codec.decode(run.detail)
    shown: dict[str, Any] = {
        "id": run.step_id,
        "status": run.status.value,
        "kind": run.kind,
        "visit": run.visit,
        "attempt": run.attempt,
        "started_at": to_iso(run.started_at),
        "completed_at": to_iso(run.completed_at),
        "duration_ms": round((run.completed_at - run.started_at) / 1000, 3),
        "fuel": detail.get("fuel_used"),
        "fuel_exact": detail.get("fuel_exact"),
        **readable("output", output, full=full),
        "output_bytes": run.output_size,
    }
    if run.failure is not None:
        shown["failure"] = codec.decode(codec.encode(run.failure))
    if run.routing is not None:
        shown["next_steps"] = list(run.routing)
    if "masked" in detail:
        shown["masked"] = detail["masked"]
    if "denials" in detail:
        shown["denials"] = detail["denials"]
    if "tape" in detail:
        shown["tape"] = f"{run.execution_id}:{run.step_id}:{run.visit}-{run.attempt}"
    if "logs" in detail:
        shown["logs"] = detail["logs"]
    return shown


def readable(name: str, value: Json, *, full: bool = False) -> dict[str, Json]:
    """The value under its name, or under `NAME_shape` what it looks like if it is too long to read."""
    shape = value if full else digest(value)
    return {name: value} if shape == value else {f"{name}_shape": shape}


def shown(told: dict[str, Any], name: str) -> Json:
    """For people: what `readable` put into a document, either way."""
    return told.get(name, told.get(f"{name}_shape"))


def _written(output: Json, execution_id: str) -> list[str]:
    """The keys of files that a step wrote: those under the execution's own prefix."""
    files = output.get("files") if isinstance(output, dict) else None
    paths = [file.get("path") for file in files or [] if isinstance(file, dict)]
    return [path for path in paths if isinstance(path, str) and f"/{execution_id}/" in path]


def digest(value: Json, *, depth: int = 5) -> Json:
    """A value made short enough to read: long lists and texts become their sizes. An object takes two of the depth and
    a list one, so that a short list of files or rows is shown with what they hold."""
    match value:
        case dict():
            if depth < 2:
                return f"{{{len(value)} keys}}"
            return {key: digest(item, depth=depth - 2) for key, item in value.items()}
        case list():
            if len(value) > SHOWN_ITEMS or depth < 1:
                return f"[{len(value)} items]"
            return [digest(item, depth=depth - 1) for item in value]
        case str() if len(value) > SHOWN_TEXT:
            return f"{value[:SHOWN_TEXT]}… ({len(value)} characters)"
        case _:
            return value
