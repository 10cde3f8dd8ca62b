"""The object store, from settings."""

from __future__ import annotations

from hengio.blobs.moved import MovedBlobs
from hengio.blobs.protocol import Blobs
from hengio.blobs.store import S3Options, is_there, open_blobs
from hengio.settings import Settings


def open_area(settings: Settings, area: str) -> Blobs:
    """One area of the object store."""
    secret = settings.s3.secret_key
    s3 = S3Options(
        endpoint=settings.s3.endpoint,
        access_key=settings.s3.access_key,
        secret_key=None if secret is None else secret.get_secret_value(),
        region=settings.s3.region,
    )
    return open_blobs(settings.objects, area=area, s3=s3)


def open_modules(settings: Settings) -> Blobs:
    """The area of modules' binaries, `wasm-modules/{id}.wasm` (R6.3), and what earlier releases wrote to `modules/`."""
    area = open_area(settings, "wasm-modules")
    return MovedBlobs(area, open_area(settings, "modules")) if is_there(settings.objects, area="modules") else area
