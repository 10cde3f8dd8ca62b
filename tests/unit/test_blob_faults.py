"""What can go wrong around an object store, and what the reader is told."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hengio.blobs.faults import translated
from hengio.blobs.store import S3Options, open_blobs
from hengio.errors import Conflict, HengioError, Refused, Unavailable
from hengio.keys import check_key
from tests.support.processes import free_port

SECRET = "very-secret-word"


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.ENOSPC, Unavailable, "disk is full"),
        (errno.EDQUOT, Unavailable, "disk is full"),
        (errno.EROFS, Unavailable, "permission denied"),
        (errno.EACCES, Unavailable, "permission denied"),
        (errno.EIO, Unavailable, "EIO"),
        (errno.ENAMETOOLONG, Refused, "too long"),
    ],
)
def test_a_fault_of_the_disk_names_the_key_and_what_to_do(number: int, kind: type[HengioError], words: str) -> None:
    with pytest.raises(kind, match=words) as caught, translated("write", "a/b.csv", "files"):
        raise OSError(number, "as the system says it")
    assert "'a/b.csv' in area 'files'" in caught.value.message


async def test_an_object_can_not_be_a_folder_of_a_local_store(tmp_path: Path) -> None:
    blobs = open_blobs(f"file://{tmp_path}", area="files")
    await blobs.put("report", b"x")
    with pytest.raises(Conflict):
        await blobs.put("report/part", b"x")
    with pytest.raises(Conflict):
        await blobs.put_new("report/part", b"x")
    await blobs.put("folder/part", b"x")
    with pytest.raises(Conflict):
        await blobs.put("folder", b"x")


async def test_a_server_that_is_not_there_is_unavailable_and_no_key_of_it_is_told() -> None:
    options = S3Options(
        endpoint=f"http://127.0.0.1:{free_port()}", access_key="me", secret_key=SECRET, timeout_seconds=2, max_retries=0
    )
    blobs = open_blobs("s3://bucket/prefix", area="modules", s3=options)
    for operation in (blobs.get("m.wasm"), blobs.put("m.wasm", b"x"), blobs.info("m.wasm"), blobs.delete("m.wasm")):
        with pytest.raises(Unavailable, match=r"'m.wasm' in area 'modules'.*does not answer") as caught:
            await operation
        assert "refuses connections" in caught.value.hint
    assert SECRET not in repr(options)


@pytest.mark.parametrize(
    "url", ["", "files", "ftp://host/x", "file://elsewhere/x", "file:relative", "s3://", "s3:///prefix", "s3://b/../x"]
)
def test_a_url_that_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        open_blobs(url, area="files")


def test_an_area_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Refused, match="unknown area"):
        open_blobs("memory://", area="../modules")


@given(st.text())
def test_an_accepted_key_stays_below_its_folder(key: str) -> None:
    try:
        check_key(key)
    except Refused:
        return
    root = Path("/area")
    assert (root / key).is_relative_to(root)
    assert ".." not in key.split("/")
    assert not re.search(r"[\x00-\x1f\\]", key)
