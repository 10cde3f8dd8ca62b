"""What a sandbox did since it was opened, in numbers for its operator."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class SandboxStatistics(Struct, frozen=True, kw_only=True):
    """A snapshot. `modules` and `bytes` are of the modules in memory now, all else counts since the start.

    A cache miss is a call whose module was not in memory. An artefact hit is code that was loaded instead of compiled,
    a miss code that was compiled although artefacts are kept; refused ones were not made by this installation.
    `calls`, `compilations` and `compile_seconds` (wall clock) are by tier, in which `witness` is the code that finds
    out whether a guest failed for want of memory.
    """

    cache_hits: int
    cache_misses: int
    cache_evictions: int
    modules: int
    bytes: int
    artefact_hits: int
    artefact_misses: int
    artefacts_refused: int
    calls: Mapping[str, int]
    compilations: Mapping[str, int]
    compile_seconds: Mapping[str, float]
