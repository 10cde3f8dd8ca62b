"""Property tests have no deadline for one example: machines differ, and speed is measured in `benchmarks/`."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
