"""What a process that belongs to Hengio does to itself before it works. A library call never does this."""

from __future__ import annotations

import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

COLLECT_AFTER = (100_000, 20, 100)
"""Objects and generations between two collections: most of what a step makes is gone by reference count alone."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end on uvloop where it is there, with a garbage collector that looks far less often.

    What is loaded by now stays for good, so it is taken out of every later collection.
    """
    import asyncio

    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
