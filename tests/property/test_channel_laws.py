"""The share of a canary: the same execution always falls on the same side, and the share is what was asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hengio.ids import new_id
from hengio.model.channel import ChannelChange, Channels, followed, takes_part
from hengio.model.reference import is_reference

IDS = st.builds(lambda _: new_id(), st.none())
PERCENT = st.integers(0, 10_000).map(lambda hundredths: hundredths / 100)


def channels(percent: float) -> Channels:
    stable = ChannelChange(name="m", channel="stable", number=1, module_id="old", before=0, why="set", at=0, by="")
    canary = ChannelChange(
        name="m", channel="canary", number=1, module_id="new", percent=percent, before=0, why="set", at=0, by=""
    )
    return Channels(stable=stable, canary=canary)


@given(IDS, PERCENT, PERCENT)
def test_who_is_in_a_share_is_in_every_larger_one(execution: str, one: float, other: float) -> None:
    if takes_part(execution, "m", min(one, other)):
        assert takes_part(execution, "m", max(one, other))


@given(IDS, PERCENT)
def test_an_execution_always_gets_the_same(execution: str, percent: float) -> None:
    first = channels(percent).chosen("stable", execution)
    assert {channels(percent).chosen("stable", execution) for _ in range(3)} == {first}
    assert channels(percent).chosen("canary", execution) == "new"


@given(IDS)
def test_nothing_is_nobody_and_everything_everybody(execution: str) -> None:
    assert channels(0).chosen("stable", execution) == "old"
    assert channels(100).chosen("stable", execution) == "new"
    assert Channels(stable=channels(100).stable).chosen("canary", execution) == "old"


@pytest.mark.parametrize("percent", [0.5, 5.0, 25.0, 50.0, 90.0])
def test_the_share_of_many_executions_is_what_was_asked_for(percent: float) -> None:
    """By a hash of numbers, so always the same: within five standard deviations of the share."""
    count = 20_000
    taken = sum(takes_part(f"execution-{number}", "m", percent) for number in range(count))
    share = percent / 100
    assert abs(taken - count * share) < 5 * (count * share * (1 - share)) ** 0.5


def test_another_module_has_another_share() -> None:
    ids = [f"execution-{number}" for number in range(1_000)]
    one = {each for each in ids if takes_part(each, "one", 50)}
    two = {each for each in ids if takes_part(each, "two", 50)}
    assert 150 < len(one & two) < 350


@pytest.mark.parametrize("reference", ["m@stable", "m@canary"])
def test_a_channel_is_a_reference(reference: str) -> None:
    assert is_reference(reference)
    assert followed(reference) == ("m", reference.partition("@")[2])


@pytest.mark.parametrize("reference", ["m", "m@1.0.0", "m@Stable", "m@beta", "m@stable ", "sha256:stable"])
def test_nothing_else_follows_a_channel(reference: str) -> None:
    assert followed(reference) is None
