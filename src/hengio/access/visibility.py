"""What of executions and variables a caller sees (H8.6). What they do not see does not exist for them: it is not in a
list, and asking for it is `NotFound`, not `Forbidden`."""

from __future__ import annotations

from hengio.access.permissions import Caller


def sees_execution(caller: Caller, *, started_by: str | None) -> bool:
    """Who administers sees every execution, everybody else those that they started."""
    only = starter_seen(caller)
    return caller.may("execution:read") and (only is None or started_by == only)


def starter_seen(caller: Caller) -> str | None:
    """Whose executions a list for them is narrowed to (`started_by`); None for everybody's."""
    return None if caller.may("dashboard:admin") else caller.actor


def sees_variable(caller: Caller, *, sensitive: bool) -> bool:
    """That a sensitive variable is there is for who may make one; its value is shown to nobody."""
    return caller.may("variable:read") and (not sensitive or caller.may("variable:encrypt"))
