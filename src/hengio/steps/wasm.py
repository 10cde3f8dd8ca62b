"""The wasm step: a call of a sandboxed module (R1, R11, R12, `guest-abi`: Input and Output)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from hengio.definition import templates
from hengio.definition.configs import WasmConfig
from hengio.definition.context import Context
from hengio.errors import HengioError, NotFound, Refused, Unavailable
from hengio.model.module import Limits, Module
from hengio.model.outcome import Failure, Outcome, OutcomeKind
from hengio.model.step import Step
from hengio.sandbox.protocol import Call, Sandbox
from hengio.steps import guest
from hengio.steps.outcome import failed
from hengio.steps.protocol import StepRequest, StepResult

ENCODED = ("input", "params")
MOST_PLANS = 10_000
RETRIED = frozenset({OutcomeKind.TIMED_OUT})
TRAPS = frozenset({OutcomeKind.TRAPPED, OutcomeKind.STACK_OVERFLOW})


class Modules(Protocol):
    """Where modules come from."""

    async def find(self, reference: str) -> Module:
        """The module that a job's `module_id` names; `NotFound` or `Refused` (disabled) if it may not run."""
        ...

    def fetch(self, module: Module) -> Callable[[], Awaitable[bytes]]:
        """A function that loads its binary."""
        ...


class WasmStep:
    """Runs modules in the sandbox. `defaults` hold where a job asks for nothing; `ceilings` bound what it may ask."""

    def __init__(self, sandbox: Sandbox, modules: Modules, *, defaults: Limits, ceilings: Limits) -> None:
        self._sandbox = sandbox
        self._modules = modules
        self._defaults = defaults
        self._ceilings = ceilings
        self._plans: dict[int, _Plan] = {}

    async def run(self, request: StepRequest) -> StepResult:
        try:
            config = self._config(request.step, request.context)
            limits = self._limits(config, request.timeout_seconds)
        except HengioError as error:
            return failed(error)
        try:
            module = await self._find(config)
        except HengioError as error:
            return _refused(error)
        view = guest.GuestView(request.context, secrets=config.secrets, own=guest.own(request, config))
        call = Call(
            digest=module.digest,
            module_name=module.name,
            function=config.function_name,
            input=guest.document(request, config),
            limits=limits,
            context=view,
            output_mode=config.output_mode,
            env={**guest.environment(request), **config.env} if module.facts.kind == "command" else {},
            on_log=request.on_log,
        )
        try:
            outcome = await self._sandbox.call(call, self._modules.fetch(module))
        except HengioError as error:
            return failed(error)
        return _result(outcome, module, config, request.context)

    async def _find(self, config: WasmConfig) -> Module:
        module = await self._modules.find(config.module_id)
        if module.facts.kind == "reactor" and config.function_name not in module.facts.entries:
            raise NotFound(
                f"module {module.name}@{module.version} has no function '{config.function_name}'",
                hint=f"it exports {', '.join(module.facts.entries)}",
            )
        return module

    def _config(self, step: Step, context: Context) -> WasmConfig:
        """The step's configuration with templates filled in; `input` stays encoded where it is a whole output."""
        plan = self._plans.get(id(step))
        if plan is None or plan.step is not step:
            plan = self._plans[id(step)] = _Plan.of(step)
            if len(self._plans) > MOST_PLANS:
                self._plans.pop(next(iter(self._plans)))
        return plan.fill(context)

    def _limits(self, config: WasmConfig, left: float | None) -> Limits:
        asked = Limits(
            fuel=config.fuel_limit or self._defaults.fuel,
            timeout_seconds=config.timeout_seconds or self._defaults.timeout_seconds,
            memory_bytes=(config.memory_limit_mb << 20) if config.memory_limit_mb else self._defaults.memory_bytes,
        )
        for what, value, most in (
            ("fuel_limit", asked.fuel, self._ceilings.fuel),
            ("timeout_seconds", asked.timeout_seconds, self._ceilings.timeout_seconds),
            ("memory_limit_mb", asked.memory_bytes, self._ceilings.memory_bytes),
        ):
            if value > most:
                raise Refused(f"{what} asks for {value}, more than this installation allows ({most})")
        seconds = asked.timeout_seconds if left is None else min(asked.timeout_seconds, left)
        return msgspec.structs.replace(
            self._defaults, fuel=asked.fuel, timeout_seconds=seconds, memory_bytes=asked.memory_bytes
        )


