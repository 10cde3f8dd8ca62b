"""Where a module is used: by steps of stored jobs, whatever form of reference leads there, and by channels. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from hengio.model.channel import CHANNELS, Channels, followed
from hengio.model.module import Module
from hengio.model.reference import is_reference, named
from hengio.storage.protocol import StoredJob


class Use(Struct, frozen=True, kw_only=True):
    """A step of a job's latest version, and the reference by which it means the module; or a channel, without a job."""

    reference: str
    job: str | None = None
    step: str | None = None

    def __str__(self) -> str:
        if self.job is None:
            return f"the channel {self.reference}"
        return f"step '{self.step}' of job '{self.job}' ({self.reference})"


def uses(
    module: Module, *, modules: Sequence[Module], channels: Mapping[str, Channels], jobs: Iterable[StoredJob]
) -> list[Use]:
    """Every use as things are now. A reference that a template makes is known only when it runs: it is none."""
    own = channels.get(module.name, Channels())
    alike = [each for each in modules if each.name == module.name or each.digest == module.digest]
    pointing = [channel for channel in CHANNELS if (one := own.of(channel)) is not None and one.module_id == module.id]
    return [
        *(Use(reference=f"{module.name}@{channel}") for channel in pointing),
        *(
            Use(reference=reference, job=stored.job.name, step=step_id)
            for stored in jobs
            for step_id, reference in _references(stored)
            if _means(reference, module, alike, channels)
        ),
    ]


def _references(stored: StoredJob) -> Iterator[tuple[str, str]]:
    for step in stored.job.steps:
        reference = step.config.get("module_id") if step.type == "wasm" else None
        if isinstance(reference, str) and is_reference(reference):
            yield step.id, reference


def _means(reference: str, module: Module, modules: Sequence[Module], channels: Mapping[str, Channels]) -> bool:
    """Whether it leads to the module now, `modules` being those of its name or digest; one by `stable` leads to the
    canary, too."""
    if reference.partition("@")[0] not in {module.name, module.id, f"sha256:{module.digest}"}:
        return False
    if (channel := followed(reference)) is not None and channel[1] == "stable":
        both = channels.get(channel[0], Channels())
        return module.id in {one.module_id for one in (both.stable, both.canary) if one is not None}
    found = named(modules, reference, channels)
    return found is not None and found.id == module.id
