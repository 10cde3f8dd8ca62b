"""`hengio serve`: everything in one process, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from hengio import log, settings
from hengio.api.app import create_app
from hengio.api.callers import Bounds, Callers
from hengio.cli.present import terminal
from hengio.errors import Unavailable
from hengio.service.people import FIRST
from hengio.wiring import process
from hengio.wiring.embedded import embedded

ANSWER_SECONDS = 5
"""How long a stop waits for requests that are being answered, before it turns to the worker."""


class Server(uvicorn.Server):
    """Uvicorn without its own signal handlers, which would raise every signal once more after the end: ours suffice."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def run_server(*, host: str | None, port: int | None, data_dir: Path | None) -> int:
    """Serve until SIGTERM or SIGINT; what is in flight is finished or handed back within the deadline (H11)."""
    chosen = settings.load(data_dir=data_dir)
    log.configure(level=chosen.log.level, style=chosen.log.format)
    log.adopt("uvicorn")
    return process.run(_serve(chosen, host or chosen.server.host, chosen.server.port if port is None else port))


async def _serve(chosen: settings.Settings, host: str, port: int) -> int:
    callers = Callers(_bounds(chosen.server, files=process.open_files()))
    async with embedded(chosen, schedule=True) as system:
        app = create_app(system)
        server = Server(
            uvicorn.Config(
                app,
                http=callers.protocol,  # type: ignore[arg-type]  # what makes one is as good as its class
                ws="none",
                log_config=None,
                access_log=False,  # whose lines have the URLs of webhooks
                server_header=False,
                lifespan="off",
                timeout_graceful_shutdown=ANSWER_SECONDS,
            )
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, setattr, server, "should_exit", True)
        sockets = [_listen(host, port)]
        bound = sockets[0].getsockname()
        terminal(beside=True).print(f"Hengio listens on http://{bound[0]}:{bound[1]}")
        if (password := await system.people.users.first()) is not None:
            _show_first(password)
        await server.serve(sockets=sockets)
    return 0


def _bounds(server: settings.ServerSettings, *, files: int) -> Bounds:
    """Half of the files that may be open are left to the work, whatever callers do."""
    return Bounds(connections=min(server.connections, max(1, files // 2)), head_seconds=server.head_seconds)


def _show_first(password: str) -> None:
    """Once, to the terminal: it is kept nowhere, and the log never has it."""
    console = terminal(beside=True)
    console.print(f"The first user is {FIRST}, and their password is")
    console.print(f"\n    {password}\n", markup=False)
    console.print("It is not shown again; `hengio user password` sets another.", markup=False)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise Unavailable(
            f"cannot listen on {host}:{port}: {error.strerror}", hint="choose another --port or --host"
        ) from error
    return listener
