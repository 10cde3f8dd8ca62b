"""The database step: one statement, or one call of a stored procedure, on a connection (H4.2)."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from hengio import codec
from hengio.codec import Raw
from hengio.definition import database, server, templates
from hengio.definition.configs import DatabaseConfig
from hengio.definition.context import Context
from hengio.definition.places import Place
from hengio.errors import HengioError, Refused
from hengio.steps.outcome import failed
from hengio.steps.protocol import StepRequest, StepResult
from hengio.targets.connections import ConnectionString
from hengio.targets.databases import Databases, sets_of
from hengio.targets.lexing import only_reads
from hengio.targets.reply import Reply
from hengio.targets.secrets import HIDDEN
from hengio.targets.statement import Parameters

_TOLD_SETS = 20
"""So many sets of a batch a dry run notes."""


class _Asked(Struct, frozen=True):
    """What the step asks for: its configuration with templates filled in, those of the query being parameters."""

    config: DatabaseConfig
    parameters: list[Any] | dict[str, Any] | None

    @property
    def connection(self) -> str | ConnectionString:
        if self.config.connection_string is None:
            return self.config.connection or ""
        return ConnectionString(self.config.connection_string, self.config.database_type)

    @property
    def sets(self) -> list[Parameters]:
        """The sets of parameters that the statement runs with. Raises `Refused`."""
        return sets_of(self.parameters, None if self.config.batch is None else _sets(self.config.batch))


class DatabaseStep:
    """Runs a job's SQL. Templates in the query become bound parameters; its output is rows and counts."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases

    async def run(self, request: StepRequest) -> StepResult:
        try:
            asked = _asked(request.step.config, request.context)
            named = self._named(asked)
            reply = await (self._done(asked, request) if request.rehearsal is None else self._tried(asked, request))
        except HengioError as error:
            return failed(error)
        return StepResult(output=Raw(codec.encode(reply)), detail={"connection": named})

    async def _done(self, asked: _Asked, request: StepRequest, *, read_only: bool = False) -> Reply:
        config = asked.config
        limit = _least(config.timeout_seconds, request.timeout_seconds)
        if config.query_type == "stored_procedure":
            return await self._databases.call(
                asked.connection,
                config.procedure_name or "",
                parameters=asked.parameters,
                max_rows=config.max_rows,
                timeout_seconds=limit,
            )
        return await self._databases.execute(
            asked.connection,
            config.query or "",
            batch=asked.sets,
            read_only=config.read_only or read_only,
            max_rows=config.max_rows,
            timeout_seconds=limit,
        )

    async def _tried(self, asked: _Asked, request: StepRequest) -> Reply:
        """A dry run: what only reads is read, in a read-only transaction; anything else is noted and not done."""
        config = asked.config
        dialect = self._databases.dialect(asked.connection)
        if config.query is not None and (config.read_only or only_reads(config.query, dialect)):
            return await self._done(asked, request, read_only=True)
        assert request.rehearsal is not None
        request.rehearsal.note(
            "database",
            step_id=request.step.id,
            visit=request.visit,
            attempt=request.attempt,
            what=self._told(asked, request),
        )
        return Reply([], 0, 0)

    def _told(self, asked: _Asked, request: StepRequest) -> dict[str, Any]:
        """What a dry run notes: without the values of sensitive variables, and without a connection string."""
        config, sets = asked.config, len(asked.sets)  # a batch that does not fit fails here, too
        shown = _shown(request.step.config, request.context)
        told = {"connection": self._named(asked), "parameters": shown, "sets": sets}
        if config.query_type == "stored_procedure":
            return {**told, "procedure": config.procedure_name}
        return {**told, "query": config.query}

    def _named(self, asked: _Asked) -> str:
        """What the connection is called where others read it. Raises `Refused` if it is not what the step says."""
        kind, wanted = self._databases.kind(asked.connection), asked.config.database_type
        if wanted is not None and not server.fits(wanted, kind):
            raise Refused(f"the connection is one of a {kind} database, not of {wanted}", hint="see `database_type`")
        return asked.config.connection or f"connection_string ({kind})"


def _asked(config: dict[str, Any], context: Context) -> _Asked:
    """The configuration and what its query's own templates stand for. Raises `Refused` for what does not fit."""
    resolved: dict[str, Any] = {}
    bound: dict[str, Any] = {}
    for key, value in config.items():
        match key:
            case "query" if isinstance(value, str):
                resolved[key], bound = templates.bind(value, context, field=key)
            case "procedure_name":
                resolved[key] = value  # never made of data
            case "connection_string":
                resolved[key] = templates.resolve(value, context, place=Place.URL, field=key)
            case _:
                resolved[key] = templates.resolve(value, context, field=key)
    try:
        fitting = msgspec.convert(resolved, DatabaseConfig)
    except msgspec.ValidationError as error:
        raise Refused(f"the step's configuration does not fit: {error}") from error
    for problem in database.problems(resolved):
        place = f"config.{problem.path}: " if problem.path else ""
        raise Refused(f"the step's configuration does not fit: {place}{problem.message}", hint=problem.hint)
    return _Asked(fitting, _joined(bound, fitting.parameters) if bound else fitting.parameters)


def _joined(bound: dict[str, Any], parameters: list[Any] | dict[str, Any] | None) -> dict[str, Any]:
    if not parameters:
        return bound
    if isinstance(parameters, list):
        raise Refused("a query with templates takes named parameters", hint="write :name and an object")
    return {**parameters, **bound}


def _sets(batch: list[Any]) -> list[dict[str, Any] | list[Any]]:
    wrong = next((place for place, each in enumerate(batch) if not isinstance(each, (dict, list))), None)
    if wrong is not None:
        raise Refused(f"batch[{wrong}] is neither an object nor a list of parameters")
    return batch


def _shown(config: dict[str, Any], context: Context) -> Any:
    """The parameters, or the first sets of a batch, without the values of sensitive variables."""
    masked = _masked(context)
    parameters, batch = (templates.resolve(config.get(field), masked) for field in ("parameters", "batch"))
    query = config.get("query")
    bound = templates.bind(query, masked)[1] if isinstance(query, str) else {}
    together = _joined(bound, parameters) if bound else parameters
    return together if batch is None else sets_of(together, batch)[:_TOLD_SETS]


def _masked(context: Context) -> Context:
    """The same context with a mark for each value of a sensitive variable."""
    hidden = {name: _hidden(value) for name, value in context.admin.items() if name in context.secret_names}
    return Context(
        base=context.base,
        admin={**context.admin, **hidden},
        secret_names=context.secret_names,
        variables=context.variables,
        steps=context.steps,
    )


def _hidden(value: Any) -> Any:
    match value:
        case dict():
            return {name: _hidden(each) for name, each in value.items()}
        case list() | tuple():
            return [_hidden(each) for each in value]
        case _:
            return None if value is None else HIDDEN


def _least(*limits: float | None) -> float | None:
    return min((limit for limit in limits if limit is not None), default=None)
