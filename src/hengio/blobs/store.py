"""Opening an area of the object store: in a local folder, on an S3 server such as MinIO, or in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from obstore.store import LocalStore, MemoryStore, S3Store

from hengio.blobs.faults import translated
from hengio.blobs.folder import FolderBlobs
from hengio.blobs.objects import ObstoreBlobs
from hengio.blobs.protocol import Blobs
from hengio.errors import Refused
from hengio.keys import check_key

if TYPE_CHECKING:
    from obstore.store import S3Config

AREAS = ("wasm-modules", "modules", "artefacts", "outputs", "files", "tapes")
"""`modules` is where earlier releases kept what lies in `wasm-modules` now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """How to reach an S3 server. Without keys the usual AWS sources are asked (environment, instance role).

    `endpoint` None is Amazon's own. Plain `http://` endpoints are accepted: inside a cluster that is the norm.
    """

    endpoint: str | None = None
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    region: str = "us-east-1"
    virtual_hosted: bool = False
    timeout_seconds: float = 60.0
    max_retries: int = 3


def open_blobs(url: str, *, area: str, s3: S3Options | None = None) -> Blobs:
    """One area of the store at `url`: `file:///path`, `memory://` (new and empty) or `s3://bucket/prefix`.

    Nothing is contacted yet; a local folder is made, and swept of what killed writers left. `Refused` names a bad URL.
    """
    if area not in AREAS:
        raise Refused(f"unknown area {area!r}", hint=f"one of {', '.join(AREAS)}")
    parts = urlsplit(url)
    match parts.scheme:
        case "memory":
            return ObstoreBlobs(MemoryStore(), area=area)
        case "file" if parts.netloc in {"", "localhost"} and parts.path.startswith("/"):
            return open_folder(Path(unquote(parts.path)) / area, area=area)
        case "s3" if parts.netloc:
            return ObstoreBlobs(_s3_store(parts.netloc, parts.path, area, s3 or S3Options()), area=area)
        case _:
            raise Refused(
                f"the object store's URL {parts.scheme}://… is not understood",
                hint="use file:///absolute/path, memory:// or s3://bucket/prefix",
            )


def is_there(url: str, *, area: str) -> bool:
    """Whether an area may hold anything: of a local store, whether its folder is there."""
    parts = urlsplit(url)
    match parts.scheme:
        case "memory":
            return False
        case "file":
            return (Path(unquote(parts.path)) / area).is_dir()
        case _:
            return True


def open_folder(root: Path, *, area: str) -> Blobs:
    """One area in a local folder of its own, which is made if it is not there."""
    with translated("open", str(root), area):
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        return FolderBlobs(LocalStore(root, automatic_cleanup=True), root=root, area=area)


def _s3_store(bucket: str, path: str, area: str, options: S3Options) -> S3Store:
    prefix = "/".join(part for part in (path.strip("/"), area) if part)
    config: S3Config = {}
    if options.endpoint:
        config["endpoint"] = options.endpoint
    if options.access_key is not None and options.secret_key is not None:
        config["access_key_id"] = options.access_key
        config["secret_access_key"] = options.secret_key
    return S3Store(
        bucket,
        prefix=check_key(prefix),
        region=options.region,
        virtual_hosted_style_request=options.virtual_hosted,
        client_options={
            "allow_http": True,
            "timeout": timedelta(seconds=options.timeout_seconds),
            "connect_timeout": timedelta(seconds=min(5.0, options.timeout_seconds)),
        },
        retry_config={
            "max_retries": options.max_retries,
            "retry_timeout": timedelta(seconds=options.timeout_seconds),
            "backoff": {"max_backoff": timedelta(seconds=2)},
        },
        config=config,
    )
