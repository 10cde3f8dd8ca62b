"""The wasm step: a call of a sandboxed module (R1, R11, R12, `guest-abi`: Input and Output)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import msgspec
import structlog
from msgspec import UNSET

from hengio.alerts import alert
from hengio.clock import Clock, Micros, SystemClock, to_iso
from hengio.definition import templates
from hengio.definition.configs import WasmConfig
from hengio.definition.context import Context
from hengio.errors import Distrusted, HengioError, NotFound, Refused, Unavailable
from hengio.grants.check import check
from hengio.model.audit import AuditEntry
from hengio.model.grant import Grant
from hengio.model.module import Limits, Module
from hengio.model.outcome import Failure, LogLine, Outcome, OutcomeKind
from hengio.model.step import Step
from hengio.model.tape import Origin, Tape, TapeMode
from hengio.sandbox.host.outside import Capabilities, Note, Scope, ScopedOutside, imported
from hengio.sandbox.protocol import Call, Sandbox
from hengio.steps import guest, verdict
from hengio.steps.outcome import failed
from hengio.steps.protocol import StepRequest, StepResult
from hengio.steps.tapes import Tapes

ENCODED = ("input", "params")
MOST_PLANS = 10_000
RESERVE = 0.25
"""Seconds before the step's own limit at which a call ends, at most: then the sandbox still tells how far it came."""
CANCELLED = Outcome(kind=OutcomeKind.CANCELLED, failure=Failure("cancelled", "the call was cancelled"))
_LAST_SECONDS = 1.0
"""How long a cancelled step may still write down what its module was denied."""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 5.0
log = structlog.get_logger("hengio.modules")


class Modules(Protocol):
    """Where modules come from."""

    async def find(self, reference: str, *, execution_id: str = "") -> Module:
        """The module that a job's `module_id` names, of a channel the one that this execution gets; `NotFound`,
        `Refused` (disabled) or `Distrusted` if it may not run."""
        ...

    def fetch(self, module: Module) -> Callable[[], Awaitable[bytes]]:
        """A function that loads its binary."""
        ...


class Audit(Protocol):
    """Where decisions are written down."""

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        """Those that are there already stay as they are: what may have been written can be added again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What modules may be granted to reach, and where it is written down that one was not."""

    capabilities: Capabilities
    audit: Audit
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """Limits where a job asks for nothing, of a core module and of a component; and the most that it may ask for."""

    default: Limits
    component: Limits
    highest: Limits


