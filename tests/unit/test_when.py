"""Moments as people write them."""

from __future__ import annotations

import pytest

from hengio.cli.when import moment, shown
from hengio.clock import SECOND, SystemClock
from hengio.errors import Refused


@pytest.mark.parametrize(
    "text",
    [
        "99999999999d",
        "9" * 5_000 + "d",
        "1969-12-31T23:59:59Z",
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
    ago = moment("90m", option="--since")
    assert 0 <= SystemClock().now() - 90 * 60 * SECOND - ago < 60 * SECOND
