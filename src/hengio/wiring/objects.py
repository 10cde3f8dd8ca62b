"""The object store, from settings."""

from __future__ import annotations

from hengio.blobs.protocol import Blobs
from hengio.blobs.store import S3Options, open_blobs
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
