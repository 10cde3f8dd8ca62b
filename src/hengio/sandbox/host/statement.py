"""What a guest's SQL does, read from its syntax tree: one half of the boundary (the database's own is the other).

Only queries and changes of rows pass. What defines tables, touches the session, another transaction, a file, a program
or the network is refused, whatever it is called, and so is what cannot be parsed.
"""

from __future__ import annotations

import logging
import re

import sqlglot
from msgspec import Struct
from sqlglot import exp
from sqlglot.errors import SqlglotError

from hengio.errors import Refused
from hengio.sandbox.host import lexical
from hengio.targets.lexing import Dialect

MOST_BYTES = 256 << 10
_CHANGES = (exp.Insert, exp.Update, exp.Delete, exp.Merge)
_NEVER = (
    *(exp.Command, exp.DDL, exp.Drop, exp.Alter, exp.Set, exp.Use, exp.Pragma, exp.Attach, exp.Detach, exp.Copy),
    *(exp.Transaction, exp.Commit, exp.Rollback, exp.Into, exp.Lock, exp.LoadData, exp.Kill, exp.Describe),
)
_FUNCTIONS = frozenset(
    {"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer", "set_config", "current_setting"}
    | {"nextval", "setval", "currval", "lastval", "copy", "file_read", "loread", "lowrite"}
    | {"ts_stat", "ts_rewrite", "crosstab", "connectby", "xpath_table"}  # run a text as a statement
    | {"treat"}  # PostgreSQL's TREAT(x AS f) calls f
)
_FUNCTION_STARTS = ("lo_", "dblink", "plpy", "crosstab")
_FUNCTION_PARTS = ("_to_xml",)  # of a statement, table, schema or database
_OWN = "pg_"
"""PostgreSQL's own: files, programs, other sessions, locks, replication. Only a few of them just compute."""
_HARMLESS = frozenset(
    {"pg_typeof", "pg_column_size", "pg_size_bytes", "pg_size_pretty", "pg_input_is_valid", "pg_sleep"}
)
_MYSQL_OWN = frozenset({"mysql", "information_schema", "performance_schema", "sys"})
_TOLD = frozenset(
    {"tables", "columns", "views", "schemata", "statistics", "table_constraints", "key_column_usage"}
    | {"referential_constraints", "check_constraints"}
)
_ESCAPED_NAME = re.compile(r"[uU]&[\"']")
"""PostgreSQL's names and texts with escapes (`U&"\\0061"`), which the parser does not know."""

logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # it would quote statements


class Statement(Struct, frozen=True):
    """Whether it changes rows, and the tables it names: `(schema or "", table)` in lower case."""

    writes: bool
    tables: frozenset[tuple[str, str]]


def read(query: str, dialect: Dialect) -> Statement:
    """Raises `Refused` unless it is one query, or one change of rows."""
    if len(query.encode(errors="replace")) > MOST_BYTES:
        raise Refused(f"a statement has at most {MOST_BYTES} bytes")
    if "\x00" in query:
        raise Refused("a statement has no NUL in it")
    if dialect == "postgres" and _ESCAPED_NAME.search(query):
        raise Refused("a statement has no U&\"…\" or U&'…' in it", hint="write the characters themselves")
    if dialect in {"mysql", "oracle"}:
        lexical.check(query, dialect)
    try:
        parsed = [tree for tree in sqlglot.parse(query, read=dialect) if tree is not None]
    except (SqlglotError, RecursionError) as error:
        raise Refused("the statement cannot be parsed") from error
    if len(parsed) != 1:
        raise Refused("one statement a query; several go into `statements`")
    tree = parsed[0]
    if not isinstance(tree, (exp.Query, exp.Values, *_CHANGES)):
        raise Refused(f"{_word(tree)} is neither a query nor a change of rows")
    _check(tree)
    match dialect:
        case "postgres":
            _check_catalog(tree)
        case "mysql":
            _check_schemas(tree)
        case _:
            pass
    changes = any(isinstance(node, _CHANGES) for node in tree.walk())
    return Statement(changes, _tables(tree))


def _check(tree: exp.Expr) -> None:
    for node in tree.walk():
        if isinstance(node, _NEVER) and not isinstance(node, (*_CHANGES, exp.Query)):
            raise Refused(f"{_word(node)} is not allowed in a statement of a module")
        if isinstance(node, (exp.Anonymous, exp.AnonymousAggFunc)):
            name = node.name.lower()
            if _is_forbidden(name):
                raise Refused(f"the function {name[:60]} is not allowed in a statement of a module")


def _is_forbidden(function: str) -> bool:
    if function.startswith(_OWN):
        return function not in _HARMLESS
    listed = function in _FUNCTIONS or function.startswith(_FUNCTION_STARTS)
    return listed or any(part in function for part in _FUNCTION_PARTS)


def _check_catalog(tree: exp.Expr) -> None:
    """PostgreSQL's own tables hold other sessions' statements, and settings that can be changed as rows.

    A name that WITH defines is no exception: it may be defined elsewhere in the statement only.
    """
    for table in tree.find_all(exp.Table):
        named = isinstance(table.this, exp.Identifier) and table.name.lower().startswith(_OWN)
        if named or table.db.lower().startswith(_OWN):
            hint = "information_schema tells of tables and columns"
            raise Refused(f"{table.name[:60]} is a system table, which is not for modules", hint=hint)


def _check_schemas(tree: exp.Expr) -> None:
    """MySQL's own schemas hold accounts, settings and other sessions' statements; of tables and columns may be read."""
    for table in tree.find_all(exp.Table):
        schema = table.db.lower()
        told = schema == "information_schema" and table.name.lower() in _TOLD
        if table.catalog or (schema in _MYSQL_OWN and not told):
            hint = f"of information_schema there are {', '.join(sorted(_TOLD))}"
            raise Refused(f"{table.name[:60]} is a system table, which is not for modules", hint=hint)


def _tables(tree: exp.Expr) -> frozenset[tuple[str, str]]:
    """Without what WITH defines itself."""
    own = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    found = {(table.db.lower(), table.name.lower()) for table in tree.find_all(exp.Table)}
    return frozenset(one for one in found if one[1] and not (not one[0] and one[1] in own))


def _word(node: exp.Expr) -> str:
    return str(node.this).upper()[:40] if isinstance(node, exp.Command) else type(node).__name__.upper()
