"""A step type that is loaded when its first step runs: a server whose jobs do without it keeps its memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hengio.steps.protocol import StepRequest, StepResult, StepType


class Late:
    """Stands for what `make` makes, which is called in a thread: loading a library takes as long as many steps."""

    def __init__(self, make: Callable[[], StepType]) -> None:
        self._make = make
        self._made: StepType | None = None
        self._making = asyncio.Lock()

    async def run(self, request: StepRequest) -> StepResult:
        async with self._making:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
        return await self._made.run(request)
