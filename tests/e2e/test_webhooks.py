"""Webhooks as their callers meet them: real servers, real calls (H2)."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.installation import Installation
from tests.support.processes import Child
from tests.support.webhooks import CONNECTION, Sender, a_job, port_of, sender, signed

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "webhooks.md"


@asynccontextmanager
async def calling(home: Path, *jobs: dict[str, Any], **env: str) -> AsyncIterator[tuple[Installation, Child, Sender]]:
    """An installation with these jobs and a server on it, and who calls the first of them."""
    place = Installation(home, {**CONNECTION, **env})
    await place.apply(*jobs)
    async with place.serving() as server, httpx.AsyncClient(timeout=60) as client:
        yield place, server, await sender(place, server, client, jobs[0]["name"])


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == answer.status_code
    return answer.status_code, told["code"]


async def rows(place: Installation, answer: httpx.Response) -> Any:
    """What the step of the execution that a call began put out."""
    execution = answer.json()["execution_id"]
    await place.over(execution)
    told = await place.run("execution", "show", execution, "--full")
    return told["steps"][0]["output"]["rows"]


@pytest.mark.requirement("H2.1", "H2.2", "H2.3", "H2.4")
async def test_a_signed_call_starts_the_job_with_what_was_sent(tmp_path: Path) -> None:
    sent = ("payload.order.id", "query_params.shop", "headers.X-Request-ID")
    query = "SELECT " + ", ".join(f"{{{{webhook.{name}}}}} AS c{place}" for place, name in enumerate(sent))
    job = a_job(steps=[{"id": "a", "type": "database", "config": {"connection": "db", "query": query}}])
    async with calling(tmp_path, job) as (place, _, caller):
        url = caller.url
        caller.url = f"{url}?shop=hn"
        answer = await caller.send(b'{"order": {"id": 7}}', content_type="application/json", x_request_id="r-1")
        assert answer.status_code == 202
        assert answer.json()["existing"] is False
        assert await rows(place, answer) == [{"c0": 7, "c1": "hn", "c2": "r-1"}]
        told = await place.run("execution", "show", answer.json()["execution_id"], "--full")
        assert (told["trigger"], told["started_by"], told["input"]) == ("webhook", "webhook", None)
        assert told["webhook"]["payload"] == {"order": {"id": 7}}
        again = await place.run("job", "rerun", answer.json()["execution_id"], "--whole")
        await place.over(again["execution_id"])
        told = await place.run("execution", "show", again["execution_id"], "--full")
        assert told["steps"][0]["output"]["rows"] == [{"c0": 7, "c1": "hn", "c2": "r-1"}]


@pytest.mark.requirement("H2.2", "H2.3")
async def test_who_does_not_sign_is_refused_and_not_told_why(tmp_path: Path) -> None:
    async with calling(tmp_path, a_job()) as (place, _, caller):
        body, good = b"{}", signed(caller.secret, b"{}")
        wrong = [
            {},
            {"X-Hengio-Timestamp": good["X-Hengio-Timestamp"]},
            {"X-Hengio-Signature": good["X-Hengio-Signature"]},
            {**good, "X-Hengio-Timestamp": str(int(good["X-Hengio-Timestamp"]) - 1)},
            signed("another secret", body),
            signed(caller.secret, b"{ }"),
            signed(caller.secret, body, late=400),
            signed(caller.secret, body, late=-400),
        ]
        answers = [await caller.client.post(caller.url, content=body, headers=headers) for headers in wrong]
        assert {code(answer) for answer in answers} == {(401, "unauthenticated")}
        assert len({answer.content for answer in answers}) == 1
        assert (await caller.send(body, late=290)).status_code == 202
        other = await caller.client.post(caller.url[:-1] + "_", content=body, headers=good)
        assert code(other) == (404, "not_found")
        for method in ("GET", "PUT", "HEAD", "OPTIONS"):
            answer = await caller.client.request(method, caller.url)
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        nowhere = await caller.client.get(caller.url.partition("/api/")[0] + "/api/nothing")
        assert code(nowhere) == (404, "not_found")
        [entry] = await place.run("audit", "list", "--action", "webhook.refused")
        assert (entry["subject"], entry["detail"]["reason"]) == ("hook", "no timestamp")
        said = await place.said("audit", "list", "--action", "webhook.refused")
        assert said.splitlines()[1].strip() == "unauthenticated: no timestamp, from 127.0.0.1"


@pytest.mark.requirement("H2.6")
async def test_the_same_call_again_is_answered_with_the_first_execution(tmp_path: Path) -> None:
    async with calling(tmp_path, a_job()) as (place, _, caller):
        headers = signed(caller.secret, b"{}")
        answers = await asyncio.gather(
            *(caller.client.post(caller.url, content=b"{}", headers=headers) for _ in range(10))
        )
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["execution_id"] for answer in answers}) == 1
        assert sorted(answer.json()["existing"] for answer in answers) == [False, *[True] * 9]
        keyed = [await caller.send(b'{"n": %d}' % number, idempotency_key="order-7") for number in range(3)]
        assert [answer.json()["existing"] for answer in keyed] == [False, True, True]
        assert len(place.rows("SELECT id FROM executions")) == 2


@pytest.mark.requirement("H2.5")
async def test_a_new_url_ends_the_old_one_at_once_while_calls_come(tmp_path: Path) -> None:
    async with calling(tmp_path, a_job(allow_concurrent=True)) as (place, server, caller):
        seen: list[int] = []
        stop = asyncio.Event()

        async def keep_calling() -> None:
            while not stop.is_set():
                seen.append((await caller.send(b"%d" % len(seen), idempotency_key=os.urandom(8).hex())).status_code)

        calls = asyncio.gather(*(keep_calling() for _ in range(4)))
        await place.once(lambda: len(seen) > 20)
        told = await place.run("webhook", "regenerate", "hook", "--yes")
        assert code(await caller.send()) == (404, "not_found")
        stop.set()
        await calls
        assert set(seen) == {202, 404}
        assert seen.index(404) > max(place_ for place_, status in enumerate(seen) if status == 202) - 4
        new = await sender(place, server, caller.client)
        assert told["url"].endswith(new.url.partition("/api/")[2])
        assert new.secret == caller.secret
        assert (await new.send()).status_code == 202
        await place.run("webhook", "regenerate", "hook", "--secret", "--yes")
        last = await sender(place, server, caller.client)
        assert last.secret != caller.secret
        assert code(await Sender(caller.client, last.url, caller.secret).send()) == (401, "unauthenticated")


@pytest.mark.requirement("H2.3")
async def test_past_the_rate_limit_the_answer_is_429_with_when_to_come_again(tmp_path: Path) -> None:
    limit = {"rate_limit": {"max_requests": 2, "window_seconds": 3600}}
    async with calling(tmp_path, a_job(webhook=limit)) as (place, _, caller):
        first = await caller.send(b"1", idempotency_key="one")
        assert [first.status_code, (await caller.send(b"2")).status_code] == [202, 202]
        past = await caller.send(b"3")
        assert code(past) == (429, "limited")
        assert 3500 < int(past.headers["retry-after"]) <= 3600
        again = await caller.send(b"4", idempotency_key="one")
        assert (again.status_code, again.json()["existing"]) == (202, True)
        for _ in range(20):
            assert code(await caller.send(b"5")) == (429, "limited")
        entries = await place.run("audit", "list", "--action", "webhook.refused")
        assert [entry["detail"]["code"] for entry in entries] == ["limited"], "one a minute, however many there are"


HOSTILE: list[tuple[bytes, dict[str, str], tuple[int, str]]] = [
    (b"[" * 100_000, {"content_type": "application/json"}, (400, "invalid_json")),
    (b"9" * 10_000, {"content_type": "application/json"}, (400, "invalid_json")),
    (b'{"a": 1, "a": 2}', {"content_type": "application/json"}, (400, "invalid_json")),
    (b'["\\ud800"]', {"content_type": "application/json"}, (400, "invalid_json")),
    (b"[NaN]", {"content_type": "application/json"}, (400, "invalid_json")),
    (b"\xff\xfe", {"content_type": "application/json"}, (400, "invalid_json")),
    (b"\xff\xfe", {}, (415, "unsupported")),
    (b"\x1f\x8b\x08\x00", {"content_encoding": "gzip"}, (415, "unsupported")),
    (b"{}", {"content_encoding": "gzip"}, (415, "unsupported")),
    (b"a=%ff", {"content_type": "application/x-www-form-urlencoded"}, (400, "refused")),
    (b"{}", {"idempotency_key": "x" * 256}, (400, "refused")),
    (b"\x01" * 400_000, {"content_type": "text/plain"}, (413, "too_large")),
    (b"x" * (1024 * 1024 + 1), {}, (413, "too_large")),
]


@pytest.mark.requirement("H2.3", "H2.4")
async def test_hostile_bodies_are_refused_and_the_server_goes_on(tmp_path: Path) -> None:
    async with calling(tmp_path, a_job()) as (place, server, caller):
        for body, headers, wanted in HOSTILE:
            assert code(await caller.send(body, **headers)) == wanted, (body[:20], headers)
        for head, body in (
            ("Content-Length: 99999999999", b"{"),
            ("Content-Length: 2000000", b"{"),
            ("Transfer-Encoding: chunked", b"%x\r\n%s\r\n" % (1 << 21, b"x" * (1 << 21))),
        ):
            assert (await _raw(server, caller, head, body)).startswith(b"HTTP/1.1 413 ")
        for lying in ("Content-Length: 2\r\nContent-Length: 3", "Content-Length: -1", "Content-Length: x"):
            assert (await _raw(server, caller, lying, b"{}")).startswith(b"HTTP/1.1 400 ")
        chunked = await _raw(server, caller, "Transfer-Encoding: chunked", b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")
        assert chunked.startswith(b"HTTP/1.1 202 ")
        whole = b'"' + b"x" * (1024 * 1024 - 2) + b'"'
        assert (await caller.send(whole)).status_code == 202
        assert "Traceback" not in place.log()
        assert len(place.rows("SELECT id FROM executions")) == 2


async def _raw(server: Child, caller: Sender, head: str, body: bytes) -> bytes:
    """The answer to a request whose head says that of its body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
    path = caller.url.partition("127.0.0.1")[2].partition("/")[2]
    lines = [f"POST /{path} HTTP/1.1", "Host: x", head, *(f"{k}: {v}" for k, v in signed(caller.secret, b"{}").items())]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    try:
        return await asyncio.wait_for(reader.read(65536), 60)
    finally:
        writer.close()


