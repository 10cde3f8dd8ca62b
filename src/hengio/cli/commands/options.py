"""Options that many commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder of the embedded database and object store.", metavar="DIR")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
InputFile = Annotated[
    Path | None, typer.Option("--input", help="JSON given to the execution; - for standard input.", metavar="FILE")
]
SetInput = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="One input, read by its declared type; repeatable, wins over --input.", metavar="NAME=VALUE"
    ),
]
JobName = Annotated[str, typer.Argument(help="A job, by name or id.", metavar="JOB")]
FileOrJob = Annotated[
    str, typer.Argument(help="A definition, JSON or YAML (- for standard input), or a job's name.", metavar="FILE|JOB")
]
ExecutionId = Annotated[str, typer.Argument(help="An execution's id.", metavar="EXECUTION")]
ExecutionIds = Annotated[list[str] | None, typer.Argument(help="Ids of executions.", metavar="EXECUTION")]
OfJob = Annotated[str | None, typer.Option("--job", help="Only those of this job.", metavar="JOB")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest.", metavar="N")]
Since = Annotated[str | None, typer.Option(help="Only what began since: 2026-11-24T08:00Z, 90m, 2d.", metavar="WHEN")]
Until = Annotated[str | None, typer.Option(help="Only what began before.", metavar="WHEN")]
FromStep = Annotated[
    str | None, typer.Option("--from", help="Run again from the last visit to this step.", metavar="STEP")
]
Whole = Annotated[bool, typer.Option("--whole", help="Run again from the first step.")]
Latest = Annotated[bool, typer.Option("--latest", help="On the job as it is now, not as it was then.")]
Sure = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Force = Annotated[bool, typer.Option("--force", help="Delete it even if stored jobs name it.")]
Description = Annotated[str | None, typer.Option(help="What it is for.", metavar="TEXT")]
