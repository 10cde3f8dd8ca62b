"""The reference pages name everything there is, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import fields
from pydantic import BaseModel
from typer.main import get_command

from hengio import errors
from hengio.api.metrics import audit_family, families, fire_families, module_families, webhook_family
from hengio.api.table import ENDPOINTS
from hengio.cli.main import app
from hengio.definition.configs import (
    CONFIGS,
    BasicAuth,
    BearerAuth,
    CsvFormat,
    OAuth2Auth,
    SftpKey,
    SftpOptions,
    SftpPassword,
    Transformations,
    XlsxFormat,
)
from hengio.definition.expressions import condition
from hengio.definition.parse import read
from hengio.definition.validate import validate
from hengio.model.audit import AuditAction
from hengio.model.event import EventType
from hengio.model.input import Input
from hengio.model.job import Job
from hengio.model.schedule import Calendar, Misfire, Schedule
from hengio.model.step import Step
from hengio.sandbox.statistics import SandboxStatistics
from hengio.scheduler.statistics import FireStatistics
from hengio.service.canaries import CanaryStatistics
from hengio.settings import Settings

PAGES = Path(__file__).parents[2] / "docs" / "reference"


def headings(page: str) -> set[str]:
    lines = re.findall(r"^#{2,3} (`.+)$", (PAGES / page).read_text(encoding="utf-8"), re.MULTILINE)
    return {name for line in lines for name in re.findall(r"`([^`]+)`", line)}


def settings(model: type[BaseModel], prefix: str = "") -> set[str]:
    names: set[str] = set()
    for name, field in model.model_fields.items():
        kind = field.annotation
        inner = isinstance(kind, type) and issubclass(kind, BaseModel)
        names |= settings(kind, f"{prefix}{name}.") if inner else {prefix + name}  # type: ignore[arg-type]
    return names


def commands() -> set[str]:
    found = set()
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found |= {f"hengio {name} {sub}" for sub in inner} if inner else {f"hengio {name}"}
    return found


def metrics() -> set[str]:
    none: dict[str, int] = {}
    values = {one.name: none if "Mapping" in str(one.type) else 0 for one in fields(SandboxStatistics)}
    ours = families(SandboxStatistics(**values))  # type: ignore[arg-type]
    shown = (
        *ours,
        *fire_families(FireStatistics()),
        webhook_family({}),
        *module_families({}, CanaryStatistics()),
        audit_family(0),
    )
    return {f"{metric.name}_total" if metric.type == "counter" else metric.name for metric in shown}


def definition_fields() -> set[str]:
    auth = (BasicAuth, BearerAuth, OAuth2Auth, SftpPassword, SftpKey)
    schedules = (*get_args(Schedule), Calendar, Misfire)
    structs = (
        Job,
        Input,
        Step,
        *schedules,
        *CONFIGS.values(),
        *auth,
        CsvFormat,
        XlsxFormat,
        Transformations,
        SftpOptions,
    )
    return {field.name for struct in structs for field in fields(struct)}


@pytest.mark.parametrize(
    ("page", "known"),
    [
        ("definitions.md", definition_fields()),
        ("settings.md", settings(Settings)),
        ("events.md", set(get_args(EventType))),
        (
            "errors.md",
            {kind.code for kind in errors.HengioError.__subclasses__() if kind.__module__ == "hengio.errors"},
        ),
        ("cli.md", commands()),
        ("metrics.md", metrics()),
        ("audit.md", set(get_args(AuditAction))),
        ("api.md", {f"{row.method} {row.path}" for row in ENDPOINTS}),
    ],
)
def test_a_reference_page_has_a_heading_for_everything_and_nothing_else(page: str, known: set[str]) -> None:
    assert headings(page) == known


def test_the_job_in_the_readme_is_valid() -> None:
    text = (PAGES.parents[1] / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    reports = [validate(read(block)) for block in blocks]
    assert [(report.errors, report.warnings) for report in reports] == [((), ())]


def test_the_condition_in_the_reference_is_one() -> None:
    text = (PAGES / "definitions.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"# Conditions.*?```\n(.*?)```", text, re.DOTALL)
    condition(example.strip())
