"""A Hengio as people run it: a data folder, a server on it, and commands beside that, each a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import psutil

from tests.support.people import CHEAP
from tests.support.processes import Child, serving_hengio

LONG_SECONDS = 90.0
FINAL = frozenset({"success", "failed", "timeout", "dead_letter", "cancelled"})
Row = tuple[Any, ...]


class Installation:
    """Everything lies in `home`: the data folder, and what is written to the system's place for temporary files."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self.data, self.aside = home / "data", home / "aside"
        self.aside.mkdir(exist_ok=True)
        self._home = home
        self._environment = {
            "HENGIO_NETWORK__ALLOW": '["127.0.0.0/8"]',
            "TMPDIR": str(self.aside),
            "COLUMNS": "200",
            **CHEAP,
            **environment,
        }

    @asynccontextmanager
    async def serving(self, *, files: int | None = None) -> AsyncIterator[Child]:
        """`hengio serve` until the block is left; with so many open `files` at most."""
        server = serving_hengio(self.data, self._environment, files=files)
        child = await asyncio.to_thread(server.__enter__)
        try:
            yield child
        finally:
            await asyncio.to_thread(server.__exit__, None, None, None)

    async def run(self, *words: str, code: int = 0) -> Any:
        """What a command answers as JSON."""
        out = await self.said(*words, "--json", code=code)
        return json.loads(out) if out else None

    async def said(self, *words: str, code: int = 0) -> str:
        """What a command says to people."""
        command = [sys.executable, "-m", "hengio", *words, "--data-dir", str(self.data)]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **self._environment},
        )
        out, errors = await process.communicate()
        assert process.returncode == code, (words, process.returncode, out.decode(), errors.decode())
        return out.decode()

    async def apply(self, *jobs: Mapping[str, Any]) -> None:
        """Store these jobs."""
        files = []
        for job in jobs:
            files.append(self._home / f"{job['name']}.json")
            files[-1].write_text(json.dumps(job))
        await self.run("job", "apply", *map(str, files))

    async def register(self, name: str, binary: bytes, *granted: str) -> None:
        """Store a module, and what it may do: `http:write http://…`."""
        file = self._home / f"{name}.wasm"
        file.write_bytes(binary)
        await self.run("module", "register", f"{name}={file}")
        if granted:
            await self.run("module", "permissions", name, *(word for grant in granted for word in ("--set", grant)))

    async def trigger(self, *jobs: str) -> list[str]:
        """Begin an execution of each job; their ids."""
        told = await asyncio.gather(*(self.run("job", "trigger", job) for job in jobs))
        return [one["execution_id"] for one in told]

    async def once(self, holds: Callable[[], object], *, seconds: float = LONG_SECONDS) -> None:
        """Wait until that is true; else fail with the end of the server's log."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"it never happened; the server's log:\n{self.log()[-6000:]}"
            await asyncio.sleep(0.02)

    async def over(self, *executions: str) -> None:
        """Wait until these executions are over."""
        await self.once(lambda: all(self.state(one) in FINAL for one in executions))

    def processes(self) -> list[str]:
        """The command lines of servers and commands that run now, and of what they started."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("TMPDIR") == str(self.aside) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(" ".join(process.cmdline()))
        return found

    def log(self) -> str:
        """What servers have written so far."""
        file = self.data.with_name(f"{self.data.name}.log")
        return file.read_text(errors="replace") if file.exists() else ""

    def state(self, execution: str) -> str:
        [(state,)] = self.rows("SELECT state FROM executions WHERE id = ?", execution)
        return str(state)

    def steps(self, execution: str) -> list[tuple[str, int, str]]:
        """Step, attempt and status of its step runs, in their order."""
        found = self.rows(
            "SELECT step_id, attempt, status FROM step_runs WHERE execution_id = ? ORDER BY sequence", execution
        )
        return [(str(step), int(attempt), str(status)) for step, attempt, status in found]

    def rows(self, query: str, *values: object) -> list[Row]:
        """What is in Hengio's own SQLite database."""
        with closing(sqlite3.connect(self.data / "hengio.db", timeout=30)) as database:
            return database.execute(query, values).fetchall()

    def scratch(self) -> list[Path]:
        """The temporary folders of file steps that run, or were killed."""
        return list((self.data / "scratch").glob("*"))

    def objects(self, area: str = "files") -> dict[str, Path]:
        """What lies in an area of the object store, without what is being written."""
        root = self.data / "objects" / area
        found = {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}
        return {name: path for name, path in found.items() if not name.startswith(".")}
