"""Moments as people write them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from hengio.cli.when import EARLIEST, LATEST, both, moment, shown, to_second
from hengio.clock import SECOND, SystemClock
from hengio.errors import Refused


@pytest.mark.parametrize(
    "text",
    [
        "99999999999d",
        "9" * 5_000 + "d",
        "1969-12-31T23:59:59Z",
        "1969-12-31",
        "0001-01-01T00:00+14:00",
        "9999-12-31T23:59-14:00",
        "x",
    ],
)
def test_a_moment_that_no_row_has_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="is no moment"):
        moment(text, option="--since")


def test_a_moment_is_written_out_or_counted_back_from_now() -> None:
    assert shown(moment("2026-11-24T08:00+01:00", option="--since")) == "2026-11-24 07:00:00"
    assert moment("1970-01-01", option="--since") == 0
    assert moment("1970-01-01", option="--from", zone=ZoneInfo("Asia/Ho_Chi_Minh")) == EARLIEST
    assert moment("9999-12-31", option="--to", zone=ZoneInfo("America/New_York"), end=True) == LATEST
    ago = moment("90m", option="--since")
    assert 0 <= SystemClock().now() - 90 * 60 * SECOND - ago < 60 * SECOND


def test_a_program_is_told_a_moment_as_exactly_as_it_is() -> None:
    zone = ZoneInfo("Asia/Ho_Chi_Minh")
    assert both(0, zone) == {"local": "1970-01-01T08:00:00+08:00", "utc": "1970-01-01T00:00:00Z"}
    assert both(1_500_000, zone) == {"local": "1970-01-01T08:00:01.500000+08:00", "utc": "1970-01-01T00:00:01.500000Z"}
    assert to_second("1970-01-01T08:00:01.500000+08:00") == "1970-01-01T08:00:01+08:00"
