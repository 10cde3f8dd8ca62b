"""Any job with any flow, and any way in which its steps may end: strategies for properties of routing."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from hypothesis import strategies as st
from msgspec import Struct

from hengio.model.job import Job
from hengio.model.policy import FanOut, Retry
from hengio.model.step import Step
from tests.support.builders import a_job, a_step
from tests.support.oracle import End, Key


@st.composite
def jobs(draw: st.DrawFn, *, most: int = 7) -> Job:
    """Up to so many steps with any flow that the definition allows, and some that only a module could make."""
    count = draw(st.integers(1, most) | st.integers(most // 2 + 1, most) | st.just(most))
    ids = [f"s{number}" for number in range(count)]
    return a_job(*[draw(_steps(place, ids)) for place in range(count)], max_parallel=draw(st.integers(1, 4)))


@st.composite
def _steps(draw: st.DrawFn, place: int, ids: list[str]) -> Step:
    later = ids[place + 1 :]
    one = st.sampled_from(later or ids) | st.sampled_from(ids)
    follows: list[st.SearchStrategy[Any]] = [st.none()] * 6 + [one, one, st.just("end")]
    if len(later) > 1:
        follows += [st.lists(st.sampled_from(later), min_size=2, unique=True).map(tuple)] * 6
    return a_step(
        ids[place],
        next=draw(st.one_of(follows)),
        then=draw(st.none() | st.none() | one),
        fan_out=FanOut(on_failure=draw(st.sampled_from(["cancel", "wait"]))),
        on_failure=draw(st.sampled_from(["fail", "fail", "continue"]) | one),
        on_crash=draw(st.sampled_from(["retry", "fail"])),
        retry=Retry(
            max_retries=draw(st.integers(0, 2)),
            delays_seconds=(),
            jitter=0.0,
            on=draw(st.sampled_from([(), ("trapped",)])),
        ),
        max_visits=draw(st.sampled_from([3, 1, 2, 9])),
    )


class Fate(Struct, frozen=True):
    """What becomes of an attempt, before it is known of which step: `places` are counted from it onwards."""

    how: str
    places: tuple[int, ...] = ()
    then: int | None = None


_HOWS = ["ok"] * 10 + ["fan"] * 8 + ["failed", "retryable", "trapped", "skipped"] * 2 + ["jump", "ends", "odd"]


@st.composite
def _fates(draw: st.DrawFn) -> Fate:
    how = draw(st.sampled_from(_HOWS))
    if how not in {"fan", "jump", "odd"}:
        return Fate(how)
    lowest = 1 if how == "fan" else -8
    places = draw(st.lists(st.integers(lowest, 6), min_size=1, max_size=3, unique=how == "fan"))
    return Fate(how, tuple(places), draw(st.none() | st.integers(lowest, 8)))


class Plan(Struct, frozen=True):
    """How every attempt ends, whichever order the branches run in: it follows from where it is in the execution."""

    fates: tuple[Fate, ...]

    def end(self, job: Job, step: Step, key: Key, attempt: int) -> End:
        """How that attempt of the visit `key` ends."""
        fate = self.fates[crc32(repr((key, attempt)).encode()) % len(self.fates)]
        match fate.how:
            case "fan" | "jump" | "odd":
                return _routed(job, step, fate, key)
            case "ends":
                return success(step, key, routing=())
            case "skipped":
                return End(status="skipped", kind="condition")
            case "failed" | "retryable":
                return End(status="failed", kind="failed", retryable=fate.how == "retryable")
            case "trapped":
                return End(status="failed", kind="trapped", code="trapped")
            case _:
                return success(step, key)


def plans() -> st.SearchStrategy[Plan]:
    """Any plan."""
    few, many = st.lists(_fates(), min_size=1, max_size=4), st.lists(_fates(), min_size=12, max_size=32)
    return st.one_of(few, many, many).map(lambda fates: Plan(tuple(fates)))


def success(step: Step, key: Key, *, routing: tuple[str, ...] | None = None, then: str | None = None) -> End:
    """It puts out and writes what tells its visit from all others, deeply, and deletes what a neighbour wrote."""
    told = ".".join(map(str, key))
    patch = {"last": told, step.id: {"at": told, told: True}, "deep": {step.id: told, f"s{len(told) % 5}": None}}
    return End(routing=routing, then=then, patch=patch, output=told)


def lost(step: Step) -> End:
    """Its worker is gone."""
    return End(status="lost", kind="lost", code="lost", retryable=step.on_crash == "retry")


def _routed(job: Job, step: Step, fate: Fate, key: Key) -> End:
    if fate.how == "odd" and len(fate.places) > 2:
        return End(status="failed", kind="failed", code="invalid_routing", retryable=True)  # a module gave both keys
    named = [_named(job, step, place) for place in fate.places]
    then = None if fate.then is None else _named(job, step, fate.then)
    match fate.how:
        case "fan":
            return success(
                step, key, routing=tuple(each for each in named if each in job.order), then=_known(job, then)
            )
        case "jump":
            return success(step, key, routing=(job.steps[fate.places[0] % len(job.steps)].id,))
        case _:
            return success(step, key, routing=tuple(named), then=then)


def _named(job: Job, step: Step, place: int) -> str:
    """The step so many places on. Behind the last one there is nothing, and before the first one the word `end`."""
    there = job.order[step.id] + place
    if there < 0:
        return "end"
    return job.steps[there].id if there < len(job.steps) else "nowhere"


def _known(job: Job, step_id: str | None) -> str | None:
    return step_id if step_id in job.order else None
