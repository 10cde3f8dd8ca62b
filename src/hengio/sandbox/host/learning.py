"""An `Outside` that finds out what a module needs: it performs what is asked, and notes the grants it took.

Nothing is guessed: each request begins without any grant, and gets those that its denials name, one after the other,
until it passes. So what is learnt is what production checks. How far it may go is for `Reach` to say.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Protocol

import msgspec
from msgspec import Struct

from hengio.errors import HengioError
from hengio.grants import http
from hengio.internet import is_public
from hengio.model.grant import Grant, Permission
from hengio.sandbox.host import statement
from hengio.sandbox.host.answer import denied
from hengio.sandbox.host.database import DatabaseRequest
from hengio.sandbox.host.entry import Entry
from hengio.sandbox.host.outside import Capabilities, Scope
from hengio.sandbox.protocol import Answered, Ask, Status
from hengio.targets.databases import Databases

_MOST_GRANTS = 100
"""Grants that one request can come to need: each redirect wants one or two, each statement one for each table."""
_SCHEMA = "main"
_WILD = "its name has a * in it, which as a grant would stand for more"
_ENTRY = msgspec.json.Decoder(Entry)
_ENTRIES = msgspec.json.Decoder(list[Entry])


class Reach(Struct, frozen=True, kw_only=True):
    """How far learning may go: any public address, and private ones, databases and files as far as they were given."""

    private: bool
    connections: Collection[str]
    files: bool

    def refuses(self, grant: Grant) -> str | None:
        """Why that may not be tried; None if it may."""
        if "*" in grant.resource:
            return _WILD
        match grant.permission.partition(":")[0]:
            case "http":
                if self.private or not _is_private(grant.resource):
                    return None
                return "it leads to a private address (--allow-private lets it)"
            case "database":
                known = grant.resource.partition("/")[0] in self.connections
                return None if known else "there is no connection of that name here (--connection defines one)"
            case _:
                return None if self.files else "there is no folder of files here (--files names one)"


class Sight(Protocol):
    """Who hears what was needed."""

    def needed(self, grants: Collection[Grant]) -> None:
        """A request passed with these, and no fewer."""
        ...

    def refused(self, grant: Grant, reason: str) -> None:
        """A request needed this, and it was not tried."""
        ...

    def interrupted(self) -> None:
        """A request came to need a grant after it had changed something: it was not sent again."""
        ...


class LearningOutside:
    """`Outside` for calls that are learnt from. `known` is shared by all of them: what each request came to need."""

    def __init__(
        self,
        capabilities: Capabilities,
        databases: Databases,
        *,
        reach: Reach,
        sight: Sight,
        known: dict[Ask, list[Grant]],
    ) -> None:
        self._capabilities = capabilities
        self._databases = databases
        self._reach = reach
        self._sight = sight
        self._known = known

    async def answer(self, ask: Ask) -> Answered:
        end = time.monotonic() + ask.seconds_left
        if ask.function == "file_list":
            return await self._listed(ask, end)
        if ask.function == "file_find" and (folder := await self._folder(ask, end)) is not None:
            return folder
        grants = self._known.setdefault(msgspec.structs.replace(ask, number=0, seconds_left=0.0), [])
        answer = await self._try(ask, grants, end)
        while answer.denied is not None and len(grants) < _MOST_GRANTS:
            wanted = self._next(ask, answer.denied, grants)
            refusals = [(grant, reason) for grant in wanted if (reason := self._reach.refuses(grant)) is not None]
            if refusals:
                self._sight.refused(*refusals[0])
                return answer
            if not wanted:
                return answer
            grants += wanted
            if answer.wrote:
                self._sight.interrupted()
                return answer
            answer = await self._try(ask, grants, end)
        answer = await self._widened(ask, grants, answer, end)
        self._sight.needed(grants)
        return answer

    async def _listed(self, ask: Ask, end: float) -> Answered:
        """What is in a folder. It is never denied, only cut down to what may be read: so each file that is told of is
        needed. Of a folder in it nothing is, until something below it is asked for."""
        path = ask.request.decode(errors="replace")
        answer = await self._below(ask, path, end)
        if answer.denied is not None:
            self._sight.refused(answer.denied, _WILD)
        if answer.status is not Status.OK:
            return answer
        names = [entry.name for entry in _ENTRIES.decode(answer.reply) if not entry.is_folder]
        grants = [Grant("file:read", f"{path}/{name}" if path else name) for name in names]
        if len(grants) > _MOST_GRANTS:
            reason = f"a folder of more than {_MOST_GRANTS} files was listed: a wildcard is for you to grant"
            self._sight.refused(Grant("file:read", f"{path}/*" if path else "*"), reason)
            return answer
        refusals = {grant: why for grant in grants if (why := self._reach.refuses(grant)) is not None}
        for grant, why in refusals.items():
            self._sight.refused(grant, why)
        self._sight.needed([grant for grant in grants if grant not in refusals])
        return answer

    async def _folder(self, ask: Ask, end: float) -> Answered | None:
        """The answer if it is a folder, which is there for all who may read something below it."""
        answer = await self._below(ask, ask.request.decode(errors="replace"), end)
        return answer if answer.status is Status.OK and _ENTRY.decode(answer.reply).is_folder else None

    async def _below(self, ask: Ask, path: str, end: float) -> Answered:
        """The answer to who may read all below a path; a path that can not be used is refused before grants count."""
        everything = Grant("file:read", f"{path}/**" if path else "**")
        if "*" in path:
            return denied(everything, left_out=False)
        return await self._try(ask, [everything], end)

    async def _try(self, ask: Ask, grants: list[Grant], end: float) -> Answered:
        asked = msgspec.structs.replace(ask, seconds_left=max(0.0, end - time.monotonic()))
        return await self._capabilities.of(Scope(layers=(tuple(grants),), key="learn")).answer(asked)

    def _next(self, ask: Ask, denied: Grant, grants: list[Grant]) -> list[Grant]:
        """What to try after this denial, without what was tried already."""
        finer = [grant for grant in self._finer(ask, denied) if grant not in grants]
        return finer or [grant for grant in (denied,) if grant not in grants]

    def _finer(self, ask: Ask, denied: Grant) -> tuple[Grant, ...]:
        """The grants to try for a denial: for a database, those on what the statements name."""
        if ask.function != "db_query" or "/" in denied.resource:
            return (denied,)
        try:
            request = msgspec.json.decode(ask.request, type=DatabaseRequest)
            dialect = self._databases.dialect(request.connection)
            read = [statement.read(query.query, dialect) for query in request.queries()]
        except (msgspec.DecodeError, HengioError):
            return (denied,)
        found: dict[Grant, None] = {}
        for each in read:
            permission: Permission = "database:write" if each.writes else "database:read"
            if dialect != "sqlite" or not each.tables:
                found[Grant(permission, request.connection)] = None
            for schema, table in sorted(each.tables) if dialect == "sqlite" else ():
                found[Grant(permission, f"{request.connection}/{schema or _SCHEMA}.{table}")] = None
        return tuple(found) or (denied,)

    async def _widened(self, ask: Ask, grants: list[Grant], answer: Answered, end: float) -> Answered:
        """A statement may touch more tables than it names (views, triggers): then it takes the whole connection."""
        single = [grant for grant in grants if grant.permission.startswith("database:") and "/" in grant.resource]
        if not single or answer.status is Status.OK or answer.wrote:
            return answer
        whole = list(dict.fromkeys(Grant(one.permission, one.resource.partition("/")[0]) for one in single))
        again = await self._try(ask, whole, end)
        if again.status is not Status.OK:
            return answer
        grants[:] = whole
        return again


def _is_private(resource: str) -> bool:
    pattern = http.parse(resource)
    if pattern.network is not None:
        return not is_public(pattern.network.network_address)
    return pattern.host == "localhost"
