"""Whatever a server calls its files, each gets a name that is allowed here (H4.4)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hengio.errors import Refused
from hengio.keys import check_key
from hengio.steps.tables.naming import relative, tamed
from hengio.targets.sftp.paths import remote, shown

NAMES = st.one_of(
    st.binary(min_size=1, max_size=60), st.text(min_size=1, max_size=20).map(lambda t: t.encode("utf-8", "replace"))
)


@pytest.mark.requirement("H4.4")
@given(NAMES)
@example(b"..")
@example(b". .")
@example(b"CON")
@example(b"con .")
@example(b"a#1")
@example("a\u0301\u202e".encode())
@example("CO\u200dN".encode())
def test_any_name_becomes_one_that_is_allowed_and_stays_it(name: bytes) -> None:
    mapped = tamed(shown(name))
    assert "/" not in mapped
    assert relative(mapped) == mapped
    assert check_key(mapped) == mapped
    assert tamed(mapped) == mapped


@pytest.mark.requirement("H4.4")
@given(st.text(max_size=60))
@example("a/../b")
@example("..")
def test_a_remote_path_never_goes_up_and_is_what_was_written(text: str) -> None:
    try:
        path = remote(text)
    except Refused:
        return
    assert b".." not in path.split(b"/")
    assert shown(path) == text