@pytest.mark.requirement("H2.3")
async def test_who_goes_away_in_the_middle_of_a_body_harms_nobody(tmp_path: Path) -> None:
    async with calling(tmp_path, a_job()) as (place, server, caller):
        for _ in range(5):
            _, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
            path = caller.url.partition("127.0.0.1")[2].partition("/")[2]
            writer.write(f"POST /{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{{".encode())
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.close()
        assert (await caller.send()).status_code == 202
        text = (await caller.client.get(f"http://127.0.0.1:{port_of(server)}/metrics")).text
        assert 'hengio_webhook_requests_total{result="disconnected"} 5.0' in text
        assert "Traceback" not in place.log()


@pytest.mark.requirement("H2.3", "H11")
async def test_two_servers_on_one_database_share_one_rate_limit(tmp_path: Path, postgres_url: str) -> None:
    env = {**CONNECTION, "HENGIO_DATABASE_URL": postgres_url, "HENGIO_SECRET_KEY": "ab" * 32}
    homes = [tmp_path / name for name in ("one", "two")]
    for home in homes:
        home.mkdir()
    one, two = (Installation(home, env) for home in homes)
    await one.apply(a_job(allow_concurrent=True, webhook={"rate_limit": {"max_requests": 7, "window_seconds": 600}}))
    async with one.serving() as first, two.serving() as second, httpx.AsyncClient(timeout=60) as client:
        callers = [await sender(one, first, client), await sender(two, second, client)]
        answers = await asyncio.gather(*(callers[number % 2].send(b"%d" % number) for number in range(30)))
        assert sorted(answer.status_code for answer in answers) == [202] * 7 + [429] * 23
        await one.run("webhook", "regenerate", "hook", "--yes")
        assert {(await caller.send()).status_code for caller in callers} == {404}, "in every process at once"


