"""Servers that hang, break off or lie, for once and for good, as a server of ours and its commands see them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.installation import Installation
from tests.support.sftp import Mischief, Peer, peer
from tests.support.web import Seen, Web, response, serving

WHOLE = b'{"well": true, "padding": "' + b"x" * 100_000 + b'"}'
LARGE = bytes(range(256)) * (4 << 10)
RETRY = {"max_retries": 5, "delays_seconds": [0.5], "jitter": 0.0}


class Ill:
    """An HTTP server that is ill in its own way until it is healed; `times` heals it by itself."""

    def __init__(self, how: str, *, times: int | None) -> None:
        self.how, self.left = how, times
        self.seen: list[Seen] = []
        self.counts: Counter[str] = Counter()

    def heal(self) -> None:
        self.left = 0

    async def __call__(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        self.seen.append(seen)
        self.counts[seen.target] += 1
        well = response(WHOLE, content_type="application/json")
        if self.left == 0 or seen.target != "/ill":
            writer.write(well)
            return
        self.left = None if self.left is None else self.left - 1
        match self.how:
            case "hang":
                await asyncio.Event().wait()
            case "hang in the body":
                writer.write(well[: len(well) // 2])
                await writer.drain()
                await asyncio.Event().wait()
            case "reset":
                writer.write(well[: len(well) // 2])
                await writer.drain()
                writer.transport.abort()
            case "too short":
                writer.write(well[: len(well) // 2])
            case "too long":
                writer.write(well.replace(f"content-length: {len(WHOLE)}".encode(), b"content-length: 1000"))
            case "busy":
                writer.write(response(status="503 Service Unavailable"))


HTTP = ("hang", "hang in the body", "reset", "too short", "too long", "busy")
SFTP = {
    "sftp hang": Mischief(hang=frozenset({"read"})),
    "sftp hang in the middle": Mischief(hang_after=len(LARGE) // 2),
    "sftp reset": Mischief(cut_after=len(LARGE) // 2),
    "sftp too short": Mischief(grow=1),
    "sftp loses bytes": Mischief(lose=1),
}


@asynccontextmanager
async def ill_webs(times: int) -> AsyncIterator[dict[str, tuple[Web, Ill]]]:
    async with AsyncExitStack() as stack:
        ills = {how: Ill(how, times=times) for how in HTTP}
        yield {how: (await stack.enter_async_context(serving(ill)), ill) for how, ill in ills.items()}


@asynccontextmanager
async def ill_peers(home: Path) -> AsyncIterator[dict[str, Peer]]:
    async with AsyncExitStack() as stack:
        found = {}
        for number, (how, mischief) in enumerate(SFTP.items()):
            found[how] = await stack.enter_async_context(peer(home / f"peer-{number}"))
            found[how].write("a.bin", LARGE)
            found[how].mischief = mischief
        yield found


@dataclass
class Story:
    """What became of the executions of each server, and what is where."""

    states: dict[str, str] = field(default_factory=dict)
    steps: dict[str, list[tuple[str, int, str]]] = field(default_factory=dict)
    moved: dict[str, bytes] = field(default_factory=dict)
    counts: dict[str, Counter[str]] = field(default_factory=dict)


def http_step(web: Web, path: str, **fields: Any) -> dict[str, Any]:
    config = {"method": "POST", "url": web.url(path), "timeout_seconds": 1}
    return {"id": path[1:], "type": "http", "config": config, **fields}


def sftp_step(number: int, how: str) -> dict[str, Any]:
    """A download, or an upload where it is writing that goes wrong."""
    named = {"connection": f"peer{number}", "timeout_seconds": 2}
    if how == "sftp loses bytes":
        config = {"operation": "upload", "local_path": "given/a.bin", "remote_path": "b.bin", **named}
    else:
        config = {"operation": "download", "remote_path": "a.bin", **named}
    return {"id": "ill", "type": "sftp", "config": config, "retry": RETRY}


async def told(home: Path) -> Story:
    """A job for each server, which is ill until a first attempt has failed."""
    story = Story()
    async with ill_webs(1) as webs, ill_peers(home) as peers:
        connections = {f"HENGIO_CONNECTIONS__PEER{number}": one.url() for number, one in enumerate(peers.values())}
        place = Installation(home, connections)
        given = place.data / "objects" / "files" / "given" / "a.bin"
        given.parent.mkdir(parents=True)
        given.write_bytes(LARGE)
        jobs = [
            {"name": how, "steps": [http_step(web, "/before"), http_step(web, "/ill", retry=RETRY)]}
            for how, (web, _) in webs.items()
        ] + [{"name": how, "steps": [sftp_step(number, how)]} for number, how in enumerate(peers)]
        await place.apply(*jobs)
        names = [str(job["name"]) for job in jobs]
        executions = dict(zip(names, await place.trigger(*names), strict=True))
        async with place.serving():
            await asyncio.gather(*(healed(place, one, executions[how]) for how, one in peers.items()))
            await place.over(*executions.values())
        for name, execution in executions.items():
            story.states[name], story.steps[name] = place.state(execution), place.steps(execution)
        story.counts = {how: ill.counts for how, (_, ill) in webs.items()}
        story.moved = {how: moved(place, executions[how], one) for how, one in peers.items()}
    return story


async def healed(place: Installation, server: Peer, execution: str) -> None:
    """Make it well after the first attempt that failed."""
    await place.once(lambda: place.steps(execution))
    server.mischief = Mischief()


def moved(place: Installation, execution: str, server: Peer) -> bytes:
    """The one file that came out of it."""
    sent = server.folder / "b.bin"
    if sent.exists():
        return sent.read_bytes()
    [path] = [path for name, path in place.objects().items() if f"/executions/{execution}/" in name]
    return path.read_bytes()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The one run of servers that become well."""
    return asyncio.run(told(tmp_path_factory.mktemp("peers")))


