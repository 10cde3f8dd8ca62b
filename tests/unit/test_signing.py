"""Which calls of a webhook are signed, and which are not (H2.2)."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hengio.clock import SECOND
from hengio.service import signing
from hengio.service.signing import WINDOW_SECONDS, fault, fingerprint
from tests.support.webhooks import signature

NOW = 1_800_000_000
SECRET, BODY = "khóa bí mật", b'{"n":1}\xff\x00'


def judged(
    *, secret: str = SECRET, body: bytes = BODY, at: int = NOW, signatures: list[str] | None = None, now: float = NOW
) -> str:
    given_ = [signature(SECRET, str(at), BODY)] if signatures is None else signatures
    return fault(secret, body, timestamps=[str(at)], signatures=given_, now=int(now * SECOND))


@pytest.mark.requirement("H2.2")
def test_the_signature_of_body_and_time_under_the_secret_holds() -> None:
    assert judged() == ""
    assert judged(signatures=[signature(SECRET, str(NOW), BODY).upper().replace("SHA256", "sha256")]) == ""


@pytest.mark.requirement("H2.2")
def test_no_other_secret_body_or_time_does() -> None:
    for other in (judged(secret="other"), judged(body=BODY + b" "), judged(at=NOW + 1, signatures=[good()])):
        assert other.startswith("the signature is not")


def good() -> str:
    return signature(SECRET, str(NOW), BODY)


@pytest.mark.requirement("H2.2")
@pytest.mark.parametrize(
    ("late", "holds"),
    [
        (0, True),
        (WINDOW_SECONDS, True),
        (-WINDOW_SECONDS, True),
        (WINDOW_SECONDS + 1, False),
        (-301, False),
        (1e9, False),
    ],
)
def test_a_call_counts_for_five_minutes_before_and_after_its_time(late: float, holds: bool) -> None:
    assert (judged(now=NOW + late) == "") is holds


@pytest.mark.parametrize("signatures", [[f"sha256={'0' * 64}, {good()}"], [good(), "sha256=00"], [f",,{good()},"]])
def test_one_good_signature_among_several_is_enough(signatures: list[str]) -> None:
    assert judged(signatures=signatures) == ""


def test_of_very_many_signatures_only_the_first_are_looked_at() -> None:
    assert judged(signatures=[",".join(["sha256=00"] * 100_000 + [good()])]) != ""


@pytest.mark.parametrize(
    ("timestamps", "signatures"),
    [
        ([], [good()]),
        ([str(NOW)], []),
        ([str(NOW), str(NOW)], [good()]),
        *(
            ([text], [good()])
            for text in ("", " ", "now", "1.8e9", "-1", "+1", "1" * 400, "１８００００００００", f"{NOW}.0")
        ),
        *(([str(NOW)], [text]) for text in ("", "sha256=", good()[7:], good()[:-1], "sha1=" + good()[7:], "ä" * 71)),
    ],
)
def test_what_has_no_time_or_no_signature_of_that_form_does_not_hold(
    timestamps: list[str], signatures: list[str]
) -> None:
    assert fault(SECRET, BODY, timestamps=timestamps, signatures=signatures, now=NOW * SECOND) != ""


def test_signatures_are_compared_in_constant_time_and_all_of_them() -> None:
    source = inspect.getsource(signing.fault)
    assert "hmac.compare_digest(wanted" in source
    assert "==" not in source.partition("wanted = ")[2]
    assert "[hmac.compare_digest" in source, "a generator would stop at the first that holds"


@given(st.binary(), st.integers(0, 10**11), st.text(), st.text())
def test_whatever_is_sent_is_judged(body: bytes, at: int, timestamp: str, sent: str) -> None:
    fault(SECRET, body, timestamps=[timestamp], signatures=[sent], now=NOW * SECOND)
    assert fingerprint(str(at), body) == fingerprint(str(at), body) != fingerprint(str(at + 1), body)
