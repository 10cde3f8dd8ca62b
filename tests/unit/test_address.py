"""URLs with passwords: read where nobody can misread them, refused elsewhere, and never shown."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hengio import address
from hengio.errors import Refused
from hengio.storage.sql.store import open_storage
from hengio.targets.databases import Databases
from tests.support.vaults import audit_keys

UNREADABLE = [
    *(f"postgresql://bob:hunter2{mark}x@127.0.0.1:1/x" for mark in "/#?[]@"),
    *(f"postgresql://bob:123{mark}hunter2@127.0.0.1:1/x" for mark in "/#?"),
    "postgresql://bob:hunter2@127.0.0.1:notaport/x",
    "postgresql://bob:hunter2@127.0.0.1:70000/x",
    "postgresql://bob:hunter2@[127.0.0.1:1/x",
]


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize("url", UNREADABLE)
def test_a_connection_whose_url_cannot_be_read_is_refused_by_its_name(url: str, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        Databases({"warehouse": url}, folder=tmp_path)
    assert str(refused.value) == "the URL of connection 'warehouse' cannot be read"
    assert refused.value.hint == "percent-encode special characters in the password"
    assert refused.value.__context__ is None or refused.value.__suppress_context__


@pytest.mark.parametrize("url", UNREADABLE)
def test_a_database_url_that_cannot_be_read_is_refused_by_its_name(url: str) -> None:
    with pytest.raises(Refused) as refused:
        open_storage(url, audit_keys())
    assert str(refused.value) == "the URL of database_url cannot be read"
    assert refused.value.__context__ is None or refused.value.__suppress_context__


@pytest.mark.parametrize("url", ["hunter2", "bob:hunter2", "bob:hunter2@127.0.0.1/x"])
def test_what_is_no_url_is_refused_unseen(url: str, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        Databases({"warehouse": url}, folder=tmp_path)
    assert "bob" not in str(refused.value)
    assert "hunter2" not in str(refused.value)
    with pytest.raises(Refused, match=r"database_url cannot be read$"):
        open_storage(url, audit_keys())


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_password_can_be_written_percent_encoded(password: str) -> None:
    url = f"postgresql://bob:{quote(password, safe='')}@127.0.0.1:1/x"
    assert address.server(url, what="it") == ("127.0.0.1", 1)


@given(st.text(min_size=1))
def test_a_password_as_it_is_leads_to_its_host_or_nowhere(password: str) -> None:
    try:
        found = address.server(f"postgresql://bob:{password}@127.0.0.1:1/x", what="it")
    except Refused:
        return
    assert found == ("127.0.0.1", 1)
