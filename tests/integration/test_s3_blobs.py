"""What a real S3 server answers when it is asked wrongly."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hengio.blobs.store import open_blobs
from hengio.errors import Unavailable
from tests.support.servers import S3Server


async def test_a_wrong_password_is_permission_denied_and_is_not_told(s3_server: S3Server) -> None:
    options = replace(s3_server.options, secret_key="a-wrong-password")
    blobs = open_blobs(s3_server.url(), area="modules", s3=options)
    with pytest.raises(Unavailable, match="permission denied") as caught:
        await blobs.put("m.wasm", b"x")
    assert "a-wrong-password" not in f"{caught.value} {caught.value.hint}"


async def test_a_bucket_that_is_missing_is_named_as_the_reason(s3_server: S3Server) -> None:
    blobs = open_blobs("s3://no-such-bucket-here", area="modules", s3=s3_server.options)
    for operation in (blobs.get("m.wasm"), blobs.put("m.wasm", b"x")):
        with pytest.raises(Unavailable, match="bucket does not exist"):
            await operation
