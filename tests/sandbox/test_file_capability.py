"""`file_read` and `file_write` on a real folder: keys of the files area, and nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from hengio import codec
from hengio.blobs.protocol import Blobs
from hengio.blobs.store import open_blobs
from hengio.model.grant import Grant
from hengio.sandbox.host.files import FileCapability
from hengio.sandbox.host.outside import Scope
from hengio.sandbox.protocol import Answered, Ask, Status


@pytest.fixture
async def area(tmp_path: Path) -> Blobs:
    (tmp_path / "secret.txt").write_text("secret")
    made = open_blobs(tmp_path.as_uri(), area="files")
    await made.put("inbox/a.csv", b"1,2")
    await made.put("other/b.csv", b"3,4")
    return made


async def ask(area: Blobs, path: bytes, *grants: str, data: bytes | None = None, most: int = 1000) -> Answered:
    layer = tuple(Grant(*grant.split(" ")) for grant in grants)  # type: ignore[arg-type]
    asked = Ask(
        function="file_read" if data is None else "file_write",
        request=path,
        data=data or b"",
        number=1,
        seconds_left=5.0,
    )
    return await FileCapability(area).answer(asked, Scope(layers=(layer,), key="k", file_bytes=most))


@pytest.mark.requirement("R4.5", "R4.7", "R4.8")
async def test_a_file_is_read_if_a_grant_names_it(area: Blobs) -> None:
    answer = await ask(area, b"inbox/a.csv", "file:read inbox/**")
    assert (answer.status, answer.reply) == (Status.OK, b"1,2")
    answer = await ask(area, b"other/b.csv", "file:read inbox/**", "file:write other/**")
    assert answer.denied == Grant("file:read", "other/b.csv")


@pytest.mark.requirement("R4.6", "R4.7")
async def test_a_file_is_written_if_a_grant_names_it(area: Blobs) -> None:
    answer = await ask(area, b"out/c.txt", "file:write out/*.txt", data=b"new")
    assert (answer.status, answer.wrote) == (Status.OK, True)
    assert codec.decode(answer.reply) == {
        "path": "out/c.txt",
        "size": 3,
        "sha256": hashlib.sha256(b"new").hexdigest(),
    }
    assert await area.get("out/c.txt") == b"new"
    answer = await ask(area, b"out/c.csv", "file:write out/*.txt", "file:read out/**", data=b"new")
    assert answer.denied == Grant("file:write", "out/c.csv")


@pytest.mark.requirement("R3.4")
@pytest.mark.parametrize(
    "path",
    [
        b"../secret.txt",
        b"/etc/passwd",
        b"inbox/../../secret.txt",
        b"inbox//a",
        b"inbox\\a",
        b"a\0b",
        b"\xff",
        b"",
        b".",
    ],
)
@pytest.mark.parametrize("data", [None, b"x"])
async def test_what_is_no_path_of_the_area_is_refused(area: Blobs, path: bytes, data: bytes | None) -> None:
    answer = await ask(area, path, "file:read **", "file:write **", data=data)
    assert answer.status is Status.INVALID_REQUEST


async def test_a_missing_file_and_one_too_large_are_ordinary_answers(area: Blobs) -> None:
    assert (await ask(area, b"inbox/z", "file:read **")).status is Status.NOT_FOUND
    assert (await ask(area, b"inbox/a.csv", "file:read **", most=2)).status is Status.LIMIT_EXCEEDED
    assert (await ask(area, b"x", "file:write **", data=b"123", most=2)).status is Status.LIMIT_EXCEEDED
