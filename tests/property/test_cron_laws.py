"""Cron expressions fire when other implementations, and a slow one of the tests' own, say that they do (H1.1)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from itertools import islice, takewhile

import pytest
from aws_croniter import AwsCroniter
from croniter import croniter
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from hengio.cron.errors import CronError
from hengio.cron.expression import DAY
from hengio.cron.parse import parse
from tests.support import naive

EPOCH = datetime(1970, 1, 1)
WEEK = naive.WEEK


def wall(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(seconds=1)


def entries(low: int, high: int, names: list[str] | None = None, *, wraps: bool = True) -> st.SearchStrategy[str]:
    """One entry of a field."""
    numbers = st.integers(low, high).map(str)
    values = numbers if names is None else st.one_of(numbers, st.sampled_from([*names, *map(str.lower, names)]))
    spans = st.tuples(values, values).map("-".join)
    spans = spans if wraps else spans.filter(lambda text: int(text.split("-")[0]) <= int(text.split("-")[1]))
    steps = st.integers(1, high).map(lambda step: f"/{step}")
    stepped = st.tuples(st.one_of(values, spans, st.sampled_from(["*", ""])), steps).map("".join)
    return st.one_of(values, spans, stepped)


def lists(entry: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(st.just("*"), st.lists(entry, min_size=1, max_size=3).map(",".join))


counts = st.integers(1, 5)
weekdays = st.one_of(st.integers(1, 7).map(str), st.sampled_from(WEEK))
special_days = st.one_of(
    st.sampled_from(["L", "LW", "l", "lw"]),
    st.integers(0, 30).map(lambda n: f"L-{n}"),
    st.integers(0, 30).map(lambda n: f"L-{n}W"),
    st.integers(1, 31).map(lambda n: f"{n}W"),
)
special_weekdays = st.one_of(
    st.just("L"),
    weekdays.map(lambda day: f"{day}L"),
    st.tuples(weekdays, counts).map(lambda pair: f"{pair[0]}#{pair[1]}"),
)
day_pairs = st.one_of(
    st.tuples(lists(st.one_of(entries(1, 31), special_days)), st.sampled_from("?*")),
    st.tuples(st.sampled_from("?*"), lists(st.one_of(entries(1, 7, WEEK), special_weekdays))),
).filter(lambda pair: pair != ("?", "?"))


@st.composite
def quartz(draw: st.DrawFn) -> str:
    of_month, of_week = draw(day_pairs)
    clock = [draw(lists(entries(0, 59))), draw(lists(entries(0, 59))), draw(lists(entries(0, 23)))]
    year = draw(st.sampled_from([[], ["*"], ["2024-2030"], ["2025/2"], ["2026,2028"]]))
    return " ".join([*clock, of_month, draw(lists(entries(1, 12, naive.MONTHS))), of_week, *year])


@st.composite
def unix(draw: st.DrawFn) -> str:
    weekday = entries(0, 7, WEEK).filter(lambda text: not re.match(r"\w+/|.*7-|.*-.*/", text))
    fields = [entries(0, 59), entries(0, 23), entries(1, 31), entries(1, 12, naive.MONTHS), weekday]
    return " ".join(draw(lists(field)) for field in fields)


dates = st.dates(date(2024, 1, 1), date(2028, 12, 31))


@pytest.mark.requirement("H1.1")
@settings(max_examples=150, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.one_of(quartz(), unix()), dates)
@example("0 0 12 31W * ?", date(2026, 2, 1))
@example("0 0 12 1W * ?", date(2026, 8, 1))
@example("0 0 12 LW * ?", date(2026, 5, 1))
@example("0 0 12 ? * FRI#5", date(2026, 4, 20))
@example("0 0 12 ? 12-12 *", date(2025, 12, 1))
@example("0 0 12 ? NOV-FEB FRI-MON", date(2025, 12, 1))
def test_it_fires_on_exactly_the_days_that_a_slow_reading_finds(expression: str, start: date) -> None:
    known = parse(expression)
    first = next(known.times())
    clock = timedelta(seconds=first)
    days = [datetime.combine(start, datetime.min.time()) + timedelta(days=each) for each in range(70)]
    found = takewhile(lambda day: day < wall(days[-1]) // DAY + 1, known.days(wall(days[0]) // DAY))
    assert list(found) == [wall(day) // DAY for day in days if naive.fires(expression, day + clock)]


@pytest.mark.requirement("H1.1")
@settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
@given(lists(entries(0, 59)), lists(entries(0, 59)), lists(entries(0, 23)), st.integers(0, DAY - 1))
def test_it_fires_at_exactly_the_seconds_that_a_slow_reading_finds(
    second: str, minute: str, hour: str, begin: int
) -> None:
    expression = f"{second} {minute} {hour} * * ?"
    scanned = range(begin, min(begin + 2_000, DAY))
    slowly = [each for each in scanned if naive.fires(expression, EPOCH + timedelta(seconds=each))]
    assert list(parse(expression).times(scanned[0], scanned[-1])) == slowly


@settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.one_of(quartz(), unix()), st.datetimes(datetime(2023, 1, 1), datetime(2027, 1, 1)), st.integers(0, 20))
def test_a_later_start_gives_the_rest_of_the_same_times(expression: str, start: datetime, dropped: int) -> None:
    known = parse(expression)
    times = list(islice(known.walls(wall(start)), 30))
    assert times == sorted(set(times))
    assert all(each >= wall(start) for each in times)
    if len(times) > dropped:
        assert list(islice(known.walls(times[dropped]), 30 - dropped)) == times[dropped:]


def named(field: str) -> str:
    """Numbers of weekdays as names, since others count from Monday or from 0."""
    return re.sub(r"(?<![#/\d-])\d", lambda found: WEEK[int(found[0]) - 1], field)


# What both others read as Quartz does: croniter takes `a-a` for `*`, fires on the 30th for `31W`, and knows no `LW`.
days_of_month = st.one_of(st.integers(1, 31).map(str), st.just("L"), st.integers(1, 28).map(lambda n: f"{n}W"))
nth_weekdays = st.tuples(weekdays, counts).map(lambda pair: f"{pair[0]}#{pair[1]}")
days_of_week = st.one_of(weekdays, nth_weekdays, st.just("MON-FRI"), st.just("SUN,WED"))
simple_days = st.one_of(st.tuples(days_of_month, st.just("?")), st.tuples(st.just("?"), days_of_week))


@st.composite
def shared(draw: st.DrawFn) -> tuple[list[str], str]:
    """Expressions that other implementations know, too: minute to day-of-week, and the second."""
    of_month, of_week = draw(simple_days)
    minute = draw(st.sampled_from(["0", "*/7", "5/15", "1-9", "3,50", "*"]))
    hour = draw(st.sampled_from(["*", "0", "2-5", "*/6", "23", "1,13"]))
    month = draw(st.sampled_from(["*", "2", "JAN-MAR", "*/3", "6,12", "4"]))
    return [minute, hour, of_month, month, named(of_week)], draw(st.sampled_from(["0", "30", "*/20"]))


@pytest.mark.requirement("H1.1")
@settings(max_examples=150)
@given(shared(), st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1)))
def test_croniter_agrees(fields: tuple[list[str], str], start: datetime) -> None:
    (minute, hour, of_month, month, of_week), second = fields
    expression = " ".join([second, minute, hour, of_month, month, of_week])
    ours = list(islice(parse(expression).walls(wall(start)), 5))
    assume(ours)  # it says of what never fires that it cannot find it
    theirs = croniter(expression.replace("?", "*"), start - timedelta(seconds=1), second_at_beginning=True)
    assert [EPOCH + timedelta(seconds=each) for each in ours] == [theirs.get_next(datetime) for _ in range(5)]


@pytest.mark.requirement("H1.1")
@settings(max_examples=150)
@given(shared(), st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1)))
def test_aws_croniter_agrees(fields: tuple[list[str], str], start: datetime) -> None:
    minute, hour, of_month, month, of_week = fields[0]
    start = start.replace(second=0, microsecond=0)
    theirs = AwsCroniter(" ".join([minute, hour, of_month, month, of_week, "*"]))
    before = (start - timedelta(minutes=1)).replace(tzinfo=UTC)
    ours = islice(parse(" ".join(["0", minute, hour, of_month, month, of_week])).walls(wall(start)), 5)
    found = [(EPOCH + timedelta(seconds=each)).replace(tzinfo=UTC) for each in ours]
    told = theirs.get_next(before, len(found))
    assume(None not in told)  # it gives up where years lie between
    assert found == told


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=40), st.text("0123456789*?,-/LW# @", max_size=40)))
def test_any_text_is_an_expression_or_is_refused_with_a_place(text: str) -> None:
    try:
        known = parse(text)
    except CronError as error:
        assert error.message
        assert 1 <= error.column <= max(len(text), 1)
    else:
        assert known.text == text