class WasmStep:
    """Runs modules in the sandbox, within what is allowed.

    Without a `world` modules reach nothing outside, and without `tapes` nothing is recorded.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        modules: Modules,
        *,
        allowed: Allowed,
        world: World | None = None,
        tapes: Tapes | None = None,
    ) -> None:
        self._sandbox = sandbox
        self._modules = modules
        self._allowed = allowed
        self._world = world
        self._clock = SystemClock() if world is None else world.clock
        self._tapes = tapes
        self._plans: dict[int, _Plan] = {}

    async def run(self, request: StepRequest) -> StepResult:
        left, now = request.timeout_seconds, time.monotonic()
        try:
            config = self._config(request.step, request.context)
            self._check(config)
            if config.permissions is not UNSET:
                check(config.permissions)
        except HengioError as error:
            return failed(error)
        try:
            module = await self._find(config, request)
        except HengioError as error:
            await self._alarm(error, request)
            return verdict.refused(error, config.module_id)
        end = None if left is None else now + left
        result = await self._called(module, config, request, end=end)
        return verdict.through(result, module, config)

    async def _called(
        self, module: Module, config: WasmConfig, request: StepRequest, *, end: float | None
    ) -> StepResult:
        """Call the module, and judge how that ended. `end` is when the step ends, on the monotonic clock."""
        left = request.timeout_seconds
        outside = self._outside(module, config, request)
        heard: list[Micros] = []

        def on_log(line: LogLine) -> None:
            heard.append(self._clock.now())
            request.on_log(line)

        view = guest.GuestView(request.context, secrets=config.secrets, own=guest.own(request, config))
        call = Call(
            digest=module.digest,
            module_name=module.name,
            function=config.function_name,
            input=guest.document(request, config),
            limits=self._limits(config, module, request.timeout_seconds),
            context=view,
            output_mode=config.output_mode,
            env={} if module.facts.kind == "reactor" else {**guest.environment(request), **config.env},
            on_log=on_log,
            outside=outside,
            directories=() if outside is None else outside.scope.directories,
            by=None if left is None or end is None else end - min(RESERVE, left / 20),
            tape="never" if request.rehearsal is not None else self._mode(config),
            tape_bytes=0 if self._tapes is None else self._tapes.most_bytes,
        )
        try:
            outcome = await self._sandbox.call(call, self._modules.fetch(module))
        except HengioError as error:
            await self._alarm(error, request)
            return verdict.refused(error, module.reference, module)
        except asyncio.CancelledError as error:
            outcome = error.args[0] if error.args and isinstance(error.args[0], Outcome) else CANCELLED
            told = await self._cut_short(_timed(outcome, heard), module, config, request, outside)
            raise asyncio.CancelledError(told) from None
        left_out = frozenset[Grant]() if outside is None else frozenset(outside.left_out)
        await self._audit(outcome, module, request, left_out)
        result = verdict.judged(_timed(outcome, heard), module, config, request.context, left_out=left_out)
        if outcome.tape is None:
            return result
        return await self._taped(result, outcome.tape, module, config, request, end=end)

    async def _cut_short(
        self,
        outcome: Outcome,
        module: Module,
        config: WasmConfig,
        request: StepRequest,
        outside: ScopedOutside | None,
    ) -> StepResult:
        """What is known of a call that was cancelled; nothing but its module, if the guest had not begun."""
        left_out = frozenset[Grant]() if outside is None else frozenset(outside.left_out)
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                await self._audit(outcome, module, request, left_out)
        told = verdict.judged(outcome, module, config, request.context, left_out=left_out)
        return verdict.through(told, module, config)

    def _mode(self, config: WasmConfig) -> TapeMode:
        if self._tapes is None:
            return "never"
        return self._tapes.mode if config.tape is UNSET else config.tape

    async def _taped(
        self,
        result: StepResult,
        tape: Tape,
        module: Module,
        config: WasmConfig,
        request: StepRequest,
        *,
        end: float | None,
    ) -> StepResult:
        """The result, which names its tape. The tape is stored first, so that a step that names one has one; but it
        must not cost the step its result, so it takes no more than half of the time that is left until `end`."""
        if self._tapes is None:
            return result
        origin = Origin(
            execution_id=request.execution.id,
            job_id=request.execution.job_id,
            step_id=request.step.id,
            visit=request.visit,
            attempt=request.attempt,
        )
        tape = msgspec.structs.replace(tape, module=module.reference, origin=origin)
        seconds = None if end is None else max(0.0, end - time.monotonic()) / 2
        said = await self._tapes.keep(tape, origin, guest.secrets(request.context, config), seconds=seconds)
        return msgspec.structs.replace(result, detail={**(result.detail or {}), **said})

    def _outside(self, module: Module, config: WasmConfig, request: StepRequest) -> ScopedOutside | None:
        """What this call reaches: what the module imports, an administrator granted, and the job narrows that to."""
        if self._world is None or not module.facts.host_io_possible:
            return None
        layers = (module.grants,) if config.permissions is UNSET else (module.grants, config.permissions)
        scope = Scope(layers=layers, key=request.key, functions=imported(module.facts), note=_note(request))
        return self._world.capabilities.of(scope)

    async def _audit(self, outcome: Outcome, module: Module, request: StepRequest, left_out: Collection[Grant]) -> None:
        """What the call was denied, and a binary that is not the registered one. Most calls have nothing to audit."""
        if self._world is None or (outcome.failure is None and not outcome.denials):
            return
        entries = verdict.audited(outcome, module, request, at=self._world.clock.now(), left_out=left_out)
        for entry in entries:
            if entry.action == "module.digest_mismatch":
                alert("digest_mismatch", module=entry.subject, execution_id=entry.execution_id)
        await self._write_down(entries)

    async def _alarm(self, error: HengioError, request: StepRequest) -> None:
        """A module that is not signed as it must be was to run: an alert (R14.5)."""
        if self._world is None or not isinstance(error, Distrusted):
            return
        entry = verdict.distrusted(error, request, at=self._world.clock.now())
        alert(error.code, module=error.module, execution_id=entry.execution_id, message=error.message)
        await self._write_down([entry])

    async def _write_down(self, entries: Sequence[AuditEntry]) -> None:
        """Before the step goes on. A database that is away is waited for, within the step's own time: the module has
        done its work, and to fail the step would repeat it."""
        assert self._world is not None
        pause = _FIRST_PAUSE_SECONDS
        while entries:
            try:
                await self._world.audit.add(entries)
            except Unavailable as error:
                log.warning("audit_waits", error=str(error), entries=len(entries), pause_seconds=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            else:
                return

    async def _find(self, config: WasmConfig, request: StepRequest) -> Module:
        """The module; the one that an earlier step run of this execution got through the same channel, if any did."""
        known = request.followed.get(config.module_id)
        module = await self._modules.find(known or config.module_id, execution_id=request.execution.id)
        if module.facts.kind == "reactor" and config.function_name not in module.facts.entries:
            raise NotFound(
                f"module {module.reference} has no function '{config.function_name}'",
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

    def _check(self, config: WasmConfig) -> None:
        """Raises `Refused` if the step asks for more than this installation allows."""
        highest = self._allowed.highest
        for what, value, most, setting in (
            ("fuel_limit", config.fuel_limit, highest.fuel, "fuel_ceiling"),
            ("timeout_seconds", config.timeout_seconds, highest.timeout_seconds, "timeout_ceiling_seconds"),
            ("memory_limit_mb", config.memory_limit_mb, highest.memory_bytes >> 20, "memory_ceiling_mb"),
        ):
            if value and value > most:
                raise Refused(
                    f"{what} asks for {value}, more than this installation allows ({most})",
                    hint=f"ask for less, or let an administrator raise the setting sandbox.{setting}",
                )

    def _limits(self, config: WasmConfig, module: Module, left: float | None) -> Limits:
        """What the step asks for, else the default, but never more than is allowed or than the step itself has left."""
        default = self._allowed.component if module.facts.kind == "component" else self._allowed.default
        highest = self._allowed.highest
        seconds = min(config.timeout_seconds or default.timeout_seconds, highest.timeout_seconds)
        asked = config.memory_limit_mb << 20 if config.memory_limit_mb else default.memory_bytes
        return msgspec.structs.replace(
            default,
            fuel=min(config.fuel_limit or default.fuel, highest.fuel),
            timeout_seconds=seconds if left is None else min(seconds, left),
            memory_bytes=min(asked, highest.memory_bytes),
        )


def _timed(outcome: Outcome, heard: Sequence[Micros]) -> Outcome:
    """The outcome, whose lines have the time at which each was heard. Of a call that ran once more on better code these
    are those of the first time; lines that came only then have none."""
    if not heard:
        return outcome
    known = [msgspec.structs.replace(line, at=to_iso(at)) for line, at in zip(outcome.logs, heard, strict=False)]
    return msgspec.structs.replace(outcome, logs=(*known, *outcome.logs[len(known) :]))


def _note(request: StepRequest) -> Note | None:
    """Where a dry run notes what the module would change."""
    if (rehearsal := request.rehearsal) is None:
        return None

    def note(kind: Literal["http", "database", "file"], what: dict[str, Any]) -> None:
        rehearsal.note(kind, step_id=request.step.id, visit=request.visit, attempt=request.attempt, what=what)

    return note


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
