"""What people should know of a simulation, in sentences with what they can do about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Literal

from msgspec import Struct

from hengio.clock import to_iso
from hengio.scheduler.simulation.course import MOST_WAITING
from hengio.scheduler.simulation.load import Minute
from hengio.scheduler.simulation.simulate import Simulation
from hengio.scheduler.simulation.span import Span
from hengio.scheduler.simulation.tally import Outlook

Level = Literal["warning", "note"]
_EPOCH = date(1970, 1, 1).toordinal()
_FIVE_MINUTES = 300.0
_HERD = 10
_NAMED = 3


class Remark(Struct, frozen=True):
    """A sentence; a `warning` is about what was hardly meant. `hint` is what can be done; may be empty."""

    level: Level
    text: str
    hint: str = ""


def about(job: Outlook, span: Span) -> tuple[Remark, ...]:
    """What there is to say of one job."""
    return tuple(_about(job, span))


def overall(done: Simulation, *, at_once: int | None = None) -> tuple[Remark, ...]:
    """What there is to say of all of them together. A worker runs so many executions `at_once`."""
    found = []
    if at_once is not None and done.peak > at_once:
        text = (
            f"up to {done.peak} executions run at once, and a worker runs {at_once}: the others begin later than here"
        )
        found.append(Remark("note", text, "raise worker.at_once, add workers, or spread the herd"))
    if done.minutes and (herd := _herd(done.minutes[0], done)):
        found.append(herd)
    assumed = [job.subject.name for job in done.jobs if job.subject.durations.source == "assumed" and job.fires]
    if assumed:
        text = f"nothing was measured of {_listed(assumed)}: a second is assumed for each execution"
        found.append(Remark("note", text, "say how long they take with --duration JOB=SECONDS"))
    return tuple(found)


def lasting(seconds: float) -> str:
    """A time in words: `90 s`, `12 min`, `3.5 h`, `2 days`."""
    for unit, name in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.3g} s"


def _about(job: Outlook, span: Span) -> Iterator[Remark]:
    row = job.subject.row
    if job.problem is not None:
        yield Remark("warning", f"it is not followed: {job.problem}")
        return
    if not row.active:
        what, how = ("its schedule is paused", "schedule resume") if row.enabled else ("it is disabled", "job enable")
        yield Remark("warning", f"{what}: it will not fire", f"hengio {how} {job.subject.name}")
    elif not job.fires:
        text = "it never fires in this time"
        yield Remark("warning", text + (", all of its times are left out" if job.skipped else ""))
    yield from _about_overlaps(job)
    yield from _about_days(job, span)


def _about_overlaps(job: Outlook) -> Iterator[Remark]:
    subject, waits = job.subject, job.waits
    mean = lasting(subject.durations.mean)
    pace = f"it runs {mean} on average" + (f" every {lasting(job.every_seconds)}" if job.every_seconds else "")
    if skipped := job.skipped.get("overlap", 0):
        text = f"{pace}: {skipped:,} of {skipped + job.fires:,} fires are skipped as overlap"
        yield Remark("warning", text, "let it fire less often, or set overlap to queue or allow")
    if job.cancelled:
        text = f"{pace}: {job.cancelled:,} of {job.fires:,} executions are cancelled by the next one"
        yield Remark("warning", text, "let it fire less often: what is cancelled was begun in vain")
    if job.halted is not None:
        text = f"{pace}: more than {MOST_WAITING:,} executions wait at {to_iso(job.halted)}, and no more were simulated"
        yield Remark("warning", text, "let it fire less often, or allow it to run beside itself")
    elif waits.left > 1:
        text = f"{pace}: {waits.left:,} executions wait at the end, and the longest wait was {_wait(job)}"
        yield Remark("warning", text, "its queue grows: let it fire less often, or allow it to run beside itself")
    elif waits.count:
        text = f"{waits.count:,} of {job.fires:,} executions wait for one before, {_wait(job)} at most"
        level: Level = "warning" if waits.longest_seconds > _FIVE_MINUTES else "note"
        yield Remark(level, text)
    if job.greatest_concurrency > 1:
        yield Remark("note", f"up to {job.greatest_concurrency:,} executions of it run at once")


def _about_days(job: Outlook, span: Span) -> Iterator[Remark]:
    if job.left_out:
        left = sum(job.left_out.values())
        named = ", ".join(f"{name} ({count})" for name, count in list(job.left_out.items())[:_NAMED])
        more = f" and {len(job.left_out) - _NAMED} more" if len(job.left_out) > _NAMED else ""
        yield Remark("note", f"it fires on {job.days} of {span.dates} dates; left out: {left}, {named}{more}")
    if gaps := job.skipped.get("dst-gap", 0):
        dates = ", ".join(_date(day) for day in job.gaps[:_NAMED])
        text = f"the clock jumps over {gaps:,} of its times: {dates}"
        yield Remark("warning", text, 'on_gap: "shift" lets them fire behind the gap')
    for day, told in list(job.changes.items())[:_NAMED] if job.fires else []:
        yield Remark("note", told.replace("that day", f"on {_date(day)}"))


def _date(day: int) -> str:
    return date.fromordinal(day + _EPOCH).isoformat()


def _wait(job: Outlook) -> str:
    return lasting(job.waits.longest_seconds)


def _herd(minute: Minute, done: Simulation) -> Remark | None:
    """Many jobs in one minute, many times more than on average."""
    average = sum(job.begun for job in done.jobs) / (done.span.seconds / 60)
    if minute.jobs < _HERD or minute.begun < 2 * average:
        return None
    return Remark(
        "note",
        f"in the busiest minute {minute.begun:,} executions of {minute.jobs:,} jobs begin, {average:.3g} on average",
        "jitter_seconds spreads jobs that need not begin at the same moment",
    )


def _listed(names: list[str]) -> str:
    if len(names) > _NAMED:
        return f"{len(names)} jobs ({', '.join(names[:_NAMED])}, …)"
    return ", ".join(names)
