"""From any of the three spellings of a definition to the canonical one, document to document (H3.1 to H3.4).

Definitions of the existing system have steps of two other spellings: the type is an object that holds the configuration
(`tagged`), or the configuration stands beside the type (`flat`). Every step is told by itself, so a job may mix them.
What is not of any spelling is left for the check of the shape, which then speaks of what the author wrote (`origins`).
"""

from __future__ import annotations

from collections.abc import Collection

from hengio.codec import Json
from hengio.definition import fields, nulls, words
from hengio.definition.configs import CONFIGS
from hengio.definition.normal import Normal
from hengio.errors import Problem
from hengio.model.job import Job
from hengio.model.step import Step, StepType

TAGS: dict[str, StepType] = {
    "http_request": "http",
    "database_query": "database",
    "file_processing": "file_processing",
    "sftp": "sftp",
    "wasm": "wasm",
}
"""The step types as the tagged and the flat spelling call them."""

STEP_FIELDS = frozenset(Step.__struct_fields__)
_STEP_WORDS = STEP_FIELDS | {"retry_count"}


def normalised(document: Json) -> Normal:
    """The canonical form. Never raises for what the document holds, and leaves it as it is."""
    work = Normal()
    if not isinstance(document, dict):
        work.document = document
        return work
    steps = document.get("steps")
    if isinstance(steps, list):
        document = {**document, "steps": [_step(each, f"$.steps[{place}]", work) for place, each in enumerate(steps)]}
    if isinstance(schedule := document.get("schedule"), dict):
        document = {**document, "schedule": fields.schedule(schedule)}
    work.document = nulls.without(document, Job)
    return work


def _step(step: Json, path: str, work: Normal) -> Json:
    if not isinstance(step, dict):
        return step
    step = _retry_count(_typed(step, path, work), path, work)
    kind, config = step.get("type"), step.get("config")
    wanted = CONFIGS.get(kind) if isinstance(kind, str) else None  # type: ignore[call-overload]
    if isinstance(config, dict):
        config = fields.config(config, kind, path=f"{path}.config", work=work)
        step = {**step, "config": config if wanted is None else nulls.without(config, wanted)}
    return step


def _typed(step: dict[str, Json], path: str, work: Normal) -> dict[str, Json]:
    """The step with `type` and `config` apart."""
    kind = step.get("type")
    beside = [name for name in step if name not in _STEP_WORDS]
    match kind:
        case dict():
            return _tagged(step, kind, path, work)
        case str() if step.get("config") is not None:
            return {**step, "type": TAGS.get(kind, kind)}
        case str() if kind in TAGS and (beside or kind != TAGS[kind]):
            return _flat(step, TAGS[kind], path, work)
        case str() if beside:
            _misplaced(step, kind, beside, path, work)
        case _:
            pass
    return step


def _tagged(step: dict[str, Json], kind: dict[str, Json], path: str, work: Normal) -> dict[str, Json]:
    """`{"type": {"type": "http_request", "url": …}}`: the type holds the configuration."""
    tag = kind.get("type")
    if not isinstance(tag, str) or tag not in TAGS:
        work.told.add(f"{path}.type")
        work.problems.append(_no_tag(kind, f"{path}.type"))
        return step
    rest = {name: value for name, value in step.items() if name not in {"type", "config"}}
    if step.get("config") is not None:
        work.wrong(f"{path}.config", "the step's `type` already holds its configuration")
    work.origins.move(f"{path}.config", written=f"{path}.type")
    work.origins.move(f"{path}.type", written=f"{path}.type.type")
    return {**rest, "type": TAGS[tag], "config": {name: value for name, value in kind.items() if name != "type"}}


def _no_tag(kind: dict[str, Json], path: str) -> Problem:
    tag = kind.get("type")
    if "type" not in kind:
        return Problem(path, "missing required field `type`", f"one of {words.listed(TAGS)}")
    hint = words.close(tag, TAGS) if isinstance(tag, str) else ""
    return Problem(f"{path}.type", f"expected one of {words.listed(TAGS)}, got {words.shown(tag)}", hint)


def _flat(step: dict[str, Json], kind: StepType, path: str, work: Normal) -> dict[str, Json]:
    """`{"type": "http_request", "url": …}`: what is not a step's own field is its configuration."""
    work.origins.move(f"{path}.config", written=path)
    wanted = CONFIGS.get(kind)
    members = {name: value for name, value in step.items() if name not in _STEP_WORDS}
    if wanted is not None:
        known = set(wanted.__struct_fields__)
        for name in [each for each in members if each not in known and not work.full]:
            free = sorted((known | STEP_FIELDS - {"type", "config"}) - step.keys())
            work.wrong(words.child(path, name), f"unknown field `{words.cut(name)}`", words.nearest(name, free))
        members = {name: value for name, value in members.items() if name in known}
    own = {name: value for name, value in step.items() if name in _STEP_WORDS - {"config"}}
    return {**own, "type": kind, "config": members}


def _misplaced(step: dict[str, Json], kind: str, beside: Collection[str], path: str, work: Normal) -> None:
    """Fields beside a type that is not one of the flat spelling's: tell what was probably meant."""
    wanted = CONFIGS.get(kind)  # type: ignore[call-overload]
    if wanted is not None:
        for name in beside:
            if name in wanted.__struct_fields__:
                work.told.add(here := words.child(path, name))
                work.wrong(here, f"unknown field `{words.cut(name)}`", "it belongs into `config`")
    elif hint := words.close(kind, TAGS):
        work.told |= {f"{path}.type", *(words.child(path, name) for name in beside)}
        work.wrong(f"{path}.type", f"expected one of {words.listed(TAGS)}, got {words.shown(kind)}", hint)


def _retry_count(step: dict[str, Json], path: str, work: Normal) -> dict[str, Json]:
    """A step's `retry_count` is `max_retries` of its `retry`."""
    if "retry_count" not in step:
        return step
    count, retry = step["retry_count"], step.get("retry")
    step = {name: value for name, value in step.items() if name != "retry_count"}
    if count is None or not (retry is None or isinstance(retry, dict)):
        return step
    if retry and retry.get("max_retries") is not None:
        work.wrong(f"{path}.retry_count", "`retry.max_retries` says it already")
        return step
    work.origins.move(f"{path}.retry.max_retries", written=f"{path}.retry_count")
    return {**step, "retry": {**(retry or {}), "max_retries": count}}