@pytest.mark.requirement("H5.3", "H4.1", "R13.5")
@pytest.mark.parametrize("how", HTTP)
def test_a_request_to_a_server_that_was_ill_is_made_again(story: Story, how: str) -> None:
    assert story.states[how] == "success"
    assert story.steps[how] == [("before", 1, "success"), ("ill", 1, "failed"), ("ill", 2, "success")]
    assert story.counts[how] == {"/before": 1, "/ill": 2}


@pytest.mark.requirement("H5.3", "H4.4", "H5.14", "R13.5")
@pytest.mark.parametrize("how", SFTP)
def test_a_transfer_with_a_server_that_was_ill_is_made_again_and_comes_out_whole(story: Story, how: str) -> None:
    assert story.states[how] == "success"
    *broken, last = story.steps[how]
    assert broken
    assert {status for _, _, status in broken} == {"failed"}
    assert last == ("ill", len(broken) + 1, "success")
    assert story.moved[how] == LARGE


OPEN_SECONDS = 5.0


@pytest.mark.requirement("H5.3", "H5.4", "H5.5", "H4.1", "H4.4")
async def test_a_server_that_stays_ill_is_left_alone_and_its_dead_letter_is_redriven_when_it_is_well(
    tmp_path: Path,
) -> None:
    ill, fine = Ill("reset", times=None), Ill("", times=0)
    async with serving(ill) as web, serving(fine) as well, peer(tmp_path / "peer") as sftp:
        sftp.write("a.bin", LARGE)
        sftp.mischief = Mischief(cut_after=1)
        circuits = {"HENGIO_CIRCUITS__FAILURES": "2", "HENGIO_CIRCUITS__OPEN_SECONDS": f"{OPEN_SECONDS}"}
        place = Installation(tmp_path, {"HENGIO_CONNECTIONS__BANK": sftp.url(), **circuits})
        retry = {"max_retries": 2, "delays_seconds": [0.1], "jitter": 0.0}
        fetch = {"operation": "download", "connection": "bank", "remote_path": "a.bin"}
        await place.apply(
            {"name": "web", "steps": [http_step(well, "/first"), http_step(web, "/ill", retry=retry)]},
            {
                "name": "sftp",
                "steps": [http_step(well, "/second"), {"id": "ill", "type": "sftp", "config": fetch, "retry": retry}],
            },
        )
        dead = await place.trigger("web", "sftp")
        async with place.serving():
            await place.over(*dead)
            await place.once(lambda: place.rows("SELECT count(*) FROM circuits") == [(2,)])
            opened = await place.run("circuit", "list")
            letters = await place.run("deadletter", "list")
            asked = ill.counts["/ill"]
            ill.heal()
            sftp.mischief = Mischief()
            await asyncio.sleep(OPEN_SECONDS)
            redriven = [one["redriven_as"] for one in await place.run("deadletter", "redrive", *dead)]
            await place.over(*redriven)
            await place.once(lambda: place.rows("SELECT count(*) FROM circuits") == [(0,)])
    assert [place.state(one) for one in dead] == ["dead_letter", "dead_letter"]
    assert {one["execution_id"] for one in letters} == set(dead)
    told_open = {(one["target"], one["state"]) for one in opened}
    assert told_open == {(f"http 127.0.0.1:{web.port}", "open"), ("sftp bank", "open")}
    assert [place.state(one) for one in redriven] == ["success", "success"]
    assert [place.steps(one)[-1] for one in redriven] == [("ill", 1, "success")] * 2
    assert asked == 2, "a server whose circuit is open was asked"
    assert {seen.headers["idempotency-key"] for seen in ill.seen} == {ill.seen[0].headers["idempotency-key"]}
    assert fine.counts == {"/first": 1, "/second": 1}
