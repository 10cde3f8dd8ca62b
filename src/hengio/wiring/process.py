"""What a process that belongs to Hengio does to itself before it works. A library call never does this."""

from __future__ import annotations

import gc
import resource
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

COLLECT_AFTER = (100_000, 20, 100)
"""Objects and generations between two collections: most of what a step makes is gone by reference count alone."""

MOST_FILES = 65_536
"""More open files than any process of ours needs, where the system sets no bound."""


def open_files() -> int:
    """How many files and connections the process may have open; from now on as many as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MOST_FILES if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # macOS has a bound beside the one it tells
        return soft
    return wanted


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
