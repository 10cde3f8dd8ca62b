"""Checks of what a job and each step say for themselves: numbers, retries, what goes together (H3, H4, H5)."""

from __future__ import annotations

import codecs
from collections.abc import Collection
from typing import Any

import msgspec

from hengio import url as urls
from hengio.definition import database, hostkey, inputs, ranges, schedules, webhook, words
from hengio.definition.configs import is_statuses
from hengio.definition.findings import Findings
from hengio.definition.headers import settable
from hengio.definition.templates import is_template
from hengio.errors import Refused
from hengio.grants.check import fault
from hengio.ids import is_id
from hengio.model.grant import PERMISSIONS, Grant
from hengio.model.job import Job
from hengio.model.outcome import OutcomeKind
from hengio.model.policy import Retry
from hengio.model.reference import FORMS, is_reference
from hengio.model.step import Step

MOST_LETTERS = 255
"""Of the name of a job."""


def check_job(job: Job, findings: Findings, *, variables: Collection[str] | None) -> None:
    """Tell what is wrong with the job's own fields, and what this version keeps but does not do. `variables` are those
    that there are, None if that is not known."""
    ranges.check(msgspec.structs.asdict(job), ranges.JOB, findings, "$")
    if problem := name_fault(job.name):
        findings.error("$.name", problem)
    inputs.check(job, findings)
    webhook.check(job.triggers.webhook, findings, variables=variables)
    if job.schedule is not None:
        schedules.check(job.schedule, findings, "$.schedule")


def name_fault(name: str) -> str:
    """Why a job cannot be called so; empty if it can. An id is how people name a job beside its name, so no name is
    one."""
    if not name.strip():
        return "a job needs a name"
    if len(name) > MOST_LETTERS:
        return f"a job's name has at most {MOST_LETTERS} characters, not {len(name)}"
    if not words.is_plain(name):
        return "a job's name has no control characters or line breaks"
    return "a job's name is not a UUID: ids of jobs are" if is_id(name) else ""


def check_step(step: Step, findings: Findings, path: str) -> None:
    """Tell what is wrong with a step's own fields and with combinations in its configuration."""
    ranges.check(msgspec.structs.asdict(step), ranges.STEP, findings, path)
    _check_retry(step.retry, findings, f"{path}.retry")
    ranges.check(step.config, ranges.CONFIG.get(step.type, {}), findings, f"{path}.config")
    match step.type:
        case "wasm":
            _check_module(step.config, findings, f"{path}.config")
        case "http":
            _check_http(step.config, findings, f"{path}.config")
        case "database":
            _check_database(step.config, findings, f"{path}.config")
        case "file_processing":
            _check_file(step.config, findings, f"{path}.config")
        case "sftp":
            _check_sftp(step.config, findings, f"{path}.config")
        case _:
            pass


def _check_retry(retry: Retry, findings: Findings, path: str) -> None:
    ranges.check(msgspec.structs.asdict(retry), ranges.RETRY, findings, path)
    if not retry.delays_seconds:
        findings.error(f"{path}.delays_seconds", "needs at least one delay", "0 tries again at once")
    known = [kind.value for kind in OutcomeKind if kind is not OutcomeKind.SUCCEEDED]
    for place, kind in enumerate(retry.on):
        if kind not in known:
            findings.error(f"{path}.on[{place}]", f"`{words.cut(kind)}` is no outcome", words.nearest(kind, known))


def _check_module(config: dict[str, Any], findings: Findings, path: str) -> None:
    reference = config.get("module_id")
    if isinstance(reference, str) and not is_template(reference) and not is_reference(reference):
        findings.error(f"{path}.module_id", f"{words.shown(reference)} does not name a module", FORMS)
    permissions = config.get("permissions")
    for place, grant in enumerate(permissions if isinstance(permissions, (list, tuple)) else []):
        _check_grant(grant, findings, f"{path}.permissions[{place}]")


def _check_grant(grant: Any, findings: Findings, path: str) -> None:
    """That its resource means something (ABI: Permissions); what is wrong with its shape is told elsewhere."""
    if not isinstance(grant, dict) or grant.get("permission") not in PERMISSIONS:
        return
    resource = grant.get("resource")
    if not isinstance(resource, str) or is_template(resource):
        return
    problem = fault(Grant(grant["permission"], resource))
    if problem is not None:
        findings.error(f"{path}.{problem.path}", problem.message, problem.hint)


def _check_http(config: dict[str, Any], findings: Findings, path: str) -> None:
    url = config.get("url")
    if isinstance(url, str) and not is_template(url) and config.get("connection") is None:
        try:
            urls.parse(url)
        except Refused as error:
            findings.error(f"{path}.url", error.message, error.hint)
    headers = config.get("headers")
    for name in headers if isinstance(headers, dict) else ():
        if not settable(name):
            findings.error(words.child(f"{path}.headers", name), "is no header that a step can set")
    statuses = config.get("success_statuses")
    for place, each in enumerate(statuses if isinstance(statuses, (list, tuple)) else ()):
        if isinstance(each, str) and not is_template(each) and not is_statuses(each):
            hint = 'write a number such as 204, or a class such as "2xx"'
            findings.error(f"{path}.success_statuses[{place}]", f"{words.shown(each)} is no status", hint)
    if isinstance(url, str) and url.lower().startswith("http://") and isinstance(config.get("auth"), dict):
        findings.warn(f"{path}.auth", "the credentials travel in the clear", "write https://")