SHOWN = re.compile(r"^```(bash|python|javascript)\n(.*?)^```", re.DOTALL | re.MULTILINE)
PROGRAMS = {"bash": ["bash", "-euc"], "python": ["python3", "-c"], "javascript": ["node", "-e"]}
NEEDED = {"bash": ("bash", "curl", "openssl"), "python": ("python3",), "javascript": ("node",)}


@pytest.mark.requirement("H2.2")
@pytest.mark.parametrize("language", PROGRAMS)
async def test_the_examples_in_the_reference_start_the_job(tmp_path: Path, language: str) -> None:
    if missing := [name for name in NEEDED[language] if shutil.which(name) is None]:
        pytest.skip(f"there is no {missing[0]} here")
    [example] = [text for name, text in SHOWN.findall(PAGE.read_text(encoding="utf-8")) if name == language]
    async with calling(tmp_path, a_job()) as (place, _, caller):
        env = {**os.environ, "url": caller.url, "secret": caller.secret}
        assert await _said([*PROGRAMS[language], example], env) == {"existing": False}
        if language == "bash":
            told = await place.run("webhook", "show", "hook", "--reveal")
            shown = told["example"].replace(told["url"], caller.url)
            assert await _said(["bash", "-euc", shown], dict(os.environ)) == {"existing": False}


