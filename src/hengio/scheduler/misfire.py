"""What becomes of nominal times that nobody was there for (H1.5). Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from hengio.clock import SECOND, Micros
from hengio.model.schedule import Misfire
from hengio.scheduler.verdict import Verdict, missed, skipped
from hengio.timetable.occurrence import Occurrence


class Sorted(Struct, frozen=True):
    """The times that fire, and what is decided about the others. `late` says that some fire in place of missed ones."""

    fires: tuple[Occurrence, ...]
    rest: tuple[Verdict, ...] = ()
    late: bool = False


def sort(times: Sequence[Occurrence], policy: Misfire, *, now: Micros, patience: Micros) -> Sorted:
    """Which of the times that are due fire at `now`.

    Until one of them is more than `patience` late all of them fire: that much is no misfire. Then the policy decides
    about them together, since they were missed together.
    """
    if not times or now - times[0].at <= patience:
        return Sorted(tuple(times))
    if policy.policy == "skip":
        late = [one for one in times if now - one.at > patience]
        rest = tuple(skipped(one.at, "misfire", "it was missed, and is not made up for") for one in late)
        return Sorted(tuple(times[len(late) :]), rest)
    oldest = 0 if policy.window_seconds is None else now - int(policy.window_seconds * SECOND)
    past = tuple(
        skipped(one.at, "misfire", "it was missed for longer than the window") for one in times if one.at < oldest
    )
    within = times[len(past) :]
    count = 1 if policy.policy == "fire_once" else policy.limit
    fires, others = within[-count:], within[:-count]
    return Sorted(tuple(fires), past + tuple(missed(one.at, _made_up(policy, fires)) for one in others), late=True)


def _made_up(policy: Misfire, fires: Sequence[Occurrence]) -> str:
    if policy.policy == "fire_once":
        return f"made up for once, by the fire of {fires[0].local}"
    return f"more were missed than the limit of {policy.limit}"
