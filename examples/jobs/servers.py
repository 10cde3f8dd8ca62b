"""Stand-ins for the servers of the example jobs, on 127.0.0.1: a bank's rates, accounting, operations, and SFTP.

    python servers.py FOLDER [--http-port 8808] [--sftp-port 2222]

FOLDER is made. `FOLDER/sftp` is what the SFTP server has, `FOLDER/host_key` the fingerprint of its key (there once both
servers listen), and `FOLDER/requests.jsonl` gets a line for each request that changes something. The password and the
token below are those of this example and of nothing else. Ctrl-C ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import json
import os
import shutil
import threading
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import asyncssh

USER, PASSWORD, TOKEN = "hengio", "mau-thu-2026", "demo-token-2026"
OPEN = "/reconciliations"
HERE = Path(__file__).parent
STRIKES = HERE.parent / "wildlife-strikes" / "data" / "birdstrikes.csv"


class Web(BaseHTTPRequestHandler):
    """`GET /v1/rates` gives rates; a POST is written down, once for each idempotency key (then 409), if it has the
    token or its path is `OPEN`."""

    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    keys: ClassVar[set[tuple[str, str]]] = set()

    def __init__(self, folder: Path, *rest: object) -> None:
        self.folder = folder
        super().__init__(*rest)  # type: ignore[arg-type]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if urlsplit(self.path).path == "/v1/rates":
            rates = json.loads((HERE / "data" / "rates.json").read_bytes())
            self._answer(200, {"date": urlsplit(self.path).query.removeprefix("date="), **rates})
        else:
            self._answer(200, {"about": "a stand-in of Hengio's examples"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self._known():
            self._answer(401, {"error": "no token, or another than expected"})
            return
        key = (self.path, self.headers.get("Idempotency-Key", ""))
        with self.lock:
            again = key in self.keys
            self.keys.add(key)
            if not again:
                line = {"at": datetime.now(UTC).isoformat(), "path": self.path, "key": key[1], "body": json.loads(body)}
                with (self.folder / "requests.jsonl").open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._answer(409 if again else 201, {"known": again})

    def _known(self) -> bool:
        given = self.headers.get("Authorization", "")
        return self.path == OPEN or hmac.compare_digest(given.encode(), f"Bearer {TOKEN}".encode())

    def _answer(self, status: int, document: object) -> None:
        body = json.dumps(document, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        print(f"{self.command} {self.path} {int(str(code))}", flush=True)


class Files(asyncssh.SSHServer):
    """Lets in who has the password."""

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return hmac.compare_digest(f"{username}:{password}".encode(), f"{USER}:{PASSWORD}".encode())


def prepared(folder: Path) -> asyncssh.SSHKey:
    """The folder gets files to download; the server's key, made once, is returned."""
    (folder / "host_key").unlink(missing_ok=True)
    for place, files in (("statements", (HERE / "data" / "statements").glob("*.csv")), ("outbox", [STRIKES])):
        (folder / "sftp" / place).mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(file, folder / "sftp" / place)
    secret = folder / "host_key.pem"
    if not secret.exists():
        secret.touch(mode=0o600)
        secret.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    return asyncssh.read_private_key(secret)


async def serve(folder: Path, *, http_port: int, sftp_port: int) -> None:
    """Until it is ended from outside."""
    key = prepared(folder)
    web = ThreadingHTTPServer(("127.0.0.1", http_port), partial(Web, folder))
    threading.Thread(target=web.serve_forever, daemon=True).start()
    await asyncssh.listen(
        "127.0.0.1",
        sftp_port,
        server_factory=Files,
        server_host_keys=[key],
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=os.fsencode(folder / "sftp")),
        config=None,
        gss_host=None,
        allow_scp=False,
    )
    (folder / "host_key").write_text(f"{key.get_fingerprint()}\n")
    print(f"http://127.0.0.1:{http_port} and sftp://127.0.0.1:{sftp_port} ({key.get_fingerprint()})", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="Stand-ins for the servers of the example jobs.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--http-port", type=int, default=8808)
    parser.add_argument("--sftp-port", type=int, default=2222)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(given.folder.resolve(), http_port=given.http_port, sftp_port=given.sftp_port))


if __name__ == "__main__":
    main()
