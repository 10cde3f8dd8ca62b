"""What a database step's configuration has to say, and what excludes what (H4.2). Templates are passed by.

The same rules count when a job is created and when its templates are filled in, so no message repeats a value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hengio.definition import procedure, server, sqltext
from hengio.definition.templates import is_template
from hengio.errors import Problem, Refused

_NOT_WITH_PROCEDURES = {
    "query": "the statement is the call itself",
    "batch": "a procedure is called once",
    "read_only": "what a procedure does can not be held to reading; select from a function instead",
}


def problems(config: dict[str, Any]) -> Iterator[Problem]:
    """Everything wrong with the fields beside each other; paths begin with the field, or are empty."""
    yield from _of_connection(config)
    if config.get("parameters") is not None and config.get("batch") is not None:
        yield Problem("batch", "`parameters` and `batch` exclude each other")
    query_type = config.get("query_type", "raw_sql")
    if query_type == "stored_procedure":
        yield from _of_procedure(config)
    elif query_type == "raw_sql":
        yield from _of_query(config)


def warnings(config: dict[str, Any]) -> Iterator[Problem]:
    """What is allowed, and better done otherwise."""
    given = config.get("connection_string")
    if isinstance(given, str) and not is_template(given) and "@" in given:
        hint = "keep it in a sensitive variable: ${NAME}"
        yield Problem("connection_string", "whoever may read the job can read this string", hint)


def _of_connection(config: dict[str, Any]) -> Iterator[Problem]:
    named, given = config.get("connection"), config.get("connection_string")
    if named is None and given is None:
        yield Problem("", "missing required field `connection`", "or `connection_string`")
    elif named is not None and given is not None:
        yield Problem("connection_string", "`connection` and `connection_string` exclude each other")
    elif isinstance(given, str) and not is_template(given):
        yield from _of_string(given, config.get("database_type"))


def _of_string(given: str, wanted: Any) -> Iterator[Problem]:
    found = server.kind(given)
    if found is None:
        yield Problem("connection_string", "this is no URL of a database", f"known are {', '.join(server.FORMS)}")
        return
    if wanted in server.KINDS and not server.fits(wanted, found):
        yield Problem("database_type", f"the connection_string is one of a {found} database")
    if found != "sqlite":
        try:
            server.parse(given, what="the connection_string")
        except Refused as error:
            yield Problem("connection_string", error.message, error.hint)


def _of_query(config: dict[str, Any]) -> Iterator[Problem]:
    query = config.get("query")
    if query is None:
        yield Problem("", "missing required field `query`")
    elif isinstance(query, str) and not query.strip():
        yield Problem("query", "the statement is empty")
    elif isinstance(query, str):
        yield from _of_parameters(query, config.get("parameters"), config.get("batch"))
    if config.get("procedure_name") is not None:
        hint = 'set `query_type` to "stored_procedure"'
        yield Problem("procedure_name", "a procedure is called by a `query_type` of its own", hint)


def _of_parameters(query: str, parameters: Any, batch: Any) -> Iterator[Problem]:
    """Templates become named parameters, which go with no list; and a `?` wants one. An empty list is as none."""
    given = {
        "parameters": parameters,
        **({f"batch[{n}]": each for n, each in enumerate(batch)} if _is_list(batch) else {}),
    }
    listed = [place for place, values in given.items() if _is_list(values) and values]
    if is_template(query):
        for place in listed:
            yield Problem(place, "a query with templates takes named parameters", "write :name and an object")
    open_ = any(isinstance(values, str) for values in (parameters, batch, *given.values()))
    if not listed and not open_ and sqltext.asks_by_place(query):
        hint = "give `parameters` as a list, or write :name in the query and give an object"
        yield Problem("query", "the query asks for a `?`, but there is no list of `parameters`", hint)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _of_procedure(config: dict[str, Any]) -> Iterator[Problem]:
    name = config.get("procedure_name")
    if name is None:
        yield Problem("", "missing required field `procedure_name`")
    elif isinstance(name, str) and is_template(name):
        yield Problem("procedure_name", "a template can not be part of a procedure's name")
    elif isinstance(name, str) and not procedure.is_name(name):
        yield Problem("procedure_name", "this is no name of a procedure", procedure.FORM)
    for field, reason in _NOT_WITH_PROCEDURES.items():
        if config.get(field):
            yield Problem(field, f"`{field}` does not go with a stored procedure: {reason}")
    given = config.get("connection_string")
    if config.get("database_type") == "sqlite" or (isinstance(given, str) and server.kind(given) == "sqlite"):
        yield Problem("query_type", "SQLite has no stored procedures", "write the statement itself in `query`")