def _check_database(config: dict[str, Any], findings: Findings, path: str) -> None:
    for problem in database.problems(config):
        findings.error(f"{path}.{problem.path}".rstrip("."), problem.message, problem.hint)
    for problem in database.warnings(config):
        findings.warn(f"{path}.{problem.path}", problem.message, problem.hint)


def _check_file(config: dict[str, Any], findings: Findings, path: str) -> None:
    operation, target = config.get("operation"), config.get("to")
    sources = [name for name in ("data_source", "sheets") if config.get(name) is not None]
    if operation in ("read", "convert") and sources:  # a tuple: what is no text need not have a hash
        findings.error(f"{path}.{sources[0]}", f"`{sources[0]}` is for writing", 'set `operation` to "write"')
    if operation == "write" and len(sources) != 1:
        findings.error(path, "writing takes its rows from `data_source` or from `sheets`: exactly one of them")
    if operation == "convert" and target is None:
        findings.error(path, "converting needs `to`, the file to write", '"to": {"path": …, "format": …}')
    if operation in ("read", "write") and target is not None:
        findings.error(f"{path}.to", "`to` is for converting", 'set `operation` to "convert"')
    if operation == "convert" and config.get("columns") is not None:
        findings.error(f"{path}.columns", "the columns of a conversion stand in `to`", "write `to.columns`")
    if _kind(config.get("format")) == "csv" and "sheets" in sources:
        findings.error(f"{path}.sheets", "a CSV file has no sheets")
    _check_format(config.get("format"), findings, f"{path}.format")
    if isinstance(target, dict):
        _check_format(target.get("format"), findings, f"{path}.to.format")
        if _kind(target.get("format")) == "csv" and _is_all(config.get("format")):
            findings.error(f"{path}.format.all", "a CSV file has no sheets: convert one of them", "name it in `sheet`")


def _kind(layout: Any) -> Any:
    return layout.get("type") if isinstance(layout, dict) else layout


def _is_all(layout: Any) -> bool:
    return isinstance(layout, dict) and layout.get("all") is True


def _check_format(layout: Any, findings: Findings, path: str) -> None:
    if not isinstance(layout, dict):
        return
    ranges.check(layout, ranges.FORMAT, findings, path)
    for name, default in (("delimiter", ","), ("quote", '"')):
        sign = layout.get(name, default)
        if isinstance(sign, str) and not is_template(sign) and len(sign) != 1:
            findings.error(f"{path}.{name}", f"must be one character, got {words.shown(sign)}")
    encoding = layout.get("encoding", "utf-8")
    if isinstance(encoding, str) and not is_template(encoding) and not _is_text_encoding(encoding):
        findings.error(f"{path}.encoding", f"there is no text encoding {words.shown(encoding)}")
    if layout.get("thousands") and layout.get("thousands") == layout.get("decimal", "."):
        findings.error(f"{path}.thousands", "must be another sign than `decimal`")


_OF_A_SERVER = ("host", "port", "username", "auth", "host_key")


def _check_sftp(config: dict[str, Any], findings: Findings, path: str) -> None:
    given = [name for name in _OF_A_SERVER if config.get(name) is not None]
    options = config.get("options")
    options = options if isinstance(options, dict) else {}
    if config.get("connection") is not None:
        if given:
            findings.error(f"{path}.{given[0]}", f"`connection` and `{given[0]}` exclude each other")
    elif missing := [name for name in ("host", "username", "auth") if name not in given]:
        findings.error(path, f"`{missing[0]}` is missing", "name a `connection`, or `host`, `username` and `auth`")
    elif "host_key" not in given:
        message = "no `host_key` is given: the server is refused, and the failure tells the key that it offers"
        if options.get("verify_host_key") is False:
            message = "no `host_key` is verified: whoever answers for this host gets the files and the password"
        findings.warn(path, message)
    if isinstance(key := config.get("host_key"), str) and not is_template(key):
        try:
            hostkey.parse(key)
        except Refused as error:
            findings.error(f"{path}.host_key", error.message.removeprefix("host_key: "), error.hint)
    if config.get("operation") == "upload" and config.get("local_path") is None:
        findings.error(path, "an upload needs `local_path`", "a key of the files area")
    pattern = options.get("wildcard_pattern")
    if isinstance(pattern, str) and "/" in pattern and not is_template(pattern):
        findings.error(f"{path}.options.wildcard_pattern", "is a pattern of names, without `/`", "set `recursive`")


def _is_text_encoding(name: str) -> bool:
    try:
        codecs.lookup(name)
        return isinstance("".encode(name), bytes)
    except (LookupError, ValueError):
        return False
