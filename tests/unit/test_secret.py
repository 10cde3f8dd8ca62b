"""The installation's secret: how it is written, what is derived from it, and the one that is made by itself."""

from __future__ import annotations

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hengio import secret
from hengio.errors import Refused
from hengio.settings import load
from hengio.wiring.secret import NAME, UnusableSecret, own_secret

BYTES = bytes(range(224, 256))


@pytest.mark.parametrize(
    "text",
    [
        BYTES.hex(),
        BYTES.hex().upper(),
        base64.b64encode(BYTES).decode(),
        base64.urlsafe_b64encode(BYTES).decode(),
        base64.b64encode(BYTES).decode().rstrip("="),
        f" {BYTES.hex()}\n",
    ],
)
def test_a_secret_is_read_from_hexadecimal_and_base64(text: str) -> None:
    assert secret.decode(text) == BYTES


@pytest.mark.parametrize(
    "text", ["", "hunter2", "hunter2!" * 8, BYTES[:31].hex(), base64.b64encode(BYTES[:31]).decode()]
)
def test_what_is_too_short_or_neither_is_refused_and_not_repeated(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HENGIO_SECRET_KEY", text)
    with pytest.raises(Refused) as refused:
        load()
    (problem,) = refused.value.problems
    assert (problem.path, problem.hint) == ("secret_key", "set by HENGIO_SECRET_KEY")
    assert not text or text not in str(refused.value)


def test_a_secret_is_in_no_text_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HENGIO_SECRET_KEY", BYTES.hex())
    chosen = load()
    assert BYTES.hex() not in repr(chosen) + str(chosen) + chosen.model_dump_json()


def test_keys_are_derived_as_rfc_5869_says() -> None:
    """Its test case 3: no salt, no info; the first block."""
    expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
    assert secret.derive(b"\x0b" * 22, "").hex() == expected


def test_keys_of_two_purposes_differ() -> None:
    assert secret.derive(BYTES, "one") != secret.derive(BYTES, "two")


def test_a_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    first = own_secret(tmp_path)
    assert len(first) == secret.LEAST_BYTES
    assert own_secret(tmp_path) == first
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [NAME]


def test_of_many_that_make_one_at_the_same_time_one_wins(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(own_secret, [tmp_path] * 64))) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_secret_that_others_can_read_is_not_used(tmp_path: Path, mode: int) -> None:
    own_secret(tmp_path)
    (tmp_path / NAME).chmod(mode)
    with pytest.raises(UnusableSecret, match="readable by nobody else"):
        own_secret(tmp_path)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 40, BYTES.hex().encode()[:40]])
def test_a_file_that_holds_no_secret_is_told_without_its_content(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    (tmp_path / NAME).chmod(0o600)
    with pytest.raises(UnusableSecret) as unusable:
        own_secret(tmp_path)
    assert not content or content.decode("latin-1") not in str(unusable.value).replace(str(tmp_path), "")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    own_secret(tmp_path / "elsewhere")
    (tmp_path / NAME).symlink_to(tmp_path / "elsewhere" / NAME)
    with pytest.raises(UnusableSecret):
        own_secret(tmp_path)
