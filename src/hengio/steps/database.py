"""The database step: one statement on a named connection (H4)."""

from __future__ import annotations

from typing import Any

import msgspec

from hengio import codec
from hengio.codec import Raw
from hengio.definition import templates
from hengio.definition.configs import DatabaseConfig
from hengio.definition.context import Context
from hengio.errors import HengioError, Refused
from hengio.steps.outcome import failed
from hengio.steps.protocol import StepRequest, StepResult
from hengio.targets.databases import Databases


class DatabaseStep:
    """Runs a job's SQL. Templates in the query become bound parameters; its output is rows and counts."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases

    async def run(self, request: StepRequest) -> StepResult:
        try:
            config, bound = _config(request.step.config, request.context)
            parameters = config.parameters
            if bound:
                parameters = _joined(bound, parameters)
            reply = await self._databases.execute(
                config.connection,
                config.query,
                parameters=parameters,
                batch=None if config.batch is None else _sets(config.batch),
                read_only=config.read_only,
                max_rows=config.max_rows,
                timeout_seconds=_least(config.timeout_seconds, request.timeout_seconds),
            )
        except HengioError as error:
            return failed(error)
        return StepResult(output=Raw(codec.encode(reply)), detail={"connection": config.connection})


def _config(config: dict[str, Any], context: Context) -> tuple[DatabaseConfig, dict[str, Any]]:
    """The step's configuration with templates filled in, and the values that the query's own templates stand for."""
    resolved = {key: templates.resolve(value, context, field=key) for key, value in config.items() if key != "query"}
    bound: dict[str, Any] = {}
    if isinstance(query := config.get("query"), str):
        resolved["query"], bound = templates.bind(query, context, field="query")
    try:
        return msgspec.convert(resolved, DatabaseConfig), bound
    except msgspec.ValidationError as error:
        raise Refused(f"the step's configuration does not fit: {error}") from error


def _joined(bound: dict[str, Any], parameters: list[Any] | dict[str, Any] | None) -> dict[str, Any]:
    if isinstance(parameters, list):
        raise Refused("a query with templates takes named parameters", hint="write :name and an object")
    return {**(parameters or {}), **bound}


def _sets(batch: list[Any]) -> list[dict[str, Any] | list[Any]]:
    wrong = next((place for place, each in enumerate(batch) if not isinstance(each, (dict, list))), None)
    if wrong is not None:
        raise Refused(f"batch[{wrong}] is neither an object nor a list of parameters")
    return batch


def _least(*limits: float | None) -> float | None:
    return min((limit for limit in limits if limit is not None), default=None)
