"""What directories may see of a real folder: what a grant of every layer names, and of the rest not even that it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hengio import codec
from hengio.blobs.protocol import Blobs
from hengio.blobs.store import open_blobs
from hengio.grants import files
from hengio.model.grant import Grant
from hengio.sandbox.host import folders
from hengio.sandbox.protocol import Answered, Ask, OutsideFunction, Status
from tests.support.areas import reaching

FILES = ("inbox/b.csv", "inbox/a.csv", "inbox/2026/05/c.csv", "inbox/2026-05.txt", "other/b.csv", "top.txt")


@pytest.fixture
async def area(tmp_path: Path) -> Blobs:
    made = open_blobs(tmp_path.as_uri(), area="files")
    for key in FILES:
        await made.put(key, key.encode())
    return made


async def ask(
    area: Blobs, function: OutsideFunction, path: str | bytes, *layers: list[str]
) -> tuple[Answered, list[Any]]:
    request = path.encode() if isinstance(path, str) else path
    asked = Ask(function=function, request=request, number=1, seconds_left=5.0)
    answer = await reaching(area, *layers).answer(asked)
    return answer, codec.decode(answer.reply) if answer.reply else []


async def names(area: Blobs, path: str, *layers: list[str]) -> list[tuple[str, bool]]:
    _, entries = await ask(area, "file_list", path, *layers)
    return [(entry[0], len(entry) > 1 and entry[1]) for entry in entries]


@pytest.mark.requirement("R4.5", "R4.7")
async def test_a_listing_shows_what_may_be_read_sorted(area: Blobs) -> None:
    assert await names(area, "", ["file:read **"]) == [("inbox", True), ("other", True), ("top.txt", False)]
    inbox = [("2026", True), ("2026-05.txt", False), ("a.csv", False), ("b.csv", False)]
    assert await names(area, "inbox", ["file:read inbox/**"]) == inbox
    assert await names(area, "", ["file:read inbox/*.csv"]) == [("inbox", True)]
    assert await names(area, "inbox", ["file:read inbox/*.csv"]) == [("a.csv", False), ("b.csv", False)]
    assert await names(area, "inbox/2026", ["file:read inbox/*.csv"]) == []
    assert await names(area, "other", ["file:read inbox/**", "file:write other/**"]) == []


@pytest.mark.requirement("R4.7")
async def test_every_layer_must_allow_what_is_seen(area: Blobs) -> None:
    layers = (["file:read inbox/**"], ["file:read **/a.csv", "file:read other/**"])
    assert await names(area, "inbox", *layers) == [("a.csv", False)]
    assert await names(area, "", *layers) == [("inbox", True)]
    assert await names(area, "", ["file:read **"], ["file:write **"]) == []


async def test_a_file_is_found_with_its_size_and_a_folder_by_what_is_in_it(area: Blobs) -> None:
    answer, found = await ask(area, "file_find", "inbox/a.csv", ["file:read inbox/*"])
    assert (answer.status, found[:3]) == (Status.OK, ["", False, 11])
    assert found[3] > 0
    answer, found = await ask(area, "file_find", "inbox/2026", ["file:read inbox/**"])
    assert (answer.status, found[:2]) == (Status.OK, ["", True])
    assert (await ask(area, "file_find", "inbox/z.csv", ["file:read inbox/*"]))[0].status is Status.NOT_FOUND


@pytest.mark.requirement("R4.7", "R4.8")
@pytest.mark.parametrize("path", ["other/b.csv", "other", "other/missing", "missing"])
async def test_of_what_may_not_be_read_not_even_its_existence_is_told(area: Blobs, path: str) -> None:
    answer, _ = await ask(area, "file_find", path, ["file:read inbox/**"])
    assert (answer.status, answer.denied) == (Status.PERMISSION_DENIED, Grant("file:read", path))


@pytest.mark.requirement("R4.6", "R4.7")
async def test_whether_a_file_may_be_written_is_told_before_it_is(area: Blobs) -> None:
    assert (await ask(area, "file_admit", "out/x.csv", ["file:write out/*"]))[0].status is Status.OK
    for layers in (["file:read **"],), (["file:write **"], ["file:write in/**"]):
        answer, _ = await ask(area, "file_admit", "out/x.csv", *layers)
        assert answer.denied == Grant("file:write", "out/x.csv")
        assert answer.left_out == (len(layers) > 1)


@pytest.mark.requirement("R3.4")
@pytest.mark.parametrize("path", [b"../x", b"/etc", b"inbox/../../x", b"inbox//a", b"inbox/", b"a\0b", b"\xff", b"."])
@pytest.mark.parametrize("function", ["file_find", "file_list", "file_admit"])
async def test_what_is_no_path_of_the_area_is_refused(area: Blobs, function: OutsideFunction, path: bytes) -> None:
    answer, _ = await ask(area, function, path, ["file:read **", "file:write **"])
    assert answer.status is Status.INVALID_REQUEST


async def test_a_folder_of_too_many_files_is_not_listed(area: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "MOST_ENTRIES", 3)
    assert (await ask(area, "file_list", "inbox", ["file:read **"]))[0].status is Status.LIMIT_EXCEEDED
    assert (await ask(area, "file_list", "", ["file:read **"]))[0].status is Status.OK


SEGMENTS = st.lists(st.sampled_from(["a", "b", "*", "**", "a*"]), min_size=1, max_size=4).map("/".join)
LAYERS = st.lists(st.lists(SEGMENTS, max_size=3), min_size=1, max_size=2)
PATHS = st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=5).map("/".join)


@given(LAYERS, PATHS)
def test_everything_that_may_be_seen_lies_where_is_looked(layers: list[list[str]], path: str) -> None:
    allowed = all(any(files.allows(resource, path) for resource in layer) for layer in layers)
    for folder in ("", path.rpartition("/")[0]):
        roots = files.roots(layers, folder)
        assert not any(one != other and f"{one}/".startswith(f"{other}/") for one in roots for other in roots)
        if allowed:
            assert any(f"{path}/".startswith(f"{root}/") or not root for root in roots)
