"""What is said of an execution when it is over: the JSON document of `hengio demo` and `hengio job run`."""

from __future__ import annotations

from typing import Any

from hengio import codec
from hengio.codec import Json
from hengio.model.execution import ExecutionState, StepRun
from hengio.service.jobs import Finished, JobService

EXIT_CODES = {ExecutionState.SUCCESS: 0, ExecutionState.CANCELLED: 11}
FAILED_EXIT = 10
SHOWN_ITEMS = 5
SHOWN_TEXT = 200


def exit_code(state: ExecutionState) -> int:
    """0 only for success; 10 for a job that failed, 11 for one that was cancelled."""
    return EXIT_CODES.get(state, FAILED_EXIT)


async def summary(jobs: JobService, finished: Finished, *, full: bool = False) -> dict[str, Any]:
    """`{"execution_id", "job", "job_version", "status", "duration_ms", "steps": […], "files": […], "failure"}`.

    Outputs are made short enough to read, or whole with `full`. `files` are the keys that steps wrote.
    """
    execution = finished.execution
    ended = execution.finished_at or execution.created_at
    answer: dict[str, Any] = {
        "execution_id": execution.id,
        "job": finished.job.job.name,
        "job_version": finished.job.version,
        "status": execution.state.value,
        "duration_ms": round((ended - execution.created_at) / 1000, 3),
        "steps": [],
        "files": [],
    }
    for run in finished.runs:
        output = await jobs.output(run)
        answer["steps"].append(step(run, output if full else digest(output)))
        answer["files"] += [key for key in _written(output, execution.id) if key not in answer["files"]]
    if execution.failure is not None:
        answer["failure"] = codec.decode(codec.encode(execution.failure))
    return answer


def step(run: StepRun, output: Json) -> dict[str, Any]:
    """A step run with its output, as documents show it."""
    detail: dict[str, Any] = {} if run.detail is None else codec.decode(run.detail)
    shown: dict[str, Any] = {
        "id": run.step_id,
        "status": run.status.value,
        "kind": run.kind,
        "visit": run.visit,
        "attempt": run.attempt,
        "duration_ms": round((run.completed_at - run.started_at) / 1000, 3),
        "fuel": detail.get("fuel_used"),
        "fuel_exact": detail.get("fuel_exact"),
        "output": output,
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
