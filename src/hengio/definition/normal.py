"""A definition on its way to the canonical form, and where the author wrote what it is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hengio.codec import Json
from hengio.definition.findings import MOST
from hengio.errors import Problem


class Origins:
    """JSON paths of the canonical document that lie elsewhere in the author's, with everything below them."""

    def __init__(self) -> None:
        self._written: dict[str, str] = {}

    def move(self, path: str, *, written: str) -> None:
        """What is at `path` of the canonical document was written at `written` of the author's."""
        self._written[path] = written

    def author(self, path: str) -> str:
        """The author's path of a canonical one: by its longest part that was moved, else the same."""
        for end in range(len(path), 0, -1):
            if (end == len(path) or path[end] in ".[") and path[:end] in self._written:
                return self._written[path[:end]] + path[end:]
        return path


@dataclass(slots=True)
class Normal:
    """A document in canonical form, as far as it could be brought there.

    `problems` are what the other spellings have wrong, at the author's own paths; of what is at the paths `told` of the
    canonical document nothing more is to be said.
    """

    document: Json = None
    origins: Origins = field(default_factory=Origins)
    problems: list[Problem] = field(default_factory=list)
    told: set[str] = field(default_factory=set)

    @property
    def full(self) -> bool:
        """Whether there are as many problems as are told; looking for more is of no use."""
        return len(self.problems) >= MOST

    def wrong(self, path: str, message: str, hint: str = "") -> None:
        """A problem at a path of the canonical document."""
        self.problems.append(Problem(self.origins.author(path), message, hint))

    def untold(self, problems: Iterable[Problem]) -> list[Problem]:
        """Those problems of the canonical document's shape that were not told already."""
        return [each for each in problems if each.path not in self.told]
