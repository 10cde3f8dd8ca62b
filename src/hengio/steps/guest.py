"""What a guest is given to see: its input document, its environment, and its view of the context (ABI: Input)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from hengio import codec
from hengio.clock import to_iso
from hengio.definition import lookup, templates
from hengio.definition.configs import WasmConfig
from hengio.definition.context import Context, StepEntry, merged
from hengio.redaction.redact import Sensitive, sensitive
from hengio.steps.protocol import StepRequest

ABI_VERSION = 1
READ_ONLY = "is defined by an administrator and is read-only to modules"


def document(request: StepRequest, config: WasmConfig) -> bytes:
    """The input as UTF-8 JSON. With `input` in the step only that crosses, and `steps` is left out."""
    context, nominal = request.context, request.execution.nominal_time
    hidden = context.secret_names.difference(config.secrets)
    given: dict[str, Any] = {
        "abi": ABI_VERSION,
        "execution_id": request.execution.id,
        "job_id": request.execution.job_id,
        "step_id": request.step.id,
        "attempt": request.attempt,
        "nominal_time": None if nominal is None else to_iso(nominal),
        "params": config.params,
        "variables": {key: value for key, value in context.all_variables().items() if key not in hidden},
        "webhook": context.base.get("webhook"),
    }
    if config.input is UNSET:
        given["steps"] = {step_id: _shown(entry) for step_id, entry in context.steps.items()}
        given["input"] = context.base.get("input")
    else:
        given["input"] = config.input
    return codec.encode(given)


def secrets(context: Context, config: WasmConfig) -> list[Sensitive]:
    """The values that may stand in no tape: sensitive variables, also those that only an earlier step was given, and
    whatever else this step lists as a secret."""
    names = sorted(context.secret_names.union(config.secrets))
    known = context.all_variables()
    return [found for name in names for found in sensitive(name, known.get(name))]


def environment(request: StepRequest) -> dict[str, str]:
    """The environment of a command."""
    return {
        "HENGIO_EXECUTION_ID": request.execution.id,
        "HENGIO_JOB_ID": request.execution.job_id,
        "HENGIO_STEP_ID": request.step.id,
        "HENGIO_ATTEMPT": str(request.attempt),
    }


def own(request: StepRequest, config: WasmConfig) -> dict[str, Any]:
    """What `get_context` finds of the step itself, before the execution's context."""
    given: dict[str, Any] = {
        "execution_id": request.execution.id,
        "job_id": request.execution.job_id,
        "step_id": request.step.id,
        "attempt": request.attempt,
        "params": config.params,
    }
    if config.input is not UNSET:
        given["input"] = config.input
    return given


class GuestView:
    """What `get_context` and `set_context` of one call reach: the branch's context under the guest's own writes."""

    __slots__ = ("_context", "_opened", "_own", "_secrets", "_writes")

    def __init__(self, context: Context, *, secrets: tuple[str, ...], own: Mapping[str, Any]) -> None:
        self._context = context
        self._secrets = frozenset(secrets)
        self._own = own
        self._opened: dict[str, Any] = {}
        self._writes: dict[str, Any] = {}

    def get(self, path: str) -> tuple[bool, Any]:
        try:
            keys = lookup.parsed(path)
        except templates.Malformed:
            return False, None
        if len(keys) > 1 and keys[0] == "variables" and keys[1] in self._writes:
            return lookup.inside(self._writes[keys[1]], keys[2:])
        root = str(keys[0])
        if root in self._own:
            return lookup.inside(self._open(root), keys[1:])
        return templates.lookup(self._context, path, secrets=self._secrets)

    def set(self, key: str, value: Any) -> str | None:
        if key in self._context.admin:
            return f"variable '{key}' {READ_ONLY}"
        current = self._writes.get(key, self._context.variables.get(key))
        self._writes[key] = merged(current, value) if isinstance(value, Mapping) else value
        return None

    def _open(self, root: str) -> Any:
        """What stands there, parsed once, and only if a guest asks: whole outputs are held as encoded JSON."""
        if root not in self._opened:
            self._opened[root] = codec.decode(codec.encode(self._own[root]))
        return self._opened[root]


def _shown(entry: StepEntry) -> dict[str, Any]:
    return {**entry.fields, "output": entry.raw} if entry.raw is not None else dict(entry.fields)