@dataclass(frozen=True, slots=True)
class _Plan:
    """A step's configuration taken apart once: what holds a template, and the rest, already typed if nothing does."""

    step: Step
    fixed: dict[str, Any]
    open: dict[str, Any]
    whole: WasmConfig | None

    @classmethod
    def of(cls, step: Step) -> _Plan:
        dynamic = {key: value for key, value in step.config.items() if templates.has_templates(value)}
        fixed = {key: value for key, value in step.config.items() if key not in dynamic}
        return cls(step, fixed, dynamic, None if dynamic else _typed(fixed))

    def fill(self, context: Context) -> WasmConfig:
        """The typed configuration. `Refused` where a template or a type does not fit."""
        if self.whole is not None:
            return self.whole
        secrets = self.step.config.get("secrets", ())
        filled = {
            key: templates.resolve(value, context, raw=key in ENCODED, secrets=secrets, field=key)
            for key, value in self.open.items()
        }
        return _typed({**self.fixed, **filled})


def _typed(config: dict[str, Any]) -> WasmConfig:
    try:
        return msgspec.convert(config, WasmConfig)
    except msgspec.ValidationError as error:
        raise Refused(f"the step's configuration does not fit: {error}") from error


def _refused(error: HengioError) -> StepResult:
    """The module is missing, disabled or has no such function; that its store is away is an ordinary failure."""
    result = failed(error)
    if isinstance(error, Unavailable):
        return result
    return msgspec.structs.replace(result, kind=OutcomeKind.MODULE_REFUSED)


def _result(outcome: Outcome, module: Module, config: WasmConfig, context: Context) -> StepResult:
    detail = _detail(outcome, module, config)
    reply = outcome.reply
    if outcome.kind is not OutcomeKind.SUCCEEDED or reply is None:
        failure = outcome.failure or Failure(outcome.kind.value, outcome.kind.value)
        return StepResult(kind=outcome.kind, failure=failure, retryable=_retryable(outcome), detail=detail)
    patches = [{key: value} for key, value in outcome.context_writes]
    if reply.context:
        patches.append(reply.context)
    fixed = next((key for patch in patches for key in patch if key in context.admin), None)
    if fixed is not None:
        failure = Failure("permission_denied", f"variable '{fixed}' {guest.READ_ONLY}", retryable=False)
        return StepResult(kind=OutcomeKind.FAILED, failure=failure, detail=detail)
    return StepResult(
        kind=outcome.kind,
        output=reply.output,
        routing=reply.routing,
        then=reply.then,
        context=tuple(patches),
        detail=detail,
    )


def _retryable(outcome: Outcome) -> bool:
    """By default (ABI: Limits and how they end); a step's `retry.on` may say otherwise."""
    if outcome.failure is not None and outcome.failure.retryable is not None:
        return outcome.failure.retryable
    return outcome.kind in RETRIED or (outcome.kind in TRAPS and outcome.io_calls > 0)


def _detail(outcome: Outcome, module: Module, config: WasmConfig) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "module": f"{module.name}@{module.version}",
        "module_id": module.id,
        "digest": module.digest,
        "function": config.function_name,
        "compiler": outcome.compiler,
        "fuel_used": outcome.fuel_used,
        "fuel_exact": outcome.fuel_exact,
        "peak_memory_bytes": outcome.peak_memory_bytes,
        "duration_ms": outcome.duration_ms,
        "host_calls": outcome.host_calls,
    }
    if outcome.logs:
        detail["logs"] = outcome.logs
        detail["logs_dropped"] = outcome.logs_dropped
    if outcome.backtrace:
        detail["backtrace"] = outcome.backtrace
    return detail