@pytest.mark.requirement("H2.2")
async def test_the_call_that_people_are_shown_is_the_one_that_programs_are_told(tmp_path: Path) -> None:
    place = Installation(tmp_path, CONNECTION)
    await place.apply(a_job())
    told = await place.run("webhook", "show", "hook", "--reveal")
    said = await place.said("webhook", "show", "hook", "--reveal")
    assert said.endswith("\n" + told["example"])


@pytest.mark.requirement("H2.5")
async def test_a_slash_behind_a_url_leads_nowhere_and_repeats_no_token(tmp_path: Path) -> None:
    async with calling(tmp_path, a_job()) as (_, _, caller):
        answer = await caller.client.post(f"{caller.url}/", content=b"{}", headers=signed(caller.secret, b"{}"))
        assert code(answer) == (404, "not_found")
        assert caller.url.rpartition("/")[2] not in f"{answer.headers}{answer.text}"


async def _said(command: list[str], env: dict[str, str]) -> Any:
    """What the program was answered, without the execution's id."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, env=env, stdout=pipe, stderr=pipe)
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return {name: value for name, value in json.loads(out).items() if name != "execution_id"}


@pytest.mark.requirement("H2.2", "H6.3")
async def test_no_token_secret_signature_or_body_is_in_any_log(tmp_path: Path) -> None:
    env = {"HENGIO_LOG__LEVEL": "debug"}
    job = a_job(webhook={"rate_limit": {"max_requests": 2, "window_seconds": 600}})
    async with calling(tmp_path, job, **env) as (place, server, caller):
        marker = b'{"n": 1, "marker": "jm-marker-jm"}'
        headers = signed(caller.secret, marker)
        for sent in (headers, {**headers, "X-Hengio-Timestamp": "1"}, {**headers, "Content-Encoding": "gzip"}):
            await caller.client.post(caller.url, content=marker, headers=sent)
        for body in (marker + b"]", b"\xffjm-marker-jm", marker * 50_000, marker + b" ", marker + b"  "):
            await caller.send(body, content_type="application/json")
        await caller.client.get(caller.url)
        await place.run("webhook", "regenerate", "hook", "--yes")
        await caller.send(marker)
        listed = json.dumps(await place.run("webhook", "list"))
        masked = await place.run("webhook", "show", "hook")
        audit = str(place.rows("SELECT * FROM audit"))
        metrics = (await caller.client.get(f"http://127.0.0.1:{port_of(server)}/metrics")).text
        keys = str(place.rows("SELECT idempotency_key, failure FROM executions"))
        kept = str(place.rows("SELECT * FROM webhooks"))
    assert masked["secret"] == "********"
    token = caller.url.rpartition("/")[2]
    signatures = [headers["X-Hengio-Signature"].removeprefix("sha256=")]
    for sink in (place.log(), audit, metrics, listed, keys, json.dumps(masked["example"])):
        for text in (caller.secret, token, "jm-marker-jm", *signatures):
            assert text not in sink
    assert token not in kept and caller.secret not in kept
    assert "webhook.refused" in audit


@pytest.mark.requirement("H2.1", "H7.1")
async def test_jobs_that_are_imported_or_run_have_urls_of_their_own(tmp_path: Path) -> None:
    place = Installation(tmp_path, CONNECTION)
    await place.apply(a_job("one"))
    await place.run("job", "export", "one", "--output", str(tmp_path / "one.zip"))
    await place.run("job", "import", str(tmp_path / "one.zip"))
    listed = await place.run("webhook", "list")
    assert [(one["job"], one["enabled"]) for one in listed] == [("one", True), ("one-copy-1", True)]
    urls = {(await place.run("webhook", "show", one["job"]))["url"] for one in listed}
    assert len(urls) == 2
    assert all(re.fullmatch(r"http://127\.0\.0\.1:8180/api/webhooks/[A-Za-z0-9_-]{43}", url) for url in urls)
    before = await place.run("webhook", "show", "one")
    await place.apply(a_job("one", description="changed"))
    assert (await place.run("webhook", "show", "one"))["url"] == before["url"]
    await place.run("secrets", "rotate")
    assert (await place.run("webhook", "show", "one"))["url"] == before["url"]
    await place.apply({"name": "none", "steps": a_job()["steps"]})
    error = await place.run("webhook", "show", "none", code=3)
    assert "has no webhook" in error["error"]["message"]
    error = await place.run("webhook", "regenerate", "one", code=2)
    assert "--yes" in error["error"]["message"]
