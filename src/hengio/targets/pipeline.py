"""Many sets of one PostgreSQL statement on one way to the server and back, with the rows that they change counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from hengio.targets.lexing import code, keyword
from hengio.targets.statement import Parameters

FEWEST = 8
"""Fewer sets go one by one: what is asked first would cost as much."""
MOST = 500
_CHANGES = frozenset({"INSERT", "UPDATE", "DELETE", "WITH"})
_OF_THE_STATEMENT = ("0A", "22", "23", "42", "P0")


def alike(sets: Sequence[Parameters]) -> Iterator[tuple[int, Sequence[Parameters]]]:
    """The sets in parts of at most `MOST`, each all objects or all lists, with the number of its first."""
    first = 0
    while first < len(sets):
        kind, end = isinstance(sets[first], dict), first + 1
        while end < min(first + MOST, len(sets)) and isinstance(sets[end], dict) is kind:
            end += 1
        yield first, sets[first:end]
        first = end


async def counting(
    connection: asyncpg.Connection[Any], statement: PreparedStatement[Any]
) -> PreparedStatement[Any] | None:
    """The statement in a form that yields how many rows it changed; None for one that has none.

    A driver that sends many sets at once keeps no count of each. MERGE and what yields rows of its own have no form;
    where the server refuses it (views with rules), nothing is lost.
    """
    text = statement.get_query()
    if statement.get_attributes() or keyword(text) not in _CHANGES:
        return None
    if code(text, "postgres").rstrip().endswith(";"):
        text = text.rstrip().removesuffix(";")
    try:
        async with connection.transaction():
            return await connection.prepare(
                f"WITH changed_ AS ({text}\nRETURNING 1) SELECT count(*) FROM changed_"  # noqa: S608  # the job's own
            )
    except asyncpg.PostgresError as error:
        if _is_of_the_statement(error):
            return None
        raise


async def changed(
    connection: asyncpg.Connection[Any], statement: PreparedStatement[Any], sets: Sequence[list[Any]]
) -> int | None:
    """How many rows all the sets changed; None if the server refuses one of them, and then none has changed any."""
    try:
        async with connection.transaction():
            counts: list[int] = [record[0] for record in await statement.fetchmany(sets)]
            return sum(counts)
    except asyncpg.PostgresError as error:
        if _is_of_the_statement(error):
            return None
        raise


def _is_of_the_statement(error: asyncpg.PostgresError) -> bool:
    """Whether a statement, or the values of a set, are what is wrong."""
    return (getattr(error, "sqlstate", None) or "").startswith(_OF_THE_STATEMENT)
