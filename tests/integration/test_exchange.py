"""Jobs go out without their secrets and come in with a report on each (H7)."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hengio import codec
from hengio.errors import NotFound, Refused
from hengio.service.exchange import Exchange, read_all, zipped
from hengio.settings import Settings
from hengio.wiring.desk import desk

PATH = "$.triggers.webhook.secret_key"


def a_definition(name: str = "shop", **fields: Any) -> dict[str, Any]:
    step = {"id": "a", "type": "database", "config": {"connection": "db", "query": "SELECT 1"}}
    return {"name": name, "steps": [step], **fields}


SECRET = {"triggers": {"webhook": {"enabled": True, "secret_key": "s3cret-of-the-hook"}}}


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    async with desk(Settings(data_dir=tmp_path / "data"), create=True) as opened:
        yield Exchange(jobs=opened.jobs, version="9.9.9")


async def bring(exchange: Exchange, data: bytes, **how: Any) -> list[tuple[str, str | None]]:
    how = {"secrets": {}, "clash": "copy", **how}
    items = await exchange.bring(read_all(data, source="file"), by="me", **how)
    return [(item.outcome, item.imported_as) for item in items]


@pytest.mark.requirement("H7.2", "H7.4")
async def test_an_export_says_when_by_whom_and_with_what_and_holds_no_secret(exchange: Exchange) -> None:
    await exchange.jobs.apply(a_definition(**SECRET))
    [(name, document)] = await exchange.export(["shop"], by="an administrator")
    text = codec.encode(document).decode()
    assert "s3cret" not in text
    assert f"<secret:{PATH}>" in text
    assert (name, document["secrets"]) == ("shop", [PATH])
    about = document["metadata"]
    assert (about["exported_by"], about["hengio_version"], about["job_version"]) == ("an administrator", "9.9.9", 1)
    assert about["exported_at"].endswith("Z")


@pytest.mark.requirement("H7.2")
async def test_an_import_asks_for_what_the_export_left_out(exchange: Exchange) -> None:
    await exchange.jobs.apply(a_definition(**SECRET))
    [(_, document)] = await exchange.export(["shop"], by="me")
    data = codec.encode(document)
    [item] = await exchange.bring(read_all(data, source="f"), secrets={}, clash="copy", by="me")
    assert (item.outcome, [problem.path for problem in item.problems]) == ("refused", [PATH])
    assert await bring(exchange, data, secrets={f"shop:{PATH}": "another"}) == [("copied", "shop-copy-1")]
    stored = await exchange.jobs.storage.jobs.get("shop-copy-1")
    assert stored.job.triggers.webhook.secret_key == "another"


@pytest.mark.requirement("H7.2")
async def test_a_text_with_a_secret_and_templates_goes_out_and_comes_in_as_a_whole(exchange: Exchange) -> None:
    url, path = "https://h/${SHOP}?page=2&api_key=PLANTED${S}", "$.steps[0].config.url"
    step = {"id": "a", "type": "http", "config": {"url": url, "headers": {"X-Key": "${KEY}"}}}
    await exchange.jobs.apply(a_definition(steps=[step]))
    data = codec.encode(dict(await exchange.export(["shop"], by="me"))["shop"])
    assert b"PLANTED" not in data and b'"${KEY}"' in data
    assert await bring(exchange, data, secrets={path: "********"}) == [("refused", None)]
    assert await bring(exchange, data, secrets={path: url}) == [("copied", "shop-copy-1")]
    stored = await exchange.jobs.storage.jobs.get("shop-copy-1")
    assert stored.job.steps[0].config["url"] == url


@pytest.mark.requirement("H7.3")
async def test_a_name_that_is_taken_is_counted_on(exchange: Exchange) -> None:
    data = codec.encode(a_definition())
    told = [await bring(exchange, data) for _ in range(3)]
    assert told == [[("imported", "shop")], [("copied", "shop-copy-1")], [("copied", "shop-copy-2")]]
    assert await bring(exchange, data, clash="refuse") == [("refused", None)]
    assert await bring(exchange, codec.encode(a_definition(description="new")), clash="replace") == [
        ("replaced", "shop")
    ]
    assert (await exchange.jobs.storage.jobs.get("shop")).version == 2


@pytest.mark.requirement("H7.1", "H7.5")
async def test_of_many_each_has_its_report_and_a_bad_one_does_not_keep_the_others_out(exchange: Exchange) -> None:
    data = codec.encode([a_definition("one"), {"name": "bad", "steps": []}, 7, a_definition("two")])
    items = await exchange.bring(read_all(data, source="jobs.json"), secrets={}, clash="copy", by="me")
    assert [(item.source, item.outcome) for item in items] == [
        ("jobs.json[0]", "imported"),
        ("jobs.json[1]", "refused"),
        ("jobs.json[2]", "refused"),
        ("jobs.json[3]", "imported"),
    ]
    assert items[1].problems[0].path == "$.steps"


@pytest.mark.requirement("H7.1")
async def test_an_archive_of_all_jobs_comes_back_as_they_were(exchange: Exchange, tmp_path: Path) -> None:
    for name in ("một", "hai", "../../ba"):
        await exchange.jobs.apply(a_definition(name, enabled=False))
    archive = zipped(await exchange.export([], by="me"))
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert all(".." not in name for name in opened.namelist())
        assert len(json.loads(opened.read("index.json"))["jobs"]) == 3
    async with desk(Settings(data_dir=tmp_path / "other"), create=True) as other:
        told = await bring(Exchange(jobs=other.jobs, version="1"), archive)
        assert {name for _, name in told} == {"một", "hai", "../../ba"}
        assert not any(stored.job.enabled for stored in await other.storage.jobs.all())


async def test_what_is_no_archive_or_a_bomb_is_refused() -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", b"0" * (257 << 20))
    with pytest.raises(Refused, match="unpacks to more than"):
        read_all(bomb.getvalue(), source="bomb.zip")
    with pytest.raises(Refused, match="damaged"):
        read_all(b"PK\x03\x04 nothing", source="x.zip")
    with pytest.raises(Refused, match="cannot be read"):
        read_all(b"{", source="x.json")


def packed(text: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("a.json", text)
    return file.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_that_was_altered_anywhere_is_read_or_refused(method: int) -> None:
    whole = packed(codec.encode(a_definition()) * 3, method)
    for place in range(4, len(whole)):
        for value in (0, 255, whole[place] ^ 1):
            with contextlib.suppress(Refused):
                read_all(whole[:place] + bytes([value]) + whole[place + 1 :], source="x.zip")


def test_a_file_of_an_archive_that_is_too_large_is_refused_and_not_cut() -> None:
    with pytest.raises(Refused, match=r"a\.json in the archive is larger than 4 MiB"):
        read_all(packed(b"[" + b" " * (4 << 20) + b"]"), source="x.zip")


@pytest.mark.requirement("H7.4")
async def test_an_export_of_a_later_form_is_refused(exchange: Exchange) -> None:
    data = codec.encode({"hengio_export": 2, "job": a_definition()})
    [item] = await exchange.bring(read_all(data, source="f"), secrets={}, clash="copy", by="me")
    assert (item.outcome, item.problems[0].message) == (
        "refused",
        "the export has the format 2, and this version reads 1",
    )


@pytest.mark.requirement("H7.2")
async def test_a_secret_for_a_path_that_two_jobs_have_must_name_the_job(exchange: Exchange) -> None:
    both = [a_definition(name, triggers={"webhook": {"secret_key": f"<secret:{PATH}>"}}) for name in ("one", "two")]
    data = codec.encode(both)
    assert await bring(exchange, data, secrets={PATH: "of which?"}) == [("refused", None), ("refused", None)]
    named = {f"one:{PATH}": "first", f"two:{PATH}": "second"}
    assert await bring(exchange, data, secrets=named) == [("imported", "one"), ("imported", "two")]


async def test_a_job_that_is_not_there_can_not_be_exported(exchange: Exchange) -> None:
    with pytest.raises(NotFound):
        await exchange.export(["nothing"], by="me")
