"""The registry of modules, from settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hengio.blobs.protocol import Blobs
from hengio.clock import Clock, SystemClock
from hengio.registry.modules import ModuleRegistry
from hengio.registry.trust import Policy, Trust
from hengio.sandbox.protocol import Sandbox
from hengio.service.authors import AuthorService
from hengio.service.canaries import Canaries
from hengio.service.channels import ChannelService
from hengio.service.modules import ModuleService
from hengio.settings import Settings
from hengio.storage.protocol import Storage
from hengio.wiring.objects import open_modules
from hengio.wiring.reading import reading


@dataclass(frozen=True, slots=True)
class ModuleDesk:
    """What people ask about modules that are registered: nothing here runs or compiles one."""

    modules: ModuleService
    channels: ChannelService
    authors: AuthorService


def open_registry(
    settings: Settings, storage: Storage, binaries: Blobs, sandbox: Sandbox, *, clock: Clock
) -> ModuleRegistry:
    """The registry, which judges signatures by the keys that are registered."""
    return ModuleRegistry(
        storage.modules,
        storage.channels,
        binaries,
        sandbox,
        clock,
        trust=open_trust(settings, storage, clock),
        most_bytes=settings.modules.max_mb << 20,
    )


def open_trust(settings: Settings, storage: Storage, clock: Clock) -> Trust:
    """What judges signatures."""
    chosen = settings.modules
    policy = Policy(chosen.require_signature == "always", tuple(chosen.require_signature_for))
    return Trust(storage.authors, policy, clock)


def open_module_desk(
    settings: Settings,
    storage: Storage,
    binaries: Blobs,
    *,
    clock: Clock,
    changed: Callable[[], None] = lambda: None,
) -> ModuleDesk:
    """The services; `changed` tells the registry of this process, if there is one."""
    trust = open_trust(settings, storage, clock)
    return ModuleDesk(
        ModuleService(storage=storage, binaries=binaries, clock=clock, trust=trust, changed=changed),
        ChannelService(storage=storage, clock=clock, changed=changed),
        AuthorService(storage=storage, clock=clock, changed=changed),
    )


def open_canaries(settings: Settings, storage: Storage, channels: ChannelService, clock: Clock) -> Canaries:
    """What watches canaries."""
    chosen = settings.modules
    return Canaries(
        storage=storage,
        channels=channels,
        clock=clock,
        runs=chosen.canary_runs,
        failures_percent=chosen.canary_failures_percent,
    )


@asynccontextmanager
async def module_desk(settings: Settings) -> AsyncIterator[ModuleDesk]:
    """For commands, also beside a server. Raises `NotFound` where no embedded database is yet."""
    async with reading(settings) as storage:
        yield open_module_desk(settings, storage, open_modules(settings), clock=SystemClock())
