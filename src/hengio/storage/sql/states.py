"""The states that statements ask for, taken from the one table of transitions, as SQL lists."""

from __future__ import annotations

from collections.abc import Iterable

from hengio.model.execution import FINAL, ExecutionState, before


def _listed(states: Iterable[ExecutionState]) -> str:
    return "(" + ", ".join(f"'{state.value}'" for state in states) + ")"


CLAIMABLE = _listed(before(ExecutionState.RUNNING))
RETURNABLE = _listed(before(ExecutionState.PENDING))
"""What may become pending: a worker gives it back, or died."""
HELD = _listed(before(ExecutionState.SUCCESS))
"""What a worker has claimed and may end."""
UNFINISHED = _listed(state for state in ExecutionState if state not in FINAL)
ENDED_BADLY = (ExecutionState.FAILED, ExecutionState.TIMEOUT, ExecutionState.CANCELLED)
BAD_ENDS = _listed(ENDED_BADLY)
"""What people look for among many that ended well. Dead letters have an index of their own."""
BEGUN = f"started_at IS NOT NULL AND state IN {_listed((ExecutionState.PENDING, *before(ExecutionState.SUCCESS)))}"
"""What has begun and is not over: running, being cancelled, or given back between two of its steps."""
