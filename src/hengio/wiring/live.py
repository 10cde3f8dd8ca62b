"""Databases whose connections change while they are used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hengio.targets.databases import Databases, Target
from hengio.vault.book import Typed


class LiveDatabases(Databases):
    """`Databases` of the connections there are when one is used. A URL that changed is a new target; the one before is
    left to what still uses it, and closed in the end."""

    def __init__(self, book: Typed[str], *, given: Mapping[str, str], folder: Path) -> None:
        super().__init__(given, folder=folder)
        self._book = book
        self._urls = dict(given)
        self._left: list[Target] = []

    def _known(self, connection: str) -> Target:
        url = self._book.find(connection)
        if url is None:
            self._targets = {name: target for name, target in self._targets.items() if self._stays(name, target)}
        elif self._urls.get(connection) != url:
            if (before := self._targets.get(connection)) is not None:
                self._left.append(before)
            self._targets[connection] = self._target(connection, url)
            self._urls[connection] = url
        return super()._known(connection)

    def _stays(self, name: str, target: Target) -> bool:
        if name in self._book.names():
            return True
        self._left.append(target)
        self._urls.pop(name, None)
        return False

    async def close(self) -> None:
        await super().close()
        for target in self._left:
            await target.close()
